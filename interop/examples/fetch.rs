//! Fetches URLs, all at once, through ureq on gmp: `cargo run --example fetch -- URL...`.

#[gmp::main(unsafe)] // No thread-local is kept over a park.
fn main() {
    let agent = gmp_interop::fetch::agent();
    gmp::scope(|s| {
        for url in std::env::args().skip(1) {
            let agent = &agent;
            s.go(move || match agent.get(&url).call() {
                Ok(mut response) => {
                    let length = response.body_mut().read_to_vec().map(|body| body.len());
                    println!("{url}: {} {length:?}", response.status());
                }
                Err(error) => println!("{url}: {error}"),
            });
        }
    });
}
