//! The second step of a dump: from addresses to text, in Go's layout.
//!
//! Up to [`GROUP_FROM`] goroutines are printed one by one. Beyond that, goroutines with the same state, stack and
//! origin are one entry, the most numerous first: nobody reads a hundred thousand stacks, of which three are different.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::collect::Row;
use super::symbols;

/// Goroutines from which on they are grouped.
const GROUP_FROM: usize = 1000;

/// A function and where it is.
#[derive(Debug, Clone)]
struct Place {
    function: String,
    file: String,
}

impl Place {
    /// Whether it is in one of these crates: in this workspace, or unpacked under their name and version.
    fn is_of(&self, crates: &[&str]) -> bool {
        let folder = |name: &&str| {
            let (_, rest) = self.file.split_once(&format!("/{name}"))?;
            let rest = rest.trim_start_matches(|c: char| "-.".contains(c) || c.is_ascii_digit());
            rest.starts_with("/src/").then_some(())
        };
        crates.iter().any(|name| folder(name).is_some())
    }

    /// Whether its function is in one of these modules, for programs without debug information.
    fn is_below(&self, modules: &[&str]) -> bool {
        modules.iter().any(|module| self.function.starts_with(module))
    }

    /// Whether its file's path contains one of these.
    fn is_in(&self, paths: &[&str]) -> bool {
        paths.iter().any(|path| self.file.contains(path))
    }
}

/// Names for addresses. Reads debug information, slowly, once per address.
#[derive(Default)]
pub(crate) struct Names {
    known: HashMap<usize, Vec<Place>>,
}

impl Names {
    /// The functions at an address: more than one where calls were inlined, innermost first.
    fn of(&mut self, address: usize) -> &[Place] {
        self.known.entry(address).or_insert_with(|| {
            let mut places = Vec::new();
            backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
                let function =
                    symbol.name().map_or_else(|| "?".to_owned(), |name| format!("{name:#}"));
                let file = match (symbol.filename(), symbol.lineno()) {
                    (Some(file), Some(line)) => format!("{}:{line}", file.display()),
                    (Some(file), None) => file.display().to_string(),
                    (None, _) => format!("{address:#x}"),
                };
                places.push(Place { function, file });
            });
            // The last one is the function itself, the others were inlined into it.
            if let Some((last, name)) = places.last_mut().zip(symbols::function_at(address)) {
                last.function = name;
            }
            places
        })
    }

    /// A stack as people want to read it: from where the goroutine entered the runtime to the function it was spawned
    /// with. All frames with `RUST_BACKTRACE=full`.
    fn stack(&mut self, frames: &[usize]) -> Vec<Place> {
        let all: Vec<Place> = frames.iter().flat_map(|&at| self.of(at).to_vec()).collect();
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v == "full") {
            return all;
        }
        let is_inner = |p: &Place| {
            p.is_of(&["gmp-context", "gmp-sched", "gmp-preempt", "backtrace"])
                || p.is_in(&["gmp/src/dump/", "gmp/src/glue.rs"])
                || p.is_below(&["gmp_context::", "gmp_sched::", "gmp_preempt::", "backtrace::"])
                || p.is_below(&["gmp::dump::", "gmp::glue::"])
                || p.function.starts_with("core::ptr::drop_in_place<gmp_")
        };
        let is_outer = |p: &Place| {
            p.is_of(&["gmp-context", "gmp-sched"])
                || p.is_in(&[
                    "gmp/src/local.rs",
                    "gmp/src/go.rs",
                    "gmp/src/scope.rs",
                    "library/std/src/panic",
                    "library/core/src/panic",
                    "library/core/src/ops/function.rs",
                ])
                || p.function == "__rust_try"
                || p.is_below(&["gmp_context", "gmp_sched::"])
        };
        let begin = all.iter().position(|p| !is_inner(p)).unwrap_or(0);
        let rest = &all[begin..];
        let end = rest.iter().rposition(|p| !is_outer(p)).map_or(rest.len(), |at| at + 1);
        rest[..end].to_vec()
    }
}

/// The whole dump. `own` is the stack of the goroutine that asked for it, which comes first.
pub(crate) fn dump(rows: Vec<Row>, own: Option<(u64, Vec<usize>)>) -> String {
    let mut rows = rows;
    if let Some((id, frames)) = own {
        if let Some(at) = rows.iter().position(|row| row.id == id) {
            let mut row = rows.remove(at);
            row.frames = frames;
            row.state = "running";
            rows.insert(0, row);
        }
    }
    let mut names = Names::default();
    let mut out = String::new();
    if rows.len() < GROUP_FROM {
        for row in &rows {
            one(&mut out, &mut names, row);
        }
    } else {
        grouped(&mut out, &mut names, &rows);
    }
    out
}

fn one(out: &mut String, names: &mut Names, row: &Row) {
    // Writing to a String does not fail, here and below.
    let _ = write!(out, "goroutine {}", row.id);
    if !row.name.is_empty() {
        let _ = write!(out, " {}", row.name);
    }
    let _ = writeln!(out, " [{}]:", status(row));
    body(out, names, row);
}

/// What stands in the brackets: the state, for how many minutes, and the bubble.
fn status(row: &Row) -> String {
    // A call of which the runtime was not told.
    let mut text = if row.asleep { "syscall" } else { row.state }.to_owned();
    let minutes = row.since / 60_000_000_000;
    let waits = !matches!(row.state, "running" | "runnable");
    if waits && minutes >= 1 {
        let _ = write!(text, ", {minutes} minutes");
    }
    if row.locked {
        text.push_str(", locked to thread");
    }
    if row.bubble != 0 {
        let _ = write!(text, ", bubble {}", row.bubble);
    }
    text
}

fn body(out: &mut String, names: &mut Names, row: &Row) {
    if row.frames.is_empty() {
        let why = match row.state {
            "runnable" => "has not run yet",
            "running" if row.asleep => {
                "in a system call; the kernel does not tell its stack, and a signal for it would end the call"
            }
            _ => "stack unavailable",
        };
        let _ = writeln!(out, "\t{why}");
    }
    for place in names.stack(&row.frames) {
        let _ = writeln!(out, "{}\n\t{}", place.function, place.file);
    }
    let at = row.spawned_at;
    match row.parent {
        // The main goroutine is created by nobody.
        0 if row.name == "main" => {}
        0 => drop(writeln!(out, "created by a thread at {}:{}", at.file(), at.line())),
        parent => {
            let _ = writeln!(out, "created by goroutine {parent} at {}:{}", at.file(), at.line());
        }
    }
    out.push('\n');
}

fn grouped(out: &mut String, names: &mut Names, rows: &[Row]) {
    type Key<'a> = ((&'a str, bool, bool), &'a [usize], &'a str, u32);
    let mut groups: HashMap<Key<'_>, Vec<&Row>> = HashMap::new();
    for row in rows {
        let state = (row.state, row.asleep, row.locked);
        let key = (state, &row.frames[..], row.spawned_at.file(), row.spawned_at.line());
        groups.entry(key).or_default().push(row);
    }
    let mut groups: Vec<Vec<&Row>> = groups.into_values().collect();
    groups.sort_by_key(|group| (usize::MAX - group.len(), group[0].id));
    let _ = writeln!(out, "{} goroutines, {} different stacks\n", rows.len(), groups.len());
    for group in groups {
        let [first, rest @ ..] = &group[..] else { continue };
        if rest.is_empty() {
            one(out, names, first);
            continue;
        }
        let longest = group.iter().map(|row| row.since).max().unwrap_or(0);
        let row = Row { since: longest, ..(*first).clone() };
        let ids = ranges(group.iter().map(|row| row.id));
        let _ = writeln!(out, "{} goroutines [{}]: {ids}", group.len(), status(&row));
        body(out, names, &row);
    }
}

/// Ascending numbers as `1-3, 7`, the first few of them.
fn ranges(ids: impl Iterator<Item = u64>) -> String {
    const SHOWN: usize = 8;
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let text = |&(a, b): &(u64, u64)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    let mut shown: Vec<String> = runs.iter().take(SHOWN).map(text).collect();
    if runs.len() > SHOWN {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_range() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), "1-3, 7, 9-10");
        assert_eq!(ranges((0..20).map(|i| i * 2)), "0, 2, 4, 6, 8, 10, 12, 14, …");
    }
}
