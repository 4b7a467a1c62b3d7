//! A walk through what the runtime promises, each promise shown live and measured on this machine.
//!
//! `cargo run --release --example tour` — exits with 0 only if every promise held.

mod cost;
mod many;
mod others;
mod report;

use std::process::ExitCode;

use report::Report;

#[gmp::main(unsafe)]
fn main() -> ExitCode {
    let mut report = Report::new();
    report.title(&format!(
        "gmp on {} processors, {} CPUs, kernel {}",
        gmp::runtime::gomaxprocs(),
        gmp::runtime::num_cpu(),
        report::kernel()
    ));
    cost::switch_spawn_channel(&mut report);
    many::a_million(&mut report);
    many::stealing(&mut report);
    many::waiting(&mut report);
    others::blocked_threads(&mut report);
    others::hogs(&mut report);
    report.end()
}
