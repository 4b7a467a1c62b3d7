//! docs/promises.md: every promise has a number, and tests that exist and name it.

use crate::files::File;

const TABLE: &str = "docs/promises.md";

/// What a row says instead of naming tests.
const EXEMPT: &str = "does not apply: ";

/// Checks the rows `| number | what | tests |` of the table.
pub(super) fn named(files: &[File], breaches: &mut Vec<String>) {
    let Some(table) = files.iter().find(|file| file.path == TABLE) else {
        breaches.push(format!("{TABLE} is missing"));
        return;
    };
    let mut before = String::new();
    for (index, line) in table.text.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, tests] = cells[..] else { continue };
        let Some((series, n)) = parts(number) else { continue };
        let at = format!("{TABLE}:{}", index + 1);
        let follows = parts(&before).is_some_and(|(s, m)| s == series && m + 1 == n);
        if !(follows || n == 1) {
            breaches.push(format!("{at}: {number} does not follow {before}"));
        }
        before = number.to_owned();
        if tests.starts_with(EXEMPT) {
            continue;
        }
        let tests: Vec<&str> = tests.split('`').filter(|part| part.contains("::")).collect();
        if tests.is_empty() {
            breaches.push(format!("{at}: {number} names no test"));
        }
        for test in tests {
            if let Err(what) = names(files, test, number) {
                breaches.push(format!("{at}: {test}: {what}"));
            }
        }
    }
    if before.is_empty() {
        breaches.push(format!("{TABLE} has no rows"));
    }
}

/// `C7` as its series and its number.
fn parts(number: &str) -> Option<(&str, u32)> {
    let digits = number.find(|c: char| c.is_ascii_digit())?;
    let (series, n) = number.split_at(digits);
    let letters = !series.is_empty() && series.chars().all(|c| c.is_ascii_uppercase());
    Some((series, n.parse().ok()?)).filter(|_| letters)
}

/// Whether the test `path::name` exists and says that it is about `number`.
fn names(files: &[File], test: &str, number: &str) -> Result<(), &'static str> {
    let (path, name) = test.split_once("::").ok_or("not `path::test`")?;
    let path = format!("crates/{path}");
    let file = files.iter().find(|file| file.path == path).ok_or("no such file")?;
    let at = file.text.find(&format!("fn {name}(")).ok_or("no such test")?;
    let line = file.text[..at].rfind('\n').map_or(0, |end| end + 1);
    let above: Vec<&str> = file.text[..line]
        .lines()
        .rev()
        .map(str::trim)
        .take_while(|line| line.starts_with("///") || line.starts_with("#["))
        .collect();
    if !above.iter().any(|line| line.contains("test")) {
        return Err("not a test");
    }
    let said = above.iter().filter_map(|line| line.strip_prefix("/// Promise"));
    let mut words = said.flat_map(|line| line.split([' ', ',', '.']));
    let named = words.any(|word| word == number)
        || name.split('_').any(|part| part == number.to_ascii_lowercase());
    if named { Ok(()) } else { Err("does not name the promise") }
}

#[cfg(test)]
mod tests {
    use super::super::breaches;
    use super::*;

    fn of(rows: &str) -> Vec<String> {
        let table = format!("| promise | what | tests |\n|---|---|---|\n{rows}");
        let tests = "#[test]\nfn c1_c2_works() {}\n\n/// Why.\n/// Promises C3, C4.\n#[test]\nfn \
                     other() {}\n\n/// Promise C1.\nfn helper() {}\n";
        let files = [File::new(TABLE, &table), File::new("crates/x/tests/t.rs", tests)];
        breaches(named, &files)
    }

    #[test]
    fn named_tests_are_found() {
        let good = "| C1 | a | `x/tests/t.rs::c1_c2_works` |\n\
                    | C2 | b | `x/tests/t.rs::c1_c2_works` |\n\
                    | C3 | c | `x/tests/t.rs::other` |\n\
                    | C4 | d | does not apply: no. |\n\
                    | X1 | e | `x/tests/t.rs::other` |\n";
        assert_eq!(
            of(good),
            [format!("{TABLE}:7: x/tests/t.rs::other: does not name the promise")]
        );
    }

    #[test]
    fn gaps_and_missing_tests_are_found() {
        let bad = "| C1 | a | `x/tests/t.rs::gone` |\n\
                   | C3 | b | `y.rs::other`, `x/tests/t.rs::helper` |\n\
                   | C4 | c | tested by hand |\n";
        assert_eq!(of(bad).len(), 5, "{:?}", of(bad));
        assert_eq!(of("").len(), 1);
        assert_eq!(breaches(named, &[]).len(), 1);
    }
}
