//! From events to spans, and from spans to Chrome's JSON.
//!
//! | process of the file | its tracks | spans |
//! |---|---|---|
//! | processors | one per P | what it ran |
//! | threads | one per M | what it ran, and in which system calls goroutines had it |
//! | goroutines | one each | when it ran, was runnable, or waited, and for what |
//!
//! Spans of a track follow one another. What a goroutine does is one span after the other, from its first event to its
//! last, without a gap.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use gmp_sched::{TraceEvent, TraceKind, WaitReason};

/// Since when a goroutine does what.
#[derive(Clone, Copy)]
enum Since {
    Runs {
        at: u64,
        p: Option<usize>,
        m: usize,
    },
    Waits {
        at: u64,
        why: &'static str,
    },
    /// Has its thread to itself, in a system call.
    Blocks {
        at: u64,
        m: usize,
    },
}

/// Turns events into spans.
pub(super) struct Spans<W: Write> {
    out: W,
    goroutines: HashMap<u64, Since>,
    /// Tracks that have a name.
    named: HashSet<(u32, u64)>,
    /// The time of the last event.
    last: u64,
}

/// The three groups of tracks.
const PROCESSORS: u32 = 1;
const GOROUTINES: u32 = 2;
const THREADS: u32 = 3;

impl<W: Write> Spans<W> {
    pub(super) fn new(out: W) -> Spans<W> {
        Spans { out, goroutines: HashMap::new(), named: HashSet::new(), last: 0 }
    }

    /// Begins the file.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        write!(self.out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        let groups = [(PROCESSORS, "processors"), (THREADS, "threads"), (GOROUTINES, "goroutines")];
        for (index, (pid, name)) in groups.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(
                self.out,
                "{comma}\n{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{pid},\"args\":{{\"name\":\"{name}\"}}}}"
            )?;
            write!(
                self.out,
                ",\n{{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":{pid},\"args\":{{\"sort_index\":{index}}}}}"
            )?;
        }
        Ok(())
    }

    /// Writes what an event ends. They come in the order of their times.
    pub(super) fn event(&mut self, event: &TraceEvent) -> io::Result<()> {
        let (at, g) = (event.at, event.g.as_u64());
        self.last = at;
        match event.kind {
            TraceKind::Start => {
                self.finish(g, at, "")?;
                self.goroutines.insert(g, Since::Runs { at, p: event.p, m: event.m });
            }
            // It runs on another thread already: that one has read its clock early, or this one late.
            TraceKind::Stop(_) if self.runs_elsewhere(g, event.m) => {}
            TraceKind::Stop(WaitReason::Blocking) => {
                self.finish(g, at, WaitReason::Blocking.as_str())?;
                self.goroutines.insert(g, Since::Blocks { at, m: event.m });
            }
            TraceKind::Stop(reason) => {
                self.finish(g, at, reason.as_str())?;
                self.goroutines.insert(g, Since::Waits { at, why: reason.as_str() });
            }
            TraceKind::End => {
                self.finish(g, at, "end")?;
                self.goroutines.remove(&g);
            }
            TraceKind::Ready => {
                // It may run already: clocks of two processors agree to some nanoseconds only.
                if let Some(Since::Waits { .. }) = self.goroutines.get(&g) {
                    self.finish(g, at, "")?;
                    self.goroutines.insert(g, Since::Waits { at, why: "runnable" });
                }
            }
            TraceKind::Spawn => {
                self.goroutines.insert(g, Since::Waits { at, why: "runnable" });
            }
            TraceKind::Steal => self.instant("steal", event)?,
            _ => {}
        }
        Ok(())
    }

    /// Whether `g` runs on another thread than `m`, as far as is known.
    fn runs_elsewhere(&self, g: u64, m: usize) -> bool {
        matches!(self.goroutines.get(&g), Some(Since::Runs { m: there, .. }) if *there != m)
    }

    /// Writes the span of `g` that ends now, and why.
    fn finish(&mut self, g: u64, at: u64, end: &str) -> io::Result<()> {
        match self.goroutines.get(&g).copied() {
            Some(Since::Runs { at: begun, p, m }) => {
                let on = p.map_or_else(String::new, |p| format!("\"p\":{p},"));
                let args = format!("{{\"g\":{g},{on}\"m\":{m},\"end\":\"{end}\"}}");
                if let Some(p) = p {
                    self.span(&format!("G{g}"), (PROCESSORS, p as u64), begun, at, &args)?;
                }
                self.span(&format!("G{g}"), (THREADS, m as u64), begun, at, &args)?;
                self.span("running", (GOROUTINES, g), begun, at, &args)
            }
            Some(Since::Blocks { at: begun, m }) => {
                let args = format!("{{\"g\":{g},\"m\":{m}}}");
                self.span(&format!("syscall of G{g}"), (THREADS, m as u64), begun, at, &args)?;
                self.span("syscall", (GOROUTINES, g), begun, at, &args)
            }
            Some(Since::Waits { at: begun, why }) => {
                self.span(why, (GOROUTINES, g), begun, at, "{}")
            }
            None => Ok(()),
        }
    }

    fn span(
        &mut self,
        name: &str,
        track: (u32, u64),
        begun: u64,
        ended: u64,
        args: &str,
    ) -> io::Result<()> {
        self.name(track)?;
        let (pid, tid) = track;
        let (ts, dur) = (micros(begun), micros(ended.saturating_sub(begun)));
        write!(
            self.out,
            ",\n{{\"ph\":\"X\",\"name\":\"{name}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{ts},\"dur\":{dur},\"args\":{args}}}"
        )
    }

    /// Names a track when it is used for the first time.
    fn name(&mut self, track: (u32, u64)) -> io::Result<()> {
        if !self.named.insert(track) {
            return Ok(());
        }
        let (pid, tid) = track;
        let letter = match pid {
            PROCESSORS => "P",
            THREADS => "M",
            _ => "G",
        };
        write!(
            self.out,
            ",\n{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"name\":\"{letter}{tid}\"}}}}"
        )
    }

    /// On the track of the P, if it was on one.
    fn instant(&mut self, name: &str, event: &TraceEvent) -> io::Result<()> {
        let Some(tid) = event.p else { return Ok(()) };
        let (ts, g) = (micros(event.at), event.g);
        write!(
            self.out,
            ",\n{{\"ph\":\"i\",\"s\":\"t\",\"name\":\"{name}\",\"pid\":{PROCESSORS},\"tid\":{tid},\"ts\":{ts},\"args\":{{\"g\":{g}}}}}"
        )
    }

    /// Ends what still goes on, and the file.
    pub(super) fn end(&mut self, lost: u64) -> io::Result<()> {
        let mut left: Vec<u64> = self.goroutines.keys().copied().collect();
        left.sort_unstable();
        let last = self.last;
        left.into_iter().try_for_each(|g| self.finish(g, last, "trace ended"))?;
        write!(self.out, "\n],\"otherData\":{{\"lost\":{lost}}}}}\n")?;
        self.out.flush()
    }
}

/// Microseconds, exactly: Chrome's unit.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}
