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
    place: Place,
    functions: SymbolMap<SymbolMapName<'static>>,
}

/// Where the executable is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// What the loader has added to the addresses in the file.
    bias: u64,
    /// The end of its last segment.
    end: u64,
}

/// The function of the executable that `address` lies in, with its path. Reads the symbol table at the first call.
pub(crate) fn function_at(address: usize) -> Option<String> {
    static TABLE: OnceLock<Option<Table>> = OnceLock::new();
    let table = TABLE.get_or_init(load).as_ref()?;
    // What is behind it belongs to libraries.
    let address = Some(address as u64).filter(|&at| at < table.place.end)?;
    let name = table.functions.get(address.checked_sub(table.place.bias)?)?.name();
    Some(format!("{:#}", rustc_demangle::demangle(name)))
}

fn load() -> Option<Table> {
    let executable = map(&File::open("/proc/self/exe").ok()?)?;
    let file = object::File::parse(executable).ok()?;
    Some(Table { place: place()?, functions: file.symbol_map() })
}

/// Where the executable is: the loader lists it first.
fn place() -> Option<Place> {
    unsafe extern "C" fn first(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        place: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes a valid description.
        let info = unsafe { &*info };
        // SAFETY: the loader says how many headers there are; they are mapped.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let end = loaded.map(|header| info.dlpi_addr + header.p_vaddr + header.p_memsz).max();
        let found = Some(Place { bias: info.dlpi_addr, end: end.unwrap_or(0) });
        // SAFETY: the place that was given to `dl_iterate_phdr` below.
        unsafe { place.cast::<Option<Place>>().write(found) };
        1
    }
    let mut found: Option<Place> = None;
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
