//! GOMAXPROCS goes up and down between 1 and 64, as fast as it can, under trees, storms of ping-pong, sleeps and blocking
//! sections; nobody is lost, and each figure that is asked for holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gmp::runtime::{gomaxprocs, set_gomaxprocs};

use crate::Run;
use crate::ledger::{self, Ledger};
use crate::rng::Rng;
use crate::{naps, pairs, sections, trees};

/// All kinds of load beside one goroutine that changes GOMAXPROCS.
pub(crate) fn changes(run: &Run) -> Result<String, String> {
    ledger::on(run, || {
        let ledger = Arc::new(Ledger::default());
        let mut rng = Rng::new(run.seed);
        let end = Instant::now() + run.time;
        let stop = Arc::new(AtomicBool::new(false));
        let kinds = [trees::grow, pairs::storm, naps::wave, sections::wave];
        let load: Vec<_> = kinds
            .into_iter()
            .map(|kind| {
                let (seed, stop, mine) = (rng.next(), Arc::clone(&stop), Arc::clone(&ledger));
                ledger.go(move || {
                    let mut rng = Rng::new(seed);
                    while !stop.load(Ordering::Relaxed) {
                        kind(&mine, &mut rng)?;
                    }
                    Ok::<(), String>(())
                })
            })
            .collect();
        let mut procs = gomaxprocs();
        let mut changes = 0;
        while Instant::now() < end {
            let next = 1 + rng.below(64) as usize;
            let before = set_gomaxprocs(next);
            if (before, gomaxprocs()) != (procs, next) {
                return Err(format!("{procs} set, {before} found; {next} set, {}", gomaxprocs()));
            }
            procs = next;
            changes += 1;
            match rng.below(4) {
                0 => gmp::time::sleep(Duration::from_micros(rng.below(3_000))),
                1 => {}
                _ => gmp::yield_now(),
            }
        }
        stop.store(true, Ordering::Relaxed);
        load.into_iter().try_for_each(|load| ledger::joined(load, 0)?.unwrap_or(Ok(())))?;
        Ok(format!("{changes} changes, {}", ledger.settle()?))
    })
}
