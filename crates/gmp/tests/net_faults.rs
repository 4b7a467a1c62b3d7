//! A bad line, made here where the kernel has no `netem`: a relay that delays, cuts streams into small pieces and resets
//! some, and one that loses, doubles and reorders datagrams. Nothing is lost, nobody is left over.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream, UdpSocket};
use gmp::sync::WaitGroup;

/// xorshift: the same line every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn pause(&mut self) {
        gmp::time::sleep(Duration::from_micros(self.below(300)));
    }
}

/// Passes one direction on, in pieces; after `fate` bytes it resets both sides.
fn pump(from: &TcpStream, to: &TcpStream, mut fate: usize, mut dice: Dice) {
    let mut buf = [0; 700];
    loop {
        let room = 1 + dice.below(buf.len() as u64) as usize;
        let Ok(n) = (&*from).read(&mut buf[..room]) else { break };
        if n == 0 {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        if fate < n {
            break;
        }
        fate -= n;
        dice.pause();
        if (&*to).write_all(&buf[..n]).is_err() {
            break;
        }
    }
    for side in [from, to] {
        let _ = side.set_linger(Some(Duration::ZERO));
        side.close();
    }
}

/// Relays connections to `server`; each fifth is reset in the middle.
fn relay(listener: &TcpListener, server: SocketAddr, all: &WaitGroup) {
    for number in 0.. {
        let Ok((near, _)) = listener.accept() else { return };
        let fate = if number % 5 == 0 { 5_000 } else { usize::MAX };
        all.go(move || {
            let far = TcpStream::connect(server).unwrap();
            gmp::scope(|s| {
                s.go(|| pump(&near, &far, fate, Dice(2 * number + 1)));
                s.go(|| pump(&far, &near, usize::MAX, Dice(2 * number + 3)));
            });
        });
    }
}

/// Sends `LEN` bytes of its own kind and has them echoed. Whether it came through; what came is right in any case.
fn talk(relay: SocketAddr, kind: u8) -> bool {
    const LEN: usize = 20_000;
    let stream = TcpStream::connect(relay).unwrap();
    let byte = |i: usize| (i as u8).wrapping_mul(31) ^ kind;
    gmp::scope(|s| {
        let sender = s.go(|| {
            let data: Vec<u8> = (0..LEN).map(byte).collect();
            // Single bytes first.
            let sent = data[..20].iter().try_for_each(|b| (&stream).write_all(&[*b]));
            sent.and_then(|()| (&stream).write_all(&data[20..]))
                .and_then(|()| stream.shutdown(Shutdown::Write))
                .is_ok()
        });
        let (mut got, mut buf) = (0, [0; 333]);
        let ended = loop {
            match (&stream).read(&mut buf) {
                Ok(0) => break true,
                Ok(n) => {
                    assert!((0..n).all(|i| buf[i] == byte(got + i)), "another's bytes");
                    got += n;
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
                    break false;
                }
            }
        };
        let sent = sender.join().unwrap();
        assert!(!(ended && sent) || got == LEN, "{got} of {LEN} bytes and a proper end");
        ended && sent
    })
}

#[gmp::test(unsafe, leak_check)]
fn streams_in_pieces_and_reset() {
    const CLIENTS: usize = 60;
    let (server, line) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (echo_at, line_at) = (server.local_addr().unwrap(), line.local_addr().unwrap());
    let (all, whole) = (WaitGroup::new(), AtomicUsize::new(0));
    gmp::scope(|s| {
        s.go(|| {
            while let Ok((stream, _)) = server.accept() {
                // Resets end it early, as they should.
                all.go(move || drop(gmp::io::copy(&mut &stream, &mut &stream)));
            }
        });
        s.go(|| relay(&line, echo_at, &all));
        let clients: Vec<_> = (0..CLIENTS).map(|i| s.go(move || talk(line_at, i as u8))).collect();
        for client in clients {
            whole.fetch_add(usize::from(client.join().unwrap()), Ordering::Relaxed);
        }
        line.close();
        server.close();
    });
    all.wait();
    assert_eq!(whole.into_inner(), CLIENTS - CLIENTS / 5, "all that were not reset came through");
}

/// Asks again until the answer comes, over a line that loses a third, doubles a third and delays all differently.
#[gmp::test(unsafe, leak_check)]
fn datagrams_lost_doubled_and_reordered() {
    let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let (server, line, client) = (bind(), bind(), bind());
    let (server_at, client_at) = (server.local_addr().unwrap(), client.local_addr().unwrap());
    client.connect(line.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut answers = BTreeMap::new();
    gmp::scope(|s| {
        s.go(|| {
            let mut buf = [0; 8];
            while let Ok((8, from)) = server.recv_from(&mut buf) {
                let asked = u64::from_le_bytes(buf);
                server.send_to(&(asked * asked).to_le_bytes(), from).unwrap();
            }
        });
        let line = &line;
        s.go(move || {
            let (mut dice, mut buf) = (Dice(7), [0; 8]);
            while let Ok((8, from)) = line.recv_from(&mut buf) {
                let to = if from == server_at { client_at } else { server_at };
                let pause = Duration::from_micros(dice.below(2_000));
                for _ in 0..dice.below(3) {
                    s.go(move || {
                        gmp::time::sleep(pause);
                        // Nobody hears it once all is over.
                        let _ = line.send_to(&buf, to);
                    });
                }
            }
        });
        for number in 0..100u64 {
            let mut buf = [0; 8];
            while !answers.contains_key(&(number * number)) {
                client.send(&number.to_le_bytes()).unwrap();
                if let Ok(8) = client.recv(&mut buf) {
                    answers.insert(u64::from_le_bytes(buf), ());
                }
            }
        }
        server.close();
        line.close();
    });
    assert!(answers.into_keys().eq((0..100).map(|n| n * n)));
}
