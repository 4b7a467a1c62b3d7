//! hyper's server on gmp, against raw bytes over std's sockets and ureq on ours.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::thread;

use gmp::net::TcpListener;

fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    gmp::go(move || {
        gmp_interop::serve(&listener, |stream| {
            let _ = gmp_interop::http::handle(stream);
        });
    });
    address
}

/// One response: its first line and its body.
fn read(from: &mut impl BufRead) -> (String, String) {
    let (mut first, mut length) = (String::new(), 0);
    from.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    (first.trim_end().into(), String::from_utf8(body).unwrap())
}

#[gmp::test(unsafe)]
fn keep_alive_pipelining_and_bodies() {
    let address = server();
    let peer = thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..50 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            assert_eq!(read(&mut reader), ("HTTP/1.1 200 OK".into(), "Hello, world!".into()));
        }
        // Several at once, one of them slow: answers in order.
        let requests = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(requests.as_bytes()).unwrap();
        assert_eq!(read(&mut reader).1, "at last");
        assert_eq!(read(&mut reader).0, "HTTP/1.1 404 Not Found");
        // A body in pieces, byte by byte.
        let body = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
        for byte in body {
            stream.write_all(&[*byte]).unwrap();
        }
        assert_eq!(read(&mut reader).1, "abcdefg");
        // Nonsense is answered, and ends the connection.
        stream.write_all(b"NONSENSE\r\n\r\n").unwrap();
        assert_eq!(read(&mut reader).0, "HTTP/1.1 400 Bad Request");
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    });
    gmp::blocking(|| peer.join().unwrap());
}

#[gmp::test(unsafe)]
fn many_at_once_from_ureq() {
    let (address, agent) = (server(), gmp_interop::fetch::agent());
    gmp::scope(|s| {
        for id in 0..50 {
            let agent = &agent;
            s.go(move || {
                let mut response = agent.get(format!("http://{address}/")).call().unwrap();
                assert_eq!(response.body_mut().read_to_string().unwrap(), "Hello, world!");
                let body = "x".repeat(id * 1_000);
                let mut response =
                    agent.post(format!("http://{address}/echo")).send(&body).unwrap();
                assert!(response.body_mut().read_to_string().unwrap() == body);
            });
        }
    });
}
