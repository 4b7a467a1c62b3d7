//! Listening: options, IPv6, shared ports, and no descriptors left.

mod util;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use gmp::net::{ListenConfig, TcpListener, TcpStream, UdpSocket};

#[gmp::test(unsafe)]
fn a_port_is_shared_by_those_who_say_so() {
    let config = ListenConfig::new().reuse_port(true).backlog(16);
    let one = config.listen("127.0.0.1:0").unwrap();
    let address = one.local_addr().unwrap();
    let two = config.listen(address).unwrap();
    assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    let served = gmp::scope(|s| {
        let (a, b) = (s.go(|| count(&one)), s.go(|| count(&two)));
        for _ in 0..40 {
            assert_eq!(TcpStream::connect(address).unwrap().read(&mut [0]).unwrap(), 0);
        }
        one.close();
        two.close();
        a.join().unwrap() + b.join().unwrap()
    });
    assert_eq!(served, 40);
    let udp = config.bind_udp("127.0.0.1:0").unwrap();
    config.bind_udp(udp.local_addr().unwrap()).unwrap();
}

fn count(listener: &TcpListener) -> u32 {
    let mut served = 0;
    while listener.accept().is_ok() {
        served += 1;
    }
    served
}

#[gmp::test(unsafe)]
fn the_sixth_version() {
    let listener = ListenConfig::new().only_v6(true).listen("[::1]:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert!(address.is_ipv6());
    let mut client = TcpStream::connect(address).unwrap();
    let (mut server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    client.write_all(b"six").unwrap();
    server.read_exact(&mut [0; 3]).unwrap();
    let (a, b) = (UdpSocket::bind("[::1]:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
    a.send_to(b"!", b.local_addr().unwrap()).unwrap();
    assert_eq!(b.recv_from(&mut [0; 9]).unwrap(), (1, a.local_addr().unwrap()));
    // Both versions on one socket.
    let both = ListenConfig::new().only_v6(false).listen("[::]:0").unwrap();
    let port = both.local_addr().unwrap().port();
    let _v4 = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(both.accept().unwrap().1.ip().to_canonical().to_string(), "127.0.0.1");
}

#[gmp::test(unsafe)]
fn buffers_are_inherited() {
    let config = ListenConfig::new().receive_buffer(8192).send_buffer(8192);
    let listener = config.listen("127.0.0.1:0").unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_write_deadline(Some(Instant::now() + Duration::from_millis(50))).unwrap();
    let mut sent = 0;
    while let Ok(n) = (&server).write(&[0; 4096]) {
        sent += n;
    }
    // The default lets megabytes in.
    assert!(sent < 1 << 20, "{sent} bytes into small buffers");
}

/// Lowers the limit, uses all descriptors up, and gives them back while somebody accepts.
#[test]
fn accept_waits_for_descriptors() {
    let output = util::child("accept_waits_for_descriptors", || {
        // SAFETY: no thread-local is kept over a park.
        unsafe { gmp::run(exhausted) }
    });
    assert!(output.status.success(), "{output:?}");
}

fn exhausted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients: Vec<_> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: `limit` is read.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    // Nobody gives anything back: an error after a second, and few attempts until then.
    let start = Instant::now();
    assert_eq!(listener.accept().unwrap_err().raw_os_error(), Some(libc::EMFILE));
    assert!(start.elapsed() >= Duration::from_secs(1));
    // A deadline and close end the pauses.
    let at = Instant::now() + Duration::from_millis(30);
    listener.set_deadline(Some(at)).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(Instant::now() >= at);
    listener.set_deadline(None).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().raw_os_error(), Some(libc::EMFILE));
    listener.set_nonblocking(false).unwrap();
    gmp::scope(|s| {
        let accepted = s.go(|| (0..8).map(|_| listener.accept().unwrap().0).collect::<Vec<_>>());
        gmp::time::sleep(Duration::from_millis(40));
        assert!(!accepted.is_finished());
        hoard.clear();
        for stream in accepted.join().unwrap() {
            (&stream).write_all(b"!").unwrap();
        }
        clients.iter_mut().for_each(|client| client.read_exact(&mut [0]).unwrap());
        let accepting = s.go(|| listener.accept().unwrap_err().kind());
        gmp::yield_now();
        listener.close();
        assert_eq!(accepting.join().unwrap(), ErrorKind::ConnectionAborted);
    });
}
