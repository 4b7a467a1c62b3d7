//! Full names of functions, by the symbol table of the executable.
//!
//! Debug information that was cut down to lines (`debug = "line-tables-only"`, as in most optimised builds) calls a
//! function `handle`; the symbol table calls it `server::conn::handle`. The file is mapped, not read, so that only what is
//! looked at takes memory; once, for good.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::OnceLock;

use object::read::{Object, SymbolMap, SymbolMapName};

/// The functions of the executable, by address.
struct Table {
    /// What the loader has added to the addresses in the file.
    bias: u64,
    functions: SymbolMap<SymbolMapName<'static>>,
}

/// The function of the executable that `address` lies in, with its path. Reads the symbol table at the first call.
pub(crate) fn function_at(address: usize) -> Option<String> {
    static TABLE: OnceLock<Option<Table>> = OnceLock::new();
    let table = TABLE.get_or_init(load).as_ref()?;
    let name = table.functions.get((address as u64).checked_sub(table.bias)?)?.name();
    Some(format!("{:#}", rustc_demangle::demangle(name)))
}

fn load() -> Option<Table> {
    let executable = map(&File::open("/proc/self/exe").ok()?)?;
    let file = object::File::parse(executable).ok()?;
    Some(Table { bias: bias()?, functions: file.symbol_map() })
}

/// What the loader has added to the executable's addresses: it lists the executable first.
fn bias() -> Option<u64> {
    unsafe extern "C" fn first(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        bias: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes a valid description.
        let info = unsafe { &*info };
        // SAFETY: the place that was given to `dl_iterate_phdr` below.
        unsafe { bias.cast::<Option<u64>>().write(Some(info.dlpi_addr)) };
        1
    }
    let mut found: Option<u64> = None;
    // SAFETY: `first` takes the pointer for what it is; nothing is kept.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut found).cast()) };
    found
}

/// The content of a file, for good.
fn map(file: &File) -> Option<&'static [u8]> {
    let len = usize::try_from(file.metadata().ok()?.len()).ok().filter(|&len| len > 0)?;
    // SAFETY: a private mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(ptr::null_mut(), len, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0)
    };
    if base == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: mapped just now, that long, never unmapped; an executable is not written to while it runs.
    Some(unsafe { std::slice::from_raw_parts(base.cast::<u8>(), len) })
}
