//! A file server over HTTP/1.1: one goroutine per connection, code that reads as if it blocked.
//!
//! `cargo run --release --example httpd -- 127.0.0.1:8080 DIR` serves the files of DIR: keep-alive and
//! pipelining, `HEAD`, ranges, conditional requests, `index.html`; nothing outside DIR. Port 0 picks a free
//! port; the first line of output says which. SIGINT or SIGTERM ends it: nobody new is accepted, idle
//! connections are closed, open responses finish, and the exit status is 0.
//!
//! Reading order: this file (accept) → `connection.rs` (the loop of one connection) → `request.rs` → `files.rs`
//! (the cache; what may be served) → `response.rs` → `date.rs` → `shutdown.rs`.
//!
//! A request for a small file costs one `recv` and one `send`. Not here: TLS, directory listings, CGI,
//! compression, several ranges in one response.

mod connection;
mod date;
mod files;
mod request;
mod response;
mod shutdown;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gmp::net::TcpListener;

use crate::connection::Connection;
use crate::files::Files;
use crate::shutdown::{Shutdown, raise_descriptor_limit};

/// How long the accept loop rests when no descriptors are left: connections must end before it can go on.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

#[gmp::main(unsafe)] // nothing here keeps a thread-local over a call that parks
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, directory] = arguments.as_slice() else {
        return complain("usage: httpd ADDRESS:PORT DIRECTORY");
    };
    match serve(address, directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("httpd: {error}")),
    }
}

fn complain(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::FAILURE
}

fn serve(address: &str, directory: &str) -> io::Result<()> {
    raise_descriptor_limit();
    let files = Arc::new(Files::open(directory.as_ref())?);
    let listener = Arc::new(TcpListener::bind(address)?);
    let shutdown = Shutdown::on_signals(Arc::clone(&listener));
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                // A connection that comes in the very moment of the end is dropped.
                let Some(guest) = shutdown.admit(stream) else { continue };
                let files = Arc::clone(&files);
                gmp::go(move || Connection::new(&guest, &files).serve());
            }
            Err(_) if shutdown.has_begun() => break,
            Err(error) => {
                let _ = writeln!(io::stderr(), "httpd: accept: {error}");
                gmp::time::sleep(ACCEPT_PAUSE);
            }
        }
    }
    shutdown.drain();
    Ok(())
}
