//! Lines: conditions, white space, stubs, sleeps.

use crate::files::File;

/// Conditions that may stand anywhere, because they choose no platform and no engine.
const EVERYWHERE: [&str; 5] = ["test", "doctest", "feature", "debug_assertions", "panic"];

/// Kinds of file in which tabs are the custom.
const TABBED: [&str; 4] = [".s", ".go", "go.mod", "Makefile"];

/// What never stays, spelt so that this file does not contain what it looks for.
const STUBS: [&str; 5] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
    concat!("#[", "allow("),
    concat!("#![", "allow("),
];

/// `cfg` selects platforms and engines in three places, so that the rest reads as one program.
///
/// A condition on loom may also decide which modules exist, which tests run, and how large a
/// constant is, so that models stay small; `testing.rs` is what tests share.
pub(super) fn cfgs(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust() && f.krate().is_some() && f.under("src")) {
        if file.is_test() || file.under("arch") || file.under("sys") || file.name() == "sync.rs" {
            continue;
        }
        let lines: Vec<&str> = file.text.lines().collect();
        for (line, text) in file.code() {
            let code = text.split("//").next().unwrap_or_default();
            let Some(condition) = condition(code) else { continue };
            let words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
            let mut quoted = condition.split('"').skip(1).step_by(2);
            let foreign = words
                .filter(|word| !word.is_empty() && !["not", "all", "any"].contains(word))
                .find(|word| !EVERYWHERE.contains(word) && !quoted.any(|q| q.contains(word)));
            let item = lines[line - 1..].iter().find(|l| !l.starts_with('#')).unwrap_or(&"");
            let modelled = foreign == Some("loom")
                && (["const ", "mod ", "use "].iter().any(|word| item.contains(word))
                    || condition.contains("test")
                    || file.name() == "testing.rs");
            if let (Some(word), false) = (foreign, modelled) {
                let path = &file.path;
                breaches
                    .push(format!("{path}:{line}: `{word}` belongs into arch/, sys/ or sync.rs"));
            }
        }
    }
}

/// What stands in the parentheses of the first `cfg(` or `cfg!(` of a line.
fn condition(code: &str) -> Option<&str> {
    let start = code.find("cfg(").map(|at| at + 4).or(code.find("cfg!(").map(|at| at + 5))?;
    let mut depth = 1;
    let end = code[start..].find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    Some(&code[start..end.map_or(code.len(), |end| start + end)])
}

pub(super) fn space(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.name() != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            let tab = line.contains('\t') && !TABBED.iter().any(|end| file.path.ends_with(end));
            if line.ends_with([' ', '\t', '\r']) || tab {
                breaches.push(format!("{}:{}: trailing space or tab", file.path, index + 1));
            }
        }
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            breaches.push(format!("{}: end with one newline", file.path));
        }
    }
}

pub(super) fn stubs(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust()) {
        for (index, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            // Each test file uses its part of what they share, so an `expect` could not hold.
            if file.under("common") && code.starts_with(concat!("#![", "allow(dead_code")) {
                continue;
            }
            for stub in STUBS.iter().filter(|stub| code.contains(**stub)) {
                breaches.push(format!("{}:{}: `{stub}`", file.path, index + 1));
            }
        }
    }
}

/// A test that sleeps for somebody else is slow where it passes and wrong where it does not.
///
/// Helpers that poll a condition with a deadline may sleep between two looks: they live in
/// `tests/common/` or `tests/util/`. So may a test whose subject is a blocked thread: it says
/// `// Sleep:` and why, on the same line or the one above.
pub(super) fn sleeps(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust() && f.path.contains("/tests/")) {
        if file.path.starts_with("stress/") || file.under("common") || file.under("util") {
            continue;
        }
        let mut above = "";
        for (index, line) in file.text.lines().enumerate() {
            let explained = line.contains("// Sleep:") || above.trim().starts_with("// Sleep:");
            if line.contains(concat!("thread::", "sleep(")) && !explained {
                let at = format!("{}:{}", file.path, index + 1);
                breaches.push(format!("{at}: wait for a condition, or say `// Sleep: why`"));
            }
            above = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::breaches;

    fn source(text: &str) -> [File; 1] {
        [File::new("crates/x/src/a.rs", text)]
    }

    #[test]
    fn platforms_have_their_place() {
        assert_eq!(breaches(cfgs, &source("#[cfg(unix)]\n")).len(), 1);
        assert_eq!(breaches(cfgs, &source("if cfg!(target_os = \"linux\") {\n")).len(), 1);
        assert_eq!(breaches(cfgs, &source("#[cfg(not(loom))]\nfn a() {}\n")).len(), 1);
        assert!(breaches(cfgs, &source("#[cfg(not(loom))]\nmod a;\n")).is_empty());
        assert!(breaches(cfgs, &source("#[cfg(all(test, feature = \"std\"))]\n")).is_empty());
        assert!(
            breaches(cfgs, &source("const N: usize = if cfg!(loom) { 2 } else { 9 };\n"))
                .is_empty()
        );
        let file = [File::new("crates/x/src/sys/mod.rs", "#[cfg(unix)]\n")];
        assert!(breaches(cfgs, &file).is_empty());
    }

    #[test]
    fn stubs_and_space() {
        assert_eq!(breaches(stubs, &source(concat!("fn a() { todo", "!() }\n"))).len(), 1);
        assert_eq!(breaches(space, &source("a \n")).len(), 1);
        assert_eq!(breaches(space, &source("a")).len(), 1);
        assert!(breaches(space, &source("a\n")).is_empty());
    }

    #[test]
    fn sleeping_needs_a_reason() {
        let sleep = concat!("    thread::", "sleep(ms);\n");
        let path = "crates/x/tests/a.rs";
        assert_eq!(breaches(sleeps, &[File::new(path, sleep)]).len(), 1);
        let reason = format!("    // Sleep: the thread shall be blocked in the kernel.\n{sleep}");
        assert!(breaches(sleeps, &[File::new(path, &reason)]).is_empty());
    }
}
