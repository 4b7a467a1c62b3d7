//! `ureq` 3 with a transport of ours: its agent, redirects and pool, over `gmp::net::TcpStream`.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

use gmp::net::TcpStream;
use ureq::Error;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// An agent whose requests park goroutines. http only: TLS would be one more connector in the chain.
pub fn agent() -> ureq::Agent {
    let config =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build();
    ureq::Agent::with_parts(config, GmpConnector, DefaultResolver::default())
}

/// Opens connections.
#[derive(Debug)]
struct GmpConnector;

impl Connector<()> for GmpConnector {
    type Out = GmpTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<GmpTransport>, Error> {
        let mut failure = None;
        for address in &details.addrs {
            let attempt = match limit(&details.timeout) {
                Some(limit) => TcpStream::connect_timeout(address, limit),
                None => TcpStream::connect(address),
            };
            match attempt {
                Ok(stream) => {
                    let (input, output) =
                        (details.config.input_buffer_size(), details.config.output_buffer_size());
                    let buffers = LazyBuffers::new(input, output);
                    return Ok(Some(GmpTransport { stream, buffers }));
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.map_or(Error::HostNotFound, |error| sort(error, &details.timeout)))
    }
}

/// One connection.
struct GmpTransport {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Transport for GmpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.set_write_timeout(limit(&timeout))?;
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).map_err(|error| sort(error, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.set_read_timeout(limit(&timeout))?;
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input).map_err(|error| sort(error, &timeout))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        let quiet = |s: &TcpStream| -> io::Result<bool> {
            s.set_nonblocking(true)?;
            let outcome = s.peek(&mut [0]);
            s.set_nonblocking(false)?;
            // Neither the end nor a byte that nobody asked for.
            Ok(matches!(outcome, Err(e) if e.kind() == io::ErrorKind::WouldBlock))
        };
        quiet(&self.stream).unwrap_or(false)
    }
}

impl fmt::Debug for GmpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

/// How long an operation may wait; a timeout of zero is not one for a socket.
fn limit(timeout: &NextTimeout) -> Option<Duration> {
    timeout.not_zero().map(|left| *left)
}

fn sort(error: io::Error, timeout: &NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
