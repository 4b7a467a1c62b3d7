//! `runtime::metrics` counts what happens, and `GMP_SCHEDTRACE` prints it in Go's line format.

use std::process::Command;
use std::time::Duration;

use gmp::chan;
use gmp::runtime::{Builder, metrics};

#[test]
fn states_queues_and_latencies_are_counted() {
    let run = || {
        let (tx, rx) = chan::bounded::<()>(0);
        let waiting: Vec<_> =
            (0..50).map(|_| rx.clone()).map(|rx| gmp::go(move || rx.recv())).collect();
        let count = |state: &str| {
            let states = metrics().states;
            states.iter().find(|(s, _)| *s == state).map_or(0, |&(_, n)| n)
        };
        while count("chan receive") < 50 {
            gmp::yield_now();
        }
        assert_eq!((count("running"), metrics().goroutines), (1, 51));
        let (ping, pong) = (chan::bounded(0), chan::bounded(0));
        gmp::go(move || ping.1.iter().for_each(|n: u32| pong.0.send(n).unwrap()));
        for n in 0..10_000 {
            ping.0.send(n).unwrap();
            assert_eq!(pong.1.recv(), Ok(n));
        }
        let m = metrics();
        assert!(m.total.switches >= 10_000 && m.total.parks >= 10_000, "{m:?}");
        assert!(m.latencies.iter().sum::<u64>() > 10, "{m:?}");
        assert!(m.latency(0.5) > Duration::ZERO && m.latency(0.5) <= m.latency(0.99), "{m:?}");
        assert_eq!((m.queues.len(), m.ticks.len(), m.procs.len()), (2, 2, 2));
        drop(tx);
        waiting.into_iter().for_each(|h| assert!(h.join().unwrap().is_err()));
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn the_scheduler_s_trace_has_go_s_format() {
    const NAME: &str = "the_scheduler_s_trace_has_go_s_format";
    if std::env::var_os("GMP_SCHEDTRACE").is_some() {
        let sleep = || gmp::time::sleep(Duration::from_millis(200));
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(sleep) };
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([NAME, "--exact"]).env("GMP_SCHEDTRACE", "20").env("GOMAXPROCS", "2");
    let out = child.output().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stderr).unwrap();
    let lines: Vec<_> = text.lines().filter(|l| l.starts_with("SCHED ")).collect();
    assert!(lines.len() >= 2, "{text}");
    let words: Vec<_> = lines[1].split(' ').map(|w| w.split('=').next().unwrap()).collect();
    let expected = [
        "gomaxprocs",
        "idleprocs",
        "threads",
        "spinningthreads",
        "needspinning",
        "idlethreads",
        "runqueue",
        "[",
    ];
    assert_eq!(words[2..10], expected, "{text}");
    assert!(words[1].ends_with("ms:") && lines[1].contains("ms: gomaxprocs=2 "), "{text}");
    assert!(lines[1].contains(" schedticks=[ ") && lines[1].ends_with(']'), "{text}");
}
