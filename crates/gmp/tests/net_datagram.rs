//! Datagrams and Unix sockets: boundaries, empty datagrams, addresses, any pollable descriptor.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;

use gmp::net::{
    Direction, Registration, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};

#[gmp::test(unsafe)]
fn udp_keeps_boundaries_and_empty_datagrams() {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (from, to) = (a.local_addr().unwrap(), b.local_addr().unwrap());
    let receiver = gmp::go(move || {
        let mut buf = [0; 16];
        let first = b.recv_from(&mut buf).unwrap();
        assert_eq!(b.peek_from(&mut buf).unwrap(), (0, first.1));
        let second = b.recv_from(&mut buf).unwrap();
        b.connect(first.1).unwrap();
        b.send(b"back").unwrap();
        (first, second)
    });
    a.send_to(b"one", to).unwrap();
    a.send_to(b"", to).unwrap();
    assert_eq!(receiver.join().unwrap(), ((3, from), (0, from)));
    let mut buf = [0; 2];
    assert_eq!(a.recv(&mut buf).unwrap(), 2);
}

#[gmp::test(unsafe)]
fn many_senders_one_receiver() {
    const SENDERS: usize = 20;
    let (a, b) = UnixDatagram::pair().unwrap();
    gmp::scope(|s| {
        for _ in 0..SENDERS {
            s.go(|| (0..50).for_each(|_| assert_eq!(a.send(b"datagram").unwrap(), 8)));
        }
        let mut buf = [0; 64];
        for _ in 0..SENDERS * 50 {
            assert_eq!(b.recv(&mut buf).unwrap(), 8);
        }
    });
}

#[gmp::test(unsafe)]
fn unix_listeners_accept() {
    let directory = std::env::temp_dir().join(format!("gmp-net-{}", std::process::id()));
    // Of an earlier process with that number.
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = gmp::go(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"by path").unwrap();
    drop(client);
    assert_eq!(server.join().unwrap(), "by path");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[gmp::test(unsafe)]
fn any_pollable_descriptor() {
    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    reader.set_nonblocking(true).unwrap();
    let reader = Registration::new(reader).unwrap();
    let read = gmp::go(move || reader.run(Direction::Read, |mut r| r.read(&mut [0; 8])).unwrap());
    (0..10).for_each(|_| gmp::yield_now());
    writer.write_all(b"abc").unwrap();
    assert_eq!(read.join().unwrap(), 3);

    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let number = file.as_raw_fd();
    assert!(Registration::new(file).is_err(), "regular file {number} is not pollable");
}

#[gmp::test(unsafe)]
fn names_are_looked_up() {
    let addresses: Vec<_> = lookup_host("localhost:80").unwrap().collect();
    assert!(addresses.iter().any(|a| a.ip().is_loopback() && a.port() == 80));
}
