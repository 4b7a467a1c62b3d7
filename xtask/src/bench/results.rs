//! What came out of the rounds, and what it means: medians, ratios, goals, changes.

use gmp_bench_contract::stats::{median, percentile};
use gmp_bench_contract::workloads::{Better, Goal, Quantity, WORKLOADS};

/// A median may move by this share without being called a change, even when the runs of both sides
/// scatter less: two builds of the same source differ by that much through code placement.
const NOISE: f64 = 0.05;

/// All values of one quantity of one runtime.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// Workload and quantity, e.g. `hogs.p99`.
    pub(super) name: String,
    pub(super) runtime: String,
    /// `--size` of each run.
    pub(super) size: u64,
    /// One value per round.
    pub(super) values: Vec<f64>,
    /// What the program says it has computed.
    pub(super) check: String,
}

/// A number that is not there, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missing {
    /// `None`: the whole runtime.
    pub(super) workload: Option<String>,
    pub(super) runtime: String,
    pub(super) reason: String,
}

/// A finished measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Results {
    /// Machine, versions, options: one note per line.
    pub(super) notes: Vec<String>,
    pub(super) procs: usize,
    pub(super) series: Vec<Series>,
    pub(super) missing: Vec<Missing>,
}

/// What the reports show.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) notes: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) missing: Vec<Missing>,
    /// Different checks, or no number of ours; nothing may be concluded from such a run.
    pub(super) broken: Vec<String>,
    /// Whether a change column makes sense.
    pub(super) compared: bool,
}

/// One quantity of one workload, in all runtimes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    /// gmp first, then the others in the order of measuring.
    pub(super) bars: Vec<Bar>,
    pub(super) goals: Vec<Verdict>,
    pub(super) change: Option<Change>,
}

/// The summary of a series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) runtime: String,
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) rounds: usize,
}

/// A goal in words, and whether it was reached; `None` when it cannot be said.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) goal: String,
    pub(super) reached: Option<bool>,
}

/// gmp now over gmp then.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) ratio: f64,
    pub(super) kind: Kind,
}

/// How a change is to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Worse,
    Better,
    Noise,
}

impl Results {
    /// The programs that did not do the same work; the first of a workload is taken for the truth.
    pub(super) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (at, series) in self.series.iter().enumerate() {
            let first = self.series[..at]
                .iter()
                .find(|other| other.name == series.name && other.size == series.size);
            if let Some(first) = first {
                if first.check != series.check {
                    broken.push(format!(
                        "{}: {} computed {}, {} computed {}",
                        series.name, first.runtime, first.check, series.runtime, series.check
                    ));
                }
            }
        }
        let ours = self.missing.iter().filter(|m| m.runtime == "gmp");
        broken.extend(
            ours.map(|m| {
                format!("gmp {}: {}", m.workload.as_deref().unwrap_or_default(), m.reason)
            }),
        );
        broken
    }

    /// The rows of the table, compared with an earlier measurement when there is one.
    pub(super) fn report(&self, earlier: Option<&Results>) -> Report {
        let mut rows = Vec::new();
        for workload in WORKLOADS {
            for quantity in workload.quantities {
                let name = format!("{}{}", workload.name, quantity.suffix);
                let all: Vec<&Series> = self.series.iter().filter(|s| s.name == name).collect();
                if all.is_empty() {
                    continue;
                }
                let bars: Vec<Bar> = all.iter().map(|series| series.bar()).collect();
                let goals = quantity.goals.iter();
                let goals = goals.filter_map(|goal| verdict(*goal, quantity, &bars, self.procs));
                let suffix = quantity.suffix.trim_start_matches('.');
                let separator = if suffix.is_empty() { "" } else { ": " };
                rows.push(Row {
                    title: format!("{}{separator}{suffix}", workload.title),
                    unit: quantity.unit,
                    better: quantity.better,
                    goals: goals.collect(),
                    change: earlier.and_then(|earlier| change(earlier, self.procs, &all, quantity)),
                    bars,
                    name,
                });
            }
        }
        Report {
            notes: self.notes.clone(),
            rows,
            missing: self.missing.clone(),
            broken: self.broken(),
            compared: earlier.is_some(),
        }
    }
}

impl Series {
    fn bar(&self) -> Bar {
        Bar {
            runtime: self.runtime.clone(),
            median: median(&self.values),
            min: percentile(&self.values, 0.0),
            max: percentile(&self.values, 100.0),
            rounds: self.values.len(),
        }
    }
}

impl Row {
    /// The bar of this runtime.
    pub(super) fn bar(&self, runtime: &str) -> Option<&Bar> {
        self.bars.iter().find(|bar| bar.runtime == runtime)
    }

    /// gmp's median over this runtime's.
    pub(super) fn versus(&self, runtime: &str) -> Option<f64> {
        Some(self.bar("gmp")?.median / self.bar(runtime)?.median)
    }

    /// The best of the others.
    pub(super) fn best_other(&self) -> Option<&Bar> {
        let others = self.bars.iter().filter(|bar| bar.runtime != "gmp");
        match self.better {
            Better::Lower => others.min_by(|a, b| a.median.total_cmp(&b.median)),
            Better::Higher => others.max_by(|a, b| a.median.total_cmp(&b.median)),
        }
    }
}

impl Report {
    /// How many goals were reached, and how many could be judged.
    pub(super) fn score(&self) -> (usize, usize) {
        let judged = || self.rows.iter().flat_map(|row| &row.goals).filter_map(|goal| goal.reached);
        (judged().filter(|reached| *reached).count(), judged().count())
    }
}

/// `None` for a goal that is not meant for so few processors.
fn verdict(goal: Goal, quantity: &Quantity, bars: &[Bar], procs: usize) -> Option<Verdict> {
    let of = |runtime: &str| bars.iter().find(|bar| bar.runtime == runtime).map(|b| b.median);
    let gmp = of("gmp");
    let (goal, reached) = match goal {
        Goal::VersusFrom(from, ..) if procs < from => return None,
        Goal::AtMost(most) => (format!("≤ {most} {}", quantity.unit), gmp.map(|gmp| gmp <= most)),
        Goal::Versus(runtime, ratio) | Goal::VersusFrom(_, runtime, ratio) => {
            let actual = gmp.zip(of(runtime)).map(|(gmp, other)| gmp / other);
            match quantity.better {
                Better::Lower => (format!("≤ {ratio} × {runtime}"), actual.map(|a| a <= ratio)),
                Better::Higher => (format!("≥ {ratio} × {runtime}"), actual.map(|a| a >= ratio)),
            }
        }
    };
    Some(Verdict { goal, reached })
}

/// A change counts when the middle halves of the runs do not overlap and the medians differ by more
/// than [`NOISE`].
fn change(earlier: &Results, procs: usize, now: &[&Series], quantity: &Quantity) -> Option<Change> {
    let now = now.iter().find(|series| series.runtime == "gmp")?;
    let then = earlier.series.iter().find(|series| {
        (&series.name, &series.runtime, series.size) == (&now.name, &now.runtime, now.size)
    })?;
    if earlier.procs != procs {
        return None;
    }
    let ratio = median(&now.values) / median(&then.values);
    let middle = |values: &[f64]| (percentile(values, 25.0), percentile(values, 75.0));
    let ((now_low, now_high), (then_low, then_high)) = (middle(&now.values), middle(&then.values));
    let apart = now_low > then_high || now_high < then_low;
    let worse = (ratio > 1.0) == (quantity.better == Better::Lower);
    let kind = match (apart && (ratio - 1.0).abs() > NOISE, worse) {
        (false, _) => Kind::Noise,
        (true, true) => Kind::Worse,
        (true, false) => Kind::Better,
    };
    Some(Change { ratio, kind })
}

#[cfg(test)]
impl Results {
    /// `fib` of gmp and of Go, one round, 30 and 100 ms: for the tests of pictures and pages.
    pub(super) fn example() -> Results {
        let series = |runtime: &str, value| Series {
            name: "fib".into(),
            runtime: runtime.into(),
            size: 27,
            values: vec![value],
            check: "x".into(),
        };
        Results { series: vec![series("gmp", 30.0), series("go", 100.0)], ..Results::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, runtime: &str, values: &[f64], check: &str) -> Series {
        Series {
            name: name.into(),
            runtime: runtime.into(),
            size: 10,
            values: values.to_vec(),
            check: check.into(),
        }
    }

    fn results(series: Vec<Series>) -> Results {
        Results { procs: 2, series, ..Results::default() }
    }

    #[test]
    fn goals_are_judged() {
        let results = results(vec![
            series("pingpong", "gmp", &[29.0, 30.0, 90.0], "a"),
            series("pingpong", "go", &[100.0, 100.0, 100.0], "a"),
            series("pingpong", "tokio", &[60.0, 61.0, 62.0], "a"),
            series("echo", "gmp", &[100.0], "b"),
            series("echo", "go", &[90.0], "b"),
        ]);
        let report = results.report(None);
        assert!(report.broken.is_empty());
        let [pingpong, echo] = &report.rows[..] else { panic!("two rows: {:?}", report.rows) };
        assert_eq!(pingpong.versus("go"), Some(0.3));
        assert_eq!(pingpong.goals[0].reached, Some(true));
        assert_eq!(pingpong.best_other().unwrap().runtime, "tokio");
        assert_eq!(echo.goals[0].reached, Some(false), "1.11 is less than 1.3");
        assert_eq!(echo.goals[1].reached, None, "nobody measured tokio");
        assert_eq!(report.score(), (1, 2));
    }

    #[test]
    fn different_work_is_not_compared() {
        let results =
            results(vec![series("fib", "gmp", &[1.0], "a"), series("fib", "go", &[1.0], "b")]);
        assert_eq!(results.broken().len(), 1);
    }

    #[test]
    fn a_change_is_more_than_noise() {
        let kind = |then: &[f64], now: &[f64]| {
            let then = results(vec![series("fib", "gmp", then, "a")]);
            let now = results(vec![series("fib", "gmp", now, "a")]);
            now.report(Some(&then)).rows[0].change.as_ref().unwrap().kind
        };
        assert_eq!(kind(&[10.0, 10.1, 10.2], &[12.0, 12.1, 12.2]), Kind::Worse);
        assert_eq!(kind(&[10.0, 10.1, 10.2], &[8.0, 8.1, 8.2]), Kind::Better);
        assert_eq!(kind(&[10.0, 10.1, 10.2], &[10.3, 10.3, 10.3]), Kind::Noise);
        assert_eq!(kind(&[8.0, 10.0, 14.0], &[9.0, 11.0, 15.0]), Kind::Noise);
    }
}
