//! `close` from elsewhere: wakes everybody, is idempotent, and reserves the number until the drop.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

#[gmp::test(unsafe)]
fn everybody_who_waits_is_woken() {
    let (ours, _theirs) = pair();
    // Fill the pipe, so that writers wait too.
    ours.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
    while (&ours).write(&[0; 65_536]).is_ok() {}
    ours.set_write_timeout(None).unwrap();
    gmp::scope(|s| {
        let readers: Vec<_> =
            (0..5).map(|_| s.go(|| (&ours).read(&mut [0]).unwrap_err().kind())).collect();
        let writers: Vec<_> =
            (0..5).map(|_| s.go(|| (&ours).write(&[0; 4096]).unwrap_err().kind())).collect();
        (0..50).for_each(|_| gmp::yield_now());
        ours.close();
        for waiter in readers.into_iter().chain(writers) {
            assert_eq!(waiter.join().unwrap(), ErrorKind::ConnectionAborted);
        }
    });
}

#[gmp::test(unsafe)]
fn all_that_follows_fails_the_same_way() {
    let (mut ours, mut theirs) = pair();
    ours.close();
    ours.close();
    let kinds = [
        ours.read(&mut [0]).unwrap_err().kind(),
        ours.write(b"x").unwrap_err().kind(),
        ours.peek(&mut [0]).unwrap_err().kind(),
        ours.peer_addr().unwrap_err().kind(),
        ours.set_deadline(None).unwrap_err().kind(),
        ours.shutdown(std::net::Shutdown::Both).unwrap_err().kind(),
        ours.try_clone().unwrap_err().kind(),
        ours.set_nodelay(true).unwrap_err().kind(),
    ];
    assert_eq!(kinds, [ErrorKind::ConnectionAborted; 8]);
    // The peer saw the end at once, while `ours` still exists.
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
}

#[gmp::test(unsafe)]
fn listeners_and_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    gmp::scope(|s| {
        let accept = s.go(|| listener.accept().unwrap_err().kind());
        let receive = s.go(|| socket.recv_from(&mut [0]).unwrap_err().kind());
        (0..20).for_each(|_| gmp::yield_now());
        listener.close();
        socket.close();
        assert_eq!(accept.join().unwrap(), ErrorKind::ConnectionAborted);
        assert_eq!(receive.join().unwrap(), ErrorKind::ConnectionAborted);
    });
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[gmp::test(unsafe)]
fn the_number_is_not_reused_before_the_drop() {
    let (ours, _theirs) = pair();
    let number = ours.as_raw_fd();
    let borrowed = ours.as_fd();
    ours.close();
    let others: Vec<_> = (0..20).map(|_| UnixStream::pair().unwrap()).collect();
    assert!(others.iter().all(|(a, b)| a.as_raw_fd() != number && b.as_raw_fd() != number));
    // Still a descriptor, and nobody's socket.
    assert_eq!(borrowed.as_raw_fd(), number);
    assert!(borrowed.try_clone_to_owned().is_ok());
}

/// Readers, a writer and a closer on a hundred connections: nobody hangs, nobody reads another's bytes.
#[gmp::test(unsafe)]
fn a_storm_of_closes() {
    let rounds: Vec<_> = (0..100u8)
        .map(|id| {
            gmp::go(move || {
                let (ours, theirs) = UnixStream::pair().unwrap();
                gmp::scope(|s| {
                    s.go(|| {
                        while (&theirs).write(&[id; 16]).is_ok() {
                            gmp::yield_now();
                        }
                    });
                    for _ in 0..3 {
                        s.go(|| {
                            let mut buf = [0; 8];
                            while let Ok(n @ 1..) = (&ours).read(&mut buf) {
                                assert!(buf[..n].iter().all(|b| *b == id));
                            }
                        });
                    }
                    (0..usize::from(id % 16)).for_each(|_| gmp::yield_now());
                    ours.close();
                    theirs.close();
                });
            })
        })
        .collect();
    rounds.into_iter().for_each(|round| round.join().unwrap());
}
