//! The HTTP workloads: a server is started, `wrk` asks it, the server is killed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gmp_bench_contract::waits::HTTP_WARM_UP;

use crate::bench::peers::must;

/// How long a server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(5);

/// What `wrk` saw.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    /// Requests per second.
    pub(super) rate: f64,
    /// 99th percentile of the latency, in ms.
    pub(super) p99: f64,
    /// Length of the body that the server answers with.
    pub(super) body: u64,
}

/// A server that dies with this value.
pub(super) struct Server(Child);

impl Server {
    /// Starts it without input and output.
    pub(super) fn start(command: &mut Command) -> Result<Server, String> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Server).map_err(|e| format!("cannot start the server: {e}"))
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the measuring has noticed by now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address of this machine that nobody listens at.
pub(super) fn free_address() -> Result<SocketAddr, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|e| format!("no free port: {e}"))
}

/// Starts `server` (which serves at `addr`) and measures GETs of `path` for `seconds`.
pub(super) fn measure(
    wrk: &Path,
    server: &mut Command,
    addr: SocketAddr,
    path: &str,
    seconds: u64,
) -> Result<Seen, String> {
    let mut server = Server::start(server)?;
    let body = first_answer(&mut server, addr, path)?;
    let ask = |seconds: u64| {
        must(
            Command::new(wrk)
                .args(["-t1", "-c256", "--latency", &format!("-d{seconds}s")])
                .arg(format!("http://{addr}{path}")),
        )
    };
    ask(HTTP_WARM_UP.as_secs())?;
    let (rate, p99) = parse(&ask(seconds)?)?;
    Ok(Seen { rate, p99, body })
}

/// Waits until the server answers, and checks that it answers 200; the length of the body.
pub(super) fn first_answer(
    server: &mut Server,
    addr: SocketAddr,
    path: &str,
) -> Result<u64, String> {
    let start = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(addr) {
            Ok(stream) => break stream,
            Err(e) if start.elapsed() > START_LIMIT => return Err(format!("no server: {e}")),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
        if let Ok(Some(status)) = server.0.try_wait() {
            return Err(format!("the server ended: {status}"));
        }
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream
        .set_read_timeout(Some(START_LIMIT))
        .and_then(|()| stream.write_all(request.as_bytes()))
        .and_then(|()| stream.read_to_end(&mut answer))
        .map_err(|e| format!("the first request: {e}"))?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("the answer has no end of head")?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("the answer was {:?}", head.lines().next().unwrap_or_default()));
    }
    Ok(body.len() as u64)
}

/// Reads the two lines of `wrk --latency` that are wanted, and refuses errors.
fn parse(text: &str) -> Result<(f64, f64), String> {
    let mut rate = None;
    let mut p99 = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with("Socket errors") || line.starts_with("Non-2xx") {
            return Err(format!("wrk: {line}"));
        }
        if let Some(value) = line.strip_prefix("Requests/sec:") {
            rate = value.trim().parse().ok();
        }
        if let Some(value) = line.strip_prefix("99%") {
            p99 = milliseconds(value.trim());
        }
    }
    rate.zip(p99).ok_or_else(|| format!("wrk said something else:\n{text}"))
}

fn milliseconds(value: &str) -> Option<f64> {
    let digits = value.trim_end_matches(|c: char| c.is_alphabetic());
    let number: f64 = digits.parse().ok()?;
    match &value[digits.len()..] {
        "us" => Some(number / 1e3),
        "ms" => Some(number),
        "s" => Some(number * 1e3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_understood() {
        let good = "  Latency Distribution\n     50%    2.10ms\n     99%  950.00us\n\
                    Requests/sec:  55012.50\nTransfer/sec:  7.00MB\n";
        assert_eq!(parse(good), Ok((55012.5, 0.95)));
        assert!(parse("Requests/sec: 1.0").is_err());
        let bad = format!("{good}  Socket errors: connect 0, read 3, write 0, timeout 0\n");
        assert!(parse(&bad).is_err());
    }

    #[test]
    fn units() {
        assert_eq!(milliseconds("1.50s"), Some(1500.0));
        assert_eq!(milliseconds("13.00ms"), Some(13.0));
        assert_eq!(milliseconds("13"), None);
    }
}
