//! Which tests are models, and which steps of the code can be broken, read from the sources.
//!
//! Reading them keeps the gate honest without a list to maintain: a model is a test that calls
//! `model(`, itself or through a function of the same file; a mutant is a name given to `mutant`.

use crate::files::File;

/// A step of a protocol that a run can be asked to break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// The name given to `mutant`.
    pub(crate) name: String,
    /// The module that the step belongs to, e.g. `local` for `queue/local.rs`.
    pub(crate) module: String,
    /// The file and line, for messages.
    pub(crate) place: String,
}

/// The names of the tests in `sources` that are models.
pub(crate) fn models(sources: &[&File]) -> Vec<String> {
    let mut names = Vec::new();
    for file in sources.iter().filter(|f| f.under("src")) {
        let functions = functions(&file.text);
        let helpers: Vec<String> = functions
            .iter()
            .filter(|f| !f.test && f.body.contains("model("))
            .map(|f| format!("{}(", f.name))
            .collect();
        for function in functions.iter().filter(|f| f.test) {
            let helped = helpers.iter().any(|helper| function.body.contains(helper.as_str()));
            if function.body.contains("model(") || helped {
                names.push(function.name.to_owned());
            }
        }
    }
    names
}

/// The mutants that `sources` declare, each once.
pub(crate) fn mutants(sources: &[&File]) -> Vec<Mutant> {
    let mut found: Vec<Mutant> = Vec::new();
    for file in sources.iter().filter(|f| f.under("src")) {
        for (index, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for rest in code.split("mutant(\"").skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                if !name.is_empty() && !found.iter().any(|m| m.name == name) {
                    found.push(Mutant {
                        name: name.to_owned(),
                        module: module(file),
                        place: format!("{}:{}", file.path, index + 1),
                    });
                }
            }
        }
    }
    found
}

fn module(file: &File) -> String {
    let stem = file.name().trim_end_matches(".rs");
    if stem == "mod" || stem == "lib" {
        let folders = file.path.rsplit_once('/').map_or("", |(folders, _)| folders);
        return folders.rsplit('/').next().unwrap_or_default().to_owned();
    }
    stem.to_owned()
}

/// A function as far as this file needs it.
struct Function<'a> {
    name: &'a str,
    body: &'a str,
    test: bool,
}

/// Splits a source text at its `fn` items; nested ones are split off as well, which is harmless.
fn functions(text: &str) -> Vec<Function<'_>> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let code = line.trim_start();
        if code.starts_with("fn ") || (code.starts_with("pub") && code.contains(" fn ")) {
            starts.push(at);
        }
        at += line.len();
    }
    let mut functions = Vec::new();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        let body = &text[start..end];
        let after = &body[body.find("fn ").map_or(0, |i| i + 3)..];
        let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next();
        let before = if index == 0 { &text[..start] } else { &text[starts[index - 1]..start] };
        let attributes = before.trim_end().rsplit("\n\n").next().unwrap_or_default();
        let test = attributes.contains("#[test]");
        functions.push(Function { name: name.unwrap_or_default(), body, test });
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_tests_that_call_model() {
        let text = "//! T.\n\nfn pair(f: F) {\n    model(f);\n}\n\n#[test]\nfn direct() {\n    \
                    sync::model(|| ());\n}\n\n#[test]\nfn helped() {\n    pair(|| ());\n}\n\n\
                    #[test]\nfn plain() {}\n";
        let file = File::new("crates/x/src/q/tests.rs", text);
        assert_eq!(models(&[&file]), ["direct", "helped"]);
    }

    #[test]
    fn mutants_are_named_in_the_sources() {
        let text = "//! T.\nlet o = if mutant(\"q-relaxed\") { A } else { B };\n\
                    // mutant(\"only-prose\")\nif mutant(\"q-skip\") {}\n";
        let file = File::new("crates/x/src/queue/mod.rs", text);
        let found = mutants(&[&file]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].module.as_str()), ("q-relaxed", "queue"));
        assert_eq!(found[1].place, "crates/x/src/queue/mod.rs:4");
    }
}
