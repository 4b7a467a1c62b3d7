//! From the function as written to the function that runs it as the main goroutine.
//!
//! The written function moves, whole, into the new one of the same name, rather than its block
//! into a closure: `return`, `?`, `impl Trait` and `!` mean what they meant, and backtraces say
//! `main::main`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, ItemFn};

use crate::options::Options;

/// Which of the two attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `#[gmp::main]`.
    Main,
    /// `#[gmp::test]`.
    Test,
}

/// The expansion, or a `compile_error!` beside the function as it was, so that one mistake does
/// not bring forth complaints about what is then missing.
pub(crate) fn expand(entry: Entry, options: TokenStream, item: TokenStream) -> TokenStream {
    match try_expand(entry, options, item.clone()) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

fn try_expand(entry: Entry, options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    let options: Options = syn::parse2(options)?;
    let options = options.checked(entry == Entry::Test)?;
    check(entry, &function)?;
    let ItemFn { attrs, vis, sig, block } = &function;
    let name = &sig.ident;
    let output = &sig.output;
    let test = (entry == Entry::Test).then(|| quote!(#[::core::prelude::v1::test]));
    let builder = builder(&options);
    let (body, checked) = if options.leak_check {
        (quote!(checked), Some(leak_check(&function)))
    } else {
        (name.to_token_stream(), None)
    };
    Ok(quote! {
        #test
        #(#attrs)*
        #vis fn #name() #output {
            fn #name() #output #block
            #checked
            let builder = #builder;
            // SAFETY: whoever wrote `unsafe` in the attribute keeps the contract of `run`.
            unsafe { ::gmp::runtime::Builder::run(builder, #body) }
        }
    })
}

/// What std asks of `main` and of a test, with the finger on the very word.
fn check(entry: Entry, function: &ItemFn) -> syn::Result<()> {
    let sig = &function.sig;
    let what = match entry {
        Entry::Main => "`main`",
        Entry::Test => "a test",
    };
    let refuse = |tokens: &dyn ToTokens, message: &str| {
        Err(Error::new_spanned(tokens.to_token_stream(), format!("{what} {message}")))
    };
    if entry == Entry::Main && sig.ident != "main" {
        return Err(Error::new_spanned(&sig.ident, "`#[gmp::main]` goes on `fn main`"));
    }
    if let Some(word) = &sig.asyncness {
        return refuse(word, "is not async: goroutines block, `gmp::block_on` runs a future");
    }
    if let Some(word) = &sig.unsafety {
        return refuse(word, "is not unsafe: the word belongs into the attribute");
    }
    if let Some(word) = &sig.constness {
        return refuse(word, "is not const");
    }
    if let Some(words) = &sig.abi {
        return refuse(words, "has Rust's own calling convention");
    }
    if !sig.inputs.is_empty() {
        return refuse(&sig.inputs, "takes no arguments");
    }
    if !sig.generics.params.is_empty() {
        return refuse(&sig.generics, "takes no generics");
    }
    Ok(())
}

/// The builder with the options applied; what was not given is left to the environment.
fn builder(options: &Options) -> TokenStream {
    let max_procs = options.max_procs.map(|n| quote!(.max_procs(#n)));
    let max_threads = options.max_threads.map(|n| quote!(.max_threads(#n)));
    let stack_size = options.stack_size.map(|bytes| quote!(.stack_size(#bytes)));
    let time_slice = options.time_slice.map(|slice| {
        let (seconds, nanos) = (slice.as_secs(), slice.subsec_nanos());
        quote!(.time_slice(::core::time::Duration::new(#seconds, #nanos)))
    });
    quote!(::gmp::runtime::Builder::new() #max_procs #max_threads #stack_size #time_slice)
}

/// A function `checked` that runs the test and then looks for goroutines that it left behind.
fn leak_check(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let output = &function.sig.output;
    quote! {
        fn checked() #output {
            let result = #name();
            let leaked = ::gmp::testing::leaked();
            ::core::assert!(leaked.is_empty(), "the test left goroutines behind: {:#?}", leaked);
            result
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(entry: Entry, options: &str, item: &str) -> String {
        expand(entry, options.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    fn same(actual: &str, expected: TokenStream) {
        assert_eq!(actual, expected.to_string());
    }

    #[test]
    fn main_runs_the_function_it_was() {
        let actual = expanded(
            Entry::Main,
            "unsafe, max_procs = 4, stack_size = \"1 KiB\", time_slice = \"10ms\"",
            "#[doc = \"D\"] fn main() -> Result<(), E> { work()?; Ok(()) }",
        );
        same(
            &actual,
            quote! {
                #[doc = "D"]
                fn main() -> Result<(), E> {
                    fn main() -> Result<(), E> { work()?; Ok(()) }
                    let builder = ::gmp::runtime::Builder::new()
                        .max_procs(4usize)
                        .stack_size(1024usize)
                        .time_slice(::core::time::Duration::new(0u64, 10000000u32));
                    unsafe { ::gmp::runtime::Builder::run(builder, main) }
                }
            },
        );
    }

    #[test]
    fn a_test_keeps_its_other_attributes() {
        let actual = expanded(Entry::Test, "unsafe", "#[should_panic] fn t() { panic!() }");
        same(
            &actual,
            quote! {
                #[::core::prelude::v1::test]
                #[should_panic]
                fn t() {
                    fn t() { panic!() }
                    let builder = ::gmp::runtime::Builder::new();
                    unsafe { ::gmp::runtime::Builder::run(builder, t) }
                }
            },
        );
    }

    #[test]
    fn leaks_are_looked_for_after_the_test() {
        let actual = expanded(Entry::Test, "unsafe, leak_check", "fn t() {}");
        assert!(actual.contains("let result = t () ; let leaked = :: gmp :: testing :: leaked ()"));
        assert!(actual.contains("run (builder , checked)"), "{actual}");
    }

    #[test]
    fn refusals_are_named_and_keep_the_function() {
        for (options, item, part) in [
            ("", "fn main() {}", "docs/contract.md"),
            ("unsafe", "fn other() {}", "goes on `fn main`"),
            ("unsafe", "async fn main() {}", "is not async"),
            ("unsafe", "unsafe fn main() {}", "is not unsafe"),
            ("unsafe", "const fn main() {}", "is not const"),
            ("unsafe", "extern \"C\" fn main() {}", "calling convention"),
            ("unsafe", "fn main(a: u8) {}", "takes no arguments"),
            ("unsafe", "fn main<T>() {}", "takes no generics"),
            ("unsafe, leak_check", "fn main() {}", "leak_check"),
        ] {
            let actual = expanded(Entry::Main, options, item);
            assert!(actual.contains("compile_error"), "{item}: {actual}");
            assert!(actual.contains(part), "{item}: {actual}");
            assert!(actual.contains("fn main") || actual.contains("fn other"), "{actual}");
        }
        let actual = expanded(Entry::Main, "unsafe", "struct Main;");
        assert!(actual.contains("compile_error") && actual.contains("struct Main"), "{actual}");
    }
}
