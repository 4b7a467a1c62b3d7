//! The client's side of the protocol: a word and a line feed, answered by a length, a line feed, and that many bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// The protocol that is spoken here.
const VERSION: u32 = 1;
/// The longest answer that is accepted: a dump of a million goroutines with as many different stacks is shorter.
const LONGEST: usize = 1 << 30;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process at some moment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Snapshot {
    /// The protocol's version.
    pub version: u32,
    /// Which process.
    pub pid: u32,
    /// Milliseconds since it began to serve.
    pub uptime_ms: u64,
    /// Goroutines that have not ended.
    pub goroutines: usize,
    /// Goroutines in the queue that all processors share.
    pub global_queue: usize,
    /// Times a goroutine began or went on, since the start; the other figures likewise.
    pub switches: u64,
    /// Times a goroutine gave way.
    pub parks: u64,
    /// Times something was taken from another processor.
    pub steals: u64,
    /// Times a goroutine was made to give way.
    pub preemptions: u64,
    /// Times a processor was taken from a goroutine that blocked.
    pub handoffs: u64,
    /// The threads.
    pub threads: Threads,
    /// The processors in use.
    pub procs: Vec<Proc>,
    /// Goroutines by state, the most frequent first.
    pub states: Vec<(String, usize)>,
    /// Goroutines by the place that spawned them.
    pub sites: Vec<Site>,
    /// Entry `i` counts goroutines that were runnable for 2^(i-1) to 2^i nanoseconds before they ran.
    pub latencies: Vec<u64>,
}

/// How many threads there are.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Threads {
    /// All that run goroutines, or have.
    pub all: usize,
    /// Those that sleep.
    pub idle: usize,
    /// Those that look for work.
    pub searching: usize,
}

/// A processor.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Proc {
    /// Its number.
    pub p: usize,
    /// The thread that holds it.
    pub m: Option<usize>,
    /// The goroutine that runs there.
    pub g: Option<u64>,
    /// That one's name; empty if it has none.
    pub name: String,
    /// Where that one was spawned.
    pub at: String,
    /// How many wait in its queue.
    pub queued: usize,
    /// Times a goroutine began or went on here.
    pub switches: u64,
}

/// A place where goroutines were spawned.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Site {
    /// File and line.
    pub at: String,
    /// How many of them there are.
    pub count: usize,
    /// What they do.
    pub states: Vec<(String, usize)>,
}

/// A connection to a process.
#[derive(Debug)]
pub struct Client {
    answers: BufReader<UnixStream>,
    words: UnixStream,
}

impl Client {
    /// Attaches to the process that serves at `path`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn attach(path: &Path) -> io::Result<Client> {
        let words = UnixStream::connect(path)?;
        words.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { answers: BufReader::new(words.try_clone()?), words })
    }

    /// What the process looks like now. Blocks the thread.
    ///
    /// # Errors
    ///
    /// When the process has gone, or speaks another version.
    pub fn snapshot(&mut self) -> io::Result<Snapshot> {
        let snapshot: Snapshot = serde_json::from_slice(&self.ask("snapshot")?)?;
        if snapshot.version != VERSION {
            let text = format!("it speaks version {}, this is {VERSION}", snapshot.version);
            return Err(io::Error::other(text));
        }
        Ok(snapshot)
    }

    /// A dump of all goroutines. Blocks the thread.
    ///
    /// # Errors
    ///
    /// When the process has gone.
    pub fn dump(&mut self) -> io::Result<Vec<u8>> {
        self.ask("dump")
    }

    /// The flight recorder's trace; empty if none runs. Blocks the thread.
    ///
    /// # Errors
    ///
    /// When the process has gone.
    pub fn flight(&mut self) -> io::Result<Vec<u8>> {
        self.ask("flight")
    }

    fn ask(&mut self, word: &str) -> io::Result<Vec<u8>> {
        self.words.write_all(format!("{word}\n").as_bytes())?;
        let mut length = String::new();
        if self.answers.read_line(&mut length)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the process has gone"));
        }
        let length = length.trim_end().parse().ok().filter(|&n| n <= LONGEST);
        let length = length.ok_or_else(|| io::Error::other("not a gmp process"))?;
        let mut answer = vec![0; length];
        self.answers.read_exact(&mut answer)?;
        Ok(answer)
    }
}
