//! An echo server on plain threads that park on descriptors, and its clients: no runtime, no poller thread.
//!
//! `cargo run --example echo_threads` serves sixteen clients with a hundred messages each and exits.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use gmp_netpoll::Direction::{Read as Reading, Write as Writing};
use gmp_netpoll::{Netpoll, Registration};

const CLIENTS: usize = 16;
const MESSAGES: usize = 100;

fn main() -> io::Result<()> {
    let netpoll = Netpoll::new()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let listener = netpoll.register(listener)?;

    let echoed = thread::scope(|s| -> io::Result<usize> {
        let clients: Vec<_> = (0..CLIENTS).map(|i| s.spawn(move || client(address, i))).collect();
        let mut servers = Vec::new();
        for _ in 0..CLIENTS {
            let (stream, _) = listener.run(Reading, |l| l.accept())?;
            stream.set_nonblocking(true)?;
            let netpoll = &netpoll;
            servers.push(s.spawn(move || echo(&netpoll.register(stream)?)));
        }
        for client in clients {
            client.join().expect("a client panicked")?;
        }
        servers.into_iter().map(|server| server.join().expect("a server panicked")).sum()
    })?;
    writeln!(io::stdout(), "{echoed} bytes echoed for {CLIENTS} clients")
}

/// Sends back what comes until the peer is done; how much it was.
fn echo(stream: &Registration<'_, TcpStream>) -> io::Result<usize> {
    let (mut buf, mut total) = ([0; 4096], 0);
    loop {
        let n = stream.run(Reading, |mut s| s.read(&mut buf))?;
        if n == 0 {
            return Ok(total);
        }
        let mut rest = &buf[..n];
        while !rest.is_empty() {
            let written = stream.run(Writing, |mut s| s.write(rest))?;
            rest = &rest[written..];
        }
        total += n;
    }
}

fn client(address: std::net::SocketAddr, id: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    for i in 0..MESSAGES {
        let message = format!("client {id}, message {i}");
        stream.write_all(message.as_bytes())?;
        let mut answer = vec![0; message.len()];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, message.as_bytes());
    }
    Ok(())
}
