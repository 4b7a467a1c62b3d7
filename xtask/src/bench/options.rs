//! The options of `cargo xtask bench`.

use std::path::PathBuf;

use gmp_bench_contract::workloads::{WORKLOADS, Workload};

/// What `--help` prints.
pub(super) const HELP: &str = "\
cargo xtask bench [OPTIONS]
  --quick           smaller sizes and 3 rounds
  --filter X[,Y]    only the workload called X; those whose name contains X if none is
  --only R[,S]      only these runtimes (gmp, go, tokio, may, ...)
  --n N             rounds (default 7)
  --procs P         GOMAXPROCS and worker threads (default: as many as the machine has)
  --save NAME       keep the results as NAME
  --compare NAME    show what changed against NAME beyond noise
  --report FILE     no measuring: the reports of an earlier report.json, also with --compare
  --bundle DIR      no measuring: put static programs and a runner script into DIR
  --scaling FILE    no measuring: draw what a bundle's runner printed into FILE";

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) quick: bool,
    pub(super) filter: Vec<String>,
    pub(super) only: Vec<String>,
    pub(super) rounds: usize,
    pub(super) procs: usize,
    pub(super) save: Option<String>,
    pub(super) compare: Option<String>,
    pub(super) report: Option<PathBuf>,
    pub(super) bundle: Option<PathBuf>,
    pub(super) scaling: Option<PathBuf>,
}

impl Options {
    /// `None` when help was asked for.
    pub(super) fn parse(args: &[String]) -> Result<Option<Options>, String> {
        let mut options = Options {
            quick: false,
            filter: Vec::new(),
            only: Vec::new(),
            rounds: 0,
            procs: std::thread::available_parallelism().map_or(1, usize::from),
            save: None,
            compare: None,
            report: None,
            bundle: None,
            scaling: None,
        };
        let mut args = args.iter();
        while let Some(key) = args.next() {
            let mut value = || args.next().cloned().ok_or_else(|| format!("{key} needs a value"));
            match key.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.quick = true,
                "--filter" => options.filter.extend(value()?.split(',').map(String::from)),
                "--only" => options.only.extend(value()?.split(',').map(String::from)),
                "--n" => options.rounds = count(key, &value()?)?,
                "--procs" => options.procs = count(key, &value()?)?,
                "--save" => options.save = Some(name(value()?)?),
                "--compare" => options.compare = Some(name(value()?)?),
                "--report" => options.report = Some(PathBuf::from(value()?)),
                "--bundle" => options.bundle = Some(PathBuf::from(value()?)),
                "--scaling" => options.scaling = Some(PathBuf::from(value()?)),
                _ => return Err(format!("unknown option {key}\n{HELP}")),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 3 } else { 7 };
        }
        if options.workloads().is_empty() {
            return Err(format!("no workload's name contains {}", options.filter.join(" or ")));
        }
        Ok(Some(options))
    }

    /// The rows of the table that are to be measured.
    pub(super) fn workloads(&self) -> Vec<&'static Workload> {
        let is_one = |part: &str| WORKLOADS.iter().any(|workload| workload.name == part);
        let wanted = |part: &String, name: &str| {
            if is_one(part) { name == part } else { name.contains(part.as_str()) }
        };
        let any = |name: &str| self.filter.iter().any(|part| wanted(part, name));
        WORKLOADS.iter().filter(|w| self.filter.is_empty() || any(w.name)).collect()
    }

    /// Whether this runtime takes part.
    pub(super) fn wants(&self, runtime: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == runtime)
    }

    /// How much of `workload` is done per run.
    pub(super) fn size(&self, workload: &Workload) -> u64 {
        if self.quick { workload.quick } else { workload.size }
    }
}

fn count(key: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("{key} {value}: not a positive number")),
    }
}

/// A stored run's name becomes a file's name.
fn name(name: String) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.starts_with('.') || name.is_empty() || !name.chars().all(plain) {
        return Err(format!("{name:?}: letters, digits, '-', '_' and '.' make a name"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_help_says_is_understood() {
        let options = parse("--quick --filter chan,fib --procs 4 --save a --compare b").unwrap();
        let options = options.unwrap();
        let names: Vec<_> = options.workloads().iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["chan_1to1", "chan_100to100", "fib"]);
        assert_eq!((options.rounds, options.procs), (3, 4));
        let options = parse("--filter http,idle_1k").unwrap().unwrap();
        let names: Vec<_> = options.workloads().iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["http", "http_idle_1k"], "other names contain `http`");
        assert_eq!(parse("").unwrap().unwrap().rounds, 7);
        assert!(parse("--help").unwrap().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for line in ["--fast", "--n", "--n 0", "--procs x", "--filter nothing", "--save ../x"] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }
}
