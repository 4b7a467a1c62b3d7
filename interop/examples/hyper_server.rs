//! Hyper's HTTP/1.1 server, each connection a goroutine: `cargo run --example hyper_server -- [ADDRESS]`.

use gmp::net::TcpListener;

#[gmp::main(unsafe)] // No thread-local is kept over a park.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);

    gmp_interop::serve(&listener, move |stream| {
        let _ = gmp_interop::http::handle(stream);
    });
    Ok(())
}
