//! Well-known crates on gmp's sockets: a module for each, an example to run, and a test against a real peer.
//!
//! Crates that are written against `Read` and `Write` need nothing at all (`tls`, `websocket`); those with a
//! seam for transports need a small one (`fetch`); those that are `async` need the runtime traits of their own
//! (`http`). `redis` is a server of ours, small enough to read, that Redis's own tools talk to.

pub mod fetch;
pub mod http;
pub mod redis;
pub mod tls;
pub mod websocket;

use gmp::net::{TcpListener, TcpStream};

/// Gives every connection a goroutine of its own, until the listener is closed. Parks.
pub fn serve(listener: &TcpListener, handle: impl Fn(TcpStream) + Clone + Send + 'static) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => {
                let handle = handle.clone();
                gmp::go(move || handle(stream));
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => return,
            Err(error) => eprintln!("accept: {error}"),
        }
    }
}
