//! The workloads `http_idle_*`: what connections cost a server that have asked once and say nothing more.
//!
//! The server is the one of `http`. The other ends are held by another process, this program started once more with as
//! many descriptors as the machine lets it have ([`hold`]). The server's memory and CPU time are the kernel's figures.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gmp_bench_contract::procfs;
use gmp_bench_contract::waits::{HTTP_IDLE_WATCH, REST};

use crate::bench::http::{self, Server};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let proc = PathBuf::from(format!("/proc/{}", server.id()));
    let before = procfs::memory(&proc).map_err(lost)?;
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
    let held = procfs::memory(&proc).map_err(lost)?.saturating_sub(before);
    let ((used, _), start) = (procfs::cpu_and_wakeups(&proc).map_err(lost)?, Instant::now());
    std::thread::sleep(HTTP_IDLE_WATCH);
    let (used_by_now, _) = procfs::cpu_and_wakeups(&proc).map_err(lost)?;
    let (used, elapsed) = (used_by_now.saturating_sub(used), start.elapsed());
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
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    // The answer fits one segment.
    match stream.read(&mut [0; 4096])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(stream),
    }
}

fn lost(e: io::Error) -> String {
    format!("the server: {e}")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

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
