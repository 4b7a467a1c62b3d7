//! Goroutines that give way again and again, so that no processor runs out of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gmp_sched::{JoinHandle, yield_now};

use crate::common::go;

/// Some of them, until [`finish`](Yielders::finish).
pub(crate) struct Yielders {
    stop: Arc<AtomicBool>,
    all: Vec<JoinHandle<()>>,
}

impl Yielders {
    /// Starts `n`.
    pub(crate) fn start(n: usize) -> Yielders {
        let stop = Arc::new(AtomicBool::new(false));
        let one = |_| {
            let stop = stop.clone();
            go(move || {
                while !stop.load(Ordering::Relaxed) {
                    yield_now();
                }
            })
        };
        let all = (0..n).map(one).collect();
        Yielders { stop, all }
    }

    /// Ends them.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.all.into_iter().for_each(|one| one.join().unwrap());
    }
}
