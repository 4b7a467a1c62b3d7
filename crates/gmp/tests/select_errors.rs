//! What the compiler says about wrong forms of `select!`: each names what is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest of the compiled versions of the library, beside this test.
fn library() -> PathBuf {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let is_it = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libgmp-") && name.ends_with(".rlib")
    };
    let all =
        deps.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| is_it(path));
    all.max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .expect("the library is compiled")
}

/// Compiles `body`, in which `rx` and `tx` are ends of a channel of `i32`; what the compiler says.
fn compile(name: &str, body: &str) -> Result<(), String> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = dir.join(format!("select_{name}.rs"));
    let library = library();
    let source = format!("fn main() {{ let (tx, rx) = gmp::chan::bounded::<i32>(1); {body} }}");
    std::fs::write(&file, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition=2024", "--cap-lints=allow", "--emit=metadata", "--crate-name=wrong"])
        .args([Path::new("--out-dir"), &dir, Path::new("-L"), library.parent().unwrap()])
        .arg("--extern")
        .arg(format!("gmp={}", library.display()))
        .arg(&file)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn the_right_form_compiles() {
    let body =
        "gmp::select! { recv(rx) -> m => drop(m), send(tx, 1) -> r => { drop(r) } default => () }";
    assert_eq!(compile("right", body), Ok(()));
}

#[test]
fn wrong_forms_are_named() {
    let cases = [
        ("no_name", "gmp::select! { recv(rx) => () }", "names its message"),
        ("no_result", "gmp::select! { send(tx, 1) => () }", "names its result"),
        ("no_value", "gmp::select! { send(tx) -> _ => () }", "takes a sender and a value"),
        ("two_receivers", "gmp::select! { recv(rx, rx) -> _ => () }", "takes one receiver"),
        ("no_comma", "gmp::select! { recv(rx) -> _ => 1 recv(rx) -> _ => 2 }", "ends with `,`"),
        ("two_defaults", "gmp::select! { default => (), default => () }", "one `default`"),
        ("late_bias", "gmp::select! { default => (), biased; }", "first line"),
        ("no_semicolon", "gmp::select! { biased, default => () }", "first line"),
        ("other", "gmp::select! { receive(rx) -> _ => () }", "expected `recv(rx) -> msg"),
        ("type", "gmp::select! { recv(5) -> _ => () }", "mismatched types"),
        ("refutable", "gmp::select! { recv(rx) -> Ok(m) => () }", "refutable pattern"),
    ];
    for (name, body, expected) in cases {
        let said = compile(name, body).expect_err(name);
        assert!(said.contains(expected), "{name}: {said}");
    }
    let arms = "recv(rx) -> _ => (),".repeat(65);
    let said = compile("too_many", &format!("gmp::select! {{ {arms} }}")).expect_err("65 arms");
    assert!(said.contains("up to 64 arms"), "{said}");
}
