//! What stands in the parentheses of the attributes.

use std::time::Duration;

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Lit, Token};

use crate::units;

/// Said to whoever leaves out the word `unsafe`.
const CONTRACT: &str = "starting the runtime is unsafe: a goroutine may continue on another OS \
    thread after it parked, so no code may hold on to its thread (a borrowed thread-local, a \
    thread's handle) across a park; write `unsafe` in the attribute to promise that, as \
    docs/contract.md explains it";

/// The options of one attribute.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) max_procs: Option<usize>,
    pub(crate) max_threads: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) time_slice: Option<Duration>,
    pub(crate) leak_check: bool,
    accepts_contract: bool,
}

impl Options {
    /// The options, or the error to show; `leak_check` is for tests.
    pub(crate) fn checked(self, test: bool) -> syn::Result<Options> {
        let here = proc_macro2::Span::call_site();
        if !self.accepts_contract {
            return Err(Error::new(here, CONTRACT));
        }
        if self.leak_check && !test {
            return Err(Error::new(
                here,
                "`leak_check` is for `#[gmp::test]`: `main` ends them all",
            ));
        }
        Ok(self)
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options::default();
        while !input.is_empty() {
            options.one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Token![unsafe]) {
            let word = input.parse::<Token![unsafe]>()?;
            return flag(
                &mut self.accepts_contract,
                Error::new(word.span, "`unsafe` stands twice"),
            );
        }
        let name: Ident = input.parse()?;
        let twice = Error::new(name.span(), format!("`{name}` stands twice"));
        match name.to_string().as_str() {
            "leak_check" => flag(&mut self.leak_check, twice),
            "max_procs" => once(&mut self.max_procs, value(input, count)?, twice),
            "max_threads" => once(&mut self.max_threads, value(input, count)?, twice),
            "stack_size" => once(&mut self.stack_size, value(input, bytes)?, twice),
            "time_slice" => once(&mut self.time_slice, value(input, slice)?, twice),
            _ => Err(Error::new(
                name.span(),
                format!(
                    "no option `{name}`: there are unsafe, max_procs, max_threads, stack_size, \
                     time_slice and leak_check"
                ),
            )),
        }
    }
}

fn flag(slot: &mut bool, twice: Error) -> syn::Result<()> {
    if std::mem::replace(slot, true) { Err(twice) } else { Ok(()) }
}

fn once<T>(slot: &mut Option<T>, value: T, twice: Error) -> syn::Result<()> {
    if slot.replace(value).is_some() { Err(twice) } else { Ok(()) }
}

/// `= literal`, read by `read`; its complaint is shown at the literal.
fn value<T>(input: ParseStream<'_>, read: fn(&Lit) -> Result<T, String>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    let literal: Lit = input.parse()?;
    read(&literal).map_err(|message| Error::new(literal.span(), message))
}

fn count(literal: &Lit) -> Result<usize, String> {
    let Lit::Int(number) = literal else { return Err("write an integer".to_owned()) };
    match number.base10_parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

fn bytes(literal: &Lit) -> Result<usize, String> {
    match literal {
        Lit::Str(text) => units::size(&text.value()),
        Lit::Int(_) => count(literal),
        _ => Err("write bytes, or a string such as \"1 MiB\"".to_owned()),
    }
}

fn slice(literal: &Lit) -> Result<Duration, String> {
    match literal {
        Lit::Str(text) => units::duration(&text.value()),
        _ => Err("write a string such as \"10ms\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        let options: syn::Result<Options> = syn::parse_str(text);
        options.and_then(|o| o.checked(true)).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_at_once() {
        let options = parse(
            "unsafe, max_procs = 4, stack_size = \"1 MiB\", time_slice = \"10ms\", \
             max_threads = 100, leak_check,",
        );
        let expected = Options {
            max_procs: Some(4),
            max_threads: Some(100),
            stack_size: Some(1 << 20),
            time_slice: Some(Duration::from_millis(10)),
            leak_check: true,
            accepts_contract: true,
        };
        assert_eq!(options, Ok(expected));
        assert_eq!(parse("unsafe, stack_size = 65_536").map(|o| o.stack_size), Ok(Some(65536)));
    }

    #[test]
    fn the_contract_must_be_accepted() {
        for text in ["", "max_procs = 4"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("docs/contract.md"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("unsafe, unsafe", "twice"),
            ("unsafe, max_procs = 1, max_procs = 2", "`max_procs` stands twice"),
            ("unsafe, procs = 1", "no option `procs`"),
            ("unsafe, max_procs = 0", "at least 1"),
            ("unsafe, max_procs = \"4\"", "integer"),
            ("unsafe, stack_size = \"1 MB\"", "not a size"),
            ("unsafe, stack_size = 0", "at least 1"),
            ("unsafe, time_slice = 10", "\"10ms\""),
            ("unsafe max_procs = 1", "expected `,`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn leaks_are_checked_in_tests_only() {
        let options: Options = syn::parse_str("unsafe, leak_check").unwrap();
        assert!(options.checked(false).unwrap_err().to_string().contains("leak_check"));
    }
}
