//! Who called a function, found by the call instruction, where the frame pointer that would lead there is not known.
//!
//! Of a thread that sleeps in the kernel two registers can be had: where it is, and its stack pointer. That is enough for
//! functions whose frames have a fixed size. Those of std keep a frame pointer, in a register that nobody tells; but
//! whoever has called such a function left a return address on the stack, right behind an instruction that calls exactly
//! this function:
//!
//! ```text
//!   sp ─▶ │ … │ … │ caller's frame pointer │ return address │ …
//!                                             └─▶ …  e8 rel32  ◀─ "call function"
//! ```
//!
//! So the stack is searched for the first word like that. A call by an address in a register counts if the calling function
//! has loaded this function's address before. One through a table of methods cannot be told apart from others, and is passed
//! over, as is whatever calls have left behind that returned long ago: then the walk goes on at a frame further out which
//! calls the same function, if there is one, and ends otherwise. Only x86-64 has such threads (`gmp_sched::OnThread`).
//!
//! A word of a stack may be anything. So all that is looked at here besides the stack is copied by the kernel, which says if
//! it is not there. (The tables that `unwind` reads in place are not: nobody may unload an object during a dump.)

use std::ops::Range;

/// Words of the stack that are searched: a large frame.
const SEARCHED: usize = 2048;
/// Bytes of code before a call that are searched for where its address comes from.
const CODE: usize = 4096;

/// A loaded object, as far as the search needs it.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its code.
    pub(crate) text: Range<usize>,
    /// What the loader fills and then protects from writing: the table of addresses is there.
    pub(crate) constant: Range<usize>,
    /// `.eh_frame_hdr`: a table of its functions.
    pub(crate) header: Range<usize>,
}

/// The frame that a function was called from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) return_address: u64,
    pub(crate) sp: u64,
    pub(crate) fp: u64,
}

/// Who called the function that `address` lies in, whose frame begins at `sp`. Never allocates.
pub(crate) fn caller(
    objects: &[Object],
    address: usize,
    sp: u64,
    mut read: impl FnMut(u64) -> Result<u64, ()>,
) -> Option<Caller> {
    let function = object_at(objects, address)?.function_at(address)?;
    let mut fp = read(sp).ok()?;
    for at in (sp..).step_by(8).skip(1).take(SEARCHED) {
        let word = read(at).ok()?;
        if calls(objects, word as usize, function) {
            return Some(Caller { return_address: word, sp: at + 8, fp });
        }
        fp = word;
    }
    None
}

fn object_at(objects: &[Object], address: usize) -> Option<&Object> {
    objects.iter().find(|object| object.text.contains(&address))
}

/// Whether the instruction before `return_address` calls `function`.
fn calls(objects: &[Object], return_address: usize, function: usize) -> bool {
    const LONGEST: usize = 6;
    let Some(object) = object_at(objects, return_address) else { return false };
    match copy::<LONGEST>(return_address - LONGEST) {
        Some([_, 0xe8, a, b, c, d]) => relative(return_address, [a, b, c, d]) == function,
        // Through a slot of the table that the loader fills.
        Some([0xff, 0x15, a, b, c, d]) => {
            object.word(relative(return_address, [a, b, c, d])) == Some(function)
        }
        Some([.., 0xff, 0xd0..=0xd7]) => object.loads(function, return_address - 2),
        _ => false,
    }
}

/// So many bytes from `address` on, if they are mapped.
fn copy<const N: usize>(address: usize) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    gmp_sched::copy(address, &mut bytes).then_some(bytes)
}

/// What an instruction that ends at `end` means by this offset.
fn relative(end: usize, offset: [u8; 4]) -> usize {
    end.wrapping_add_signed(i32::from_le_bytes(offset) as isize)
}

impl Object {
    /// Whether the function that is at `end` has, before that, loaded the address of `function`: by `lea` or, from a slot, by `mov`.
    fn loads(&self, function: usize, end: usize) -> bool {
        const LOAD: usize = 7;
        let here = self.text.start..end;
        let Some(begin) = self.function_at(end).filter(|begin| here.contains(begin)) else {
            return false;
        };
        let begin = begin.max(end.saturating_sub(CODE));
        let mut code = [0; CODE];
        let code = &mut code[..end - begin];
        if !gmp_sched::copy(begin, code) {
            return false;
        }
        code.windows(LOAD).enumerate().any(|(at, code)| {
            let target = |offset| relative(begin + at + LOAD, offset);
            match *code {
                [0x48 | 0x4c, 0x8b, mode, a, b, c, d] if mode & 0xc7 == 5 => {
                    self.word(target([a, b, c, d])) == Some(function)
                }
                [0x48 | 0x4c, 0x8d, mode, a, b, c, d] if mode & 0xc7 == 5 => {
                    target([a, b, c, d]) == function
                }
                _ => false,
            }
        })
    }

    /// A word of what is constant.
    fn word(&self, at: usize) -> Option<usize> {
        if at % 8 != 0 || !self.constant.contains(&at) || self.constant.end - at < 8 {
            return None;
        }
        copy(at).map(usize::from_ne_bytes)
    }

    /// Where the function begins that `address` lies in, by the sorted table behind the header: version 1, three bytes that
    /// say how the following is encoded, four that point to `.eh_frame`, four that count; then pairs, the first of each being
    /// the function's address relative to the header. Linkers write these encodings.
    fn function_at(&self, address: usize) -> Option<usize> {
        const COUNT_4: u8 = 0x03;
        const RELATIVE_TO_HEADER_4: u8 = 0x3b;
        let [1, _, COUNT_4, RELATIVE_TO_HEADER_4] = copy(self.header.start)? else { return None };
        let word = |offset: usize| {
            let at = self.header.start + offset;
            (at + 4 <= self.header.end).then(|| copy(at).map(i32::from_ne_bytes)).flatten()
        };
        let entry =
            |i: usize| Some(self.header.start.wrapping_add_signed(word(12 + 8 * i)? as isize));
        let (mut low, mut high) = (0, usize::try_from(word(8)?).ok()?);
        // The last one that does not begin behind `address` is at `low - 1`.
        while low < high {
            let middle = low + (high - low) / 2;
            if entry(middle)? <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        entry(low.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    /// A header with functions at 0x10 and 0x40, code that calls the second one, directly and through a slot.
    #[test]
    fn the_call_of_this_function_is_found() {
        if cfg!(not(target_os = "linux")) {
            // No copies, and none of these threads.
            return;
        }
        let mut image = vec![0_u64; 32];
        let at = image.as_ptr().expose_provenance();
        let slot = at + 0x80;
        image[0x80 / 8] = (at + 0x40) as u64;
        // SAFETY: room for it.
        let bytes = unsafe { slice::from_raw_parts_mut(image.as_mut_ptr().cast::<u8>(), 256) };
        let call = |bytes: &mut [u8], to: usize, code: &[u8], target: usize| {
            let from = to - 4 - code.len();
            bytes[from..to - 4].copy_from_slice(code);
            let offset = target.wrapping_sub(at + to) as u32;
            bytes[to - 4..to].copy_from_slice(&offset.to_le_bytes());
        };
        call(bytes, 0x20, &[0xe8], at + 0x10);
        call(bytes, 0x28, &[0xe8], at + 0x40);
        call(bytes, 0x38, &[0xff, 0x15], slot);
        // mov slot(%rip), %rax; and a call by that register.
        call(bytes, 0x68, &[0x48, 0x8b, 0x05], slot);
        bytes[0x68..0x6a].copy_from_slice(&[0xff, 0xd0]);
        bytes[0x18..0x1a].copy_from_slice(&[0xff, 0xd0]);
        // The header is at 0xc0.
        let entry = |function: u32| function.wrapping_sub(0xc0);
        let table = [2, entry(0x10), 0, entry(0x40), 0].map(u32::to_ne_bytes).concat();
        let header = [&[1, 0x1b, 3, 0x3b, 0, 0, 0, 0], &table[..]].concat();
        bytes[0xc0..0xc0 + header.len()].copy_from_slice(&header);
        let all = at..at + 256;
        let header = at + 0xc0..at + 0xc0 + header.len();
        let object = Object { text: all.clone(), constant: all, header };
        // One that is unloaded.
        let gone = Object { text: 0x1000..0x2000, constant: 0..0, header: 0x1800..0x1900 };
        let objects = [object, gone];
        let find = |return_address: usize| {
            let stack = [0, 0x1100, at as u64 + 0x20, 9, (at + return_address) as u64, 1];
            let read = |at: u64| stack.get(at as usize / 8).copied().ok_or(());
            caller(&objects, at + 0x48, 0, read)
        };
        let found = |ra| Some(Caller { return_address: (at + ra) as u64, sp: 40, fp: 9 });
        assert_eq!(find(0x28), found(0x28));
        assert_eq!(find(0x38), found(0x38));
        assert_eq!(find(0x6a), found(0x6a));
        // It calls another function, who knows which, is no call, or no code.
        assert_eq!((find(0x20), find(0x1a), find(0x30), find(0x1000)), (None, None, None, None));
    }
}
