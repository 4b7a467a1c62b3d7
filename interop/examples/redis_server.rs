//! A server for redis-cli and redis-benchmark: `cargo run --example redis_server -- [ADDRESS]`.

use gmp::net::TcpListener;

#[gmp::main(unsafe)] // No thread-local is kept over a park.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let table = gmp_interop::redis::Table::default();
    gmp_interop::serve(&listener, move |stream| {
        let _ = gmp_interop::redis::handle(stream, table.clone());
    });
    Ok(())
}
