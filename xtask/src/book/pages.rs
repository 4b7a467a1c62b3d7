//! The chapters of the book: which there are, what they are called in it, and where their links go.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{File, resolve};

/// Where the table of contents is, and mdBook's settings.
const SUMMARY: &str = "docs/SUMMARY.md";
const CONFIG: &str = "docs/book.toml";

/// The book as it is laid out for mdBook.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Name in the book and text, the table of contents among them.
    pub(super) pages: BTreeMap<String, String>,
    /// Pictures, by name.
    pub(super) pictures: BTreeMap<String, String>,
    /// `book.toml`.
    pub(super) config: String,
    /// What is wrong with it.
    pub(super) problems: Vec<String>,
}

impl Book {
    /// The book of the repository that consists of `files`.
    pub(super) fn of(files: &[File]) -> Book {
        let mut book = Book::default();
        let mut map = Map { files, chapters: BTreeMap::new() };
        let (Some(summary), Some(config)) = (map.find(SUMMARY), map.find(CONFIG)) else {
            book.problems.push(format!("{SUMMARY} or {CONFIG} is missing"));
            return book;
        };
        book.config.clone_from(&config.text);
        // A target that does not exist is named below, when the table of contents itself is rewritten.
        for target in links(&summary.text) {
            if let Some(file) = resolve(SUMMARY, target).and_then(|path| map.find(&path)) {
                map.chapters.insert(&file.path, anchors(&file.text));
            }
        }
        for file in files.iter().filter(|file| file.path.starts_with("docs/")) {
            if file.path.ends_with(".md")
                && !map.chapters.contains_key(&*file.path)
                && file.path != SUMMARY
            {
                book.problems.push(format!("{SUMMARY}: {} is no chapter", file.path));
            }
            if let Some(picture) = picture(&file.path) {
                book.pictures.insert(picture.to_owned(), file.text.clone());
            }
        }
        for file in
            files.iter().filter(|f| map.chapters.contains_key(&*f.path) || f.path == SUMMARY)
        {
            let text = map.rewritten(file, &mut book.problems);
            book.pages.insert(flat(&file.path), text);
        }
        book
    }
}

/// What links can lead to.
struct Map<'a> {
    files: &'a [File],
    /// The documents that are chapters, with what links into them can point at.
    chapters: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Map<'a> {
    fn find(&self, path: &str) -> Option<&'a File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The text of `file` with its links as they are in the book.
    fn rewritten(&self, file: &File, problems: &mut Vec<String>) -> String {
        let mut text = String::new();
        let mut fenced = false;
        for (index, line) in file.text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            let mut rest = line;
            while let Some((before, label, target, after)) = split(rest).filter(|_| !fenced) {
                text.push_str(before);
                match self.place(&file.path, target) {
                    Ok(Some(place)) => text.push_str(&format!("[{label}]({place})")),
                    // A source file is no part of the book.
                    Ok(None) => text.push_str(label),
                    Err(what) => problems.push(format!("{}:{}: {what}", file.path, index + 1)),
                }
                rest = after;
            }
            text.push_str(rest);
            text.push('\n');
        }
        text
    }

    /// Where `target`, seen from the document `from`, is in the book; `None` when it is not in it.
    fn place(&self, from: &str, target: &str) -> Result<Option<String>, String> {
        if target.contains("://") {
            return Ok(Some(target.to_owned()));
        }
        let (path, anchor) = target.split_once('#').map_or((target, None), |(p, a)| (p, Some(a)));
        let path = if path.is_empty() { Some(from.to_owned()) } else { resolve(from, path) };
        let inside = |file: &File, path: &str| {
            file.path == path || file.path.starts_with(&format!("{path}/"))
        };
        let Some(path) = path.filter(|path| self.files.iter().any(|file| inside(file, path)))
        else {
            return Err(format!("no {target}"));
        };
        let Some(headings) = self.chapters.get(&*path) else {
            return Ok(picture(&path).map(str::to_owned));
        };
        match anchor {
            Some(anchor) if !headings.contains(anchor) => Err(format!("no heading for {target}")),
            Some(anchor) => Ok(Some(format!("{}#{anchor}", flat(&path)))),
            None => Ok(Some(flat(&path))),
        }
    }
}

/// The name in the book of a picture.
fn picture(path: &str) -> Option<&str> {
    path.strip_prefix("docs/").filter(|path| path.ends_with(".svg"))
}

/// The next link of a line: what stands before it, its words, where it goes, and the rest of the line.
fn split(line: &str) -> Option<(&str, &str, &str, &str)> {
    let middle = line.find("](")?;
    let open = line[..middle].rfind('[')?;
    let end = middle + line[middle..].find(')')?;
    Some((&line[..open], &line[open + 1..middle], &line[middle + 2..end], &line[end + 1..]))
}

/// The target of every link.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some((_, _, target, after)) = split(rest) {
            found.push(target);
            rest = after;
        }
    }
    found
}

/// What a document is called in the book: `README.md` would become its index, whatever folder it is in.
fn flat(path: &str) -> String {
    match path {
        SUMMARY => "SUMMARY.md".to_owned(),
        _ => path.strip_prefix("docs/").unwrap_or(path).replace('/', "-").to_lowercase(),
    }
}

/// What links into a document can point at: its headings, as mdBook and others name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(summary: &str, more: &[(&str, &str)]) -> Book {
        let mut files = vec![File::new(SUMMARY, summary), File::new(CONFIG, "[book]\n")];
        files.extend(more.iter().map(|(path, text)| File::new(path, text)));
        Book::of(&files)
    }

    #[test]
    fn links_follow_the_pages() {
        let readme = ("README.md", "[a](docs/a.md#x-y), [code](src/x.rs), ![p](docs/p/q.svg)\n");
        let a = ("docs/a.md", "# X, Y\n[up](../README.md) [here](#x-y) [out](a://b)\n");
        let rest = [("src/x.rs", "//! X.\n"), ("docs/p/q.svg", "<svg/>\n")];
        let book = book("[r](../README.md)\n[a](a.md)\n", &[readme, a, rest[0], rest[1]]);
        assert!(book.problems.is_empty(), "{:?}", book.problems);
        assert_eq!(book.pages["readme.md"], "[a](a.md#x-y), code, ![p](p/q.svg)\n");
        assert_eq!(book.pages["a.md"], "# X, Y\n[up](readme.md) [here](a.md#x-y) [out](a://b)\n");
        assert_eq!(book.pages["SUMMARY.md"], "[r](readme.md)\n[a](a.md)\n");
        assert_eq!(book.pictures.len(), 1);
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        let problems = |summary: &str, text: &str| book(summary, &[("docs/a.md", text)]).problems;
        assert!(problems("[a](a.md)\n", "# A\n").is_empty());
        assert_eq!(problems("", "# A\n"), ["docs/SUMMARY.md: docs/a.md is no chapter"]);
        assert_eq!(problems("[a](a.md) [b](b.md)\n", ""), ["docs/SUMMARY.md:1: no b.md"]);
        assert_eq!(problems("[a](a.md)\n", "[x](b.rs)\n"), ["docs/a.md:1: no b.rs"]);
        assert_eq!(problems("[a](a.md)\n", "[x](#b)\n"), ["docs/a.md:1: no heading for #b"]);
        assert!(problems("[a](a.md)\n", "```\n[x](b.rs)\n```\n").is_empty());
    }
}
