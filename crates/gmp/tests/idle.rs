//! A process with nothing to do does nothing: no thread is scheduled, however many goroutines are parked.

use std::fs;
use std::time::Duration;

use gmp::chan;

/// Times that threads of this process were scheduled: voluntary and involuntary switches of each.
fn switches() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("procfs");
    let of_thread = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches:"));
        lines.filter_map(|line| line.rsplit('\t').next()?.trim().parse::<u64>().ok()).sum()
    };
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok())
        .map(of_thread)
        .sum()
}

#[test]
fn parked_goroutines_cost_no_wake_ups() {
    let (hold, held) = chan::bounded::<()>(0);
    let idle = move || {
        let parked: Vec<_> = (0..10_000)
            .map(|_| {
                let held = held.clone();
                gmp::go(move || held.recv().is_err())
            })
            .collect();
        // The main goroutine blocks its thread in a section, so that it, too, needs nobody. It wakes up four times: the
        // first second lets the monitor and the searchers find out that there is nothing to do.
        let quiet = gmp::blocking(|| {
            // Sleep: an idle process is what is looked at.
            std::thread::sleep(Duration::from_secs(1));
            let before = switches();
            // Sleep: as above.
            std::thread::sleep(Duration::from_secs(2));
            switches() - before
        });
        drop(hold);
        assert!(parked.into_iter().all(|g| g.join().unwrap()));
        quiet
    };
    // SAFETY: no thread-local is kept over a park.
    let quiet = unsafe { gmp::run(idle) };
    // This thread's own sleep, and what the test harness's thread does.
    assert!(quiet <= 8, "{quiet} switches in two idle seconds");
}
