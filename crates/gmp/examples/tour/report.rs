//! What the tour prints: sections, figures, promises kept or broken, and a progress bar.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The tour's output and its verdict.
pub(crate) struct Report {
    begun: Instant,
    kept: usize,
    broken: usize,
}

impl Report {
    pub(crate) fn new() -> Report {
        Report { begun: Instant::now(), kept: 0, broken: 0 }
    }

    pub(crate) fn title(&self, text: &str) {
        line(&format!("\n== {text}"));
    }

    /// A figure, for the reader.
    pub(crate) fn figure(&self, what: &str, value: &str) {
        line(&format!("          {what:<44} {value}"));
    }

    /// A promise, and whether it held.
    pub(crate) fn promise(&mut self, text: &str, held: bool) {
        let mark = if held { "kept  " } else { "BROKEN" };
        line(&format!("   {mark} {text}"));
        if held {
            self.kept += 1;
        } else {
            self.broken += 1;
        }
    }

    /// The verdict.
    pub(crate) fn end(self) -> ExitCode {
        let Report { begun, kept, broken } = self;
        let took = begun.elapsed().as_secs_f64();
        line(&format!("\n== {kept} promises kept, {broken} broken, in {took:.1} s"));
        if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn line(text: &str) {
    // A tour whose output is gone has nobody to talk to; its exit status still counts.
    let _ = writeln!(io::stdout(), "{text}");
}

/// A bar for what takes more than a second; drawn on terminals only.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    drawn: Option<Instant>,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: u64) -> Progress {
        Progress { what, total, drawn: None, terminal: io::stderr().is_terminal() }
    }

    pub(crate) fn at(&mut self, done: u64) {
        let due = self.drawn.is_none_or(|at| at.elapsed() > Duration::from_millis(50));
        if !self.terminal || !due {
            return;
        }
        self.drawn = Some(Instant::now());
        let filled = (done * 40 / self.total.max(1)).min(40) as usize;
        let bar = "#".repeat(filled);
        let _ = write!(io::stderr(), "\r   {} [{bar:<40}] {done}/{}", self.what, self.total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// A number of `/proc/self/status`, in its unit (kB for memory); 0 where there is none.
pub(crate) fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = text.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|v| v.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The kernel's release.
pub(crate) fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "?".into(), |s| s.trim().into())
}

/// Nanoseconds that each of `n` operations took.
pub(crate) fn each(n: u64, operations: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    operations();
    begun.elapsed().as_nanos() as f64 / n as f64
}

/// The value below which `percent` of the `values` lie.
pub(crate) fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or_default()
}

/// Milliseconds, for people.
pub(crate) fn ms(d: Duration) -> String {
    format!("{:.2} ms", d.as_secs_f64() * 1e3)
}
