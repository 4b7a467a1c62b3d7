//! Trees of goroutines, each shaped by its seed: children that are joined, that are left alone, that panic, that
//! yield before they have any. A tree counts its nodes by what it returns; the ledger counts them one by one.

use std::sync::Arc;

use crate::Run;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;

/// One tree after the other, until the time is over.
pub(crate) fn trees(run: &Run) -> Result<String, String> {
    ledger::waves(run, grow, |trees| format!("{trees} trees"))
}

/// Grows one tree, and waits for those of its nodes that are waited for.
pub(crate) fn grow(ledger: &Arc<Ledger>, rng: &mut Rng) -> Result<(), String> {
    let (seed, depth) = (rng.next(), 2 + rng.below(6));
    let mine = Arc::clone(ledger);
    let root = ledger.go(move || node(&mine, seed, depth));
    ledger.give(1);
    let Some(nodes) = ledger::joined(root, seed)? else { return Ok(()) };
    nodes.map(|nodes| ledger.take(nodes))
}

/// A node: how many there are below it, itself included, less those that were counted already.
fn node(ledger: &Arc<Ledger>, seed: u64, depth: u64) -> Result<u64, String> {
    let mut rng = Rng::new(seed);
    if rng.below(3) == 0 {
        gmp::yield_now();
    }
    let children = if depth == 0 { 0 } else { rng.below(5) };
    let mut joined = Vec::new();
    for _ in 0..children {
        let (seed, mine) = (rng.next(), Arc::clone(ledger));
        ledger.give(1);
        match rng.below(8) {
            // Left alone: counts what is below it itself.
            0 => drop(ledger.go(move || {
                if let Ok(nodes) = node(&mine, seed, depth - 1) {
                    mine.take(nodes);
                }
            })),
            // Counted here, since it returns nothing.
            1 => {
                ledger.take(1);
                joined.push((ledger.go(move || ledger::panics(seed)), seed));
            }
            _ => joined.push((ledger.go(move || node(&mine, seed, depth - 1)), seed)),
        }
    }
    let mut nodes = 1;
    for (child, seed) in joined {
        nodes += ledger::joined(child, seed)?.unwrap_or(Ok(0))?;
    }
    Ok(nodes)
}
