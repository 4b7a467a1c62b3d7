//! Echo over TCP, and a minimal HTTP/1.1 server.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gmp::chan::bounded;
use gmp::go;
use gmp::net::{TcpListener, TcpStream};
use gmp_bench_contract::{Job, Outcome};

const CONNECTIONS: u64 = 1000;

/// `n` round trips of 64 bytes over 1000 connections; both ends live in this process.
pub(crate) fn echo(n: u64) -> (Duration, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let (gate, begin) = bounded::<()>(0);
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for c in 0..CONNECTIONS {
        let client = TcpStream::connect(addr).expect("a connection");
        let (server, _) = listener.accept().expect("its other end");
        client.set_nodelay(true).expect("an option of TCP");
        server.set_nodelay(true).expect("an option of TCP");
        servers.push(go(move || serve_echo(server)));
        let begin = begin.clone();
        clients.push(go(move || {
            assert!(begin.recv().is_err(), "nothing is ever sent");
            ask_echo(client, c, n / CONNECTIONS)
        }));
    }
    drop(listener);
    let start = Instant::now();
    gate.close();
    let sum = clients.into_iter().map(|client| client.join().expect("no panic")).sum();
    let elapsed = start.elapsed();
    for server in servers {
        server.join().expect("no panic");
    }
    (elapsed, sum)
}

fn serve_echo(mut stream: TcpStream) {
    let mut buffer = [0; 64];
    while stream.read_exact(&mut buffer).is_ok() {
        stream.write_all(&buffer).expect("the client reads");
    }
}

fn ask_echo(mut stream: TcpStream, c: u64, rounds: u64) -> u64 {
    let mut sum = 0;
    let mut reply = [0; 64];
    for round in 0..rounds {
        let message = [(c + round) as u8; 64];
        stream.write_all(&message).expect("the server reads");
        stream.read_exact(&mut reply).expect("the server answers");
        assert_eq!(reply, message, "echo");
        sum += u64::from(reply[63]);
    }
    sum
}

/// Serves "Hello, world!" at `job.addr` until it is killed: requests parsed with `httparse`,
/// keep-alive and pipelining, the headers that hyper sends.
pub(crate) fn http(job: &Job) -> Outcome {
    let listener = TcpListener::bind(job.addr).expect("the address is free");
    loop {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("an option of TCP");
        // A client that goes away in the middle is no error of the server.
        go(move || drop(serve_http(stream)));
    }
}

fn serve_http(mut stream: TcpStream) -> std::io::Result<()> {
    let mut input = [0; 4096];
    let mut filled = 0;
    let mut output = Vec::with_capacity(4096);
    loop {
        let mut used = 0;
        output.clear();
        let mut last = false;
        while let Some((length, close)) = parse(&input[used..filled])? {
            used += length;
            last |= close;
            answer(&mut output, close);
        }
        input.copy_within(used..filled, 0);
        filled -= used;
        if !output.is_empty() {
            stream.write_all(&output)?;
        }
        if last {
            return Ok(());
        }
        match stream.read(&mut input[filled..])? {
            0 => return Ok(()),
            count => filled += count,
        }
    }
}

/// The length of the first request, and whether it wants the connection closed.
fn parse(input: &[u8]) -> std::io::Result<Option<(usize, bool)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(input) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(length)) => {
            let close = request.headers.iter().any(|header| {
                header.name.eq_ignore_ascii_case("connection")
                    && header.value.eq_ignore_ascii_case(b"close")
            });
            Ok(Some((length, close)))
        }
        Err(error) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, error)),
    }
}

fn answer(output: &mut Vec<u8>, close: bool) {
    output.extend_from_slice(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n",
    );
    if close {
        output.extend_from_slice(b"connection: close\r\n");
    }
    output.extend_from_slice(b"date: ");
    output.extend_from_slice(&date());
    output.extend_from_slice(b"\r\n\r\nHello, world!");
}

/// The date header's value, made once per second as hyper and net/http do.
fn date() -> [u8; 29] {
    static LAST: Mutex<(u64, [u8; 29])> = Mutex::new((0, [0; 29]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    // A std lock may be held by a preempted goroutine, but nothing parks under this one.
    let mut last = LAST.lock().expect("no panic under the lock");
    if last.0 != now {
        *last = (now, imf_date(now));
    }
    last.1
}

/// Seconds since 1970 as HTTP writes them. The civil date is Howard Hinnant's `civil_from_days`,
/// for days after 1970.
fn imf_date(seconds: u64) -> [u8; 29] {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let days = seconds / 86_400;
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + u64::from(month >= 10);
    let text = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    );
    text.as_bytes().try_into().expect("29 characters until the year 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(&imf_date(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(&imf_date(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&imf_date(951_782_400), b"Tue, 29 Feb 2000 00:00:00 GMT");
    }

    #[test]
    fn requests() {
        let two = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /";
        assert_eq!(parse(two).unwrap(), Some((27, false)));
        assert_eq!(parse(&two[27..]).unwrap(), None);
        let last = b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n";
        assert_eq!(parse(last).unwrap(), Some((last.len(), true)));
        assert!(parse(b"\x00\r\n\r\n").is_err());
    }
}
