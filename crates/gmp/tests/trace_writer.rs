//! What a trace is written to is the user's code: it may take its time or panic, and nothing else comes to harm.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use gmp::trace::{self, FlightRecorder};

/// Waits with its first write until it is let go on.
struct Slow {
    writes: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
    bytes: Arc<AtomicUsize>,
    waited: bool,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.waited {
            self.waited = true;
            self.writes.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        self.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Panics, and says so.
struct Panics(Arc<AtomicBool>);

impl Write for Panics {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.store(true, Ordering::Relaxed);
        panic!("on purpose");
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// More than what is kept before it is written.
fn happens() {
    (0..500).for_each(|_| gmp::go(|| ()).join().unwrap());
}

#[gmp::test(unsafe, max_procs = 2)]
fn a_writer_harms_nobody_else() {
    // One that takes its time: others get what they want meanwhile, and nothing is lost.
    let recorder = FlightRecorder::start(Duration::from_secs(10)).unwrap();
    let ((writes, begun), (go_on, told)) = (mpsc::channel(), mpsc::channel());
    let bytes = Arc::new(AtomicUsize::new(0));
    trace::start(Slow { writes, go_on: told, bytes: bytes.clone(), waited: false }).unwrap();
    happens();
    gmp::blocking(|| begun.recv()).unwrap();
    let last = gmp::go(|| ());
    let id = last.id();
    last.join().unwrap();
    let mut out = Vec::new();
    recorder.write_to(&mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains(&format!("\"tid\":{id},")));
    assert_eq!(bytes.load(Ordering::Relaxed), 0);
    go_on.send(()).unwrap();
    trace::stop();
    assert!(bytes.load(Ordering::Relaxed) > 500 * 80);
    drop(recorder);

    // One that panics: the trace ends, and others can be made.
    let panicked = Arc::new(AtomicBool::new(false));
    trace::start(Panics(panicked.clone())).unwrap();
    while !panicked.load(Ordering::Relaxed) {
        happens();
    }
    // Says that the trace is incomplete; the writer gets nothing more.
    panicked.store(false, Ordering::Relaxed);
    trace::stop();
    assert!(!panicked.load(Ordering::Relaxed));
    let kept = Kept::default();
    trace::start(kept.clone()).unwrap();
    happens();
    trace::stop();
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(text.matches("\"name\":\"running\"").count() >= 500, "{text}");
    assert!(text.ends_with("}}\n"), "{text}");
}
