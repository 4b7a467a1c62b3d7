//! A process with nothing to do: ten thousand parked goroutines, and no thread is scheduled for as long as it takes. For
//! `strace -f -ttt gmp-stress --child --only quiet --seconds 60`, too, which must show an empty minute; then the figure that
//! it says itself is that of the tracer's stops.

use std::fs;
use std::time::Duration;

use gmp::chan::bounded;

use crate::Run;
use crate::ledger;

const GOROUTINES: usize = 10_000;

/// What the main goroutine itself does at the end of its own sleep, and a reader of `/proc` beside it.
const OURS: u64 = 4;

/// Parks goroutines, waits until the runtime has settled, and counts what happens then.
pub(crate) fn nothing_happens(run: &Run) -> Result<String, String> {
    ledger::on(run, || {
        let (hold, held) = bounded::<()>(0);
        let parked: Vec<_> = (0..GOROUTINES)
            .map(|_| {
                let held = held.clone();
                gmp::go(move || held.recv().is_err())
            })
            .collect();
        let (switches, ticks) = gmp::blocking(|| {
            // The first seconds are for the monitor, and for the pages of free stacks.
            std::thread::sleep(Duration::from_secs(3));
            let (switches, ticks) = (switches(), cpu_ticks());
            std::thread::sleep(run.time);
            (self::switches() - switches, cpu_ticks() - ticks)
        });
        drop(hold);
        for goroutine in parked {
            if !ledger::joined(goroutine, 0)?.unwrap_or(false) {
                return Err("a goroutine has received what nobody sent".into());
            }
        }
        let seen = format!("{switches} switches, {ticks} ticks of CPU time in {:?}", run.time);
        if switches > OURS { Err(seen) } else { Ok(seen) }
    })
}

/// Times that threads of this process were scheduled.
fn switches() -> u64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let status = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let of_thread = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches:"));
        lines.filter_map(|line| line.rsplit('\t').next()?.trim().parse::<u64>().ok()).sum()
    };
    status.map(of_thread).sum()
}

/// Hundredths of a second that this process has computed.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
