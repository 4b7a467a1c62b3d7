//! `runtime::dump` shows every goroutine: what it waits for, its stack, and where it comes from.

use gmp::chan;
use gmp::runtime::{self, Builder};

fn dump() -> String {
    let mut text = Vec::new();
    runtime::dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The entry of a dump that begins with this.
fn entry<'a>(dump: &'a str, head: &str) -> &'a str {
    dump.split("\n\n").find(|e| e.starts_with(head)).unwrap_or_else(|| panic!("{head}: {dump}"))
}

/// Waits until `n` goroutines are in `state`.
fn until(n: usize, state: &str) {
    let waiting = || {
        let all = gmp::testing::leaked();
        all.iter().filter(|g| g.state == state).count()
    };
    while waiting() < n {
        gmp::yield_now();
    }
}

#[inline(never)]
fn waits_deep_down(rx: &chan::Receiver<()>, depth: u32) -> u32 {
    if depth == 0 {
        let _ = rx.recv();
        return 0;
    }
    // Not a tail call, and not foldable.
    waits_deep_down(rx, depth - 1) + std::hint::black_box(1)
}

#[test]
fn a_parked_goroutine_has_its_stack_and_its_origin() {
    let run = || {
        let (tx, rx) = chan::bounded::<()>(0);
        let line = line!() + 2;
        let spawn = gmp::Builder::new().name("worker");
        let worker = spawn.spawn(move || waits_deep_down(&rx, 3)).unwrap();
        until(1, "chan receive");
        let text = dump();
        let head = format!("goroutine {} worker [chan receive]:", worker.id());
        let entry = entry(&text, &head);
        assert_eq!(entry.matches("waits_deep_down").count(), 4, "{text}");
        assert!(entry.contains("tests/dump.rs:"), "{text}");
        let created = format!("created by goroutine {} at", gmp::current().id());
        assert!(entry.contains(&created), "{text}");
        assert!(entry.ends_with(&format!("tests/dump.rs:{line}")), "{text}");
        drop(tx);
        worker.join().unwrap();
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn the_caller_comes_first() {
    // SAFETY: no thread-local is kept over a park.
    let text = unsafe { Builder::new().max_procs(2).run(dump) };
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("goroutine ") && first.ends_with(" main [running]:"), "{text}");
    assert!(text.lines().nth(1).unwrap().contains("dump"), "{text}");
}

#[test]
fn states_are_in_go_s_words() {
    let run = || {
        let (tx, rx) = chan::bounded::<u8>(0);
        let mutex = std::sync::Arc::new(gmp::sync::Mutex::new(()));
        let held = mutex.lock();
        let (tx2, rx2, rx3) = (tx.clone(), rx.clone(), chan::never::<()>());
        gmp::go(move || tx2.send(1));
        gmp::go(
            move || gmp::select! { recv(rx3) -> _ => {}, recv(chan::never::<()>()) -> _ => {} },
        );
        gmp::go(|| gmp::time::sleep(std::time::Duration::from_secs(100)));
        let other = mutex.clone();
        gmp::go(move || drop(other.lock()));
        for state in ["chan send", "select", "sleep", "sync.Mutex.Lock"] {
            until(1, state);
        }
        drop((held, rx2));
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn many_alike_are_one_entry() {
    let run = || {
        let (tx, rx) = chan::bounded::<()>(0);
        let spawn = |rx: chan::Receiver<()>| gmp::go(move || waits_deep_down(&rx, 2));
        let all: Vec<_> = (0..20_000).map(|_| spawn(rx.clone())).collect();
        until(all.len(), "chan receive");
        let text = dump();
        let entry = entry(&text, "20000 goroutines [chan receive]: ");
        assert_eq!(entry.matches("waits_deep_down").count(), 3, "{text}");
        drop(tx);
        all.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), 2));
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}
