//! A dump shows the stacks of goroutines that have a thread: those that compute, were stopped, block, or are locked to it.

use std::backtrace::Backtrace;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gmp::runtime::{self, Builder};

/// Tells hogs to end.
type Over = Arc<AtomicBool>;

fn dump() -> String {
    let mut text = Vec::new();
    runtime::dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Dumps until one has, for each of `parts`, an entry with all of its texts.
fn dump_with(parts: &[&[&str]]) {
    loop {
        let text = dump();
        let has = |part: &&[&str]| text.split("\n\n").any(|e| part.iter().all(|w| e.contains(w)));
        if parts.iter().all(has) {
            return;
        }
        gmp::yield_now();
    }
}

#[inline(never)]
fn computes(over: &Over, depth: u32) -> u64 {
    if depth > 0 {
        return computes(over, depth - 1) + black_box(1);
    }
    let mut n = 0;
    while !over.load(Ordering::Relaxed) {
        n = black_box(n + 1);
    }
    n
}

#[inline(never)]
fn allocates(over: &Over) {
    while !over.load(Ordering::Relaxed) {
        black_box(vec![1_u8; 300]);
    }
}

#[inline(never)]
fn declares(over: &Over) {
    gmp::blocking(|| {
        while !over.load(Ordering::Relaxed) {
            // Sleep: what is looked at.
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    black_box(());
}

#[test]
fn hogs_have_stacks_whether_they_run_or_were_stopped() {
    let run = || {
        let over = Over::default();
        let spawn = |f: fn(&Over)| {
            let over = over.clone();
            gmp::go(move || f(&over))
        };
        let deep = |over: &Over| {
            black_box(computes(over, 3));
        };
        // Twice as many as processors: some run and some wait for their turn at any time.
        let all = [spawn(deep), spawn(deep), spawn(allocates), spawn(allocates)];
        dump_with(&[
            &["[running]", "dump_running::computes", "tests/dump_running.rs:"],
            &["[preempted]", "dump_running::computes"],
            &["dump_running::allocates", "created by goroutine"],
        ]);
        over.store(true, Ordering::Relaxed);
        all.into_iter().for_each(|hog| hog.join().unwrap());
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn every_frame_of_a_hog_is_there() {
    let run = || {
        let over = Over::default();
        let mine = over.clone();
        let line = line!() + 1;
        let hog = gmp::go(move || black_box(computes(&mine, 5)));
        let entry = loop {
            let text = dump();
            if let Some(entry) = text.split("\n\n").find(|e| e.contains("::computes")) {
                break entry.to_owned();
            }
            gmp::yield_now();
        };
        assert_eq!(entry.matches("dump_running::computes").count(), 6, "{entry}");
        // Without debug information there are neither lines nor inlined frames.
        let lines = Backtrace::force_capture().to_string().contains("tests/dump_running.rs");
        assert!(!lines || entry.contains(&format!("running.rs:{line}\ncreated by")), "{entry}");
        over.store(true, Ordering::Relaxed);
        assert!(hog.join().unwrap() > 0);
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn a_declared_section_shows_its_caller() {
    let run = || {
        let over = Over::default();
        let mine = over.clone();
        let declared = gmp::go(move || declares(&mine));
        dump_with(&[&["[syscall]", "dump_running::declares", "created by goroutine"]]);
        over.store(true, Ordering::Relaxed);
        declared.join().unwrap();
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn one_that_is_locked_to_its_thread_says_so() {
    let run = || {
        let (tx, rx) = gmp::chan::bounded::<()>(0);
        let locked = gmp::go(move || {
            let _guard = runtime::lock_os_thread();
            rx.recv().is_err()
        });
        dump_with(&[&["[chan receive, locked to thread]:"]]);
        drop(tx);
        assert!(locked.join().unwrap());
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}
