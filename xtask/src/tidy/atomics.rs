//! Concurrency: where atomics come from, what is said beside them, and what assembly shows.

use crate::files::File;
use crate::loom::REQUIRED;

/// The file that a folder's atomics come from: where a crate is modelled as a whole its `sync.rs`, where a folder of it is,
/// that folder's `atomic.rs`.
fn is_source(file: &File) -> bool {
    let loom = file.text.contains("cfg(loom)") || file.text.contains("cfg(all(test, loom))");
    ["sync.rs", "atomic.rs"].contains(&file.name()) && file.krate().is_some() && loom
}

/// Beside and below a source that knows loom, atomics come through it, so that loom sees them. What takes them from loom
/// itself stands in for something in models only.
pub(super) fn sources(files: &[File], breaches: &mut Vec<String>) {
    let modelled: Vec<(&str, &str)> = files
        .iter()
        .filter(|file| is_source(file))
        .map(|file| (file.path.trim_end_matches(file.name()), file.name()))
        .collect();
    for file in files.iter().filter(|f| f.is_rust() && f.under("src") && !is_source(f)) {
        let source = modelled.iter().find(|(folder, _)| file.path.starts_with(folder));
        let Some((_, source)) = source.filter(|_| !file.is_test()) else { continue };
        for (line, text) in file.code() {
            let code = text.split("//").next().unwrap_or_default();
            let through = code.contains("crate::") || code.contains("loom::");
            if code.contains("sync::atomic") && !through {
                breaches.push(format!("{}:{line}: take it from `{source}`", file.path));
            }
        }
    }
}

/// What every `sync.rs` of a crate that is modelled as a whole defines, so that who knows one knows all. `gmp` has a folder
/// with protocols, whose `atomic.rs` is another thing: both sorts of atomics at once.
///
/// Not one text: each crate takes from loom what its protocols need, a futex here, a poller's
/// wake-up there, and a common text would have to hold the union.
const SHAPE: [&str; 4] =
    ["#[cfg(not(loom))]\nmod imp {", "#[cfg(loom)]\nmod imp {", "mod plain {", "model"];

pub(super) fn same_shape(files: &[File], breaches: &mut Vec<String>) {
    for krate in REQUIRED.iter().filter(|krate| **krate != "gmp") {
        let path = format!("crates/{krate}/src/sync.rs");
        let Some(file) = files.iter().find(|f| f.path == path) else {
            breaches.push(format!("{path} is missing: its protocols cannot be modelled"));
            continue;
        };
        for part in SHAPE.iter().filter(|part| !file.text.contains(**part)) {
            breaches.push(format!("{path}: no `{}`", part.replace('\n', " ")));
        }
    }
}

/// How far above a statement its comment may begin to end: the length of a multi-line expression.
const REACH: usize = 4;

/// The strongest orderings are taken for an argument, never for safety's sake; so it is written.
pub(super) fn explained(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust() && f.krate().is_some() && f.under("src")) {
        if file.is_test() || file.name() == "sync.rs" {
            continue;
        }
        let lines: Vec<&str> = file.code().map(|(_, line)| line).collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let import = code.trim_start().starts_with("use ") || code.contains("fn fence(");
            let strong = code.contains("fence(") || contains_word(code, "SeqCst");
            if import || !strong {
                continue;
            }
            let above = &lines[index.saturating_sub(REACH)..=index];
            if !above.iter().any(|line| line.contains("//")) {
                let at = format!("{}:{}", file.path, index + 1);
                breaches.push(format!("{at}: say which fence or store this one pairs with"));
            }
        }
    }
}

fn contains_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

/// A register dance without a picture is read wrong.
pub(super) fn figures(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.is_rust() && f.krate().is_some() && f.under("src")) {
        let assembly = file.code().any(|(_, line)| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("asm!(") && !code.contains('"')
        });
        if assembly && !file.text.contains("```text") {
            breaches.push(format!("{}: draw the stack in a `text` block", file.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::breaches;

    #[test]
    fn atomics_come_from_sync() {
        let sync = File::new("crates/x/src/sync.rs", "#[cfg(loom)]\nmod imp {}\n");
        let source = File::new("crates/x/src/a.rs", "use std::sync::atomic::AtomicBool;\n");
        assert_eq!(breaches(sources, &[sync, source.clone()]).len(), 1);
        assert!(breaches(sources, &[source]).is_empty());
    }

    /// One folder of a crate is modelled.
    #[test]
    fn atomics_of_a_folder_come_from_its_own() {
        let all = "use std::sync::atomic::AtomicBool;\n#[cfg(all(test, loom))]\nmod stand_in {}\n";
        let own = File::new("crates/x/src/sync/atomic.rs", all);
        let bare = "use std::sync::atomic::AtomicBool;\n";
        let inside = File::new("crates/x/src/sync/a.rs", bare);
        let outside = File::new("crates/x/src/b.rs", bare);
        let found = breaches(sources, &[own.clone(), inside.clone(), outside]);
        assert_eq!(found, ["crates/x/src/sync/a.rs:1: take it from `atomic.rs`"]);
        let without = File::new(&own.path, bare);
        assert!(breaches(sources, &[without, inside]).is_empty());
    }

    #[test]
    fn sync_has_one_shape() {
        let good = SHAPE.join("\n");
        let of = |text: &str| {
            let path = |krate: &&str| File::new(&format!("crates/gmp-{krate}/src/sync.rs"), text);
            breaches(
                same_shape,
                &["context", "sched", "netpoll", "preempt"].iter().map(path).collect::<Vec<_>>(),
            )
        };
        assert!(of(&good).is_empty());
        assert_eq!(of("//! Empty.\n").len(), 4 * SHAPE.len());
        assert_eq!(breaches(same_shape, &[]).len(), 4);
    }

    #[test]
    fn strong_orderings_are_explained() {
        let bare = File::new("crates/x/src/a.rs", "\n\n\n\n\nfence(SeqCst);\n");
        assert_eq!(breaches(explained, &[bare]).len(), 1);
        let told =
            File::new("crates/x/src/a.rs", "// SeqCst fence: pairs with B.\nfence(SeqCst);\n");
        assert!(breaches(explained, &[told]).is_empty());
    }

    #[test]
    fn assembly_is_drawn() {
        let bare = File::new("crates/x/src/arch/a.rs", "//! A.\nglobal_asm!(\n");
        assert_eq!(breaches(figures, &[bare]).len(), 1);
    }
}
