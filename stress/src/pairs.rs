//! Storms of ping-pong: pairs and rings that pass messages as fast as they can, over channels of every small capacity,
//! with others that are spawned and yield between them. What is passed on counts its own hops.

use std::sync::Arc;

use gmp::chan::{Receiver, Sender, bounded};

use crate::Run;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// One storm after the other, until the time is over.
pub(crate) fn pairs(run: &Run) -> Result<String, String> {
    ledger::waves(run, storm, |storms| format!("{storms} storms"))
}

/// Some rings at once, each of two to forty goroutines.
pub(crate) fn storm(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    let rings: Vec<_> = (0..1 + rng.below(12))
        .map(|_| {
            let (seed, mine) = (rng.next(), Arc::clone(ledger));
            ledger.go(move || ring(&mine, seed))
        })
        .collect();
    rings.into_iter().try_for_each(|ring| ledger::joined(ring, 0)?.unwrap_or(Ok(())))
}

/// A token goes round; each member adds one.
fn ring(ledger: &Arc<Ledger>, seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let members = if rng.below(2) == 0 { 1 } else { 1 + rng.below(39) };
    let (laps, capacity) = (1 + rng.below(2_000 / members), rng.below(3) as usize);
    let (first, mut last): (Sender<u64>, Receiver<u64>) = bounded(capacity);
    for _ in 0..members {
        let (tx, rx) = bounded(capacity);
        let from = std::mem::replace(&mut last, rx);
        let (yields, mine) = (rng.below(10) == 0, Arc::clone(ledger));
        drop(ledger.go(move || {
            for token in &from {
                mine.give(1);
                if yields {
                    gmp::yield_now();
                }
                tx.send(token + 1).expect("the next one listens");
            }
        }));
    }
    let mut token = 0;
    for _ in 0..laps {
        first.send(token).map_err(|_| "the first one has gone")?;
        token = last.recv().map_err(|_| "the last one has gone")?;
    }
    ledger.take(token);
    if token == laps * members { Ok(()) } else { Err(format!("{laps} laps of {members}: {token}")) }
}
