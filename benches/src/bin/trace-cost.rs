//! What does a trace cost that is recorded? Ping-pong on two processors, in turns without and with one.
//!
//! A turn is so short that all of its events find room: what is measured is noting them. Writing them is another thread's
//! work, between the turns. A program that makes more events than that thread can write loses the rest, which costs less
//! than noting them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gmp::runtime::Builder;
use gmp::{chan, trace};

/// Round trips in a turn, six events in four places each (two switches, two *ready*): they fit a buffer of 32768.
const TRIPS: u32 = 4000;
/// Turns of either kind.
const TURNS: usize = 60;
/// Between two turns, for the trace's thread.
const PAUSE: Duration = Duration::from_millis(15);

/// What was written: how much, and how it ends.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<(usize, Vec<u8>)>>);

impl Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tail = self.0.lock().expect("no writer panics");
        tail.0 += bytes.len();
        tail.1.extend_from_slice(bytes);
        let keep = tail.1.len().saturating_sub(64);
        tail.1.drain(..keep);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One turn, in nanoseconds a round trip.
fn turn(there: &chan::Sender<u32>, back: &chan::Receiver<u32>) -> f64 {
    let begun = Instant::now();
    for n in 0..TRIPS {
        there.send(n).expect("the echo listens");
        back.recv().expect("the echo answers");
    }
    begun.elapsed().as_nanos() as f64 / f64::from(TRIPS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure() -> io::Result<()> {
    let (there, echo) = chan::bounded(0);
    let (answer, back) = chan::bounded(0);
    let _echo = gmp::go(move || echo.iter().try_for_each(|n: u32| answer.send(n)));
    let (mut off, mut on, mut lost) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        gmp::time::sleep(PAUSE);
        off.push(turn(&there, &back));
        let tail = Tail::default();
        trace::start(tail.clone())?;
        gmp::time::sleep(PAUSE);
        on.push(turn(&there, &back));
        trace::stop();
        let tail = tail.0.lock().expect("no writer panics");
        lost += usize::from(!tail.1.ends_with(b"\"lost\":0}}\n"));
    }
    let (off, on) = (median(off), median(on));
    let mut out = io::stdout().lock();
    writeln!(out, "a round trip without a trace: {off:.1} ns")?;
    writeln!(
        out,
        "with one: {on:.1} ns; that is {:.1} ns, or {:.1} %, for six events",
        on - off,
        100.0 * (on - off) / off
    )?;
    writeln!(out, "turns in which events were lost: {lost} of {TURNS}")
}

fn main() -> io::Result<()> {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(measure) }
}
