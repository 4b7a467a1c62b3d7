//! `cargo xtask book [--install]`: the documents as one book, whose chapters are complete and whose links lead somewhere.
//!
//! `docs/SUMMARY.md` lists the chapters, and some of them lie outside of `docs/`, where people look for them first. So
//! the book is put together in `target/book`: pages get flat names, links among them follow, links to source files become
//! plain text ([`pages`]). That much is always checked. mdBook then makes `target/book/html`, where it is at hand; `--install`
//! builds it. Go's side of the comparisons is checked by Go, where that is at hand ([`go`]).

mod go;
mod pages;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::cargo::target_dir;
use crate::files;
use crate::gate::{Report, root};
use crate::process::capture;
use crate::tools::{self, Tool};

/// Makes the pages. Without its server and its watcher, which take most of the time to build.
const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: "0.5.4",
    options: &["--no-default-features", "--features", "search"],
};

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &[String]) -> Result<Report, String> {
    let mut report = Report::new("pages");
    let files = files::all(&root())?;
    let home = target_dir()?.join("book");
    let book = pages::Book::of(&files);
    report.passed = book.pages.len();
    book.problems.iter().for_each(|problem| report.problem(problem));
    lay_out(&home, &book)?;
    let mut details = Vec::new();
    match MDBOOK.find(tools::may_build(args), "book") {
        Ok(mdbook) => {
            let mut build = tools::command(&mdbook);
            let out = capture(build.arg("build").arg(&home), LIMIT)?;
            // It warns of what it cannot understand, and goes on.
            let warned = |line: &&str| line.contains("WARN") || line.contains("ERROR");
            out.stderr.lines().filter(warned).for_each(|line| report.problem(line));
            if !out.success() {
                report.problem(out.transcript());
            }
            details.push(format!("{}/html/index.html", home.display()));
        }
        Err(reason) => details.push(format!("not made into HTML: {reason}")),
    }
    match tools::go() {
        Some(go) => {
            details.push(format!("{} programs in Go", go::vet(&go, &files, &home, &mut report)?))
        }
        None => details.push("Go's side not checked: no go".to_owned()),
    }
    report.detail = details.join("; ");
    Ok(report)
}

/// Writes what mdBook reads.
fn lay_out(home: &Path, book: &pages::Book) -> Result<(), String> {
    let source = home.join("src");
    if source.exists() {
        fs::remove_dir_all(&source).map_err(|e| format!("{}: {e}", source.display()))?;
    }
    for (name, text) in book.pages.iter().chain(&book.pictures) {
        files::write(&source.join(name), text)?;
    }
    files::write(&home.join("book.toml"), &book.config)
}
