//! The first step of a dump: copies of all headers and stacks, taken while the runtime is frozen.
//!
//! Nothing is allocated in that time. The copies go into one mapping that is reserved beforehand, generously, since only
//! what is written to costs memory:
//!
//! ```text
//!   words:  n │ id │ parent │ since │ state │ location │ bubble, length of name │ 8 × name │ frames … n
//! ```

use std::panic::Location;
use std::ptr::{self, NonNull};

use gmp_sched::{GoId, Seen};

use super::unwind::Walker;

/// Frames that are kept of a stack, innermost first.
const FRAMES: usize = 100;
/// Words of a row before its frames.
const HEAD: usize = 15;
/// Bytes of a name.
const NAME: usize = 64;

/// A goroutine in a dump.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) parent: u64,
    /// Nanoseconds in this state.
    pub(crate) since: u64,
    pub(crate) state: &'static str,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) bubble: u16,
    /// Innermost first; empty when it was not parked.
    pub(crate) frames: Vec<usize>,
}

/// Every goroutine there is, by number. On a plain thread, or in a blocking section.
pub(crate) fn collect() -> Vec<Row> {
    let expected = gmp_sched::try_num_goroutine().unwrap_or(0) + 1024;
    let mut buffer = Buffer::new(expected * (HEAD + FRAMES));
    let mut walker = Walker::new();
    gmp_sched::inspect(&mut |seen| {
        let mut frames = [0; FRAMES];
        let depth = match seen.stack {
            // SAFETY: the goroutine is parked for as long as this call lasts, and `top` is the end of its stack.
            Some((frame, top)) => unsafe { walker.walk(frame, top, &mut frames) },
            None => 0,
        };
        buffer.row(seen, &frames[..depth]);
    });
    let mut rows = buffer.decode();
    rows.sort_by_key(|row| row.id);
    rows
}

/// The mapping, filled from the left.
struct Buffer {
    base: NonNull<usize>,
    capacity: usize,
    len: usize,
}

impl Buffer {
    /// Room for `words`; none if the kernel refuses, and then the dump is empty.
    fn new(words: usize) -> Buffer {
        // SAFETY: a private mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                words * size_of::<usize>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        match NonNull::new(base.cast::<usize>()) {
            Some(start) if base != libc::MAP_FAILED => {
                Buffer { base: start, capacity: words, len: 0 }
            }
            _ => Buffer { base: NonNull::dangling(), capacity: 0, len: 0 },
        }
    }

    fn words(&mut self) -> &mut [usize] {
        // SAFETY: the mapping, zeroed by the kernel; borrowed with the buffer.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.capacity) }
    }

    /// Appends a goroutine, if there is room. Never allocates.
    fn row(&mut self, seen: &Seen<'_>, frames: &[usize]) {
        let (at, end) = (self.len, self.len + HEAD + frames.len());
        if end > self.capacity {
            return;
        }
        self.len = end;
        let mut name = [0; NAME];
        let len = seen.name.len().min(NAME);
        name[..len].copy_from_slice(&seen.name[..len]);
        let row = &mut self.words()[at..end];
        row[0] = frames.len();
        row[1] = seen.id.as_u64() as usize;
        row[2] = seen.parent.as_u64() as usize;
        row[3] = seen.since as usize;
        row[4] = ptr::from_ref(seen.state.text()).expose_provenance();
        row[5] = ptr::from_ref(seen.spawned_at).expose_provenance();
        row[6] = usize::from(seen.bubble) << 8 | len;
        for (word, bytes) in row[7..HEAD].iter_mut().zip(name.chunks_exact(size_of::<usize>())) {
            *word = usize::from_ne_bytes(bytes.try_into().unwrap_or_default());
        }
        row[HEAD..].copy_from_slice(frames);
    }

    /// The rows, when allocating is allowed again.
    fn decode(mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut at = 0;
        while at < self.len {
            let words = &self.words()[at..];
            let frames = words[0];
            let name: Vec<u8> = words[7..HEAD].iter().flat_map(|w| w.to_ne_bytes()).collect();
            let len = words[6] & 0xff;
            let state = ptr::with_exposed_provenance::<&'static str>(words[4]);
            let spawned_at = ptr::with_exposed_provenance::<Location<'static>>(words[5]);
            rows.push(Row {
                id: words[1] as u64,
                name: String::from_utf8_lossy(&name[..len.min(NAME)]).into_owned(),
                parent: words[2] as u64,
                since: words[3] as u64,
                // SAFETY: the address of a static text, written by `row`.
                state: unsafe { *state },
                // SAFETY: from a reference to a static, written by `row`.
                spawned_at: unsafe { &*spawned_at },
                bubble: (words[6] >> 8) as u16,
                frames: words[HEAD..HEAD + frames].to_vec(),
            });
            at += HEAD + frames;
        }
        rows
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: exactly what was mapped, and nobody refers to it any more.
            unsafe { libc::munmap(self.base.as_ptr().cast(), self.capacity * size_of::<usize>()) };
        }
    }
}

/// The caller's own stack, which a dump cannot walk, since its goroutine runs.
pub(crate) fn own_stack() -> Option<(GoId, Vec<usize>)> {
    let id = crate::try_current()?.id();
    let mut frames = Vec::new();
    backtrace::trace(|frame| {
        // Inside the instruction that calls, as in `Walker::walk`.
        frames.push((frame.ip().addr()).saturating_sub(1));
        frames.len() < FRAMES
    });
    Some((id, frames))
}
