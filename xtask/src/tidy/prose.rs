//! Documents: the code map is complete, commands exist, code is compiled, links lead somewhere.

use crate::files::{File, resolve};

fn find<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    files.iter().find(|file| file.path == path)
}

/// Every file of every crate's `src/` has a line in ARCHITECTURE.md under its crate's name, and
/// every `*.rs` named there exists and is named once.
pub(super) fn code_map(files: &[File], breaches: &mut Vec<String>) {
    let Some(map) = find(files, "ARCHITECTURE.md") else {
        breaches.push("ARCHITECTURE.md is missing".to_owned());
        return;
    };
    let named = named(&map.text);
    for file in files.iter().filter(|f| f.is_rust() && f.krate().is_some() && !f.is_test()) {
        let Some((krate, below)) = file.path["crates/".len()..].split_once("/src/") else {
            continue;
        };
        if !named.iter().any(|(k, path)| k == krate && path == below) {
            breaches.push(format!("{}: not in the code map of {krate}", file.path));
        }
    }
    for (index, (krate, below)) in named.iter().enumerate() {
        let before = &named[..index];
        if before.iter().any(|(k, path)| k == krate && path == below) {
            breaches.push(format!("ARCHITECTURE.md: crates/{krate}/src/{below} is listed twice"));
        }
        if find(files, &format!("crates/{krate}/src/{below}")).is_none() {
            breaches.push(format!("ARCHITECTURE.md: crates/{krate}/src/{below} does not exist"));
        }
    }
}

/// The pairs of crate and path below `src/` that the map names.
///
/// A heading or a line with `crates/NAME` opens a crate's part; from there on each `x.rs` is a
/// file of that crate. Braces, `{a,b}.rs`, stand for several. A map by full paths works as well.
fn named(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut krate = String::new();
    for line in text.lines() {
        if line.starts_with('#') && !line.contains("crates/") {
            krate.clear();
        }
        for word in line.split([' ', '`', '|', '(', ')', '[', ']', '→', ';', '"']) {
            let word = word.trim_matches(['*', ':', '.', ',']);
            let mut path = word;
            if let Some(rest) = word.strip_prefix("crates/") {
                let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
                krate = name.to_owned();
                path = below;
            }
            let path = path.strip_prefix("src/").unwrap_or(path);
            if krate.is_empty() || !path.ends_with(".rs") || path.starts_with("tests/") {
                continue;
            }
            if !path.starts_with("examples/") {
                pairs.extend(expand(path).into_iter().map(|path| (krate.clone(), path)));
            }
        }
    }
    pairs
}

/// `sys/{linux,bsd}.rs` as its two paths.
fn expand(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    match parts {
        Some((head, (middle, tail))) => {
            middle.split(',').map(|choice| format!("{head}{choice}{tail}")).collect()
        }
        None => vec![path.to_owned()],
    }
}

/// What the documents tell a newcomer to type exists, and the Rust of READMEs and `docs/` is compiled as doc tests.
pub(super) fn readme(files: &[File], breaches: &mut Vec<String>) {
    let Some(readme) = find(files, "README.md") else {
        breaches.push("README.md is missing".to_owned());
        return;
    };
    match find(files, ".ci/run") {
        Some(script) if script.text.contains("cargo xtask ci") => {}
        _ => breaches.push(".ci/run does not call `cargo xtask ci`".to_owned()),
    }
    if !readme.text.contains("cargo xtask ci") {
        breaches.push("README.md does not name `cargo xtask ci`".to_owned());
    }
    let tasks = find(files, "xtask/src/main.rs").map_or("", |file| file.text.as_str());
    for file in files.iter().filter(|f| f.path.ends_with(".md")) {
        for (index, line) in file.text.lines().enumerate() {
            let at = format!("{}:{}", file.path, index + 1);
            for rest in line.split("cargo xtask ").skip(1) {
                let task = rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
                if !task.is_empty() && !tasks.contains(&format!("(\"{task}\", ")) {
                    breaches.push(format!("{at}: `cargo xtask {task}` does not exist"));
                }
            }
            for rest in line.split("--example ").skip(1) {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
                let name = &rest[..end.unwrap_or(rest.len())];
                let (flat, folder) =
                    (format!("/examples/{name}.rs"), format!("/examples/{name}/main.rs"));
                let exists =
                    files.iter().any(|f| f.path.ends_with(&flat) || f.path.ends_with(&folder));
                if !name.is_empty() && !exists {
                    breaches.push(format!("{at}: no example `{name}`"));
                }
            }
        }
        // The attributes' runtime depends on their crate, so nothing there can compile this one.
        let rust = file.text.contains("```rust") && file.path != "crates/gmp-macros/README.md";
        let compiled = files
            .iter()
            .filter(|f| f.is_rust())
            .any(|f| f.text.contains("include_str!") && includes(f, &file.path));
        let public = file.name() == "README.md" || file.path.starts_with("docs/");
        if rust && public && !compiled {
            breaches.push(format!("{}: its code is not compiled (`include_str!`)", file.path));
        }
    }
}

/// Whether `source` pulls in the document at `path`.
fn includes(source: &File, path: &str) -> bool {
    source.text.split("include_str!(\"").skip(1).any(|rest| {
        let relative = rest.split('"').next().unwrap_or_default();
        resolve(&source.path, relative).as_deref() == Some(path)
    })
}

/// Links to files of the repository, from one document to another.
pub(super) fn links(files: &[File], breaches: &mut Vec<String>) {
    for file in files.iter().filter(|f| f.path.ends_with(".md")) {
        for (index, line) in file.text.lines().enumerate() {
            for rest in line.split("](").skip(1) {
                let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
                let document = target.ends_with(".md") || target.ends_with(".rs");
                if !document || target.contains("://") {
                    continue;
                }
                let found = resolve(&file.path, target).is_some_and(|p| find(files, &p).is_some());
                if !found {
                    breaches.push(format!("{}:{}: no {target}", file.path, index + 1));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::readme as readme_rule;
    use super::*;
    use crate::tidy::breaches;

    #[test]
    fn the_code_map_is_complete_and_true() {
        let map =
            File::new("ARCHITECTURE.md", "### `crates/x`\n- `src/a.rs`: A.\n- `sys/{b,c}.rs`\n");
        let a = File::new("crates/x/src/a.rs", "");
        let b = File::new("crates/x/src/sys/b.rs", "");
        let c = File::new("crates/x/src/sys/c.rs", "");
        let d = File::new("crates/x/src/d.rs", "");
        assert!(breaches(code_map, &[map.clone(), a.clone(), b.clone(), c.clone()]).is_empty());
        assert_eq!(breaches(code_map, &[map.clone(), a, b, c, d]).len(), 1);
        assert_eq!(breaches(code_map, &[map]).len(), 3);
        let twice = File::new("ARCHITECTURE.md", "### `crates/x`\n- `a.rs`: A.\n- `a.rs`: B.\n");
        let a = File::new("crates/x/src/a.rs", "");
        assert_eq!(breaches(code_map, &[twice, a]).len(), 1);
    }

    #[test]
    fn commands_in_documents_exist() {
        let script = File::new(".ci/run", "exec cargo xtask ci\n");
        let tasks = File::new("xtask/src/main.rs", "(\"ci\", \"\", x)\n");
        let readme = |text: &str| File::new("README.md", &format!("cargo xtask ci\n{text}\n"));
        let with =
            |text: &str| breaches(readme_rule, &[script.clone(), tasks.clone(), readme(text)]);
        assert!(with("").is_empty());
        assert_eq!(with("cargo xtask nonsense").len(), 1);
        assert_eq!(with("cargo run --example absent").len(), 1);
        assert_eq!(with("```rust\n```").len(), 1);
        let page = File::new("docs/a.md", "```rust\n```\n");
        assert_eq!(
            breaches(readme_rule, &[script.clone(), tasks.clone(), readme(""), page]).len(),
            1
        );
    }

    #[test]
    fn links_are_followed() {
        let a = File::new("docs/a.md", "[up](../README.md) [gone](gone.md) [out](a://b/c.md)\n");
        let readme = File::new("README.md", "");
        assert_eq!(breaches(links, &[a, readme]), ["docs/a.md:1: no gone.md"]);
    }
}
