//! The line at the bottom of the terminal, and a line for each finished workload. Drawn by indicatif, which draws nothing
//! where there is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::markdown::figure;
use crate::bench::results::Results;

/// How far the measuring is, counted in runs of programs.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For so many workloads, about each of which nothing is known yet.
    pub(super) fn new(workloads: usize) -> Progress {
        let bar = ProgressBar::new(0);
        let template = "[{bar:30}] {pos}/{len} runs, {elapsed}, {eta} to go: {prefix} {msg}";
        // The template is constant and good; if not, indicatif's own will do.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("##."));
        }
        bar.set_prefix(format!("0/{workloads}"));
        Progress(bar)
    }

    /// A workload begins, of which so many runs are expected.
    pub(super) fn workload(&self, at: usize, workloads: usize, runs: usize) {
        // Those to come are taken to be like this one.
        let left = workloads - at;
        self.0.set_length(self.0.position() + (runs * left) as u64);
        self.0.set_prefix(format!("{}/{workloads}", at + 1));
    }

    /// A program is run now.
    pub(super) fn run(&self, workload: &str, runtime: &str, round: usize) {
        self.0.set_message(format!("{workload}, {runtime}, round {round}"));
    }

    /// It has ended, or is not run any more.
    pub(super) fn ran(&self) {
        self.0.inc(1);
    }

    /// The medians of a finished workload.
    pub(super) fn line(&self, workload: &str, results: &Results) {
        let report = results.report(None);
        let own = |name: &str| name == workload || name.starts_with(&format!("{workload}."));
        for row in report.rows.iter().filter(|row| own(&row.name)) {
            let bars = row.bars.iter();
            let bars: Vec<String> =
                bars.map(|bar| format!("{} {}", bar.runtime, figure(bar.median))).collect();
            self.0.suspend(|| println!("{:<15} {:<6} {}", row.name, row.unit, bars.join("  ")));
        }
    }

    /// All is done.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
