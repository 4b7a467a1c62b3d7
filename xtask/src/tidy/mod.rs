//! `cargo xtask tidy`: the rules of the repository that no compiler knows.
//!
//! Each rule is a function over all files that notes what breaks it; the files of this folder hold
//! one family each. The whole list is also a `#[test]`, so `cargo test` tells as well.

mod atomics;
mod edges;
mod layout;
mod promises;
mod prose;
mod text;

use crate::files::{self, File};
use crate::gate::{Report, root};

/// Collects breaches as `path:line: what is wrong and what to do`.
type Rule = fn(&[File], &mut Vec<String>);

/// How many breaches of one rule are shown.
const SHOWN: usize = 25;

/// Every rule, with what it asks for.
const RULES: [(&str, Rule); 17] = [
    ("a file opens with `//!`", layout::heads),
    ("a file holds one concept: 500 lines, tests/ 150", layout::lengths),
    ("imports stand in three groups", layout::imports),
    ("one folder below src/ at most", layout::folders),
    ("`cfg` lives in arch/, sys/ and sync.rs", text::cfgs),
    ("no trailing space, no tab, one newline at the end", text::space),
    ("no stubs, no ignored tests, no `allow`", text::stubs),
    ("no sleeping as synchronisation in tests/", text::sleeps),
    ("atomics come from sync.rs", atomics::sources),
    ("sync.rs has one shape wherever it stands", atomics::same_shape),
    ("a fence or SeqCst is explained above", atomics::explained),
    ("assembly is drawn", atomics::figures),
    ("crate edges point down", edges::check),
    ("ARCHITECTURE.md lists every source file once, and no other", prose::code_map),
    ("commands in documents exist, their code is compiled", prose::readme),
    ("links between documents lead somewhere", prose::links),
    ("promises have numbers and tests that name them", promises::named),
];

pub(crate) fn run(_: &[String]) -> Result<Report, String> {
    let files = files::all(&root())?;
    let mut report = Report::new("rules");
    for (what, rule) in RULES {
        let mut breaches = Vec::new();
        rule(&files, &mut breaches);
        if breaches.is_empty() {
            report.passed += 1;
        } else {
            report.failed += 1;
            let more = breaches.len().saturating_sub(SHOWN);
            breaches.truncate(SHOWN);
            if more > 0 {
                breaches.push(format!("… and {more} more"));
            }
            report.problems.push(format!("{what}:\n      {}", breaches.join("\n      ")));
        }
    }
    let rust = files.iter().filter(|file| file.is_rust()).count();
    report.detail = format!("{} files, {rust} of Rust", files.len());
    Ok(report)
}

/// What `rule` has to say about `files`.
#[cfg(test)]
fn breaches(rule: Rule, files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    rule(files, &mut found);
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_keeps_its_rules() {
        let report = super::run(&[]).unwrap();
        assert!(report.holds(), "\n{}", report.problems.join("\n"));
    }
}
