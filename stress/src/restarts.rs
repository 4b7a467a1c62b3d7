//! Runtimes one after the other, each ended while its goroutines do all kinds of things: `run` returns what it should, the
//! next one works, and none is taken for a deadlock. What the ended ones leave never runs on. And half of the ends take no longer
//! than 5 ms: they do not run out of patience (9 ms).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp::chan;
use gmp::runtime::{Builder, lock_os_thread};

use crate::Run;
use crate::latency::Latency;
use crate::rng::Rng;

/// So that computing goroutines are stopped, and threads stand by for them.
const SLICE: Duration = Duration::from_millis(1);

/// What half of the ends do not exceed.
const SHORT: Duration = Duration::from_millis(5);

/// Runtime after runtime, until the time is over.
pub(crate) fn restarts(run: &Run) -> Result<String, String> {
    std::panic::set_hook(Box::new(|_| {}));
    let mut rng = Rng::new(run.seed);
    let end = Instant::now() + run.time;
    let (mut runs, mut left, mut ends) = (0_u64, 0, Vec::new());
    // Of all runtimes: who goes on may do so long after its own has ended.
    let ran_on = Arc::new(AtomicU64::new(0));
    let nobody_ran_on = || match ran_on.load(Ordering::SeqCst) {
        0 => Ok(()),
        n => Err(format!("{n} goroutines ran on after their runtime had ended")),
    };
    while Instant::now() < end {
        let (seed, procs) = (rng.next(), 1 + rng.below(2 * run.procs as u64) as usize);
        let ended = Arc::new(AtomicBool::new(false));
        let body = || {
            let mut rng = Rng::new(seed);
            let all = rng.below(20);
            for _ in 0..all {
                let (seed, ended, ran_on) = (rng.next(), Arc::clone(&ended), Arc::clone(&ran_on));
                drop(gmp::go(move || leftover(seed, &ended, &ran_on)));
            }
            match rng.below(3) {
                0 => gmp::yield_now(),
                1 => gmp::time::sleep(Duration::from_micros(rng.below(500))),
                _ => {}
            }
            (seed, all, Instant::now())
        };
        let builder = Builder::new().max_procs(procs).time_slice(SLICE);
        // SAFETY: no thread-local is kept over a park.
        let (same, all, returned) = unsafe { builder.run(body) };
        ends.push(returned.elapsed());
        ended.store(true, Ordering::SeqCst);
        if same != seed {
            return Err("`run` has returned what another one should".into());
        }
        runs += 1;
        left += all;
        // A goroutine of that runtime that goes on counts itself.
        if rng.below(20) == 0 {
            thread::sleep(Duration::from_millis(2));
        }
        nobody_ran_on()?;
    }
    // Longer than any sleep or section of a goroutine.
    thread::sleep(Duration::from_millis(50));
    nobody_ran_on()?;
    let ends = Latency::of(ends);
    let (half, most) = (ends.quantile(0.5), ends.quantile(1.0));
    if half > SHORT {
        return Err(format!("half of the ends take {half:?} or longer"));
    }
    Ok(format!(
        "{runs} runtimes, {left} goroutines started there; ends: half {half:?}, longest {most:?}"
    ))
}

/// What a goroutine does when its runtime ends. Whoever comes back from a call of the runtime after that counts.
fn leftover(seed: u64, ended: &AtomicBool, ran_on: &AtomicU64) {
    let came_back = || {
        if ended.load(Ordering::SeqCst) {
            ran_on.fetch_add(1, Ordering::SeqCst);
        }
    };
    match seed % 9 {
        0 => {
            let _ = chan::never::<()>().recv();
        }
        1 => gmp::time::sleep(Duration::from_micros(seed % 1_000)),
        2 => loop {
            gmp::yield_now();
            came_back();
        },
        3 => gmp::blocking(|| thread::sleep(Duration::from_micros(seed % 300))),
        4 => loop {
            gmp::go(|| ()).join().expect("no panic");
            came_back();
        },
        5 => (0..seed % 20_000).for_each(|_| std::hint::spin_loop()),
        6 => {
            let _locked = lock_os_thread();
            loop {
                gmp::yield_now();
                came_back();
            }
        }
        // It loses its processor.
        7 => thread::sleep(Duration::from_micros(seed % 3_000)),
        _ => std::panic::panic_any(seed),
    }
    came_back();
}
