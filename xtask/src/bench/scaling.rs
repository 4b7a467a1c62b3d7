//! `--scaling FILE`: what a bundle's runner printed, over GOMAXPROCS.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gmp_bench_contract::stats::median;
use gmp_bench_contract::workloads::{Quantity, WORKLOADS, Workload};

use crate::bench::chart::{self, Curves};
use crate::bench::markdown::figure;
use crate::bench::store::Line;
use crate::bench::{html, store};
use crate::files::write;

/// Reads the lines and writes `scaling.md` and `scaling.html`.
pub(super) fn report(lines: &Path, home: &Path) -> Result<(), String> {
    let text = fs::read_to_string(lines).map_err(|e| format!("{}: {e}", lines.display()))?;
    let lines = store::lines(&text)?;
    let mut markdown = String::from("# Scaling over GOMAXPROCS\n");
    let mut page = format!("{}<h1>Scaling over GOMAXPROCS</h1>", html::head());
    for (workload, quantity) in all() {
        let name = format!("{}{}", workload.name, quantity.suffix);
        let curves = curves(&lines, &name)?;
        if curves.is_empty() {
            continue;
        }
        table(&mut markdown, workload, quantity, &curves);
        picture(&mut page, workload, quantity, &curves)?;
    }
    page.push_str("</html>\n");
    write(&home.join("scaling.md"), &markdown)?;
    write(&home.join("scaling.html"), &page)?;
    println!("{markdown}\nwritten: {}/scaling.{{md,html}}", home.display());
    Ok(())
}

fn all() -> impl Iterator<Item = (&'static Workload, &'static Quantity)> {
    WORKLOADS.iter().flat_map(|w| w.quantities.iter().map(move |quantity| (w, quantity)))
}

/// The medians of the quantity `name`. Errs when two runtimes computed different things.
fn curves(lines: &[Line], name: &str) -> Result<Curves, String> {
    let mut values: BTreeMap<(&str, u64), Vec<f64>> = BTreeMap::new();
    let own: Vec<&Line> = lines.iter().filter(|line| line.name == name).collect();
    for line in &own {
        let first = own.iter().find(|other| other.size == line.size).map(|first| &first.check);
        if first != Some(&line.check) {
            return Err(format!("{name}: {} computed {}", line.runtime, line.check));
        }
        values.entry((&line.runtime, line.procs)).or_default().push(line.value);
    }
    let mut curves = Curves::new();
    for ((runtime, procs), values) in values {
        curves.entry(runtime.to_owned()).or_default().insert(procs, median(&values));
    }
    Ok(curves)
}

/// A line per runtime; the last column is the first value over the last.
fn table(text: &mut String, workload: &Workload, quantity: &Quantity, curves: &Curves) {
    let procs = chart::procs(curves);
    let _ = write!(
        text,
        "\n## {}{}, {}\n\n| runtime |",
        workload.title, quantity.suffix, quantity.unit
    );
    for p in &procs {
        let _ = write!(text, " {p} |");
    }
    let _ = write!(text, " first / last |\n|---|{}--:|\n", "--:|".repeat(procs.len()));
    for (runtime, curve) in curves {
        let _ = write!(text, "| {runtime} |");
        for p in &procs {
            let value = curve.get(p).map_or("-".into(), |value| figure(*value));
            let _ = write!(text, " {value} |");
        }
        let ends = curve.values().next().zip(curve.values().next_back());
        let _ = writeln!(text, " {:.2} |", ends.map_or(1.0, |(first, last)| first / last));
    }
}

/// Curves, under what they are of.
fn picture(
    page: &mut String,
    workload: &Workload,
    quantity: &Quantity,
    curves: &Curves,
) -> Result<(), String> {
    let _ = write!(
        page,
        "<h2>{} <small>{} over GOMAXPROCS</small></h2>{}",
        html::escape(workload.title),
        html::escape(quantity.suffix.trim_start_matches('.')),
        chart::curves(curves, quantity.unit)?,
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(runtime: &str, procs: u64, value: f64, check: &str) -> Line {
        let (name, runtime, check) = ("fib".into(), runtime.into(), check.into());
        Line { name, runtime, procs, size: 27, value, check }
    }

    #[test]
    fn medians_by_processor_count() {
        let lines = [
            line("gmp", 1, 80.0, "a"),
            line("gmp", 1, 100.0, "a"),
            line("gmp", 1, 90.0, "a"),
            line("gmp", 2, 45.0, "a"),
            line("go", 1, 300.0, "a"),
        ];
        let curves = curves(&lines, "fib").unwrap();
        assert_eq!(curves["gmp"], BTreeMap::from([(1, 90.0), (2, 45.0)]));
        let mut text = String::new();
        let (workload, quantity) = all().find(|(workload, _)| workload.name == "fib").unwrap();
        table(&mut text, workload, quantity, &curves);
        assert!(text.contains("| gmp | 90.0 | 45.0 | 2.00 |"), "{text}");
    }

    #[test]
    fn different_work_is_refused() {
        assert!(curves(&[line("gmp", 1, 1.0, "a"), line("go", 1, 1.0, "b")], "fib").is_err());
    }
}
