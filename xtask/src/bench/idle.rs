//! The workloads `http_idle_*`: what connections cost a server that have asked once and say nothing more.
//!
//! The server is the one of `http`. The other ends are held by another process, this program started once more with as
//! many descriptors as the machine lets it have ([`hold`]). The server's memory and CPU time are the kernel's figures.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::http::{self, Server};

/// How long everything rests before it is looked at.
const REST: Duration = Duration::from_secs(1);

/// How long the CPU time is watched.
const WATCH: Duration = Duration::from_secs(3);

/// What the holder says when all its connections are open.
const HELD: &str = "held\n";

/// What idle connections cost.
#[derive(Debug)]
pub(super) struct Seen {
    /// Memory of the server, page tables included, per connection.
    pub(super) bytes: f64,
    /// CPU time of all its threads, in percent of a core.
    pub(super) cpu: f64,
    /// Length of the body that it answers with.
    pub(super) body: u64,
}

/// Starts `server`, which serves at `addr`, and `holder`, which is this program, with `connections` to it.
pub(super) fn measure(
    server: &mut Command,
    holder: &mut Command,
    addr: SocketAddr,
    connections: u64,
) -> Result<Seen, String> {
    let mut server = Server::start(server)?;
    let body = http::first_answer(&mut server, addr, "/")?;
    std::thread::sleep(REST);
    let before = memory(server.id())?;
    holder.args(["bench", "--hold", &addr.to_string(), &connections.to_string()]);
    let child = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    // It ends with its input, which is dropped here at the latest.
    let mut child = child.map_err(|e| format!("cannot start the holder: {e}"))?;
    let mut said = String::new();
    let output = child.stdout.take().ok_or("the holder has no output")?;
    BufReader::new(output).read_line(&mut said).map_err(|e| format!("the holder: {e}"))?;
    if said != HELD {
        let out = child.wait_with_output().map_err(|e| format!("the holder: {e}"))?;
        return Err(format!("the holder: {}", String::from_utf8_lossy(&out.stderr).trim()));
    }
    std::thread::sleep(REST);
    let held = memory(server.id())?.saturating_sub(before);
    let (used, start) = (cpu_time(server.id())?, Instant::now());
    std::thread::sleep(WATCH);
    let (used, elapsed) = (cpu_time(server.id())?.saturating_sub(used), start.elapsed());
    drop(child.stdin.take());
    child.wait().map_err(|e| format!("the holder: {e}"))?;
    Ok(Seen {
        bytes: held as f64 / connections as f64,
        cpu: 100.0 * used.as_secs_f64() / elapsed.as_secs_f64(),
        body,
    })
}

/// `--hold ADDR N`: opens `N` connections, asks once on each, and holds them until its input ends. Blocks the thread.
pub(super) fn hold(addr: &str, connections: &str) -> Result<(), String> {
    let addr: SocketAddr = addr.parse().map_err(|e| format!("{addr}: {e}"))?;
    let connections: usize = connections.parse().map_err(|e| format!("{connections}: {e}"))?;
    let mut held = Vec::with_capacity(connections);
    for at in 0..connections {
        let stream = ask(addr).map_err(|e| format!("connection {at} of {connections}: {e}"))?;
        held.push(stream);
    }
    let mut input = io::stdin();
    io::stdout().write_all(HELD.as_bytes()).map_err(|e| e.to_string())?;
    io::stdout().flush().map_err(|e| e.to_string())?;
    input.read_to_end(&mut Vec::new()).map_err(|e| e.to_string())?;
    Ok(())
}

/// A connection on which one request has been answered.
fn ask(addr: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    // The answer fits one segment.
    match stream.read(&mut [0; 4096])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(stream),
    }
}

/// Bytes that a process has in memory, with its page tables.
fn memory(pid: u32) -> Result<u64, String> {
    let text = read(&format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.ok_or_else(|| format!("no {name} in the status of process {pid}"))
    };
    Ok((field("VmRSS:")? + field("VmPTE:")?) << 10)
}

/// CPU time of all threads of a process, by the scheduler's clock: that of `stat` counts in hundredths of a second.
fn cpu_time(pid: u32) -> Result<Duration, String> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).map_err(|e| format!("{folder}: {e}"))?;
    let mut nanos = 0;
    for thread in threads {
        let path = thread.map_err(|e| format!("{folder}: {e}"))?.path().join("schedstat");
        let text = read(&path.to_string_lossy())?;
        let used = text.split(' ').next().and_then(|field| field.parse::<u64>().ok());
        nanos += used.ok_or_else(|| format!("{}: {text:?}", path.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_of_this_process() {
        let me = std::process::id();
        assert!(memory(me).unwrap() > 1 << 20);
        assert!(cpu_time(me).unwrap() > Duration::ZERO);
        assert!(memory(u32::MAX).is_err());
    }

    #[test]
    fn a_connection_that_gets_no_answer_is_not_held() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut one, _) = listener.accept().unwrap();
            let asked = one.read(&mut [0; 99]).unwrap();
            one.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let (mut two, _) = listener.accept().unwrap();
            asked + two.read(&mut [0; 99]).unwrap()
        });
        assert!(ask(addr).is_ok());
        assert!(ask(addr).is_err());
        assert_eq!(server.join().unwrap(), 2 * 27);
    }
}
