//! Many goroutines that do nothing: their bytes, and the CPU time of doing nothing.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gmp::chan::bounded;
use gmp::net::{TcpListener, TcpStream};
use gmp::time::sleep;
use gmp::{go, yield_now};
use gmp_bench_contract::procfs::{own_cpu_and_wakeups, resident_and_page_tables};
use gmp_bench_contract::waits::{IDLE_WATCH, REST};
use gmp_bench_contract::{Job, Outcome};

/// Goroutines that wait for a channel to be closed; bytes and time each.
pub(crate) fn parked(job: &Job) -> Outcome {
    let n = job.size;
    let before = resident_and_page_tables();
    let (gate, wait) = bounded::<()>(0);
    let arrived = Arc::new(AtomicU64::new(0));
    let left = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..n {
        let (wait, arrived, left) = (wait.clone(), Arc::clone(&arrived), Arc::clone(&left));
        go(move || {
            // Relaxed, here and below: only counted; the channel orders the rest.
            arrived.fetch_add(1, Ordering::Relaxed);
            assert!(wait.recv().is_err(), "nothing is ever sent");
            left.fetch_add(1, Ordering::Relaxed);
        });
    }
    while arrived.load(Ordering::Relaxed) < n {
        yield_now();
    }
    let elapsed = start.elapsed();
    let bytes = (resident_and_page_tables() - before) as f64 / n as f64;
    gate.close();
    while left.load(Ordering::Relaxed) < n {
        yield_now();
    }
    let check = left.load(Ordering::Relaxed);
    Outcome { values: vec![bytes, elapsed.as_secs_f64() * 1e9 / n as f64], check }
}

/// Parked goroutines and a tenth as many idle connections; CPU time and wake-ups while watched.
pub(crate) fn idle(job: &Job) -> Outcome {
    let n = job.size;
    let (gate, wait) = bounded::<()>(0);
    let mut handles = Vec::new();
    for _ in 0..n {
        let wait = wait.clone();
        handles.push(go(move || assert!(wait.recv().is_err(), "nothing is ever sent")));
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let mut clients = Vec::new();
    for _ in 0..n / 10 {
        clients.push(TcpStream::connect(addr).expect("a connection"));
        let (mut server, _) = listener.accept().expect("its other end");
        handles.push(go(move || {
            assert_eq!(server.read(&mut [0]).expect("an orderly end"), 0);
        }));
    }
    sleep(REST);
    let (cpu, wakeups) = own_cpu_and_wakeups();
    let start = Instant::now();
    sleep(IDLE_WATCH);
    let (cpu_after, wakeups_after) = own_cpu_and_wakeups();
    let seconds = start.elapsed().as_secs_f64();
    gate.close();
    drop(clients);
    let mut woken = 0;
    for handle in handles {
        handle.join().expect("no panic");
        woken += 1;
    }
    let cpu = 100.0 * cpu_after.saturating_sub(cpu).as_secs_f64() / seconds;
    let wakeups = wakeups_after.saturating_sub(wakeups) as f64 / seconds;
    Outcome { values: vec![cpu, wakeups], check: woken }
}
