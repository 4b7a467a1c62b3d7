//! `report.md`: one table for the goals, one for all numbers.

use std::fmt::Write as _;

use crate::bench::results::{Bar, Kind, Report, Row};

/// The report as Markdown.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::from("# Measurements\n\n");
    for note in &report.notes {
        let _ = writeln!(text, "- {note}");
    }
    if !report.broken.is_empty() {
        text.push_str("\n**Not a valid run; mend this before concluding anything:**\n\n");
        for broken in &report.broken {
            let _ = writeln!(text, "- {broken}");
        }
    }
    let (reached, judged) = report.score();
    let _ = writeln!(text, "\n## Goals: {reached} of {judged} reached\n");
    let change = if report.compared { " change |" } else { "" };
    let _ = writeln!(
        text,
        "| workload | unit | gmp | Go | best other | gmp / Go | gmp / best | goal | |{change}"
    );
    let _ = writeln!(
        text,
        "|---|---|--:|--:|--:|--:|--:|---|---|{}",
        if report.compared { "---|" } else { "" }
    );
    for row in &report.rows {
        goals(&mut text, row, report.compared);
    }
    text.push_str("\n## All numbers: median [smallest - largest] of the rounds\n\n");
    for row in &report.rows {
        let bars: Vec<String> = row.bars.iter().map(all).collect();
        let _ =
            writeln!(text, "- {} (`{}`, {}): {}", row.title, row.name, row.unit, bars.join("; "));
    }
    if !report.missing.is_empty() {
        text.push_str("\n## Missing\n\n");
        for missing in &report.missing {
            let workload = missing.workload.as_deref().unwrap_or("everything");
            let reason = missing.reason.replace('\n', " ");
            let _ = writeln!(text, "- {}, {workload}: {reason}", missing.runtime);
        }
    }
    text
}

fn goals(text: &mut String, row: &Row, compared: bool) {
    let median = |bar: Option<&Bar>| bar.map_or("-".into(), |bar| figure(bar.median));
    let ratio = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"));
    let best = row.best_other();
    let best_text = best.map_or("-".into(), |b| format!("{} {}", b.runtime, figure(b.median)));
    let goals: Vec<&str> = row.goals.iter().map(|goal| goal.goal.as_str()).collect();
    let _ = write!(
        text,
        "| {} | {} | {} | {} | {best_text} | {} | {} | {} | {} |",
        row.title,
        row.unit,
        median(row.bar("gmp")),
        median(row.bar("go")),
        ratio(row.versus("go")),
        ratio(best.and_then(|best| row.versus(&best.runtime))),
        goals.join(", "),
        verdict(row),
    );
    if compared {
        let words = row.change.as_ref().map_or("-".into(), |change| match change.kind {
            Kind::Worse => format!("**{:.2} ×, worse**", change.ratio),
            Kind::Better => format!("{:.2} ×, better", change.ratio),
            Kind::Noise => format!("{:.2} ×, noise", change.ratio),
        });
        let _ = write!(text, " {words} |");
    }
    text.push('\n');
}

/// `pass`, `FAIL`, `?` when the other side is missing; nothing where there is no goal.
pub(super) fn verdict(row: &Row) -> &'static str {
    let reached = |wanted| row.goals.iter().any(|goal| goal.reached == wanted);
    match row.goals.is_empty() {
        true => "",
        false if reached(Some(false)) => "**FAIL**",
        false if reached(None) => "?",
        false => "pass",
    }
}

fn all(bar: &Bar) -> String {
    let Bar { runtime, median, min, max, rounds } = bar;
    format!("{runtime} {} [{} - {}] of {rounds}", figure(*median), figure(*min), figure(*max))
}

/// Three significant digits, thousands separated.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size < 0.1 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at) % 3 == 0 && text != "-" {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures() {
        let shown = [0.01234, 2.1, 34.56, 999.6, 55012.5, 1_234_567.0].map(figure);
        assert_eq!(shown, ["0.0123", "2.10", "34.6", "1,000", "55,012", "1,234,567"]);
    }
}
