//! Eight hogs that never ask anybody share two slots: each gets a quarter of a CPU.
//!
//! `cargo run --release -p gmp-preempt --example time_slice`

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use gmp_preempt::Monitor;

const HOGS: usize = 8;
const SLOTS: usize = 2;
const SLICE: Duration = Duration::from_millis(10);
const SPAN: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let monitor = Monitor::new(SLOTS, SLICE)?;
    let over = AtomicBool::new(false);

    let shares: Vec<Duration> = thread::scope(|scope| {
        let hogs: Vec<_> = (0..HOGS).map(|_| scope.spawn(|| hog(&monitor, &over))).collect();
        thread::sleep(SPAN);
        over.store(true, Ordering::Relaxed);
        hogs.into_iter()
            .map(|hog| hog.join().expect("a hog does not panic"))
            .collect::<io::Result<_>>()
    })?;

    let mut out = io::stdout().lock();
    writeln!(out, "{HOGS} hogs on {SLOTS} slots for {SPAN:?}, slices of {SLICE:?}:")?;
    for (number, share) in shares.iter().enumerate() {
        let bar = "#".repeat((share.as_millis() / 20) as usize);
        writeln!(out, "  hog {number}: {:>4} ms {bar}", share.as_millis())?;
    }
    Ok(())
}

/// Computes until it is over; returns the CPU time that it got.
fn hog(monitor: &Monitor, over: &AtomicBool) -> io::Result<Duration> {
    let turn = monitor.enroll()?;
    while !over.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    turn.target().cpu_time()
}
