//! Many tasks that do nothing: their bytes, and the CPU time of doing nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gmp_bench_contract::procfs::{own_cpu_and_wakeups, resident_and_page_tables};
use gmp_bench_contract::waits::{IDLE_WATCH, REST};
use gmp_bench_contract::{Job, Outcome};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::spawn;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// The closing of a semaphore stands for the closing of a channel.
pub fn parked(job: &Job) -> Outcome {
    let n = job.size;
    crate::runtime(job.procs)
        .block_on(async move {
            spawn(async move {
                let before = resident_and_page_tables();
                let gate = Arc::new(Semaphore::new(0));
                let arrived = Arc::new(AtomicU64::new(0));
                let mut handles = Vec::with_capacity(n as usize);
                let start = Instant::now();
                for _ in 0..n {
                    let (gate, arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
                    handles.push(spawn(async move {
                        // Relaxed: only counted; the semaphore orders the rest.
                        arrived.fetch_add(1, Ordering::Relaxed);
                        assert!(gate.acquire().await.is_err(), "no permit is ever given");
                    }));
                }
                while arrived.load(Ordering::Relaxed) < n {
                    yield_now().await;
                }
                let elapsed = start.elapsed();
                let bytes = (resident_and_page_tables() - before) as f64 / n as f64;
                gate.close();
                let mut left = 0;
                for handle in handles {
                    handle.await.expect("no panic");
                    left += 1;
                }
                let values = vec![bytes, elapsed.as_secs_f64() * 1e9 / n as f64];
                Outcome { values, check: left }
            })
            .await
        })
        .expect("no panic")
}

pub fn idle(job: &Job) -> Outcome {
    let n = job.size;
    crate::runtime(job.procs).block_on(async move { spawn(idle_task(n)).await }).expect("no panic")
}

async fn idle_task(n: u64) -> Outcome {
    let gate = Arc::new(Semaphore::new(0));
    let mut handles = Vec::new();
    for _ in 0..n {
        let gate = Arc::clone(&gate);
        handles.push(spawn(async move {
            assert!(gate.acquire().await.is_err(), "no permit is ever given");
        }));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let mut clients = Vec::new();
    for _ in 0..n / 10 {
        clients.push(TcpStream::connect(addr).await.expect("a connection"));
        let (mut server, _) = listener.accept().await.expect("its other end");
        handles.push(spawn(async move {
            assert_eq!(server.read(&mut [0]).await.expect("an orderly end"), 0);
        }));
    }
    tokio::time::sleep(REST).await;
    let (cpu, wakeups) = own_cpu_and_wakeups();
    let start = Instant::now();
    tokio::time::sleep(IDLE_WATCH).await;
    let (cpu_after, wakeups_after) = own_cpu_and_wakeups();
    let seconds = start.elapsed().as_secs_f64();
    gate.close();
    drop(clients);
    let mut woken = 0;
    for handle in handles {
        handle.await.expect("no panic");
        woken += 1;
    }
    let cpu = 100.0 * cpu_after.saturating_sub(cpu).as_secs_f64() / seconds;
    let wakeups = wakeups_after.saturating_sub(wakeups) as f64 / seconds;
    Outcome { values: vec![cpu, wakeups], check: woken }
}
