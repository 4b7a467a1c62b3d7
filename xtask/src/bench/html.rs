//! `report.html`: one file, works offline, one picture per quantity.
//!
//! The bars are SVG written by hand: a charting crate would cost every `cargo xtask` its build time.

use std::fmt::Write as _;

use gmp_bench_contract::workloads::Better;

use crate::bench::markdown::{figure, verdict};
use crate::bench::results::{Bar, Report, Row};

const HEAD: &str = "<!doctype html>
<html lang=en><meta charset=utf-8><title>gmp: measurements</title>
<meta name=viewport content='width=device-width'>
<style>
body { font: 15px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .2rem } small { color: #666; font-weight: normal }
svg { display: block; width: 100%; height: auto } .pass { color: #18794e } .fail { color: #c62828 }
text { font: 13px system-ui, sans-serif; fill: #222 } .wrong { border-left: 4px solid #c62828;
       padding-left: 1rem }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 }
       text { fill: #ddd } small { color: #999 } }
</style>
";

/// Height of one bar with its gap, and the room for names and figures, in SVG units.
const BAR: usize = 24;
const LEFT: usize = 100;
const WIDTH: usize = 640;
const RIGHT: usize = 160;

/// The report as a page.
pub(super) fn text(report: &Report) -> String {
    let (reached, judged) = report.score();
    let mut page = String::from(HEAD);
    let _ =
        write!(page, "<h1>Measurements <small>{reached} of {judged} goals reached</small></h1>");
    list(&mut page, "", &report.notes);
    if !report.broken.is_empty() {
        page.push_str("<p class=fail>Not a valid run; mend this before concluding anything:</p>");
        list(&mut page, "wrong", &report.broken);
    }
    for row in &report.rows {
        picture(&mut page, row);
    }
    if !report.missing.is_empty() {
        page.push_str("<h2>Missing</h2>");
        let words = report.missing.iter().map(|missing| {
            let workload = missing.workload.as_deref().unwrap_or("everything");
            format!("{}, {workload}: {}", missing.runtime, missing.reason)
        });
        list(&mut page, "", &words.collect::<Vec<_>>());
    }
    page.push_str("</html>\n");
    page
}

fn list(page: &mut String, class: &str, lines: &[String]) {
    let _ = write!(page, "<ul class='{class}'>");
    for line in lines {
        let _ = write!(page, "<li>{}", escape(line));
    }
    page.push_str("</ul>\n");
}

/// A bar per runtime with whiskers from the smallest to the largest value.
fn picture(page: &mut String, row: &Row) {
    let better = if row.better == Better::Lower { "less is better" } else { "more is better" };
    let goals: Vec<&str> = row.goals.iter().map(|goal| goal.goal.as_str()).collect();
    let (class, word) = match verdict(row) {
        "pass" => ("pass", "pass"),
        "**FAIL**" => ("fail", "FAIL"),
        other => ("", other),
    };
    let _ = writeln!(
        page,
        "<h2>{} <small>{}, {better}; goal: {} <b class='{class}'>{word}</b></small></h2>",
        escape(&row.title),
        escape(row.unit),
        escape(&if goals.is_empty() { "none".into() } else { goals.join(", ") }),
    );
    let largest = row.bars.iter().map(|bar| bar.max).fold(f64::MIN_POSITIVE, f64::max);
    let scale = |value: f64| LEFT as f64 + WIDTH as f64 * value / largest;
    let height = BAR * row.bars.len();
    let whole = LEFT + WIDTH + RIGHT;
    let _ = write!(page, "<svg viewBox='0 0 {whole} {height}' role=img>");
    for (at, bar) in row.bars.iter().enumerate() {
        let Bar { runtime, median, min, max, .. } = bar;
        let (top, middle) = (BAR * at + 4, BAR * at + BAR / 2);
        let colour = if runtime == "gmp" { "#c2410c" } else { "#94a3b8" };
        let _ = write!(
            page,
            "<text x='{}' y='{}' text-anchor=end>{}</text>\
             <rect x='{LEFT}' y='{top}' width='{:.1}' height='{}' fill='{colour}'/>\
             <path d='M{:.1} {middle}H{:.1}' stroke='#111' stroke-width='2'/>\
             <text x='{:.1}' y='{}'>{}{}</text>",
            LEFT - 8,
            middle + 4,
            escape(runtime),
            (scale(*median) - LEFT as f64).max(1.0),
            BAR - 8,
            scale(*min),
            scale(*max),
            scale(*max) + 8.0,
            middle + 4,
            figure(*median),
            row.versus(runtime)
                .filter(|_| runtime != "gmp")
                .map_or(String::new(), |ratio| { format!(" (gmp {ratio:.2} ×)") }),
        );
    }
    page.push_str("</svg>\n");
}

/// Text for a page.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What every page of ours begins with.
pub(super) fn head() -> &'static str {
    HEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::{Missing, Results, Series};

    #[test]
    fn a_bar_per_runtime() {
        let series = |runtime: &str, value| Series {
            name: "fib".into(),
            runtime: runtime.into(),
            size: 27,
            values: vec![value],
            check: "x".into(),
        };
        let results = Results {
            series: vec![series("gmp", 30.0), series("go", 100.0)],
            missing: vec![Missing {
                workload: Some("fib".into()),
                runtime: "may".into(),
                reason: "1 < 2".into(),
            }],
            ..Results::default()
        };
        let page = text(&results.report(None));
        assert_eq!(page.matches("<rect ").count(), 2);
        assert!(page.contains("gmp 0.30 ×") && page.contains("1 &lt; 2"));
    }
}
