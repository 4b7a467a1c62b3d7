//! A trace that begins while a flight recorder runs has its own events only, and its own losses.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use gmp::trace::{self, FlightRecorder};

/// A file in memory, whose first write waits until it is let go on.
struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    waits: Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((begun, go_on)) = self.waits.take() {
            begun.send(()).unwrap();
            go_on.recv().unwrap();
        }
        self.bytes.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records a trace of what `body` does; returns it, and how many events were lost.
fn traced(
    waits: Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>,
    body: impl FnOnce(),
) -> (String, usize) {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    trace::start(Kept { bytes: bytes.clone(), waits }).unwrap();
    body();
    trace::stop();
    let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
    let (events, lost) = text.rsplit_once(",\"otherData\":{\"lost\":").unwrap();
    (events.to_owned(), lost.trim_end_matches(['}', '\n']).parse().unwrap())
}

/// A goroutine that has ended; its number.
fn ended() -> gmp::GoId {
    let one = gmp::go(|| ());
    let id = one.id();
    one.join().unwrap();
    id
}

fn has(trace: &str, id: gmp::GoId) -> bool {
    trace.contains(&format!("\"tid\":{id},"))
}

#[gmp::test(unsafe, max_procs = 2)]
fn a_trace_begins_when_it_is_started() {
    let recorder = FlightRecorder::start(Duration::from_secs(10)).unwrap();
    // While its writer waits nobody empties the buffers, and events are lost.
    let ((began, begun), (go_on, told)) = (mpsc::channel(), mpsc::channel());
    let (_, lost) = traced(Some((began, told)), || {
        // More than is kept before it is written.
        (0..500).for_each(|_| _ = ended());
        gmp::blocking(|| begun.recv()).unwrap();
        // More events than the buffers of two threads hold.
        (0..30_000).for_each(|_| _ = ended());
        go_on.send(()).unwrap();
    });
    assert!(lost > 0, "the premise");
    let before = ended();
    let mut during = None;
    let (events, lost) = traced(None, || during = Some(ended()));
    assert_eq!(lost, 0);
    assert!(has(&events, during.unwrap()) && !has(&events, before), "{events}");
    let mut window = Vec::new();
    recorder.write_to(&mut window).unwrap();
    assert!(has(&String::from_utf8(window).unwrap(), before));
}
