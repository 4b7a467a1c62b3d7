//! Who is woken when there is work, in figures: how long a goroutine beside a computation waits for an idle processor,
//! how many threads a ping-pong pair wakes, and how many processors a fan-out occupies. The bounds of the
//! first two are those of `crates/gmp/tests/wakeups.rs`, whose fan-out holds its goroutines until all run; here they have to
//! overlap by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::chan::bounded;
use gmp::runtime::metrics;

use crate::Run;
use crate::latency::Latency;
use crate::ledger;

/// A third of the time for each.
pub(crate) fn wakes(run: &Run) -> Result<String, String> {
    ledger::on(run, || {
        let (third, procs) = (run.time / 3, run.procs);
        let starts = starts(third, procs)?;
        Ok(format!("{starts}; {}; {}", pair(third)?, fan_out(third, procs)?))
    })
}

/// From `go` to the first instruction, beside a goroutine that computes; the other processors idle, if there are any. By
/// turns with a plain thread that is woken for a message: the part of it that is the machine's.
fn starts(time: Duration, procs: usize) -> Result<String, String> {
    let (call, calls) = mpsc::channel::<Instant>();
    let (took, answer) = mpsc::channel();
    let thread = thread::spawn(move || {
        calls.iter().try_for_each(|since| took.send(since.elapsed())).unwrap_or_default();
    });
    let (end, mut started, mut woken) = (Instant::now() + time, Vec::new(), Vec::new());
    while Instant::now() < end {
        started.push(start()?);
        until_others_sleep();
        call.send(Instant::now()).map_err(|_| "the thread has ended")?;
        woken.push(spin_for(|| answer.try_recv().ok()));
        until_others_sleep();
    }
    drop(call);
    thread.join().map_err(|_| "the thread has panicked")?;
    let [started, woken] = [started, woken].map(Latency::of);
    let quantiles = |of: &Latency| {
        let [quarter, p50, p90, p99] = [0.25, 0.5, 0.9, 0.99].map(|part| of.quantile(part));
        format!("p25 {quarter:?}, p50 {p50:?}, p90 {p90:?}, p99 {p99:?}")
    };
    let (ours, theirs) = (quantiles(&started), quantiles(&woken));
    let seen = format!("{} starts: {ours} (a thread's wake-ups: {theirs})", started.len());
    let late = procs > 1 && started.quantile(0.25) >= Duration::from_micros(100);
    if late { Err(seen) } else { Ok(seen) }
}

/// How long one goroutine waits until it runs.
fn start() -> Result<Duration, String> {
    let running = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&running);
    let since = Instant::now();
    let goroutine = gmp::go(move || {
        let waited = since.elapsed();
        flag.store(true, Ordering::Release);
        waited
    });
    spin_for(|| running.load(Ordering::Acquire).then_some(()));
    Ok(ledger::joined(goroutine, 0)?.unwrap_or_default())
}

/// Waits without a call of the runtime, so that this processor can run nothing else.
fn spin_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::hint::spin_loop();
    }
}

/// Computes for longer than a thread looks for work before it sleeps.
fn until_others_sleep() {
    let since = Instant::now();
    spin_for(|| (since.elapsed() > Duration::from_micros(500)).then_some(()));
}

/// Wake-ups of a pair that passes messages.
fn pair(time: Duration) -> Result<String, String> {
    let (ping, pinged) = bounded::<u64>(0);
    let (pong, ponged) = bounded::<u64>(0);
    let echo = gmp::go(move || pinged.iter().for_each(|n| pong.send(n).unwrap_or_default()));
    let (end, before, mut trips) = (Instant::now() + time, metrics().wakeups, 0_u64);
    while Instant::now() < end {
        for _ in 0..1_000 {
            ping.send(trips).expect("an echo");
            ponged.recv().expect("an echo");
            trips += 1;
        }
    }
    drop(ping);
    echo.join().expect("no panic");
    let woken = metrics().wakeups - before;
    let seen = format!("{woken} wake-ups in {trips} round trips");
    if woken * 100 < trips { Ok(seen) } else { Err(seen) }
}

/// Processors that are busy at once when one goroutine starts many, on average of many bursts; and wake-ups of a burst.
fn fan_out(time: Duration, procs: usize) -> Result<String, String> {
    let (end, before) = (Instant::now() + time, metrics().wakeups);
    let (mut bursts, mut busy, mut busiest) = (0_u64, 0, 0);
    while Instant::now() < end {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all: Vec<_> = (0..8 * procs)
            .map(|_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                gmp::go(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                    let since = Instant::now();
                    while since.elapsed() < Duration::from_micros(100) {
                        std::hint::spin_loop();
                    }
                    running.fetch_sub(1, Ordering::AcqRel);
                })
            })
            .collect();
        all.into_iter().for_each(|goroutine| goroutine.join().expect("no panic"));
        bursts += 1;
        let most = most.load(Ordering::Relaxed);
        busy += most as u64;
        busiest = busiest.max(most);
    }
    let each = |n: u64| n as f64 / bursts as f64;
    let woken = each(metrics().wakeups - before);
    let seen =
        format!("{bursts} fan-outs: {:.2} of {procs} busy, {woken:.2} wake-ups each", each(busy));
    // With more processors than CPUs the last thread may always come too late.
    let all = procs <= thread::available_parallelism().map_or(1, |n| n.get());
    if woken >= 100.0 || (all && busiest < procs) { Err(seen) } else { Ok(seen) }
}
