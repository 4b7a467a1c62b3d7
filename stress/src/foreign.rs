//! Plain threads beside goroutines: they start goroutines, send, receive, sleep and join, while goroutines do the same.
//! What one kind gives the other takes; and a runtime whose goroutines all wait for a thread is not taken for a deadlock.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::chan::bounded;

use crate::Run;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// Round after round, until the time is over.
pub(crate) fn foreign(run: &Run) -> Result<String, String> {
    ledger::waves(run, round, |rounds| format!("{rounds} rounds"))
}

fn round(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    let (tx, rx) = bounded::<u64>(rng.below(3) as usize);
    let (back, answers) = bounded::<u64>(rng.below(3) as usize);
    let threads: Vec<_> = (0..1 + rng.below(3))
        .map(|_| {
            let (seed, mine) = (rng.next(), Arc::clone(ledger));
            let (tx, answers) = (tx.clone(), answers.clone());
            thread::spawn(move || {
                let mut rng = Rng::new(seed);
                for n in 0..rng.below(200) {
                    match rng.below(6) {
                        0 => gmp::time::sleep(Duration::from_micros(rng.below(100))),
                        1 => assert_eq!(mine.go(move || n).join().expect("no panic"), n),
                        2 => drop(mine.go(gmp::yield_now)),
                        _ => {
                            mine.give(1);
                            tx.send(n).expect("a goroutine listens");
                            mine.take(answers.recv().expect("a goroutine answers"));
                        }
                    }
                }
            })
        })
        .collect();
    let servers: Vec<_> = (0..1 + rng.below(3))
        .map(|_| {
            let (rx, back) = (rx.clone(), back.clone());
            ledger.go(move || rx.iter().for_each(|_| back.send(1).expect("a thread waits")))
        })
        .collect();
    drop((tx, rx, back, answers));
    servers.into_iter().try_for_each(|server| ledger::joined(server, 0).map(drop))?;
    let join = |thread: thread::JoinHandle<()>| thread.join().map_err(|_| "a thread has panicked");
    gmp::blocking(|| threads.into_iter().try_for_each(join)).map_err(String::from)
}
