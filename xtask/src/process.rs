//! Child processes with a time limit, whose output is kept until it is wanted.
//!
//! A hung test must end the gate with a name, not hang the machine that runs it, and std has no
//! wait with a timeout. So a watching loop polls the child, and two threads drain its pipes.

use std::fmt::Write as _;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watching loop looks at the child: short beside any process worth limiting, long
/// enough to cost nothing.
const POLL: Duration = Duration::from_millis(5);

/// How long the pipes of an ended child are drained before they are given up: a grandchild that
/// outlives its parent may hold them open for ever.
const DRAIN: Duration = Duration::from_secs(2);

/// What a child left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// How it ended; `None` when it was killed at the time limit.
    pub(crate) status: Option<ExitStatus>,
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
    /// How long it ran.
    pub(crate) elapsed: Duration,
}

impl Output {
    /// Whether the child ended by itself and with status 0.
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, in words.
    pub(crate) fn fate(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("killed after {:.0} s: it hung", self.elapsed.as_secs_f64()),
        }
    }

    /// Both streams, for a failure report.
    pub(crate) fn transcript(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs `command` for at most `limit`, keeping its output. Blocks the thread.
///
/// At the limit the child and its descendants are killed. Errs only when it cannot be started.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<Output, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("cannot start {}: {e}", show(command)))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(&mut child, limit)?;
    let elapsed = start.elapsed();
    Ok(Output { status, stdout: stdout.finish(), stderr: stderr.finish(), elapsed })
}

/// Runs `command` with this process's own streams for at most `limit`. Blocks the thread.
pub(crate) fn inherit(command: &mut Command, limit: Duration) -> Result<(), String> {
    let mut child = command.spawn().map_err(|e| format!("cannot start {}: {e}", show(command)))?;
    match wait(&mut child, limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("`{}`: {status}", show(command))),
        None => Err(format!("`{}` hung: killed after {} s", show(command), limit.as_secs())),
    }
}

/// The command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let mut line = String::new();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(line, "{}={} ", key.to_string_lossy(), quote(&value.to_string_lossy()));
        }
    }
    let program = command.get_program().to_string_lossy();
    line.push_str(program.rsplit('/').next().unwrap_or(&program));
    for argument in command.get_args() {
        let _ = write!(line, " {}", quote(&argument.to_string_lossy()));
    }
    line
}

fn quote(word: &str) -> String {
    if word.contains([' ', '"', '$', '(']) { format!("'{word}'") } else { word.to_owned() }
}

/// Waits for the child until `limit`, then kills it. `None` when it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            kill_tree(child);
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// Kills the child and everything that it started, as far as `ps` can tell who that is.
///
/// A process group would be simpler, but would also take the child out of reach of the Ctrl-C
/// that ends us.
fn kill_tree(child: &mut Child) {
    let mut doomed = vec![child.id()];
    let listing = Command::new("ps").args(["-A", "-o", "pid=", "-o", "ppid="]).output();
    if let Ok(listing) = listing {
        let text = String::from_utf8_lossy(&listing.stdout).into_owned();
        let pairs: Vec<(u32, u32)> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().map(str::parse);
                Some((words.next()?.ok()?, words.next()?.ok()?))
            })
            .collect();
        let mut next = 0;
        while next < doomed.len() {
            let parent = doomed[next];
            doomed.extend(pairs.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
            next += 1;
        }
    }
    for pid in &doomed[1..] {
        // It may have ended by itself meanwhile; then there is nothing left to do.
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A pipe that a thread of its own empties.
struct Drain {
    text: Arc<Mutex<Vec<u8>>>,
    thread: thread::JoinHandle<()>,
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drain {
    let text = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&text);
    let thread = thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut chunk = [0; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut chunk) {
            if let Ok(mut text) = sink.lock() {
                text.extend_from_slice(&chunk[..n]);
            }
        }
    });
    Drain { text, thread }
}

impl Drain {
    fn finish(self) -> String {
        let start = Instant::now();
        while !self.thread.is_finished() && start.elapsed() < DRAIN {
            thread::sleep(POLL);
        }
        let bytes = self.text.lock().map(|text| text.clone()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_status_come_back() {
        let out = capture(&mut sh("echo out; echo err >&2; exit 3"), Duration::from_secs(20));
        let out = out.unwrap();
        assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(out.status.unwrap().code(), Some(3));
        assert!(!out.success());
    }

    #[test]
    fn a_hung_child_is_killed_with_its_children() {
        let start = Instant::now();
        let out = capture(&mut sh("echo begun; sleep 100 & sleep 100"), Duration::from_millis(300));
        let out = out.unwrap();
        assert!(out.status.is_none());
        assert_eq!(out.stdout, "begun\n");
        assert!(out.fate().contains("hung"));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = sh("exit 0");
        command.env("RUSTFLAGS", "--cfg loom");
        assert_eq!(show(&command), "RUSTFLAGS='--cfg loom' sh -c 'exit 0'");
    }
}
