//! All workloads in turn, round by round, and their medians as the table of `gmp-context`'s README.

use std::time::Instant;

use crate::workloads::{COROSENSEI, GROUPS, RESUME, Run};

const ROUNDS: usize = 25;
/// Long enough that the clock does not count, short enough that a round sees the machine in one state.
const ROUND_NS: f64 = 4e6;

struct Line {
    group: &'static str,
    name: &'static str,
    run: Run,
    /// Operations per round.
    n: u64,
    ns: Vec<f64>,
}

impl Line {
    fn round(&mut self) {
        let start = Instant::now();
        (self.run)(self.n);
        self.ns.push(start.elapsed().as_secs_f64() * 1e9 / self.n as f64);
    }

    /// Enough operations for a round, found out by doing more and more.
    fn calibrate(&mut self) {
        self.n = 1000;
        self.round();
        while let Some(ns) = self.ns.pop().filter(|ns| ns * (self.n as f64) < ROUND_NS) {
            self.n = (self.n * 2).max((ROUND_NS / ns) as u64);
            self.round();
        }
        self.ns.clear();
    }

    fn median(&self) -> f64 {
        self.ns[self.ns.len() / 2]
    }
}

/// Prints the table.
pub(crate) fn print() {
    let mut lines: Vec<Line> = GROUPS
        .iter()
        .flat_map(|(group, workloads)| workloads.iter().map(|workload| (*group, workload)))
        .map(|(group, workload)| {
            let (name, run) = (workload.name, (workload.prepare)());
            Line { group, name, run, n: 0, ns: Vec::new() }
        })
        .collect();
    lines.iter_mut().for_each(Line::calibrate);
    for _ in 0..ROUNDS {
        lines.iter_mut().for_each(Line::round);
    }
    lines.iter_mut().for_each(|line| line.ns.sort_by(f64::total_cmp));
    let of = |group: &str| {
        let theirs = lines.iter().find(|line| (line.group, line.name) == (group, COROSENSEI));
        theirs.map(Line::median)
    };
    let round_trip = of(RESUME).expect("it is there");
    println!("\n{ROUNDS} rounds, all in turn; ns, median (least to most)\n");
    println!("| | ns | of corosensei's |\n|---|---|---|");
    for line in &lines {
        let (least, most) = (line.ns[0], line.ns[line.ns.len() - 1]);
        let ratio = line.median() / of(line.group).unwrap_or(round_trip);
        let Line { group, name, .. } = line;
        println!(
            "| {group}: {name} | {:.2} ({least:.2} to {most:.2}) | {ratio:.2} |",
            line.median()
        );
    }
}
