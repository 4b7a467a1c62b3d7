//! Runtimes one after the other, each ended while its goroutines do all kinds of things: `run` returns what it should, the
//! next one works, and none is taken for a deadlock. What the ended ones leave never runs on, unless the end has run out of
//! patience (9 ms), because the kernel did not let somebody run: then it comes to rest all the same. And half of the ends take no
//! longer than 5 ms, the time not counted in which the thread that called `run` was ready to go on and the kernel ran others.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp::chan;
use gmp::runtime::{Builder, lock_os_thread};

use crate::Run;
use crate::latency::Latency;
use crate::rng::Rng;

/// So that computing goroutines are stopped, and threads stand by for them.
const SLICE: Duration = Duration::from_millis(1);

/// What goroutines do, by number.
const KINDS: usize = 9;

/// What half of the ends do not exceed, without the time in which the kernel kept the caller waiting.
const SHORT: Duration = Duration::from_millis(5);

/// What a runtime's end waits for whom it has asked to stop.
const PATIENCE: Duration = Duration::from_millis(9);

/// How long those of an impatient end may go on.
const REST: Duration = Duration::from_secs(10);

/// Where a runtime stands, for its goroutines.
const RUNS: u8 = 0;
const ENDED: u8 = 1;
const ENDED_IMPATIENTLY: u8 = 2;

/// Runtime after runtime, until the time is over.
pub(crate) fn restarts(run: &Run) -> Result<String, String> {
    // Of the goroutines' own, whose payload is a number, nothing is said; of any other it is.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<u64>() {
            hook(info);
        }
    }));
    let mut rng = Rng::new(run.seed);
    let end = Instant::now() + run.time;
    let (mut runs, mut left, mut impatient) = (0_u64, 0, 0);
    let (mut ends, mut own_parts) = (Vec::new(), Vec::new());
    // Not every kernel says it, and then all of an end counts.
    let this_thread = fs::read_link("/proc/thread-self").unwrap_or_default();
    let delayed = || delay_of(&this_thread).unwrap_or_default();
    // Of all runtimes: who goes on may do so long after its own has ended.
    let counts: Arc<Counts> = Arc::default();
    let nobody_ran_on = || {
        let kinds = counts.ran_on.each_ref().map(|kind| kind.load(Ordering::SeqCst));
        match kinds.iter().sum() {
            0 => Ok(()),
            n => Err(format!(
                "{n} goroutines ran on after their runtime had ended, by kind {kinds:?}"
            )),
        }
    };
    while Instant::now() < end {
        let (seed, procs) = (rng.next(), 1 + rng.below(2 * run.procs as u64) as usize);
        let state = Arc::new(AtomicU8::new(RUNS));
        let body = || {
            let mut rng = Rng::new(seed);
            let all = rng.below(20);
            for _ in 0..all {
                let (seed, state, counts) = (rng.next(), Arc::clone(&state), Arc::clone(&counts));
                drop(gmp::go(move || leftover(seed, &state, &counts)));
            }
            match rng.below(3) {
                0 => gmp::yield_now(),
                1 => gmp::time::sleep(Duration::from_micros(rng.below(500))),
                _ => {}
            }
            // Until this returns that thread sleeps, so the delay is what it was when the end began.
            (seed, all, delayed(), Instant::now())
        };
        let builder = Builder::new().max_procs(procs).time_slice(SLICE);
        // SAFETY: no thread-local is kept over a park.
        let (same, all, delayed_before, returned) = unsafe { builder.run(body) };
        let took = returned.elapsed();
        ends.push(took);
        own_parts.push(took.saturating_sub(delayed().saturating_sub(delayed_before)));
        let patient = took < PATIENCE;
        impatient += u64::from(!patient);
        state.store(if patient { ENDED } else { ENDED_IMPATIENTLY }, Ordering::SeqCst);
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
    let late = || counts.late.load(Ordering::SeqCst);
    let asked = Instant::now();
    loop {
        let before = late();
        thread::sleep(Duration::from_millis(50));
        if late() == before {
            break;
        }
        if asked.elapsed() > REST {
            return Err("goroutines go on long after an end that ran out of patience".into());
        }
    }
    nobody_ran_on()?;
    let [ends, own_parts] = [ends, own_parts].map(Latency::of);
    let (half, most, own) = (ends.quantile(0.5), ends.quantile(1.0), own_parts.quantile(0.5));
    let seen = format!(
        "{runs} runtimes, {left} goroutines started there; ends: half {half:?} ({own:?} of it not waiting for a CPU), longest {most:?}, {impatient} impatient ({} calls after those)",
        late()
    );
    if own > SHORT { Err(seen) } else { Ok(seen) }
}

/// For how long a thread has been ready to run while the kernel ran others; `thread` is its folder below `/proc`.
fn delay_of(thread: &Path) -> Option<Duration> {
    let text = fs::read_to_string(Path::new("/proc").join(thread).join("schedstat")).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

/// Who has run on: after an end, by kind; and after an impatient one.
#[derive(Default)]
struct Counts {
    ran_on: [AtomicU64; KINDS],
    late: AtomicU64,
}

/// What a goroutine does when its runtime ends. Whoever comes back from a call of the runtime after that counts.
fn leftover(seed: u64, state: &AtomicU8, counts: &Counts) {
    let kind = seed as usize % KINDS;
    let came_back = || {
        let count = match state.load(Ordering::SeqCst) {
            RUNS => return,
            ENDED => &counts.ran_on[kind],
            _ => &counts.late,
        };
        count.fetch_add(1, Ordering::SeqCst);
    };
    match kind {
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
