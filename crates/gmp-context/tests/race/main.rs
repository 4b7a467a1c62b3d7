//! Whether the thread sanitizer sees into coroutines and raw executions: races are planted in child processes, and what is
//! none must be left alone. `cargo xtask san` builds this with it, and sets `TSAN_OPTIONS`.
#![cfg(feature = "sanitizer")]

use std::cell::UnsafeCell;
use std::process::Output;
use std::sync::Barrier;
use std::thread;

use gmp_context::{Coroutine, Resumed, Yielder};

mod moving;
use moving::Counting;
#[path = "../support/skip.rs"]
mod skip;
#[path = "../support/mod.rs"]
mod support;
use support::{child, stderr};

/// A counter that nothing protects.
struct Shared(UnsafeCell<u64>);

// SAFETY: none; that is what is to be found.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared(UnsafeCell::new(0));

/// Where two threads meet before both count: what they did until then cannot order it.
static BOTH: Barrier = Barrier::new(2);

fn meet() {
    BOTH.wait();
}

#[inline(never)]
fn count_one_more() {
    // SAFETY: whoever calls this sees to it, or wants to be found.
    unsafe { *SHARED.0.get() += 1 };
}

/// Runs the child, if there is something in this program that watches it.
fn watched(test: &str, body: impl FnOnce()) -> Option<Output> {
    let watched = std::env::var_os("TSAN_OPTIONS").is_some();
    if !watched {
        skip::skipped("not under the thread sanitizer, or TSAN_OPTIONS does not say so");
    }
    watched.then(|| child(test, body))
}

fn assert_found(output: Option<Output>) {
    let Some(output) = output else { return };
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(66), "{said}");
    assert!(said.contains("ThreadSanitizer: data race"), "{said}");
    assert!(said.matches("#0 race::count_one_more").count() == 2, "both stacks: {said}");
}

#[test]
fn found_between_coroutines_of_two_threads() {
    assert_found(watched("found_between_coroutines_of_two_threads", || {
        let run = || {
            let mut coroutine = Coroutine::new(|y: &Yielder<(), ()>, ()| {
                for _ in 0..1000 {
                    y.suspend(());
                }
                meet();
                count_one_more();
            });
            while coroutine.resume(()) == Resumed::Yielded(()) {}
        };
        let threads = [thread::spawn(run), thread::spawn(run)];
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }));
}

/// An execution begins here and goes on in another thread, to which a channel takes it, with `there`; meanwhile `here` runs.
fn moves_on(there: fn(), here: impl FnOnce()) {
    let (sender, receiver) = std::sync::mpsc::channel::<Counting>();
    let other = thread::spawn(move || receiver.recv().expect("one").resume());
    let mut counting = Counting::new(there);
    counting.resume();
    sender.send(counting).expect("received");
    here();
    other.join().expect("no panic");
}

#[test]
fn found_in_an_execution_that_went_on_elsewhere() {
    let test = "found_in_an_execution_that_went_on_elsewhere";
    assert_found(watched(test, || {
        moves_on(meet, || {
            meet();
            count_one_more();
        });
    }));
}

#[test]
fn nothing_is_found_where_a_handover_is_between() {
    let output = watched("nothing_is_found_where_a_handover_is_between", || {
        count_one_more();
        moves_on(|| (), || ());
        count_one_more();
    });
    let Some(output) = output else { return };
    assert!(output.status.success() && stderr(&output).is_empty(), "{}", stderr(&output));
}
