//! "Hello, world!" over HTTP/1.1 with hyper on tokio, until it is killed.

use std::convert::Infallible;
use std::process::ExitCode;

use gmp_bench_contract::{Entry, Job, Outcome, run};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    run("hyper", &[Entry::Run("http", http)])
}

fn http(job: &Job) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(job.procs)
        .enable_all()
        .build()
        .expect("threads for the runtime");
    let addr = job.addr;
    runtime.block_on(async { tokio::spawn(serve(addr)).await.expect("no panic") })
}

async fn serve(addr: std::net::SocketAddr) -> Outcome {
    let listener = TcpListener::bind(addr).await.expect("the address is free");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option of TCP");
        tokio::spawn(async move {
            // A client that goes away in the middle is no error of the server.
            let _ = http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(|_| async { hello() }))
                .await;
        });
    }
}

fn hello() -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world!")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}
