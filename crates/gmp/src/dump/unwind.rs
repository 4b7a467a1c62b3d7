//! Walking the stack of a goroutine, parked or photographed, by the unwind tables that panics use.
//!
//! The saved context gives the innermost frame; the callers follow from `.eh_frame` of whichever object the address
//! lies in. Frame pointers are not needed. Nothing is written to the stack that is walked, so a dump of a million
//! goroutines touches no page that was not touched. The rules are read by the `framehop` crate.

use std::ffi::c_void;
use std::ops::Range;
use std::{mem, ptr, slice};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, Module, MustNotAllocateDuringUnwind,
    UnwindRegsNative, Unwinder, UnwinderNative,
};
use gmp_sched::{Frame, OnThread};

use super::callsite::{self, Object};

type Tables = &'static [u8];

/// Knows the unwind tables of the process.
pub(crate) struct Walker {
    unwinder: UnwinderNative<Tables, MustNotAllocateDuringUnwind>,
    cache: CacheNative<MustNotAllocateDuringUnwind>,
    objects: Vec<Object>,
}

/// A loaded object, for the unwinder and for `callsite`.
type Loaded = (Module<Tables>, Object);

impl Walker {
    /// Finds the tables of everything that is loaded. Allocates.
    pub(crate) fn new() -> Walker {
        let mut loaded: Vec<Loaded> = Vec::new();
        let list: *mut Vec<Loaded> = &raw mut loaded;
        // SAFETY: `add` takes the list as its data, and is called during this call only.
        unsafe { libc::dl_iterate_phdr(Some(add), list.cast()) };
        let mut unwinder = UnwinderNative::new();
        let (modules, objects): (Vec<_>, Vec<_>) = loaded.into_iter().unzip();
        modules.into_iter().for_each(|module| unwinder.add_module(module));
        Walker { unwinder, cache: CacheNative::new_in(), objects }
    }

    /// Writes the addresses of a parked goroutine's frames, innermost first, each inside the instruction that calls; returns
    /// how many. Never allocates.
    ///
    /// # Safety
    ///
    /// The goroutine is parked, and stays so during the call.
    pub(crate) unsafe fn walk_parked(&mut self, frame: Frame, to: &mut [usize]) -> usize {
        let mut stack = 0..0;
        let read = |at: u64| {
            let at = at as usize;
            if !stack.contains(&at) {
                // At first, and where a call has changed to a larger stack (`stack::grow`).
                stack = gmp_sched::stack_around(at).ok_or(())?;
            }
            if at % 8 != 0 || stack.end - at < 8 {
                return Err(());
            }
            // SAFETY: inside a stack of the goroutine (contract), aligned.
            Ok(unsafe { ptr::with_exposed_provenance::<u64>(at).read() })
        };
        // A frame is suspended behind the instruction that left it, like one that has called. On aarch64 the switch saves
        // the link register, which is not needed, on the stack.
        let address = FrameAddress::from_return_address(frame.pc as u64);
        let registers = UnwindRegsNative::new(frame.pc as u64, frame.sp as u64, frame.fp as u64);
        self.walk(address, registers, true, read, to)
    }

    /// As `walk_parked`, for a goroutine that was interrupted at any instruction, of whose stack there is a copy.
    pub(crate) fn walk_copy(&mut self, thread: &OnThread<'_>, to: &mut [usize]) -> usize {
        /// No frame lies there, so that the unwinder fails where it needs one, and does not take it for the outermost.
        const NOWHERE: usize = 1;
        let Some(at) = thread.at else { return 0 };
        let (base, stack) = (at.sp, thread.stack);
        let read = |at: u64| match (at as usize).checked_sub(base).map(|offset| offset / 8) {
            Some(index) if index < stack.len() && (at as usize - base) % 8 == 0 => Ok(stack[index]),
            _ => gmp_sched::peek(at as usize).ok_or(()),
        };
        let first = if at.lr == 0 { at.pc } else { at.lr };
        let fp = if thread.frame_pointer { at.fp } else { NOWHERE };
        let registers = UnwindRegsNative::new(first as u64, at.sp as u64, fp as u64);
        let address = FrameAddress::from_instruction_pointer(at.pc as u64);
        self.walk(Some(address), registers, thread.frame_pointer, read, to)
    }

    fn walk(
        &mut self,
        from: Option<FrameAddress>,
        mut registers: UnwindRegsNative,
        mut frame_pointer_is_known: bool,
        mut read: impl FnMut(u64) -> Result<u64, ()>,
        to: &mut [usize],
    ) -> usize {
        let mut address = from;
        let mut n = 0;
        while let (Some(at), Some(slot)) = (address, to.get_mut(n)) {
            *slot = at.address_for_lookup() as usize;
            n += 1;
            let caller = self.unwinder.unwind_frame(at, &mut registers, &mut self.cache, &mut read);
            let caller = match caller {
                Ok(caller) => caller,
                // A frame that cannot be left without it. Its caller's is on the stack.
                Err(_) if !mem::replace(&mut frame_pointer_is_known, true) => {
                    let function = at.address_for_lookup() as usize;
                    let sp = registers.sp();
                    callsite::caller(&self.objects, function, sp, &mut read).map(|c| {
                        registers = UnwindRegsNative::new(c.return_address, c.sp, c.fp);
                        c.return_address
                    })
                }
                Err(_) => None,
            };
            address = caller.and_then(FrameAddress::from_return_address);
        }
        n
    }
}

/// Adds one loaded object to the list, if it has unwind tables.
unsafe extern "C" fn add(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    list: *mut c_void,
) -> libc::c_int {
    // SAFETY: the loader passes a valid description.
    let info = unsafe { &*info };
    // SAFETY: `Walker::new` passes its list, which nobody else uses meanwhile.
    let list = unsafe { &mut *list.cast::<Vec<Loaded>>() };
    // SAFETY: the loader says how many headers there are; they are mapped.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    list.extend(module(info.dlpi_addr as usize, headers));
    0
}

fn module(base: usize, headers: &[libc::Elf64_Phdr]) -> Option<Loaded> {
    let range = |header: &libc::Elf64_Phdr| {
        let start = base + header.p_vaddr as usize;
        start..start + header.p_memsz as usize
    };
    let loaded = || headers.iter().filter(|h| h.p_type == libc::PT_LOAD);
    let start = loaded().map(|h| range(h).start).min()?;
    let end = loaded().map(|h| range(h).end).max()?;
    let text = loaded().find(|h| h.p_flags & libc::PF_X != 0).map(range)?;
    let header = range(headers.iter().find(|h| h.p_type == libc::PT_GNU_EH_FRAME)?);
    // SAFETY: a segment that the loader has mapped. It stays so: who unloads an object while a dump is made breaks the rule
    // that the docs of `runtime::dump` give.
    let eh_frame_hdr = unsafe { bytes(&header) };
    let eh_frame_at = eh_frame(eh_frame_hdr, header.start)?;
    // Its length is not written anywhere; it ends with an entry of length zero, inside its segment.
    let segment = loaded().map(range).find(|range| range.contains(&eh_frame_at))?;
    let eh_frame_range = eh_frame_at..segment.end;
    // SAFETY: as above.
    let eh_frame = unsafe { bytes(&eh_frame_range) };
    let svma = |range: Range<usize>| (range.start - base) as u64..(range.end - base) as u64;
    let constant = headers.iter().find(|h| h.p_type == libc::PT_GNU_RELRO).map_or(0..0, range);
    let object = Object { text: text.clone(), constant, header: header.clone() };
    let sections = ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: Some(svma(text)),
        eh_frame_svma: Some(svma(eh_frame_range)),
        eh_frame: Some(eh_frame),
        eh_frame_hdr_svma: Some(svma(header)),
        eh_frame_hdr: Some(eh_frame_hdr),
        ..ExplicitModuleSectionInfo::default()
    };
    let module = Module::new(String::new(), start as u64..end as u64, base as u64, sections);
    Some((module, object))
}

/// # Safety
///
/// The range is mapped, readable, and stays so.
unsafe fn bytes(range: &Range<usize>) -> Tables {
    // SAFETY: contract.
    unsafe { slice::from_raw_parts(range.start as *const u8, range.end - range.start) }
}

/// Where `.eh_frame` is, from the header that points to it: version 1, then three bytes that say how the following
/// words are encoded, then a pointer to `.eh_frame`. Linkers write it relative to itself, in four bytes.
fn eh_frame(header: Tables, at: usize) -> Option<usize> {
    const RELATIVE_SIGNED_4: u8 = 0x1b;
    match header {
        [1, RELATIVE_SIGNED_4, _, _, a, b, c, d, ..] => {
            let offset = i32::from_ne_bytes([*a, *b, *c, *d]);
            (at + 4).checked_add_signed(offset as isize)
        }
        _ => None,
    }
}
