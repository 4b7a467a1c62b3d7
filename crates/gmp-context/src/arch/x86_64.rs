//! The switch for x86_64, System V calling convention.
//!
//! A suspended execution is one word: its stack pointer. Everything else lies on its stack. The switch is inlined into
//! its caller and tells the compiler that all registers are lost, so only what is live at that place is spilled; two
//! registers the compiler will not give up (`rbp`, and `rbx`, which LLVM reserves) are stored by hand. MXCSR and the x87
//! control word are not saved: Rust forbids changing them. C code that changes the rounding mode must change it back
//! before it lets the execution be switched.
//!
//! ```text
//!  suspended in `switch`              fresh from `prepare`
//!
//!  high | frames of the caller  |     high |                      |
//!       | rbp                   |     top  +----------------------+ (16-aligned)
//!       | rbx                   |          | entry                |
//!  SP -> | resume address (2:)  |     SP -> | gmp_context_start   |
//!  low  +-----------------------+     low  +----------------------+
//! ```
//!
//! Both are entered the same way: jump to the address there, with the stack pointer one word above it. At that moment the
//! registers hold, in either case:
//!
//! ```text
//!  rdi  leaving: stack pointer of the execution that was just saved
//!  rsi  commit   rdx  arg   rcx  word          (all four passed through untouched)
//! ```
//!
//! which is the order of the first four C arguments, so that the trampoline has nothing to shuffle.
//!
//! Not `call`/`ret`: in a symmetric switch the target is rarely the execution that called last, so the return predictor
//! would be wrong nearly always, while an indirect jump is predicted from history. And stores, not pushes: an instruction
//! that reads or writes `rsp` itself after a push or pop waits for the CPU's stack engine to hand the register over, twice
//! per switch (`docs/experiments.md`: 2.3 ns with pushes, 1.6 without).

use core::arch::{asm, global_asm};
use core::ptr::NonNull;

use super::{Arrival, CallOn};
use crate::context::{Commit, Context, Entry, Frame};

/// Whether the thread runs with a hardware shadow stack (CET SHSTK), under which switching stacks by hand faults.
pub(crate) fn shadow_stack_active() -> bool {
    let pointer: u64;
    // SAFETY: `rdsspq` writes its operand or, without a shadow stack, is a no-op that leaves the zero — no memory, no
    // flags that matter, always valid on x86_64.
    unsafe {
        asm!(
            "xor {p:e}, {p:e}",
            "rdsspq {p}",
            p = out(reg) pointer,
            options(nomem, nostack),
        );
    }
    pointer != 0
}

/// The stack pointer, at some place in the caller's frame.
#[cfg(feature = "std")]
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: only copies a register.
    unsafe { asm!("mov {sp}, rsp", sp = out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Where the caller is.
#[inline(always)]
pub(crate) fn here() -> Frame {
    let (pc, sp, fp);
    // SAFETY: only copies registers.
    unsafe {
        asm!(
            "lea {pc}, [rip]", // the instruction behind it, in the same frame
            "mov {sp}, rsp",
            "mov {fp}, rbp",
            pc = out(reg) pc,
            sp = out(reg) sp,
            fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    Frame { pc, sp, fp }
}

/// Bytes between the stack pointer of a fresh execution and its top.
pub(crate) const FRESH_BYTES: usize = 16;

/// Lays out a stack as in the right-hand figure.
///
/// # Safety
/// `top` is 16-aligned and the 16 bytes below it are writable and unused.
pub(crate) unsafe fn prepare(top: NonNull<u8>, entry: Entry) -> Context {
    let words = top.as_ptr().cast::<usize>();
    // SAFETY: `top - 8` is writable — the caller's promise.
    unsafe { *words.wrapping_sub(1) = entry as usize };
    // SAFETY: `top - 16` is writable — the caller's promise.
    unsafe { *words.wrapping_sub(2) = gmp_context_start as *const () as usize };
    let sp = top.as_ptr().wrapping_sub(FRESH_BYTES);
    // SAFETY: inside the caller's stack, so not null.
    Context::from_raw(unsafe { NonNull::new_unchecked(sp) })
}

/// A request to valgrind, if the program runs under it: rotations that add up to nothing, and an exchange of a register with
/// itself, which it looks for. Anywhere else it does nothing.
#[cfg(feature = "valgrind")]
pub(crate) fn valgrind_request(request: [usize; 6]) {
    // SAFETY: valgrind reads the six words; the instructions change flags, and rdx where it answers.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdi") 0_usize => _,
            in("rax") request.as_ptr(),
            inout("rdx") 0_usize => _,
            options(nostack),
        );
    }
}

/// Reads the left-hand figure: the registers as they are three instructions after `2:`.
///
/// # Safety
/// `context` is suspended.
pub(crate) unsafe fn frame(context: Context) -> Frame {
    let words = context.as_ptr().cast::<usize>();
    // SAFETY: the resume address, saved by `switch` or `prepare`.
    let pc = unsafe { *words };
    if pc == gmp_context_start as *const () as usize {
        return Frame { pc, sp: words.wrapping_add(1).addr(), fp: 0 };
    }
    // SAFETY: `rbp`, saved by `switch`.
    let fp = unsafe { *words.wrapping_add(2) };
    Frame { pc, sp: words.wrapping_add(3).addr(), fp }
}

unsafe extern "C" {
    // The first instructions of every new execution; never called from Rust.
    fn gmp_context_start();
}

// Register contract on entry: rsp = top - 8, [rsp] = entry, rdi/rsi/rdx/rcx = the four words. After the `pop`, rsp is
// 16-aligned, as a caller's is before its `call`.
global_asm!(
    ".pushsection .text.gmp_context_start,\"ax\",@progbits",
    ".balign 16",
    ".hidden gmp_context_start",
    ".globl gmp_context_start",
    ".type gmp_context_start, @function",
    "gmp_context_start:",
    ".cfi_startproc",
    ".cfi_undefined rip", // unwinders: nobody called us, the trace ends here
    ".cfi_undefined rbp",
    "pop rax",            // the entry function; rsp = top, 16-aligned
    "xor ebp, ebp",       // frame pointer walkers: the chain ends here
    "lea r9, [rip + 2f]", // r9 is free: the four words are in rdi, rsi, rdx, rcx, and r8 is the fresh stack pointer
    "push r9",            // its return address is in this function, so the CFI above is found
    "jmp rax", // not `call`: nobody returns here, and every return after it would be predicted one off
    "2:",
    "ud2", // Entry returns never; if it did, stop here and not in what lies above
    ".cfi_endproc",
    ".size gmp_context_start, . - gmp_context_start",
    ".popsection",
);

unsafe extern "C-unwind" {
    /// Calls `f(arg)` with the stack pointer at `top`; see the figure below. A panic of `f` passes through.
    pub(crate) fn gmp_context_call_on(arg: *mut (), f: CallOn, top: *mut u8);
}

// A call that changes stacks on the way, for `segment.rs`. The frame pointer of the helper's frame, which stays on the old
// stack, is what leads back, for `rsp`, for unwinders (the frame address is rbp + 16 throughout) and for walkers of frame
// pointers:
//
//  old stack     | return address |          new stack   |                |
//                | rbp of caller  | <- rbp          top  +----------------+ (16-aligned)
//                |                |                      | return address | <- rsp when `f` begins
//
// gdb takes frames that are out of order for damaged (the new stack may lie anywhere), unless the function that is between
// them is called `__morestack`, as in compilers that split stacks; hence the second, local name at the place of the call.
// Not `.cfi_signal_frame`, which would quiet it, too: unwinders then take the return address of our caller for an
// instruction that has not been executed, look it up in the wrong line of the caller's table, and skip its destructors.
//
// Register contract on entry: rdi = arg, rsi = f, rdx = top; all else as in any call.
global_asm!(
    ".pushsection .text.gmp_context_call_on,\"ax\",@progbits",
    ".balign 16",
    ".hidden gmp_context_call_on",
    ".globl gmp_context_call_on",
    ".type gmp_context_call_on, @function",
    "gmp_context_call_on:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp", // from here on the old stack is found through rbp
    "mov rsp, rdx",
    ".type __morestack, @function",
    "__morestack:",
    "call rsi",     // f(arg): arg is in rdi already; keeps rbp, as every function does
    "mov rsp, rbp", // back on the old stack
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
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
    // No `nostack` option: the compiler then keeps nothing of its own in the red zone and rsp 16-aligned, so that what is
    // stored lies below everything the caller owns; and there no signal frame is put, as the kernel leaves the red zone
    // alone until rsp has moved. Memory is clobbered by default, as it must be: other code runs.
    //
    // SAFETY: every register is declared lost or restored by hand (rbp, rbx, rsp); control comes back at `2:` with rsp
    // two words lower than it left, at the saved rbx — by `target` being suspended, the caller's promise.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",     // where we go on when somebody resumes us
            "lea rdi, [rsp - 24]",     // this word is us, once the three stores are done
            "mov [rsp - 8], rbp",      // cannot be a clobber: may be the frame pointer
            "mov [rsp - 16], rbx",     // cannot be a clobber: reserved by LLVM
            "mov [rsp - 24], rax",
            "lea rsp, [r8 + 8]",       // past the target's resume address, as if popped
            "jmp [r8]",                // there it goes on; commit, arg, word travel in rsi, rdx, rcx
            "2:",                      // resumed: rdi..rcx are the four words of whoever did it
            "mov rbx, [rsp]",
            "mov rbp, [rsp + 8]",
            "lea rsp, [rsp + 16]",     // as it was when we left
            inlateout("r8") target.as_ptr() => _,
            out("rdi") leaving,
            inout("rsi") arrival.commit,
            inout("rdx") arrival.arg,
            inout("rcx") arrival.word,
            lateout("r12") _, lateout("r13") _, lateout("r14") _, lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    // SAFETY: `leaving` is a stack pointer, never null — the other side's `lea rdi, [rsp - 24]`.
    arrival.leaving = Context::from_raw(unsafe { NonNull::new_unchecked(leaving) });
    arrival
}

/// Asks for the cache line of `address`, whatever is there.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint; it faults at no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}
