//! The httpd example: many connections, few threads, and an end in good order.

mod httpd_common;

use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use httpd_common::{program, serve, serve_with};

#[test]
fn a_thousand_idle_connections_need_a_handful_of_threads() {
    let server = serve(&[("a.txt", b"a")]);
    let mut clients: Vec<_> = (0..1000).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.answer().body, b"a");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    assert!(threads.trim().parse::<u32>().unwrap() <= 16, "{threads} threads");
}

#[test]
fn an_interrupted_server_finishes_its_responses_and_closes_what_is_idle() {
    let large: Vec<u8> = (0..32u32 << 20).map(|n| (n % 253) as u8).collect();
    let mut server = serve(&[("large", &large), ("a.txt", b"a")]);
    let (mut slow, mut idle) = (server.connect(), server.connect());
    idle.send("GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(idle.answer().body, b"a");
    slow.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(slow.head().status, 200);
    server.interrupt();
    assert!(idle.at_end(), "the idle connection is not closed");
    // The server is draining now, and the socket buffers cannot hold 32 MiB: it is still writing.
    assert!(server.child.try_wait().unwrap().is_none(), "ended with a response open");
    assert!(std::net::TcpStream::connect(&server.address).is_err(), "still accepting");
    let mut body = vec![0; large.len()];
    slow.0.read_exact(&mut body).unwrap();
    assert!(body == large);
    assert!(slow.at_end());
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn it_recovers_when_descriptors_have_run_out() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\""]).arg(program());
    let mut server = serve_with(&[("a.txt", b"a")], shell);
    let crowd: Vec<_> = (0..60).map(|_| server.connect()).collect();
    let mut stderr = BufReader::new(server.child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("httpd: cannot accept for now: "), "{line}");
    drop(crowd);
    assert_eq!(server.get("/a.txt", "").body, b"a");
}
