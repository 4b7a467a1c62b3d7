//! The switch for aarch64, AAPCS64 calling convention.
//!
//! Same order and same idea as `x86_64.rs`: a suspended execution is its stack pointer, the switch is inlined, all
//! registers are declared lost, and by hand are saved only those that cannot be: `x29` (frame pointer) and `x19` (reserved
//! by LLVM). `x30` is an ordinary clobber. `x18` belongs to the platform and is neither touched nor saved. FPCR is not
//! saved: Rust forbids changing it.
//!
//! ```text
//!  suspended in `switch`              fresh from `prepare`
//!
//!  high | frames of the caller  |     high |                      |
//!       +-----------------------+     top  +----------------------+ (16-aligned)
//!       | (padding)             |          | (padding)            |
//!       | x29                   |          | (padding)            |
//!       | x19                   |          | entry                |
//!  SP -> | resume address (2:)  |     SP -> | gmp_context_start   |
//!  low  +-----------------------+     low  +----------------------+
//! ```
//!
//! Both are 32 bytes, since SP must be 16-aligned whenever it is used as a base, and both are entered the same way: take
//! the stack pointer, load an address from it, branch there through `x16` (a register from which `bti c` admits a jump).
//! At that moment the registers hold, in either case:
//!
//! ```text
//!  x0  leaving: stack pointer of the execution that was just saved
//!  x1  commit   x2  arg   x3  word             (all four passed through untouched)
//! ```

use core::arch::{asm, global_asm};
use core::ptr::NonNull;

use super::{Arrival, CallOn};
use crate::context::{Commit, Context, Entry, Frame};

/// Whether the thread runs with a hardware shadow stack. Not looked for here: Linux offers it (GCS) only to programs that
/// were linked for it, which no Rust toolchain does.
pub(crate) fn shadow_stack_active() -> bool {
    false
}

/// The stack pointer, at some place in the caller's frame.
#[cfg(feature = "std")]
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: only copies a register.
    unsafe { asm!("mov {sp}, sp", sp = out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Where the caller is.
#[inline(always)]
pub(crate) fn here() -> Frame {
    let (pc, sp, fp);
    // SAFETY: only copies registers.
    unsafe {
        asm!(
            "adr {pc}, .",
            "mov {sp}, sp",
            "mov {fp}, x29",
            pc = out(reg) pc,
            sp = out(reg) sp,
            fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    Frame { pc, sp, fp }
}

/// Bytes between the stack pointer of a fresh execution and its top.
pub(crate) const FRESH_BYTES: usize = 32;

/// Lays out a stack as in the right-hand figure.
///
/// # Safety
/// `top` is 16-aligned and the 32 bytes below it are writable and unused.
pub(crate) unsafe fn prepare(top: NonNull<u8>, entry: Entry) -> Context {
    let words = top.as_ptr().cast::<usize>();
    // SAFETY: `top - 24` is writable — the caller's promise.
    unsafe { *words.wrapping_sub(3) = entry as usize };
    // SAFETY: `top - 32` is writable — the caller's promise.
    unsafe { *words.wrapping_sub(4) = gmp_context_start as *const () as usize };
    let sp = top.as_ptr().wrapping_sub(FRESH_BYTES);
    // SAFETY: inside the caller's stack, so not null.
    Context::from_raw(unsafe { NonNull::new_unchecked(sp) })
}

/// A request to valgrind, if the program runs under it: rotations that add up to nothing, and an or of a register with
/// itself, which it looks for. Anywhere else it does nothing.
#[cfg(feature = "valgrind")]
pub(crate) fn valgrind_request(request: [usize; 6]) {
    // SAFETY: valgrind reads the six words; the instructions change x3 where it answers, and nothing else in the end.
    unsafe {
        asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            in("x4") request.as_ptr(),
            inout("x3") 0_usize => _,
            options(nostack),
        );
    }
}

/// Reads the left-hand figure: the registers as they are after `2:` and its loads.
///
/// # Safety
/// `context` is suspended.
pub(crate) unsafe fn frame(context: Context) -> Frame {
    let words = context.as_ptr().cast::<usize>();
    // SAFETY: the resume address, saved by `switch` or `prepare`.
    let pc = unsafe { *words };
    // SAFETY: `x29` as saved by `switch`; in a fresh one it is padding inside the stack, and nobody asks for it.
    let fp = unsafe { *words.wrapping_add(2) };
    Frame { pc, sp: words.wrapping_add(4).addr(), fp }
}

unsafe extern "C" {
    // The first instructions of every new execution; never called from Rust.
    fn gmp_context_start();
}

// Register contract on entry: sp = top - 32, [sp + 8] = entry, x0..x3 = the four words.
global_asm!(
    ".pushsection .text.gmp_context_start,\"ax\",@progbits",
    ".balign 16",
    ".hidden gmp_context_start",
    ".globl gmp_context_start",
    ".type gmp_context_start, @function",
    "gmp_context_start:",
    ".cfi_startproc",
    ".cfi_undefined x30", // unwinders: nobody called us, the trace ends here
    ".cfi_undefined x29",
    "hint #36",          // bti j: we are reached by a branch (a no-op without BTI)
    "ldr x16, [sp, #8]", // the entry function
    "add sp, sp, #32",   // sp = top, 16-aligned
    "mov x29, xzr",      // frame pointer walkers: the chain ends here
    "adr x30, 2f",       // its return address is in this function, so the CFI above is found
    "br x16", // not `blr`: nobody returns here, and every return after it would be predicted one off
    "2:",
    "brk #1", // Entry returns never; if it did, stop here
    ".cfi_endproc",
    ".size gmp_context_start, . - gmp_context_start",
    ".popsection",
);

unsafe extern "C-unwind" {
    /// Calls `f(arg)` with the stack pointer at `top`; see the figure below. A panic of `f` passes through.
    pub(crate) fn gmp_context_call_on(arg: *mut (), f: CallOn, top: *mut u8);
}

// A call that changes stacks on the way, for `segment.rs`. The frame pointer of the helper's frame, which stays on the old
// stack, is what leads back, for `sp`, for unwinders (the frame address is x29 + 16 throughout) and for walkers of frame
// pointers:
//
//  old stack     | x30 of caller  |          new stack   |                |
//                | x29 of caller  | <- x29          top  +----------------+ (16-aligned), sp when `f` begins
//
// gdb takes frames that are out of order for damaged (the new stack may lie anywhere), unless the function that is between
// them is called `__morestack`, as in compilers that split stacks; hence the second, local name at the place of the call.
// Not `.cfi_signal_frame`, which would quiet it, too: unwinders then take the return address of our caller for an
// instruction that has not been executed, look it up in the wrong line of the caller's table, and skip its destructors.
//
// Register contract on entry: x0 = arg, x1 = f, x2 = top; all else as in any call.
global_asm!(
    ".pushsection .text.gmp_context_call_on,\"ax\",@progbits",
    ".balign 16",
    ".hidden gmp_context_call_on",
    ".globl gmp_context_call_on",
    ".type gmp_context_call_on, @function",
    "gmp_context_call_on:",
    ".cfi_startproc",
    "hint #34", // bti c: we are reached by a call (a no-op without BTI)
    "stp x29, x30, [sp, #-16]!",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset x29, -16",
    ".cfi_offset x30, -8",
    "mov x29, sp",
    ".cfi_def_cfa x29, 16", // from here on the old stack is found through x29
    "mov sp, x2",
    ".type __morestack, @function",
    "__morestack:",
    "blr x1",      // f(arg): arg is in x0 already; keeps x29, as every function does
    "mov sp, x29", // back on the old stack
    "ldp x29, x30, [sp], #16",
    ".cfi_def_cfa sp, 0",
    ".cfi_restore x29",
    ".cfi_restore x30",
    "ret",
    ".cfi_endproc",
    ".size gmp_context_call_on, __morestack - gmp_context_call_on",
    ".size __morestack, . - __morestack",
    ".popsection",
);

/// Saves the caller as in the left-hand figure and continues `target`. Returns when somebody switches back.
///
/// # Safety
/// `target` is suspended and is switched to once. What the caller leaves behind must be resumed at most once, and its
/// stack must stay mapped until then.
#[inline(always)]
pub(crate) unsafe fn switch(
    target: Context,
    commit: Commit,
    arg: *mut (),
    word: *mut (),
) -> Arrival {
    let mut arrival = Arrival { leaving: target, commit, arg, word };
    let leaving: *mut u8;
    // No `nostack` option: what we push lies below everything the caller owns. `clobber_abi` takes whole vector registers
    // (v8-v15 are callee-saved in their low halves only) and the SVE predicates.
    //
    // SAFETY: every register is declared lost or restored by hand (x29, x19, sp); control comes back at `2:` with sp
    // where the `stp` left it — by `target` being suspended, the caller's promise.
    unsafe {
        asm!(
            "adr x16, 2f",               // where we go on when somebody resumes us
            "stp x16, x19, [sp, #-32]!", // x19 cannot be a clobber: reserved by LLVM
            "str x29, [sp, #16]",        // x29 cannot be a clobber: may be the frame pointer
            "mov x0, sp",                // we are saved: this word is us
            "mov sp, x4",
            "ldr x16, [sp]",             // where the target goes on
            "br x16",                    // commit, arg, word travel in x1, x2, x3
            "2:",                        // resumed: x0..x3 are the four words of whoever did it
            "hint #36",                  // bti j: we are reached by a branch (a no-op without BTI)
            "ldr x29, [sp, #16]",
            "ldr x19, [sp, #8]",
            "add sp, sp, #32",
            inlateout("x4") target.as_ptr() => _,
            out("x0") leaving,
            inout("x1") arrival.commit,
            inout("x2") arrival.arg,
            inout("x3") arrival.word,
            lateout("x20") _, lateout("x21") _, lateout("x22") _, lateout("x23") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _,
            lateout("x28") _,
            clobber_abi("C"),
        );
    }
    // SAFETY: `leaving` is a stack pointer, never null — the other side's `mov x0, sp`.
    arrival.leaving = Context::from_raw(unsafe { NonNull::new_unchecked(leaving) });
    arrival
}

/// Asks for the cache line of `address`, whatever is there.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    // SAFETY: a hint; it faults at no address and changes no register.
    unsafe {
        asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly))
    };
}
