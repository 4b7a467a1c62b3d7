//! The live view's side in the process: `GMP_TOP=path` serves what `gmp-top` shows on a Unix socket.
//!
//! The protocol: the client sends a word and a line feed, the server answers with a decimal length, a line feed, and that
//! many bytes; then the next word. Everything runs on plain threads, so it works while goroutines hog every processor.
//!
//! | word | answer |
//! |---|---|
//! | `snapshot` | one JSON object, see below |
//! | `dump` | what `runtime::dump` writes |
//! | `flight` | the flight recorder's trace, as in `GMP_FLIGHT`; empty if none runs |
//!
//! ```text
//! {"version":1,"pid":…,"uptime_ms":…,"goroutines":…,"global_queue":…,"switches":…,"parks":…,"steals":…,
//!  "preemptions":…,"handoffs":…,"threads":{"all":…,"idle":…,"searching":…},
//!  "procs":[{"p":0,"m":3 or null,"g":17 or null,"name":"…","at":"src/x.rs:7","queued":…,"switches":…}, …],
//!  "states":[["chan receive",100], …],
//!  "sites":[{"at":"src/x.rs:7","count":…,"states":[["sleep",3], …]}, …],
//!  "latencies":[…]}
//! ```
//!
//! `latencies[i]` counts the goroutines since the start that were runnable for 2^(i-1) to 2^i nanoseconds before they ran.
//! More fields may come; a change of what there is has another version. The socket is the user's alone (mode 0600).

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::dump::{collect, print};
use crate::service;

/// Between two tries to accept where the first one failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts to serve, once, if the variable is set.
///
/// # Errors
///
/// A text that names the variable.
pub(crate) fn from_environment() -> Result<(), String> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let start = || {
        let Some(path) = std::env::var_os("GMP_TOP") else { return Ok(()) };
        let started = listen(Path::new(&path)).and_then(|listener| {
            service::start("gmp-top", move || accept(&listener, Instant::now()))
        });
        started.map_err(|e| format!("GMP_TOP={}: {e}", path.to_string_lossy()))
    };
    STARTED.get_or_init(start).clone()
}

/// A socket at `path`; one that a process has left behind, and nothing else, is replaced.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    let is_left = || {
        let refused = |e: io::Error| e.kind() == io::ErrorKind::ConnectionRefused;
        UnixStream::connect(path).is_err_and(refused)
    };
    if is_socket && is_left() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn accept(listener: &UnixListener, begun: Instant) {
    for client in listener.incoming() {
        match client {
            // An error: it has hung up, or there is no thread for it. It may try again.
            Ok(client) => {
                let _ = service::start("gmp-top-client", move || drop(serve(client, begun)));
            }
            // No descriptors are left, say: the client waits in the queue, and the next call would fail at once.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Answers one client until it hangs up.
fn serve(client: UnixStream, begun: Instant) -> io::Result<()> {
    let mut words = BufReader::new(client.try_clone()?);
    let mut out = client;
    let mut word = String::new();
    while words.read_line(&mut word)? > 0 {
        let answer = match word.trim_end() {
            "snapshot" => snapshot(begun),
            "dump" => print::dump(collect::collect(false), None),
            "flight" => crate::trace::kept()?,
            _ => return Ok(()),
        };
        out.write_all(format!("{}\n{answer}", answer.len()).as_bytes())?;
        word.clear();
    }
    Ok(())
}

/// Goroutines that were spawned at one place.
#[derive(Default)]
struct Site {
    count: usize,
    states: HashMap<&'static str, usize>,
}

fn snapshot(begun: Instant) -> String {
    let Some(m) = gmp_sched::try_metrics() else {
        return format!("{{\"version\":1,\"pid\":{},\"goroutines\":0}}", std::process::id());
    };
    let all = gmp_sched::goroutines();
    let mut sites: HashMap<(&str, u32), Site> = HashMap::new();
    for g in &all {
        let site = sites.entry((g.spawned_at.file(), g.spawned_at.line())).or_default();
        site.count += 1;
        *site.states.entry(g.state).or_default() += 1;
    }
    let find = |id| all.binary_search_by_key(&id, |g: &gmp_sched::GoroutineInfo| g.id).ok();
    let procs = gmp_sched::processors();
    let procs = procs.iter().map(|p| {
        let g = p.g.and_then(|id| find(id).map(|at| &all[at]));
        let name = g.and_then(|g| g.name.as_deref()).unwrap_or_default();
        let at = g.map_or_else(String::new, |g| place(g.spawned_at.file(), g.spawned_at.line()));
        format!(
            "{{\"p\":{},\"m\":{},\"g\":{},\"name\":{},\"at\":{},\"queued\":{},\"switches\":{}}}",
            p.index,
            Maybe(p.m),
            Maybe(p.g.map(|g| g.as_u64())),
            Text(name),
            Text(&at),
            p.queued,
            p.switches
        )
    });
    let sites = sites.iter().map(|(&(file, line), site)| {
        let states = list(site.states.iter().map(|(&state, &n)| counted(state, n)));
        let at = place(file, line);
        format!("{{\"at\":{},\"count\":{},\"states\":{states}}}", Text(&at), site.count)
    });
    let t = &m.total;
    format!(
        "{{\"version\":1,\"pid\":{},\"uptime_ms\":{},\"goroutines\":{},\"global_queue\":{},\"switches\":{},\"parks\":{},\"steals\":{},\"preemptions\":{},\"handoffs\":{},\"threads\":{{\"all\":{},\"idle\":{},\"searching\":{}}},\"procs\":{},\"states\":{},\"sites\":{},\"latencies\":{}}}",
        std::process::id(),
        begun.elapsed().as_millis(),
        all.len(),
        m.global_queue,
        t.switches,
        t.parks,
        t.steals,
        t.preempted_at_call + t.preempted_by_signal,
        t.handoffs + t.retaken,
        m.threads,
        m.idle_threads,
        m.searching,
        list(procs),
        list(m.states.iter().map(|&(state, n)| counted(state, n))),
        list(sites),
        list(m.latencies.iter().map(u64::to_string)),
    )
}

fn place(file: &str, line: u32) -> String {
    format!("{file}:{line}")
}

fn counted(state: &str, n: usize) -> String {
    format!("[{},{n}]", Text(state))
}

/// A JSON array of what is JSON already.
fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A number, or null.
struct Maybe<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// A JSON string.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(Text("a\"b\\c\nd").to_string(), "\"a\\\"b\\\\c\\u000ad\"");
        assert_eq!(
            (Maybe(Some(3)).to_string(), Maybe::<u8>(None).to_string()),
            ("3".into(), "null".into())
        );
    }
}
