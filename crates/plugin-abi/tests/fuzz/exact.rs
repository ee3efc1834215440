//! Memory of exactly so many bytes, and what points to it.

use std::alloc::{Layout, alloc_zeroed, dealloc};

use polywire_plugin_abi::raw;
use proptest::prelude::*;

/// Memory of exactly so many bytes, aligned as every structure is.
pub(crate) struct Exact {
    at: *mut u8,
    layout: Layout,
}

impl Exact {
    /// As many zeros.
    pub(crate) fn new(size: usize) -> Self {
        let layout = Layout::from_size_align(size.max(1), 8).unwrap();
        // SAFETY: it is not empty.
        let at = unsafe { alloc_zeroed(layout) };
        assert!(!at.is_null());
        Self { at, layout }
    }

    /// As much of a structure as its size says, between the least that any reader looks at and the most that any believes.
    pub(crate) fn structure<T>(value: &T, size: u32, least: usize) -> Self {
        let memory = Self::new(usize::try_from(size).unwrap().clamp(least, 4096));
        memory.put(0, value);
        memory
    }

    /// Writes as much of a value as there is room for.
    pub(crate) fn put<T>(&self, offset: usize, value: &T) {
        let room = self.layout.size() - offset;
        // SAFETY: both are there for that long, and are not the same.
        unsafe {
            std::ptr::copy_nonoverlapping(
                std::ptr::from_ref(value).cast::<u8>(),
                self.at.add(offset),
                size_of::<T>().min(room),
            );
        }
    }

    pub(crate) fn at<T>(&self) -> *const T {
        self.at.cast_const().cast()
    }
}

impl Drop for Exact {
    fn drop(&mut self) {
        // SAFETY: it was made with this layout.
        unsafe { dealloc(self.at, self.layout) };
    }
}

/// Where a pointer points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Right,
    Null,
    Crooked,
}

impl At {
    pub(crate) fn of<T>(self, memory: &Exact) -> *const T {
        match self {
            Self::Right => memory.at(),
            Self::Null => std::ptr::null(),
            Self::Crooked => memory.at::<u8>().wrapping_add(1).cast(),
        }
    }

    pub(crate) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![60 => Just(Self::Right), 1 => Just(Self::Null), 1 => Just(Self::Crooked)]
    }
}

/// Bytes that are lent, and a length that is wrong, beyond everything that is read.
#[derive(Clone, Debug)]
pub(crate) struct Lent {
    pub(crate) bytes: Vec<u8>,
    null: bool,
    length: Option<usize>,
}

impl Lent {
    /// The slice; its bytes are kept for as long as it is read.
    pub(crate) fn slice(&self, kept: &mut Vec<Exact>) -> raw::Slice {
        let memory = Exact::new(self.bytes.len());
        for (at, byte) in self.bytes.iter().enumerate() {
            memory.put(at, byte);
        }
        let ptr = if self.null {
            std::ptr::null()
        } else {
            memory.at()
        };
        kept.push(memory);
        raw::Slice {
            ptr,
            len: self.length.unwrap_or(self.bytes.len()),
        }
    }

    /// The bytes, where they are all there.
    pub(crate) fn there(&self) -> Option<&[u8]> {
        let there = self.length.is_none() && (!self.null || self.bytes.is_empty());
        there.then_some(&self.bytes[..])
    }

    /// The text, where it is valid and of a length that is taken.
    pub(crate) fn text(&self, lengths: std::ops::RangeInclusive<usize>) -> Option<&str> {
        let bytes = self.there().filter(|bytes| lengths.contains(&bytes.len()));
        bytes.and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Mostly what is valid, sometimes anything.
    pub(crate) fn mostly(valid: &'static str) -> impl Strategy<Value = Self> {
        Self::of(prop_oneof![
            100 => valid.prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..300),
        ])
    }

    pub(crate) fn of(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Self> {
        let null = prop::bool::weighted(0.01);
        let length = prop::option::weighted(0.01, (1_usize << 63)..);
        (bytes, null, length).prop_map(|(bytes, null, length)| Self {
            bytes,
            null,
            length,
        })
    }
}
