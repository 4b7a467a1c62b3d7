//! tungstenite's server on our sockets, its client on std's.

use std::thread;

use gmp::net::{TcpListener, TcpStream};
use tungstenite::Message;

#[gmp::test(unsafe)]
fn messages_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    gmp::go(move || {
        gmp_interop::serve(&listener, |stream| gmp_interop::websocket::echo(stream).unwrap());
    });
    let peer = thread::spawn(move || {
        converse(std::net::TcpStream::connect(address).unwrap(), address.port());
    });
    gmp::scope(|s| {
        for _ in 0..10 {
            s.go(|| converse(TcpStream::connect(address).unwrap(), address.port()));
        }
    });
    gmp::blocking(|| peer.join().unwrap());
}

fn converse<S: std::io::Read + std::io::Write + std::fmt::Debug>(stream: S, port: u16) {
    let url = format!("ws://127.0.0.1:{port}/echo");
    let (mut socket, response) = tungstenite::client(url, stream).unwrap();
    assert_eq!(response.status(), 101);
    for length in [0, 1, 125, 126, 70_000] {
        let binary = Message::binary(vec![length as u8; length]);
        socket.send(binary.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), binary);
    }
    socket.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there".into()));
    socket.send(Message::text("grüße")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("grüße"));
    socket.close(None).unwrap();
    assert!(matches!(socket.read().unwrap(), Message::Close(_)));
    assert!(matches!(socket.read(), Err(tungstenite::Error::ConnectionClosed)));
}
