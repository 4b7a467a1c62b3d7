//! The first step of a dump: copies of all headers and stacks, taken while the runtime is frozen.
//!
//! Nothing is allocated in that time. The copies go into one mapping that is reserved beforehand, generously, since only
//! what is written to costs memory:
//!
//! ```text
//!   goroutine:       n │ id │ parent │ since │ state │ location │ flags │ 8 × name │ frames … n
//!   its thread:  n + T │ id │ flags │ frames … n              (behind all goroutines; for those that have one)
//! ```

use std::cell::RefCell;
use std::panic::Location;
use std::ptr::{self, NonNull};

use gmp_sched::{GoId, OnThread, Seen};

use super::unwind::Walker;

/// Frames that are kept of a stack, innermost first.
const FRAMES: usize = 100;
/// Words of a row before its frames.
const HEAD: usize = 15;
/// Words of a thread's entry before its frames.
const THREAD_HEAD: usize = 3;
/// T: it is a thread's entry.
const THREAD: usize = 1 << 32;
/// Flags of a goroutine: length of its name, whether it is locked to its thread, its bubble.
const LOCKED: usize = 1 << 8;
const BUBBLE: u32 = 16;
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
    /// Locked to its OS thread.
    pub(crate) locked: bool,
    /// Its thread sleeps in a system call that was not declared.
    pub(crate) asleep: bool,
    /// Innermost first; empty when it has not begun, or its stack could not be had.
    pub(crate) frames: Vec<usize>,
}

/// Every goroutine there is, by number. On a plain thread, or in a blocking section. `interrupt` says that system calls in
/// which goroutines sleep may be ended by a signal.
pub(crate) fn collect(interrupt: bool) -> Vec<Row> {
    let expected = gmp_sched::try_num_goroutine().unwrap_or(0) + 1024;
    let buffer = RefCell::new(Buffer::new(expected * (HEAD + FRAMES)));
    let walker = RefCell::new(Walker::new());
    gmp_sched::inspect(
        interrupt,
        &mut |seen| {
            let mut frames = [0; FRAMES];
            let depth = match seen.parked {
                // SAFETY: the goroutine is parked for as long as this call lasts.
                Some(frame) => unsafe { walker.borrow_mut().walk_parked(frame, &mut frames) },
                None => 0,
            };
            buffer.borrow_mut().row(seen, &frames[..depth]);
        },
        &mut |thread| {
            let mut frames = [0; FRAMES];
            let depth = walker.borrow_mut().walk_copy(thread, &mut frames);
            buffer.borrow_mut().thread(thread, &frames[..depth]);
        },
    );
    buffer.into_inner().decode()
}

/// The frames of a goroutine that has a thread, by the copy of its stack. Allocates.
pub(crate) fn frames_of(thread: &OnThread<'_>) -> Vec<usize> {
    let mut frames = vec![0; FRAMES];
    let depth = Walker::new().walk_copy(thread, &mut frames);
    frames.truncate(depth);
    frames
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
        row[6] = (usize::from(seen.bubble) << BUBBLE) | (usize::from(seen.locked) * LOCKED) | len;
        for (word, bytes) in row[7..HEAD].iter_mut().zip(name.chunks_exact(size_of::<usize>())) {
            *word = usize::from_ne_bytes(bytes.try_into().unwrap_or_default());
        }
        row[HEAD..].copy_from_slice(frames);
    }

    /// Appends what is known of a goroutine by its thread, if there is room. Never allocates.
    fn thread(&mut self, thread: &OnThread<'_>, frames: &[usize]) {
        let (at, end) = (self.len, self.len + THREAD_HEAD + frames.len());
        if end > self.capacity {
            return;
        }
        self.len = end;
        let entry = &mut self.words()[at..end];
        entry[0] = frames.len() | THREAD;
        entry[1] = thread.id.as_u64() as usize;
        entry[2] = usize::from(thread.asleep);
        entry[THREAD_HEAD..].copy_from_slice(frames);
    }

    /// The rows by number, when allocating is allowed again.
    fn decode(mut self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut threads = Vec::new();
        let mut at = 0;
        while at < self.len {
            let words = &self.words()[at..];
            let frames = words[0] & !THREAD;
            if words[0] & THREAD != 0 {
                let stack = &words[THREAD_HEAD..THREAD_HEAD + frames];
                threads.push((words[1] as u64, words[2] != 0, stack.to_vec()));
                at += THREAD_HEAD + frames;
                continue;
            }
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
                bubble: (words[6] >> BUBBLE) as u16,
                locked: words[6] & LOCKED != 0,
                asleep: false,
                frames: words[HEAD..HEAD + frames].to_vec(),
            });
            at += HEAD + frames;
        }
        // The last of those with the same number is the newest.
        rows.reverse();
        rows.sort_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        for (id, asleep, frames) in threads {
            if let Ok(at) = rows.binary_search_by_key(&id, |row| row.id) {
                // One that has parked since the threads were looked at has a better stack already.
                if rows[at].frames.is_empty() {
                    (rows[at].asleep, rows[at].frames) = (asleep, frames);
                }
            }
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
