//! Unix sockets beyond paths: abstract names, datagrams by address, half-close, iteration.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use gmp::net::{UnixDatagram, UnixListener, UnixStream};

fn name(what: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(format!("gmp-{what}-{}", std::process::id())).unwrap()
}

#[gmp::test(unsafe)]
fn abstract_streams() {
    let listener = UnixListener::bind_addr(&name("stream")).unwrap();
    assert_eq!(
        listener.local_addr().unwrap().as_abstract_name(),
        name("stream").as_abstract_name()
    );
    assert_eq!(UnixListener::bind_addr(&name("stream")).unwrap_err().kind(), ErrorKind::AddrInUse);
    gmp::scope(|s| {
        s.go(|| {
            for stream in listener.into_iter().take(3) {
                let mut stream = stream.unwrap();
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                stream.write_all(&all).unwrap();
            }
        });
        for _ in 0..3 {
            let mut client = UnixStream::connect_addr(&name("stream")).unwrap();
            client.write_all(b"half").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert_eq!(text, "half");
        }
    });
}

#[gmp::test(unsafe)]
fn datagrams_by_address() {
    let (a, b) = (name("a"), name("b"));
    let (one, two) = (UnixDatagram::bind_addr(&a).unwrap(), UnixDatagram::bind_addr(&b).unwrap());
    one.send_to_addr(b"hello", &b).unwrap();
    let mut buf = [0; 16];
    let (n, from) = two.recv_from(&mut buf).unwrap();
    assert_eq!((n, from.as_abstract_name()), (5, a.as_abstract_name()));
    two.connect_addr(&from).unwrap();
    two.send(b"").unwrap();
    assert_eq!(one.recv(&mut buf).unwrap(), 0, "empty, and not an end");
    assert_eq!(
        UnixDatagram::unbound().unwrap().send(b"x").unwrap_err().kind(),
        ErrorKind::NotConnected
    );
}

/// A full queue makes the sender wait, and nothing is lost.
#[gmp::test(unsafe)]
fn a_slow_receiver_holds_the_sender() {
    let (a, b) = UnixDatagram::pair().unwrap();
    let sender = gmp::go(move || {
        for i in 0..2_000u32 {
            a.send(&i.to_le_bytes()).unwrap();
        }
    });
    (0..20).for_each(|_| gmp::yield_now());
    for i in 0..2_000u32 {
        let mut buf = [0; 4];
        assert_eq!(b.recv(&mut buf).unwrap(), 4);
        assert_eq!(u32::from_le_bytes(buf), i);
    }
    sender.join().unwrap();
}
