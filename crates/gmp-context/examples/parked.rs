//! What parked executions cost the system: resident memory and page tables per coroutine, for two sizes of stack.
//!
//! The figures of the README. Needs 5 GiB of memory.

use std::fs;
use std::io::{self, Write};

use gmp_context::{Coroutine, Resumed, Yielder};

const N: usize = 1_000_000;

/// A field of `/proc/self/status`, in bytes.
fn status(field: &str) -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse::<usize>().map(|kilobytes| kilobytes << 10).map_err(io::Error::other)
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for size in [64 << 10, 256 << 10] {
        let mut parked = Vec::with_capacity(N);
        // Touched, so that it is not counted below.
        parked.resize_with(N, || None);
        let (resident, tables) = (status("VmRSS")?, status("VmPTE")?);
        for place in &mut parked {
            let mut coroutine =
                Coroutine::with_stack_size(size, |y: &Yielder<(), ()>, ()| y.suspend(()))?;
            assert_eq!(coroutine.resume(()), Resumed::Yielded(()));
            *place = Some(coroutine);
        }
        let each = |before: usize, after: usize| (after - before) as f64 / N as f64;
        let (resident, tables) = (each(resident, status("VmRSS")?), each(tables, status("VmPTE")?));
        writeln!(
            out,
            "{} KiB: {resident:.0} B resident, {tables:.0} B of page tables",
            size >> 10
        )?;
    }
    Ok(())
}
