//! Plain blocking code in goroutines, twice as many of each kind as there are processors, beside one that ticks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use gmp::runtime::{Builder, metrics};

use crate::Run;
use crate::latency::Ticker;

/// Blocks the thread once, for about a millisecond or two, and checks what comes of it.
type Block = fn(u64) -> Result<(), String>;

const KINDS: [(&str, Block); 8] = [
    ("sleep", sleep),
    ("pipe", pipe),
    ("tcp", tcp),
    ("mutex", mutex),
    ("condvar", condvar),
    ("command", command),
    ("usleep", c_sleep),
    ("resolve", resolve),
];

/// Each kind for its share of the time.
pub(crate) fn beside_a_ticker(run: &Run) -> Result<String, String> {
    let body =
        || KINDS.iter().map(|&(name, block)| one(run, name, block)).collect::<Result<Vec<_>, _>>();
    // SAFETY: no thread-local is kept over a park.
    let seen = unsafe { Builder::new().max_procs(run.procs).run(body) }?;
    Ok(seen.join("; "))
}

fn one(run: &Run, name: &str, block: Block) -> Result<String, String> {
    let before = metrics().total;
    let stop = Arc::new(AtomicBool::new(false));
    let all: Vec<_> = (0..2 * run.procs)
        .map(|number| {
            let stop = stop.clone();
            gmp::go(move || {
                let mut rounds = 0;
                while !stop.load(Ordering::Relaxed) {
                    block(number as u64 + rounds)?;
                    rounds += 1;
                }
                Ok::<u64, String>(rounds)
            })
        })
        .collect();
    let ticker = Ticker::start();
    gmp::time::sleep(run.time / KINDS.len() as u32);
    stop.store(true, Ordering::Relaxed);
    let latency = ticker.finish()?;
    let mut rounds = 0;
    for goroutine in all {
        rounds += goroutine.join().map_err(|_| format!("{name} has panicked"))??;
    }
    let after = metrics().total;
    let stops = after.preempted_by_signal - before.preempted_by_signal;
    let retaken = after.retaken - before.retaken;
    Ok(format!("{name}: {rounds} rounds, {stops} stops, {retaken} retaken, {latency}"))
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

fn sleep(_: u64) -> Result<(), String> {
    thread::sleep(Duration::from_millis(2));
    Ok(())
}

/// Another thread writes after a while.
fn pipe(n: u64) -> Result<(), String> {
    let (mut reader, mut writer) = std::os::unix::net::UnixStream::pair().map_err(text)?;
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(2));
        writer.write_all(&n.to_le_bytes())
    });
    let mut bytes = [0; 8];
    // One plain call: an EINTR would show.
    let length = reader.read(&mut bytes).map_err(text)?;
    other.join().map_err(|_| "the writer has panicked")?.map_err(text)?;
    if (length, bytes) == (8, n.to_le_bytes()) { Ok(()) } else { Err("wrong bytes".into()) }
}

/// Accept, connect and read of std.
fn tcp(n: u64) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let address = listener.local_addr().map_err(text)?;
    let client = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1));
        let mut stream = TcpStream::connect(address)?;
        thread::sleep(Duration::from_millis(1));
        stream.write_all(&n.to_le_bytes())?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    });
    let (mut stream, _) = listener.accept().map_err(text)?;
    let mut bytes = [0; 8];
    let length = stream.read(&mut bytes).map_err(text)?;
    stream.write_all(&bytes[..length]).map_err(text)?;
    let answer = client.join().map_err(|_| "the client has panicked")?.map_err(text)?;
    if answer == n.to_le_bytes() { Ok(()) } else { Err("wrong bytes".into()) }
}

/// A lock that one goroutine holds while it sleeps, and the others wait for.
fn mutex(_: u64) -> Result<(), String> {
    static SHARED: Mutex<u64> = Mutex::new(0);
    let mut number = SHARED.lock().map_err(text)?;
    thread::sleep(Duration::from_millis(1));
    *number += 1;
    Ok(())
}

/// Another thread notifies after a while.
fn condvar(_: u64) -> Result<(), String> {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let other = shared.clone();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(2));
        *other.0.lock().unwrap_or_else(|e| e.into_inner()) = true;
        other.1.notify_one();
    });
    let mut done = shared.0.lock().map_err(text)?;
    while !*done {
        done = shared.1.wait(done).map_err(text)?;
    }
    drop(done);
    thread.join().map_err(|_| "the notifier has panicked".into())
}

/// A child process: fork, exec, pipes, wait.
fn command(n: u64) -> Result<(), String> {
    let output = Command::new("echo").arg(n.to_string()).output().map_err(text)?;
    let said = String::from_utf8_lossy(&output.stdout);
    if said.trim() == n.to_string() { Ok(()) } else { Err(format!("echo {n} said {said}")) }
}

/// A C library that sleeps: the kernel does not restart this call, so a signal of ours would show.
fn c_sleep(_: u64) -> Result<(), String> {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000 };
    // SAFETY: a valid time; what is left is not asked for.
    match unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(text(std::io::Error::last_os_error())),
    }
}

/// `getaddrinfo`.
fn resolve(_: u64) -> Result<(), String> {
    let mut found = ("localhost", 80).to_socket_addrs().map_err(text)?;
    found.next().map(|_| ()).ok_or("localhost has no address".into())
}
