//! Echo over TCP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::spawn;
use tokio::sync::Semaphore;

const CONNECTIONS: u64 = 1000;

pub async fn echo(n: u64) -> (Duration, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let begin = Arc::new(Semaphore::new(0));
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for c in 0..CONNECTIONS {
        let client = TcpStream::connect(addr).await.expect("a connection");
        let (server, _) = listener.accept().await.expect("its other end");
        client.set_nodelay(true).expect("an option of TCP");
        server.set_nodelay(true).expect("an option of TCP");
        servers.push(spawn(serve(server)));
        let begin = Arc::clone(&begin);
        clients.push(spawn(async move {
            assert!(begin.acquire().await.is_err(), "no permit is ever given");
            ask(client, c, n / CONNECTIONS).await
        }));
    }
    drop(listener);
    let start = Instant::now();
    begin.close();
    let mut sum = 0;
    for client in clients {
        sum += client.await.expect("no panic");
    }
    let elapsed = start.elapsed();
    for server in servers {
        server.await.expect("no panic");
    }
    (elapsed, sum)
}

async fn serve(mut stream: TcpStream) {
    let mut buffer = [0; 64];
    while stream.read_exact(&mut buffer).await.is_ok() {
        stream.write_all(&buffer).await.expect("the client reads");
    }
}

async fn ask(mut stream: TcpStream, c: u64, rounds: u64) -> u64 {
    let mut sum = 0;
    let mut reply = [0; 64];
    for round in 0..rounds {
        let message = [(c + round) as u8; 64];
        stream.write_all(&message).await.expect("the server reads");
        stream.read_exact(&mut reply).await.expect("the server answers");
        assert_eq!(reply, message, "echo");
        sum += u64::from(reply[63]);
    }
    sum
}
