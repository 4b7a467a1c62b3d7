//! The programs: where each comes from, and which workloads it knows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bench::options::Options;
use crate::bench::peers::{self, must};
use crate::bench::results::Missing;
use crate::cargo;
use crate::gate::root;
use crate::process::{capture, inherit};

/// The longest that one build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The programs of `benches/rivals`, by runtime.
pub(super) const RIVALS: [&str; 7] =
    ["tokio", "may", "threads", "flume", "corosensei", "generator", "hyper"];

/// A measured program.
#[derive(Debug)]
pub(super) struct Program {
    /// Its name in the report.
    pub(super) runtime: String,
    /// The executable.
    pub(super) path: PathBuf,
    /// The workloads that it runs.
    pub(super) runs: Vec<String>,
    /// The workloads that it cannot run, and why.
    pub(super) absent: Vec<(String, String)>,
}

/// Everything that can be measured, and what could not be had.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// The programs with the contract of `benches/README.md`.
    pub(super) programs: Vec<Program>,
    /// File servers `PROGRAM ADDR DIR`, for `http_file`.
    pub(super) file_servers: Vec<(String, PathBuf)>,
    /// What is missing, and why.
    pub(super) missing: Vec<Missing>,
    /// `rustc` and Go, as they call themselves.
    pub(super) versions: Vec<String>,
}

impl Built {
    /// Notes that `runtime` is missing, in one workload or in all.
    fn miss(&mut self, workload: Option<&str>, runtime: &str, reason: String) {
        let workload = workload.map(String::from);
        self.missing.push(Missing { workload, runtime: runtime.into(), reason });
    }
}

/// Builds everything that `options` asks for. A rival that cannot be had is noted as missing; gmp
/// itself must build.
pub(super) fn all(home: &Path, options: &Options) -> Result<Built, String> {
    let mut built = Built::default();
    built.versions.push(must(Command::new("rustc").arg("--version"))?.trim().to_owned());
    if options.wants("gmp") {
        let target = cargo::target_dir()?.join("release");
        println!("building gmp");
        gmp(&["-p", "gmp-benches", "--bin", "gmp-bench"])?;
        built.programs.push(program("gmp", target.join("gmp-bench"))?);
        if options.workloads().iter().any(|workload| workload.name == "http_file") {
            match gmp(&["-p", "gmp", "--example", "httpd"]) {
                Ok(()) => built.file_servers.push(("gmp".into(), target.join("examples/httpd"))),
                Err(reason) => built.miss(Some("http_file"), "gmp", reason),
            }
        }
    }
    if options.wants("go") {
        println!("building Go's twin");
        if let Err(reason) = go_programs(home, &mut built) {
            built.miss(None, "go", reason);
        }
    }
    let wanted: Vec<&str> = RIVALS.into_iter().filter(|rival| options.wants(rival)).collect();
    if !wanted.is_empty() {
        println!("building {}", wanted.join(", "));
        match rivals(&home.join("rivals"), &[]) {
            Ok(folder) => {
                for rival in wanted {
                    built.programs.push(program(rival, folder.join(format!("{rival}-bench")))?);
                }
            }
            Err(reason) => wanted.iter().for_each(|rival| built.miss(None, rival, reason.clone())),
        }
    }
    if built.programs.is_empty() {
        return Err(format!("no program to measure: {:?}", built.missing));
    }
    Ok(built)
}

fn gmp(target: &[&str]) -> Result<(), String> {
    inherit(cargo::cargo().args(["build", "--release", "--quiet"]).args(target), BUILD_LIMIT)
}

/// Builds `benches/rivals` into `target`; the folder with the executables.
pub(super) fn rivals(target: &Path, extra: &[&str]) -> Result<PathBuf, String> {
    let mut command = cargo::cargo();
    command
        .args(["build", "--release", "--quiet", "--locked", "--manifest-path"])
        .arg(root().join("benches/rivals/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .args(extra);
    inherit(&mut command, BUILD_LIMIT)?;
    Ok(target.join("release"))
}

fn go_programs(home: &Path, built: &mut Built) -> Result<(), String> {
    let go = peers::go(home)?;
    built.versions.push(must(Command::new(&go).arg("version"))?.trim().to_owned());
    let bench = home.join("go-bench");
    go_build(&go, "bench", &bench)?;
    built.programs.push(program("go", bench)?);
    let httpd = home.join("go-httpd");
    match go_build(&go, "httpd", &httpd) {
        Ok(()) => built.file_servers.push(("go".into(), httpd)),
        Err(reason) => built.miss(Some("http_file"), "go", reason),
    }
    Ok(())
}

/// Builds a package of `benches/twins/go`; without cgo it needs no C compiler and is static.
pub(super) fn go_build(go: &Path, package: &str, to: &Path) -> Result<(), String> {
    let mut command = Command::new(go);
    command.current_dir(root().join("benches/twins/go").join(package));
    command.env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=mod");
    must(command.arg("build").arg("-o").arg(to).arg(".")).map(|_| ())
}

/// Asks the program what it knows.
fn program(runtime: &str, path: PathBuf) -> Result<Program, String> {
    let out = capture(Command::new(&path).arg("--list"), Duration::from_secs(10))?;
    if !out.success() {
        return Err(format!("{} --list: {}\n{}", path.display(), out.fate(), out.transcript()));
    }
    let mut program =
        Program { runtime: runtime.into(), path, runs: Vec::new(), absent: Vec::new() };
    for line in out.stdout.lines() {
        match line.split_once('\t') {
            Some((name, reason)) => program.absent.push((name.into(), reason.into())),
            None => program.runs.push(line.into()),
        }
    }
    Ok(program)
}
