//! TLS by `rustls`, over `gmp::net::TcpStream` as over any reader and writer: no adapter.

use std::io::{self, Read, Write};
use std::sync::Arc;

use gmp::net::TcpStream;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

/// A certificate for `localhost` that signs itself, and its key: made anew for each process.
pub struct Identity {
    /// What clients are told to trust.
    pub certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Makes one.
    pub fn new() -> Result<Identity, rcgen::Error> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let key = key.map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        Ok(Identity { certificate: made.cert.der().clone(), key })
    }

    /// For the server.
    pub fn server(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let config = ServerConfig::builder().with_no_client_auth();
        let config =
            config.with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        Ok(Arc::new(config))
    }

    /// For clients that trust this certificate only.
    pub fn client(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        Ok(Arc::new(config.with_no_client_auth()))
    }
}

/// Sends back what comes, until the peer ends. Parks.
pub fn echo(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut buf = vec![0; 16 << 10];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => {
                stream.write_all(&buf[..n])?;
                stream.flush()?;
            }
            // A peer that closes without a good-bye.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    stream.conn.send_close_notify();
    stream.flush()
}

/// A client's end of a connection to `localhost`, over any transport.
pub fn client<S: Read + Write>(
    stream: S,
    config: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, S>> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}
