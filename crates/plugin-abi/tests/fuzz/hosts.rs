//! Hosts and their extensions, as a plugin reads them.

use std::ffi::c_void;

use polywire_plugin_abi::read::HostTable;
use polywire_plugin_abi::{CHANNELS, EVENTS, SUBSCRIPTIONS, THREADS, raw};
use proptest::prelude::*;

use crate::exact::{At, Exact};
use crate::support::{cancelled, invoke, log};

/// The extensions, and how many functions each has.
const EXTENSIONS: [(&str, usize); 4] =
    [(THREADS, 1), (EVENTS, 1), (CHANNELS, 4), (SUBSCRIPTIONS, 4)];
/// The size and the context, which come before the functions.
const BEFORE: usize = 2;
const HOST: u32 = 48;

/// What a table says of itself: its size, the function that is not there, and where it is.
type Said = (u32, usize, At);

fn said() -> impl Strategy<Value = Said> {
    let size = prop_oneof![10 => HOST..=4096_u32, 1 => any::<u32>(), 1 => 0..HOST];
    (size, 0..20_usize, At::any())
}

/// A table of so many functions, as large as it says.
fn table((size, missing, _): Said, functions: usize) -> Exact {
    let memory = Exact::new(usize::try_from(size).unwrap().clamp(4, 4096));
    memory.put(0, &size);
    for function in (0..functions).filter(|function| *function != missing) {
        let offset = (BEFORE + function) * size_of::<usize>();
        if offset < 4096.min(usize::try_from(size).unwrap()) {
            memory.put(offset, &(nothing as *const c_void));
        }
    }
    memory
}

fn is_valid((size, missing, at): Said, functions: usize) -> bool {
    let least = u32::try_from((BEFORE + functions) * size_of::<usize>()).unwrap();
    (least..=4096).contains(&size) && missing >= functions && at == At::Right
}

/// Stands for every function of an extension; none is called.
extern "C" fn nothing() {}

extern "C" fn extension(ctx: *mut c_void, id: raw::Slice) -> *const c_void {
    // SAFETY: the test gives its tables as context; what the reader lends is there until this returns.
    let (tables, id) = unsafe {
        let tables = &*ctx.cast::<[(Exact, At); 4]>();
        (tables, polywire_plugin_abi::read::bytes("id", id).unwrap())
    };
    let known = EXTENSIONS
        .iter()
        .position(|(name, _)| name.as_bytes() == id);
    known.map_or(std::ptr::null(), |index| {
        let (memory, at) = &tables[index];
        at.of(memory)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn a_host_and_its_extensions_are_read_or_are_not_there(
        host in said(),
        extensions in [said(), said(), said(), said()],
    ) {
        let mut index = 0;
        let mut tables = extensions.map(|said| {
            index += 1;
            (table(said, EXTENSIONS[index - 1].1), said.2)
        });
        let (size, missing, at) = host;
        let written = raw::Host {
            size,
            ctx: (&raw mut tables).cast(),
            log: (missing != 0).then_some(log),
            cancelled: (missing != 1).then_some(cancelled),
            invoke: (missing != 2).then_some(invoke),
            extension: (missing != 3).then_some(extension),
        };
        let memory = Exact::structure(&written, size, 4);
        // SAFETY: it is as large as it says, and its functions take its context.
        match unsafe { HostTable::read(at.of(&memory)) } {
            Ok(read) => {
                prop_assert!(is_valid(host, 4), "{host:?} is not valid and was read");
                let found = [
                    read.threads().is_some(),
                    read.events().is_some(),
                    read.channels().is_some(),
                    read.subscriptions().is_some(),
                ];
                for ((found, said), (name, functions)) in found.into_iter().zip(extensions).zip(EXTENSIONS) {
                    prop_assert_eq!(found, is_valid(said, functions), "{} {:?}", name, said);
                }
            }
            Err(error) => {
                prop_assert!(!is_valid(host, 4), "{host:?} is valid and was refused: {error}");
                prop_assert!(error.field.starts_with("host"), "{}", error);
            }
        }
    }
}
