//! Shape: heads, lengths, import groups, folders.

use crate::files::File;

/// The most lines of code and comment in one file.
const CODE_LINES: usize = 500;

/// The most lines of a file in `tests/`: one behaviour.
const TEST_LINES: usize = 150;

pub(super) fn heads(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust() && !f.text.starts_with("//! ")) {
        breaches.push(format!("{}:1: begin with `//! ` and one sentence", file.path));
    }
}

pub(super) fn lengths(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust()) {
        let limit = match (file.is_test(), file.under("tests")) {
            // What has no tests of its own is support for those that have.
            (_, true) if file.text.contains("#[test]") => TEST_LINES,
            (_, true) => CODE_LINES,
            (true, false) => continue,
            (false, false) => CODE_LINES,
        };
        let lines = file.code().count();
        if lines > limit {
            breaches.push(format!("{}: {lines} lines, at most {limit}: split it", file.path));
        }
    }
}

/// Code of ours lives at `src/x.rs` or `src/folder/x.rs`.
pub(super) fn folders(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust() && f.krate().is_some()) {
        if let Some((_, below)) = file.path.split_once("/src/") {
            // Tests may have a folder of their own beside what they test.
            if below.split('/').filter(|part| *part != "tests").count() > 2 {
                breaches.push(format!("{}: more than one folder below src/", file.path));
            }
        }
    }
}

/// The groups that rustfmt on stable cannot keep: std, then other crates, then our own modules.
pub(super) fn imports(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust()) {
        // The group of the import above, while only imports and blank lines stand between.
        let mut last: Option<usize> = None;
        let mut gap = false;
        let mut inside = false;
        for (index, line) in file.text.lines().enumerate() {
            if inside {
                inside = !line.ends_with(';');
                continue;
            }
            if let Some(path) = line.strip_prefix("use ") {
                let group = group(path);
                if let Some(last) = last {
                    let at = format!("{}:{}", file.path, index + 1);
                    if group < last {
                        breaches.push(format!("{at}: order: std, other crates, own modules"));
                    } else if group > last && !gap {
                        breaches.push(format!("{at}: a blank line between import groups"));
                    } else if group == last && gap {
                        breaches.push(format!("{at}: a blank line splits an import group"));
                    }
                }
                last = Some(group);
                gap = false;
                inside = !line.ends_with(';');
            } else if line.is_empty() {
                gap = true;
            } else {
                last = None;
                gap = false;
            }
        }
    }
}

fn group(path: &str) -> usize {
    let first = path.trim_start_matches("::").split([':', ';', ' ']).next().unwrap_or_default();
    match first {
        "std" | "core" | "alloc" | "proc_macro" => 0,
        "crate" | "self" | "super" => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::breaches;

    #[test]
    fn heads_and_lengths() {
        assert_eq!(breaches(heads, &[File::new("a.rs", "// A.\n")]).len(), 1);
        let long = "//! A.\n".repeat(501);
        assert_eq!(breaches(lengths, &[File::new("crates/x/src/a.rs", &long)]).len(), 1);
        assert!(breaches(lengths, &[File::new("crates/x/src/a_tests.rs", &long)]).is_empty());
        let short = "//! A.\n".repeat(151);
        assert!(breaches(lengths, &[File::new("crates/x/tests/support.rs", &short)]).is_empty());
        let tests = format!("{short}#[test]\n");
        assert_eq!(breaches(lengths, &[File::new("crates/x/tests/a.rs", &tests)]).len(), 1);
    }

    #[test]
    fn import_groups() {
        let good =
            "use std::io;\n\nuse libc::c_int;\n\nuse crate::{\n    a,\n    b,\n};\nuse super::c;\n";
        assert!(breaches(imports, &[File::new("a.rs", good)]).is_empty());
        for bad in [
            "use crate::a;\n\nuse std::io;\n",
            "use std::io;\nuse crate::a;\n",
            "use std::io;\n\nuse std::fmt;\n",
        ] {
            assert_eq!(breaches(imports, &[File::new("a.rs", bad)]).len(), 1, "{bad}");
        }
    }

    #[test]
    fn folders_are_flat() {
        assert!(breaches(folders, &[File::new("crates/x/src/sys/epoll.rs", "")]).is_empty());
        assert_eq!(breaches(folders, &[File::new("crates/x/src/sys/linux/a.rs", "")]).len(), 1);
    }
}
