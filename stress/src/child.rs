//! A scenario in a process of its own: what hangs or crashes there is an entry in the report here.

#![expect(clippy::print_stderr, reason = "the child reports on its standard error")]

use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Run, SCENARIOS};

/// How much longer than its time a scenario may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the scenario here and says on standard error what it has seen.
pub(crate) fn main(name: &str, run: &Run) -> ExitCode {
    let Some((_, scenario)) = SCENARIOS.iter().find(|(known, _)| *known == name) else {
        eprintln!("no scenario is called {name}");
        return ExitCode::from(2);
    };
    match scenario(run) {
        Ok(seen) => {
            eprintln!("{seen}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenario in a child; what it has said, or how it failed. Its standard output is read and counted.
pub(crate) fn run(name: &str, run: &Run) -> Result<String, String> {
    let this = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = Command::new(this)
        .args(["--child", "--only", name])
        .args(["--seed", &run.seed.to_string(), "--procs", &run.procs.to_string()])
        .args(["--seconds", &run.time.as_secs_f64().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let discard =
        thread::spawn(move || out.as_mut().map_or(Ok(0), |out| io::copy(out, &mut io::sink())));
    let collect = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = err.as_mut().map(|err| err.read_to_end(&mut text));
        String::from_utf8_lossy(&text).trim().to_owned()
    });
    let limit = Instant::now() + run.time + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break Some(status),
            None if Instant::now() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let said = collect.join().unwrap_or_default();
    let _ = discard.join();
    match status {
        Some(status) if status.success() => Ok(said),
        Some(status) => Err(format!("{status}: {said}")),
        None => Err(format!("hung, and was killed: {said}")),
    }
}
