//! What looks like a deadlock for a moment and is none: the last thing that a plain thread does ends a wait of a
//! goroutine. Without std's harness, whose main thread would count as one that could still end waits.

use std::time::{Duration, Instant};

use gmp::chan::bounded;

/// As many threads as can end in this time, one after the other.
const TIME: Duration = Duration::from_secs(2);

fn main() {
    let begun = Instant::now();
    let rounds = || {
        let mut rounds = 0;
        while begun.elapsed() < TIME {
            let (tx, rx) = bounded::<u32>(0);
            let (back, answer) = bounded::<u32>(0);
            // Another goroutine, so that the wait goes through a queue.
            let passes = gmp::go(move || {
                let seen = rx.iter().sum::<u32>();
                back.send(seen).expect("the main goroutine waits");
            });
            let thread = std::thread::spawn(move || {
                tx.send(rounds).expect("a goroutine waits");
                drop(tx);
            });
            assert_eq!(answer.recv(), Ok(rounds));
            passes.join().expect("no panic");
            gmp::blocking(|| thread.join()).expect("no panic");
            rounds += 1;
        }
        rounds
    };
    // SAFETY: no thread-local is kept over a park.
    let rounds = unsafe { gmp::run(rounds) };
    assert!(rounds > 0);
}
