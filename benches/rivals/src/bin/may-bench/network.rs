//! Echo over TCP.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use may::go;
use may::net::{TcpListener, TcpStream};
use may::sync::mpmc;

const CONNECTIONS: u64 = 1000;

pub fn echo(n: u64) -> (Duration, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let (gate, begin) = mpmc::channel::<()>();
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for c in 0..CONNECTIONS {
        let client = TcpStream::connect(addr).expect("a connection");
        let (server, _) = listener.accept().expect("its other end");
        client.set_nodelay(true).expect("an option of TCP");
        server.set_nodelay(true).expect("an option of TCP");
        servers.push(go!(move || serve(server)));
        let begin = begin.clone();
        clients.push(go!(move || {
            assert!(begin.recv().is_err(), "nothing is ever sent");
            ask(client, c, n / CONNECTIONS)
        }));
    }
    drop(listener);
    let start = Instant::now();
    drop(gate);
    let sum = clients.into_iter().map(|client| client.join().expect("no panic")).sum();
    let elapsed = start.elapsed();
    for server in servers {
        server.join().expect("no panic");
    }
    (elapsed, sum)
}

fn serve(mut stream: TcpStream) {
    let mut buffer = [0; 64];
    while stream.read_exact(&mut buffer).is_ok() {
        stream.write_all(&buffer).expect("the client reads");
    }
}

fn ask(mut stream: TcpStream, c: u64, rounds: u64) -> u64 {
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
