//! rustls on both of our ends, and against rustls over std's sockets.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;

use gmp::net::{TcpListener, TcpStream};
use gmp_interop::tls::{self, Identity};

fn server(identity: &Identity) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, config) = (listener.local_addr().unwrap(), identity.server().unwrap());
    gmp::go(move || {
        gmp_interop::serve(&listener, move |stream| {
            // A client that does not trust us is an error here; the clients check everything else.
            let _ = tls::echo(stream, config.clone());
        });
    });
    address
}

fn converse<S: Read + Write>(stream: S, identity: &Identity, id: u8) {
    let mut stream = tls::client(stream, identity.client().unwrap()).unwrap();
    for round in 0..20 {
        // Larger than a record, so that several are under way.
        let message = vec![id.wrapping_add(round); 40_000];
        stream.write_all(&message).unwrap();
        let mut answer = vec![0; message.len()];
        stream.read_exact(&mut answer).unwrap();
        assert!(answer == message);
    }
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a proper end");
}

#[gmp::test(unsafe)]
fn goroutines_against_goroutines() {
    let identity = Identity::new().unwrap();
    let address = server(&identity);
    gmp::scope(|s| {
        for id in 0..20 {
            let identity = &identity;
            s.go(move || converse(TcpStream::connect(address).unwrap(), identity, id));
        }
    });
}

#[gmp::test(unsafe)]
fn our_server_against_stds_sockets() {
    let identity = Identity::new().unwrap();
    let address = server(&identity);
    let peer = thread::spawn(move || {
        converse(std::net::TcpStream::connect(address).unwrap(), &identity, 7);
        // A client that trusts nobody we know is refused by its own check.
        let other = Identity::new().unwrap().client().unwrap();
        let stranger = std::net::TcpStream::connect(address).unwrap();
        let refused = tls::client(stranger, other).unwrap().read(&mut [0]).unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    });
    gmp::blocking(|| peer.join().unwrap());
}
