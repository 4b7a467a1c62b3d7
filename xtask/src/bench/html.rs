//! `report.html`: one file, works offline, one picture per quantity.

use std::fmt::Write as _;

use gmp_bench_contract::workloads::Better;

use crate::bench::chart;
use crate::bench::markdown::verdict;
use crate::bench::results::{Change, Kind, Report, Row};

const HEAD: &str = "<!doctype html>
<html lang=en><meta charset=utf-8><title>gmp: measurements</title>
<meta name=viewport content='width=device-width'>
<style>
body { font: 15px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .2rem } small { color: #666; font-weight: normal }
svg { display: block; width: 100%; height: auto } .pass { color: #18794e } .fail { color: #c62828 }
text { font: 13px system-ui, sans-serif; fill: #222 }
svg line, svg polyline[stroke='#000000'] { stroke: #94a3b8 } .wrong { border-left: 4px solid #c62828;
       padding-left: 1rem }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 }
       text { fill: #ddd } svg line { stroke: #475569 } small { color: #999 } }
</style>
";

/// The report as a page.
///
/// # Errors
///
/// When a picture cannot be drawn.
pub(super) fn text(report: &Report) -> Result<String, String> {
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
        picture(&mut page, row)?;
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
    Ok(page)
}

fn list(page: &mut String, class: &str, lines: &[String]) {
    let _ = write!(page, "<ul class='{class}'>");
    for line in lines {
        let _ = write!(page, "<li>{}", escape(line));
    }
    page.push_str("</ul>\n");
}

/// What is measured, the verdict, and a bar per runtime.
fn picture(page: &mut String, row: &Row) -> Result<(), String> {
    let better = if row.better == Better::Lower { "less is better" } else { "more is better" };
    let goals: Vec<&str> = row.goals.iter().map(|goal| goal.goal.as_str()).collect();
    let (class, word) = match verdict(row) {
        "pass" => ("pass", "pass"),
        "**FAIL**" => ("fail", "FAIL"),
        other => ("", other),
    };
    let _ = writeln!(
        page,
        "<h2>{} <small>{}, {better}; goal: {} <b class='{class}'>{word}</b>{}</small></h2>\n{}",
        escape(&row.title),
        escape(row.unit),
        escape(&if goals.is_empty() { "none".into() } else { goals.join(", ") }),
        row.change.as_ref().map_or(String::new(), changed),
        chart::bars(row)?,
    );
    Ok(())
}

/// Against the stored run.
fn changed(change: &Change) -> String {
    let (class, word) = match change.kind {
        Kind::Worse => ("fail", "worse"),
        Kind::Better => ("pass", "better"),
        Kind::Noise => ("", "noise"),
    };
    format!("; <b class='{class}'>{:.2} × before, {word}</b>", change.ratio)
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
    use crate::bench::results::{Missing, Results};

    #[test]
    fn a_picture_per_quantity() {
        let results = Results {
            missing: vec![Missing {
                workload: Some("fib".into()),
                runtime: "may".into(),
                reason: "1 < 2".into(),
            }],
            ..Results::example()
        };
        let page = text(&results.report(None)).unwrap();
        assert_eq!(page.matches("<svg ").count(), 1);
        assert!(page.contains("gmp 0.30 ×") && page.contains("1 &lt; 2"));
    }
}
