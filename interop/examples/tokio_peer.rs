//! A tokio runtime beside gmp's, in one process: its client talks to our server and ours to its.

use std::io::{Read, Write};

use gmp::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[gmp::main(unsafe)] // No thread-local is kept over a park.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build()?;
    let ours = TcpListener::bind("127.0.0.1:0")?;
    let address = ours.local_addr()?;
    // Waiting for a task of tokio's parks this goroutine.
    let client = tokio.spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(b"from tokio").await?;
        let mut answer = vec![0; 10];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    });
    let (mut stream, _) = ours.accept()?;
    let mut question = [0; 10];
    stream.read_exact(&mut question)?;
    stream.write_all(&question.map(|b| b.to_ascii_uppercase()))?;
    println!("{}", String::from_utf8(gmp::block_on(client)??)?);

    let theirs = gmp::block_on(tokio.spawn(tokio::net::TcpListener::bind("127.0.0.1:0")))??;
    let address = theirs.local_addr()?;
    tokio.spawn(async move {
        let (mut stream, _) = theirs.accept().await?;
        stream.write_all(b"from tokio's server").await
    });
    let mut text = String::new();
    TcpStream::connect(address)?.read_to_string(&mut text)?;
    println!("{text}");
    tokio.shutdown_background();
    Ok(())
}
