//! The files of the repository, as the gates see them; and how tasks write one.

use std::fs;
use std::path::Path;

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 5] = ["target", ".git", "node_modules", "venv", ".venv"];

/// One text file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Where it is, from the root of the repository, with `/` between folders.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl File {
    /// A file that exists only in a test.
    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether some folder on the way to the file is called `name`.
    pub(crate) fn under(&self, name: &str) -> bool {
        let folders = self.path.rsplit_once('/').map_or("", |(folders, _)| folders);
        folders.split('/').any(|folder| folder == name)
    }

    /// The crate that the file belongs to: the folder below `crates/`.
    pub(crate) fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.name();
        name == "tests.rs" || name.ends_with("_tests.rs") || self.under("tests")
    }

    /// The numbered lines before an inline `mod tests`, or all of them.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.match_indices("\nmod tests {").find_map(|(at, _)| {
            // Its condition stands on the line above, e.g. `#[cfg(all(test, not(loom)))]`.
            let condition = self.text[..at].rfind('\n')?;
            self.text[condition..at].starts_with("\n#[cfg(").then_some(condition)
        });
        self.text[..tests.unwrap_or(self.text.len())]
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }
}

/// Every UTF-8 file below `root`, sorted by path.
pub(crate) fn all(root: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    walk(root, "", &mut files).map_err(|e| format!("reading {}: {e}", root.display()))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Writes a file, and makes the folder around it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().ok_or("a file lies in a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !FOREIGN.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            if let Ok(text) = fs::read_to_string(entry.path()) {
                files.push(File { path, text });
            }
        }
    }
    Ok(())
}

/// `relative` as seen from the file `from`; `None` when it leaves the repository.
pub(crate) fn resolve(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::File;

    #[test]
    fn a_path_says_what_a_file_is() {
        let file = File::new("crates/gmp-sched/src/queue/tests.rs", "");
        assert_eq!(file.krate(), Some("gmp-sched"));
        assert!(file.is_test() && file.is_rust() && file.under("queue"));
        assert!(!File::new("crates/gmp-sched/src/testing.rs", "").is_test());
    }

    #[test]
    fn inline_tests_do_not_count_as_code() {
        let file =
            File::new("a.rs", "//! A.\nfn a() {}\n\n#[cfg(all(test, not(x)))]\nmod tests {\n}\n");
        assert_eq!(file.code().count(), 2);
    }
}
