//! The functions behind the shim: those that the rest of the program has, of the C library or of what stands before it.

use std::ffi::{CStr, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The destructor of a key or a thread-local.
pub(super) type Destructor = unsafe extern "C" fn(*mut c_void);
/// What a thread runs.
pub(super) type Start = extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// A function that is looked up when it is first used.
pub(super) struct Real(&'static CStr, AtomicPtr<c_void>);

impl Real {
    const fn new(name: &'static CStr) -> Self {
        Self(name, AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Null when the C library does not have it.
    fn get(&self) -> *mut c_void {
        let known = self.1.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // Not the next one after this library: a program may have its own, such as a sanitizer's or a profiler's, which must
        // learn of a thread that it is to join. The shim is hidden, and is not found.
        // SAFETY: the name ends with a zero; the answer is an address or null.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, self.0.as_ptr()) };
        self.1.store(found, Ordering::Relaxed);
        found
    }
}

macro_rules! real {
    ($name:ident($($argument:ident: $type:ty),*)) => {
        /// # Safety
        /// As the function of the C library.
        pub(super) unsafe fn $name($($argument: $type),*) -> c_int {
            static REAL: Real = match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => Real::new(name),
                Err(_) => Real::new(c""),
            };
            let function = REAL.get();
            if function.is_null() {
                return libc::ENOSYS;
            }
            // SAFETY: the C library's function of this name has these arguments.
            let function: unsafe extern "C" fn($($type),*) -> c_int = unsafe { std::mem::transmute(function) };
            // SAFETY: as the caller promises.
            unsafe { function($($argument),*) }
        }
    };
}

real!(pthread_create(thread: *mut libc::pthread_t, attributes: *const libc::pthread_attr_t, start: Start, argument: *mut c_void));
real!(pthread_key_create(key: *mut c_uint, destructor: Option<Destructor>));
real!(pthread_key_delete(key: c_uint));
real!(pthread_setspecific(key: c_uint, value: *const c_void));
real!(__cxa_thread_atexit_impl(destructor: Destructor, object: *mut c_void, library: *mut c_void));
