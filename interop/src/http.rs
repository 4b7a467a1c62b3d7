//! `hyper` on gmp: its runtime traits over a socket, and an executor that spawns goroutines.
//!
//! A connection is a goroutine in `block_on`. Reading does not wait: a read that finds nothing leaves a
//! goroutine behind that waits for the next byte (`peek`, on a second handle) and wakes the connection. Writing
//! parks the connection's goroutine, which is all that waits for it.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gmp::net::TcpStream;
use gmp::sync::Mutex;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::rt::{Executor, ReadBufCursor};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};

/// Runs a future in a goroutine of its own.
#[derive(Debug, Clone, Copy)]
pub struct Goroutines;

impl<F> Executor<F> for Goroutines
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        gmp::go(move || drop(gmp::block_on(future)));
    }
}

/// A socket as hyper wants it.
pub struct Io {
    stream: TcpStream,
    watch: Arc<Watch>,
}

/// The handle on which somebody waits for bytes, while a waker is there.
struct Watch {
    stream: TcpStream,
    waker: Mutex<Option<std::task::Waker>>,
}

impl Io {
    /// Around a connection. Fails when no descriptor is left for the second handle.
    pub fn new(stream: TcpStream) -> io::Result<Io> {
        let watch = Arc::new(Watch { stream: stream.try_clone()?, waker: Mutex::new(None) });
        Ok(Io { stream, watch })
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // Whoever waits for bytes ends.
        self.watch.stream.close();
    }
}

impl hyper::rt::Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8 << 10];
        let limit = buf.remaining().min(bytes.len());
        self.stream.set_nonblocking(true)?;
        let outcome = (&self.stream).read(&mut bytes[..limit]);
        self.stream.set_nonblocking(false)?;
        match outcome {
            Ok(n) => {
                buf.put_slice(&bytes[..n]);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.watch.register(context);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Watch {
    /// Wakes the context's waker when there is something to read: bytes, the end, or an error.
    fn register(self: &Arc<Self>, context: &Context<'_>) {
        if self.waker.lock().replace(context.waker().clone()).is_some() {
            // Somebody waits already, and takes the new waker.
            return;
        }
        let watch = Arc::clone(self);
        gmp::go(move || {
            let _ = watch.stream.peek(&mut [0]);
            let waker = watch.waker.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        });
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready((&self.stream).write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(std::net::Shutdown::Write))
    }
}

/// `GET /` greets, `GET /slow` does so after a while, `POST /echo` gives the body back.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Response::new(Full::from("Hello, world!")),
        (&Method::GET, "/slow") => {
            // Blocking style inside a future: this connection's goroutine parks, nobody else waits.
            gmp::time::sleep(Duration::from_millis(5));
            Response::new(Full::from("at last"))
        }
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => Response::new(Full::from(body.to_bytes())),
            Err(_) => refusal(StatusCode::BAD_REQUEST),
        },
        _ => refusal(StatusCode::NOT_FOUND),
    };
    Ok(answer)
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Serves one connection to its end. Parks.
pub fn handle(stream: TcpStream) -> Result<(), hyper::Error> {
    let Ok(io) = Io::new(stream) else { return Ok(()) };
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer));
    gmp::block_on(connection)
}
