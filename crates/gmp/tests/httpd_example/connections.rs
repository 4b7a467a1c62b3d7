//! Connections of the httpd example: kept, pipelined, slow, many, and ended by a signal.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use crate::support::{Httpd, Response, large};

const HELLO: &[u8] = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// One request and its response on an open connection.
fn exchange(stream: &mut BufReader<TcpStream>) -> Response {
    stream.get_mut().write_all(HELLO).unwrap();
    Response::read(stream, false)
}

#[test]
fn kept_alive_until_told_otherwise() {
    let httpd = Httpd::start();
    let mut stream = BufReader::new(httpd.connect());
    for _ in 0..50 {
        assert_eq!(exchange(&mut stream).text(), "Hello, gopher!\n");
    }
    // A body nobody needs is passed over.
    stream
        .get_mut()
        .write_all(b"GET /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345")
        .unwrap();
    assert_eq!(Response::read(&mut stream, false).status, 200);
    assert_eq!(exchange(&mut stream).status, 200);
    stream.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let last = Response::read(&mut stream, false);
    assert_eq!(last.header("connection"), Some("close"));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    // The old protocol closes unless asked.
    assert!(httpd.raw(b"GET /hello.txt HTTP/1.0\r\n\r\n").ends_with("Hello, gopher!\n"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let httpd = Httpd::start();
    let mut stream = BufReader::new(httpd.connect());
    let paths = ["/hello.txt", "/nothing", "/large.bin", "/", "/hello.txt"];
    let batch: String =
        paths.iter().map(|p| format!("GET {p} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    for _ in 0..3 {
        stream.get_mut().write_all(batch.as_bytes()).unwrap();
        let got: Vec<_> = paths.iter().map(|_| Response::read(&mut stream, false)).collect();
        assert_eq!(got.iter().map(|r| r.status).collect::<Vec<_>>(), [200, 404, 200, 200, 200]);
        assert!(got[2].body == large());
        assert_eq!(got[4].text(), "Hello, gopher!\n");
    }
}

#[test]
fn byte_by_byte() {
    let httpd = Httpd::start();
    let mut stream = BufReader::new(httpd.connect());
    for byte in HELLO.repeat(2) {
        stream.get_mut().write_all(&[byte]).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(Response::read(&mut stream, false).text(), "Hello, gopher!\n");
    }
}

#[test]
fn two_thousand_idle_connections_on_a_handful_of_threads() {
    let httpd = Httpd::start();
    let mut idle: Vec<_> = (0..2_000).map(|_| BufReader::new(httpd.connect())).collect();
    for stream in idle.iter_mut() {
        assert_eq!(exchange(stream).status, 200);
    }
    // One per processor, the monitor, and spares for those that were blocked or stopped on a busy machine.
    let threads = httpd.threads();
    assert!(threads <= 64, "{threads} threads");
    // They are all alive.
    for stream in idle.iter_mut().step_by(97) {
        assert_eq!(exchange(stream).status, 200);
    }
}

#[test]
fn resets_hurt_nobody_else() {
    let httpd = Httpd::start();
    for i in 0..200 {
        let mut stream = httpd.connect();
        stream
            .write_all(if i % 2 == 0 {
                HELLO
            } else {
                b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
            })
            .unwrap();
        // Closing with unread data resets.
    }
    assert_eq!(httpd.get("/hello.txt").status, 200);
}

#[test]
fn a_signal_ends_idle_connections_and_lets_open_responses_finish() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut httpd = Httpd::start();
        let mut idle = BufReader::new(httpd.connect());
        assert_eq!(exchange(&mut idle).status, 200);
        let mut slow = BufReader::new(httpd.connect());
        slow.get_mut().write_all(&b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8)).unwrap();
        // The first response is under way, and more is to come than the sockets' buffers hold.
        let first = Response::read(&mut slow, false);
        assert!(first.body == large());

        httpd.signal(signal);
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "the idle one is closed");
        let second = Response::read(&mut slow, false);
        assert!(second.body == large(), "the open response is complete");
        let mut rest = Vec::new();
        let _ = slow.read_to_end(&mut rest);
        assert!(httpd.wait().success());
        assert!(TcpStream::connect(httpd.address).is_err());
    }
}
