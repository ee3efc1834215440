//! Hot swaps under callers: no call fails, and nothing is left behind.
//!
//! A program of its own, since it measures the whole process.

#![allow(clippy::unwrap_used, clippy::print_stdout, unsafe_code)]

mod libraries;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libraries::{World, anything, call, compiled, is_sanitized, stripped};
use polywire_core::Outcome;
use polywire_plugin::native::{Fate, Limits, Loader, Slot};

/// The process is measured, so one at a time.
static ONE: Mutex<()> = Mutex::new(());

/// How many threads call all the time.
const CALLERS: usize = 4;
/// How many files take turns: as many generations may be there at once.
const COPIES: usize = 8;
/// What one process has before anything is counted: buffers, the pools of the allocator, the linker's tables.
const WARM: usize = 50;
/// What a generation leaves behind whose tokio was built with `signal`: the table of signals, which is never given back.
const SIGNALS: usize = 40_000;

/// What must not grow.
#[derive(Debug)]
struct Held {
    /// Parts of this test's libraries in the process's map.
    libraries: usize,
    maps: usize,
    keys: usize,
    resident: usize,
    descriptors: usize,
}

impl Held {
    fn now(folder: &Path) -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let memory = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = memory.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            libraries: maps.matches(folder.to_str().unwrap()).count(),
            maps: maps.lines().count(),
            keys: free_keys(),
            resident: pages * 4096,
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        }
    }
}

/// How many keys for thread-local values a process has left, of 1,024.
fn free_keys() -> usize {
    let mut keys = Vec::new();
    let mut key = 0;
    // SAFETY: each key made here is deleted here, and has no destructor.
    unsafe {
        while libc::pthread_key_create(&raw mut key, None) == 0 {
            keys.push(key);
        }
        for key in &keys {
            libc::pthread_key_delete(*key);
        }
    }
    keys.len()
}

/// How often to swap; the number of the variable, to measure more.
fn swaps(otherwise: usize) -> usize {
    let text = std::env::var("POLYWIRE_TEST_SWAPS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Swaps, one file after another.
struct Swapper<'a> {
    world: &'a World,
    slot: &'a Slot,
    free: VecDeque<PathBuf>,
    /// How many generations are there, with the one that calls go to.
    there: usize,
}

impl Swapper<'_> {
    fn swap(&mut self) {
        if self.free.is_empty() {
            self.bury();
        }
        let path = self.free.pop_front().unwrap();
        let next = self.world.loader.load(&path, b"", &anything).unwrap();
        self.there += 1;
        drop(self.slot.swap(Some(next)));
    }

    fn bury(&mut self) {
        let ended = self.world.ended();
        assert_eq!(ended.fate, Fate::Unmapped);
        self.there -= 1;
        self.free.push_back(ended.path);
    }

    fn leave(&mut self, left: usize) {
        while self.there > left {
            self.bury();
        }
    }
}

/// Ends the callers, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn swap_under_callers(plugin: &str, method: &str, field: &str, swaps: usize) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (world, slot) = (World::deaf(), Slot::new());
    let small = stripped(plugin, world.folder());
    let mut swapper = Swapper {
        free: (0..COPIES).map(|_| world.copy(&small)).collect(),
        world: &world,
        slot: &slot,
        there: 0,
    };
    swapper.swap();
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let work = || {
        for number in 0..u32::MAX {
            if stop.load(Ordering::Acquire) {
                return;
            }
            let generation = slot.current().unwrap();
            let body = format!("{{\"{field}\":{}}}", number % 100);
            let (outcome, _) = call(&generation, method, &body).unwrap();
            assert_eq!(outcome, Outcome::Done);
            calls.fetch_add(1, Ordering::Relaxed);
            // Four that never rest leave nothing of two processors for the swaps.
            thread::sleep(Duration::from_micros(50));
        }
    };
    let (before, after, took) = thread::scope(|scope| {
        let stop = Stop(&stop);
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(work)).collect();
        for _ in 0..WARM {
            swapper.swap();
        }
        swapper.leave(1);
        let (before, begin) = (Held::now(world.folder()), Instant::now());
        for _ in 0..swaps {
            swapper.swap();
        }
        let took = begin.elapsed();
        swapper.leave(1);
        // What the last ones have left is what the first ones had left.
        let after = Held::now(world.folder());
        drop(stop);
        for caller in callers {
            caller.join().unwrap();
        }
        (before, after, took)
    });
    drop(slot.swap(None));
    swapper.leave(0);
    let calls = calls.load(Ordering::Relaxed);
    println!("{plugin}: {swaps} swaps in {took:?} under {calls} calls: {before:?}, then {after:?}");
    assert!(calls >= u64::try_from(swaps).unwrap(), "{calls} calls");
    assert!(before.libraries > 0);
    assert_eq!(after.libraries, before.libraries);
    // Stacks of threads that have ended, and arenas, of which there may be many where there are many processors.
    assert!(after.maps <= before.maps + 100, "{before:?} {after:?}");
    assert_eq!(after.keys, before.keys);
    // Whether tokio has it depends on everything that is built in one go with the plugins.
    let opened = after.descriptors.saturating_sub(before.descriptors);
    let signals = opened > swaps;
    assert!(
        opened <= 50 + if signals { 2 * swaps } else { 0 },
        "{before:?} {after:?}"
    );
    let table = if signals { SIGNALS * swaps } else { 0 };
    assert!(
        is_sanitized() || after.resident <= before.resident + 10_000_000 + table,
        "{before:?} {after:?}"
    );
}

#[test]
fn threads_that_come_and_go_meet_libraries_that_come_and_go() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (world, slot) = (World::deaf(), Slot::new());
    let small = stripped("busy", world.folder());
    let mut swapper = Swapper {
        free: (0..COPIES).map(|_| world.copy(&small)).collect(),
        world: &world,
        slot: &slot,
        there: 0,
    };
    swapper.swap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopping = Stop(&stop);
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while !stop.load(Ordering::Acquire) {
                    // It ends at once, while what it called may be on its way out.
                    let visit = thread::scope(|scope| {
                        let body = r#"{"number":1}"#;
                        let visitor =
                            scope.spawn(|| call(&slot.current().unwrap(), "work", body).map(drop));
                        visitor.join().unwrap()
                    });
                    visit.unwrap();
                }
            });
        }
        for _ in 0..swaps(50) {
            swapper.swap();
        }
        drop(stopping);
    });
    drop(slot.swap(None));
    swapper.leave(0);
}

#[test]
fn as_many_generations_are_there_as_may_be() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::within(Limits {
        max_resident: 2,
        ..Limits::default()
    });
    let library = compiled(world.folder(), "greeter", &[]);
    let first = world.load(&library, "").unwrap();
    let second = world.load(&library, "").unwrap();
    assert_eq!(Loader::resident(), (2, 0));
    let error = world.load(&library, "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 plugin libraries are in this process, its maximum, 0 of them because they could not be closed: wait until one has \
         ended, or restart the process"
    );
    drop(first);
    assert_eq!(world.ended().fate, Fate::Unmapped);
    let third = world.load(&library, "").unwrap();
    drop((second, third));
    for _ in 0..2 {
        assert_eq!(world.ended().fate, Fate::Unmapped);
    }
    assert_eq!(Loader::resident(), (0, 0));
}

#[test]
fn a_key_that_a_plugin_gave_back_is_not_deleted_a_second_time() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::deaf();
    let generation = world.load(&stripped("busy", world.folder()), "").unwrap();
    // With all the keys that it keeps, before the one that it does not.
    for number in [64, u32::MAX] {
        let body = format!("{{\"number\":{number}}}");
        call(&generation, "work", &body).unwrap();
    }
    // One of these has the number that the plugin had for a moment.
    let keys: Vec<libc::pthread_key_t> = (0..8)
        .map(|_| {
            let mut key = 0;
            // SAFETY: the key has no destructor.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, None) }, 0);
            key
        })
        .collect();
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Unmapped);
    for key in keys {
        // SAFETY: it was made above; setting the value of a key that is not there is an error, and no more.
        let set = unsafe { libc::pthread_setspecific(key, std::ptr::dangling()) };
        assert_eq!(set, 0, "key {key} is gone");
        // SAFETY: it is there.
        assert_eq!(unsafe { libc::pthread_key_delete(key) }, 0);
    }
}

#[test]
fn a_plain_provider_is_swapped_under_callers() {
    swap_under_callers("plain", "quote", "pens", swaps(100));
}

#[test]
fn one_with_tasks_threads_and_thread_locals_is_swapped_under_callers() {
    swap_under_callers("busy", "work", "number", swaps(100));
}
