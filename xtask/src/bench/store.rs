//! The results as JSON: `report.json`, stored runs, and the lines of the measured programs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bench::results::{Missing, Results, Series};

/// The whole of `results`.
pub(super) fn text(results: &Results) -> String {
    let series: Vec<Value> = results
        .series
        .iter()
        .map(|s| {
            json!({"name": s.name, "runtime": s.runtime, "n": s.size, "values": s.values,
                   "check": s.check})
        })
        .collect();
    let missing: Vec<Value> = results
        .missing
        .iter()
        .map(|m| json!({"workload": m.workload, "runtime": m.runtime, "reason": m.reason}))
        .collect();
    let all = json!({"notes": results.notes, "procs": results.procs, "series": series,
                     "missing": missing});
    format!("{all:#}\n")
}

/// A stored run.
pub(super) fn load(path: &Path) -> Result<Results, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse(&text).map_err(|e| format!("{}: {e}", path.display()))
}

fn parse(text: &str) -> Result<Results, String> {
    let all: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let list = |key: &str| all[key].as_array().cloned().ok_or_else(|| format!("no {key}"));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let series = list("series")?.into_iter().map(|s| Series {
        name: word(&s["name"]),
        runtime: word(&s["runtime"]),
        size: s["n"].as_u64().unwrap_or_default(),
        values: s["values"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect(),
        check: word(&s["check"]),
    });
    let missing = list("missing")?.into_iter().map(|m| Missing {
        workload: m["workload"].as_str().map(String::from),
        runtime: word(&m["runtime"]),
        reason: word(&m["reason"]),
    });
    let procs = all["procs"].as_u64().ok_or("no procs")?;
    let (series, missing) = (series.collect(), missing.collect());
    let notes = list("notes")?.iter().map(word).collect();
    Ok(Results { notes, procs: procs as usize, series, missing })
}

/// One result line of a measured program.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// Workload and quantity.
    pub(super) name: String,
    pub(super) runtime: String,
    pub(super) procs: u64,
    pub(super) size: u64,
    pub(super) value: f64,
    pub(super) check: String,
}

/// The result lines in a program's output; anything else in it is an error.
pub(super) fn lines(text: &str) -> Result<Vec<Line>, String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

fn line(text: &str) -> Result<Line, String> {
    let wrong = || format!("not a result line: {text}");
    let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let word = |key: &str| value[key].as_str().map(String::from).ok_or_else(wrong);
    Ok(Line {
        name: word("workload")?,
        runtime: word("runtime")?,
        procs: value["procs"].as_u64().ok_or_else(wrong)?,
        size: value["n"].as_u64().ok_or_else(wrong)?,
        value: value["value"].as_f64().ok_or_else(wrong)?,
        check: word("check")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded() {
        let results = Results {
            notes: vec!["2 × something".into()],
            procs: 2,
            series: vec![Series {
                name: "hogs.p99".into(),
                runtime: "gmp".into(),
                size: 200,
                values: vec![1.25, 1.5],
                check: "c8".into(),
            }],
            missing: vec![Missing { workload: None, runtime: "go".into(), reason: "no".into() }],
        };
        assert_eq!(parse(&text(&results)), Ok(results));
        assert!(parse("{}").is_err());
    }

    #[test]
    fn result_lines() {
        let good = r#"{"workload":"fib","runtime":"go","procs":2,"n":27,"unit":"ms","value":106.5,"check":"2ff42"}"#;
        let lines = lines(good).unwrap();
        assert_eq!((lines[0].name.as_str(), lines[0].value), ("fib", 106.5));
        assert!(super::lines("hello").is_err());
        assert!(super::lines("{\"workload\":\"fib\"}").is_err());
    }
}
