//! `runtime`, `trace`, `testing`.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gmp::runtime::{self, ForbidPark, Metrics, OsThreadGuard, stack};
use gmp::testing::{self, GoroutineInfo};

#[gmp::test(unsafe, max_procs = 2)]
fn the_runtime() {
    let (procs, cpus, alive): (usize, usize, usize) =
        (runtime::gomaxprocs(), runtime::num_cpu(), runtime::num_goroutine());
    assert_eq!((procs, alive), (2, 1));
    assert!(cpus >= 1);
    let before: usize = runtime::set_gomaxprocs(3);
    assert_eq!((before, runtime::gomaxprocs(), runtime::set_gomaxprocs(2)), (2, 3, 3));
    let locked: OsThreadGuard = runtime::lock_os_thread();
    gmp::yield_now();
    drop(locked);
    let forbidden: ForbidPark = runtime::forbid_park();
    drop(forbidden);
    let metrics: Metrics = runtime::metrics();
    assert!(metrics.goroutines >= 1 && !format!("{metrics:?}").is_empty());
    let mut text: Vec<u8> = Vec::new();
    let written: io::Result<()> = runtime::dump(&mut text);
    written.unwrap();
    assert!(text.starts_with(b"goroutine "));
}

fn depth(n: usize) -> usize {
    stack::maybe_grow(16 << 10, 64 << 10, || if n == 0 { 0 } else { 1 + depth(n - 1) })
}

#[gmp::test(unsafe)]
fn stacks() {
    let left: usize = stack::remaining();
    let text = String::from("borrowed");
    let inside: usize = stack::grow(4 << 20, || stack::remaining() + text.len());
    assert!(left > 0 && inside > 3 << 20);
    assert_eq!(depth(2_000), 2_000);
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[gmp::test(unsafe)]
fn traces() {
    let out = Shared::default();
    let started: io::Result<()> = gmp::trace::start(out.clone());
    started.unwrap();
    gmp::go(gmp::yield_now).join().unwrap();
    gmp::trace::stop();
    assert!(!out.0.lock().unwrap().is_empty());
}

#[gmp::test(unsafe)]
fn bubbles_and_leaks() {
    let day = Duration::from_secs(86_400);
    let slept: Duration = testing::bubble(move || {
        let begin = gmp::time::now();
        gmp::time::sleep(day);
        gmp::time::now() - begin
    });
    assert_eq!(slept, day);
    let (tx, rx) = gmp::chan::bounded::<()>(0);
    let waits = gmp::go(move || rx.recv().is_err());
    let id = waits.id();
    let leaked: Vec<GoroutineInfo> = testing::leaked();
    assert!(leaked.iter().any(|info| info.id == id), "{leaked:?}");
    drop(tx);
    assert!(waits.join().unwrap());
}
