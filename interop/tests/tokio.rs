//! A tokio runtime in the same process: its client against our server, our client against its server.

use std::io::{Read, Write};

use gmp::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const ROUNDS: u32 = 200;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap()
}

#[gmp::test(unsafe)]
fn their_clients_our_server() {
    let (tokio, listener) = (runtime(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    gmp::go(move || {
        gmp_interop::serve(&listener, |mut stream| {
            let mut buf = [0; 512];
            while let Ok(n @ 1..) = stream.read(&mut buf) {
                stream.write_all(&buf[..n]).unwrap();
            }
        });
    });
    let clients: Vec<_> = (0..50)
        .map(|_| {
            tokio.spawn(async move {
                let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                for round in 0..ROUNDS {
                    stream.write_all(&round.to_le_bytes()).await.unwrap();
                    let mut answer = [0; 4];
                    stream.read_exact(&mut answer).await.unwrap();
                    assert_eq!(u32::from_le_bytes(answer), round);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| gmp::block_on(client).unwrap());
    tokio.shutdown_background();
}

#[gmp::test(unsafe)]
fn our_clients_their_server() {
    let tokio = runtime();
    let listener = tokio.spawn(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = gmp::block_on(listener).unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    tokio.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buf = [0; 512];
                while let Ok(n @ 1..) = stream.read(&mut buf).await {
                    stream.write_all(&buf[..n]).await.unwrap();
                }
            });
        }
    });
    gmp::scope(|s| {
        for _ in 0..50 {
            s.go(|| {
                let mut stream = TcpStream::connect(address).unwrap();
                for round in 0..ROUNDS {
                    stream.write_all(&round.to_le_bytes()).unwrap();
                    let mut answer = [0; 4];
                    stream.read_exact(&mut answer).unwrap();
                    assert_eq!(u32::from_le_bytes(answer), round);
                }
            });
        }
    });
    tokio.shutdown_background();
}
