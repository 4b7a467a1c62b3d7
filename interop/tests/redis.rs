//! The Redis server against a client of our own, and against `redis-benchmark` where that is installed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use gmp::net::{TcpListener, TcpStream};
use gmp::process::Command;
use gmp_interop::redis::{self, Table};

fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, table) = (listener.local_addr().unwrap(), Table::default());
    gmp::go(move || {
        gmp_interop::serve(&listener, move |stream| {
            let _ = redis::handle(stream, table.clone());
        });
    });
    address
}

fn encode(words: &[&str]) -> String {
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n", words.len()) + &words.collect::<String>()
}

/// One answer, with a string's length in front as it came.
fn read(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    if let Some(length) = line.strip_prefix('$').and_then(|l| l.trim_end().parse::<usize>().ok()) {
        let mut bytes = vec![0; length + 2];
        from.read_exact(&mut bytes).unwrap();
        line.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    line
}

#[gmp::test(unsafe)]
fn commands_and_pipelining() {
    let mut stream = TcpStream::connect(server()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let conversation = [
        (encode(&["PING"]), "+PONG\r\n"),
        ("ping\r\n".into(), "+PONG\r\n"),
        (encode(&["ECHO", "with\r\nlines"]), "$11\r\nwith\r\nlines\r\n"),
        (encode(&["GET", "key"]), "$-1\r\n"),
        (encode(&["SET", "key", ""]), "+OK\r\n"),
        (encode(&["GET", "key"]), "$0\r\n\r\n"),
        (encode(&["INCR", "count"]), ":1\r\n"),
        (encode(&["INCR", "count"]), ":2\r\n"),
        (encode(&["INCR", "key"]), "-ERR value is not an integer or out of range\r\n"),
        (encode(&["DEL", "key", "count", "none"]), ":2\r\n"),
        (encode(&["WHAT"]), "-ERR unknown command or wrong number of arguments\r\n"),
    ];
    for (command, answer) in &conversation {
        stream.write_all(command.as_bytes()).unwrap();
        assert_eq!(read(&mut reader), *answer, "to {command:?}");
    }
    // All at once, in pieces of seven bytes.
    let all: String = conversation.iter().map(|(command, _)| command.as_str()).collect();
    all.as_bytes().chunks(7).for_each(|piece| stream.write_all(piece).unwrap());
    conversation.iter().for_each(|(_, answer)| assert_eq!(read(&mut reader), *answer));
    // What is not the protocol ends the connection.
    stream.write_all(b"*1\r\nnonsense\r\n").unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[gmp::test(unsafe)]
fn increments_are_not_lost() {
    let address = server();
    gmp::scope(|s| {
        for _ in 0..20 {
            s.go(|| {
                let mut stream = TcpStream::connect(address).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let hundred = encode(&["INCR", "n"]).repeat(100);
                stream.write_all(hundred.as_bytes()).unwrap();
                (0..100).for_each(|_| assert!(read(&mut reader).starts_with(':')));
            });
        }
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(encode(&["GET", "n"]).as_bytes()).unwrap();
    assert_eq!(read(&mut BufReader::new(stream)), "$4\r\n2000\r\n");
}

#[gmp::test(unsafe)]
fn redis_benchmark_drives_it() {
    let address = server();
    let port = address.port().to_string();
    let mut tool = Command::new("redis-benchmark");
    tool.args([
        "-p",
        &port,
        "-n",
        "20000",
        "-c",
        "50",
        "-P",
        "16",
        "-t",
        "ping,set,get,incr",
        "-q",
    ]);
    let output = match tool.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!(
                "redis-benchmark is not installed (Debian: redis-tools); our own client has tested"
            );
            return;
        }
        Err(error) => panic!("redis-benchmark: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "\n");
    assert!(output.status.success(), "{text}");
    for test in ["PING_MBULK", "SET", "GET", "INCR"] {
        let done = |line: &str| line.starts_with(test) && line.contains("requests per second");
        assert!(text.lines().any(done), "{test} is missing: {text}");
    }
}
