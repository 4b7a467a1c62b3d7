//! WebSockets by `tungstenite`, over `gmp::net::TcpStream`: no adapter.

use gmp::net::TcpStream;
use tungstenite::Error;

/// Accepts the handshake and sends every message back, until the peer closes. Parks.
pub fn echo(stream: TcpStream) -> Result<(), Box<Error>> {
    let handshake = tungstenite::accept(stream);
    let mut socket =
        handshake.map_err(|error| Box::new(Error::Io(std::io::Error::other(error.to_string()))))?;
    loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => {
                socket.send(message).map_err(Box::new)?;
            }
            // Pings are answered, and closes confirmed, by the next read.
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(Box::new(error)),
        }
    }
}
