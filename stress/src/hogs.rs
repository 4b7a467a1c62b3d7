//! Work that never gives way, each kind with what makes it hard to stop in the middle of.
//!
//! Each returns a sum that depends on its argument only, so that a register, lock or thread-local that was not as it
//! was left shows. One call takes between microseconds and a few milliseconds.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hint::black_box;
use std::panic;
use std::ptr;
use std::sync::{LazyLock, Mutex};

use regex::Regex;

use crate::rng::Rng;

/// A kind of work.
#[derive(Debug)]
pub(crate) struct Kind {
    /// From a number to a sum.
    pub(crate) work: fn(u64) -> u64,
}

/// A loop without calls.
pub(crate) static INTEGERS: Kind = Kind {
    work: |n| {
        let mut x = n | 1;
        for _ in 0..200_000 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        x
    },
};

/// Inside malloc most of the time, with blocks of all sizes.
pub(crate) static ALLOCATE: Kind = Kind {
    work: |n| {
        let mut rng = Rng::new(n);
        let mut kept: Vec<Vec<u8>> = Vec::new();
        for _ in 0..500 {
            let size = 1 << rng.below(14);
            kept.push(vec![rng.next() as u8; size as usize]);
            if kept.len() > 40 {
                let at = rng.below(40) as usize;
                kept.swap_remove(at);
            }
        }
        kept.iter().map(|block| block.len() as u64 * u64::from(block[0])).sum()
    },
};

/// Formatting, which allocates and calls through vtables.
pub(crate) static FORMAT: Kind = Kind {
    work: |n| {
        let mut text = String::new();
        for i in 0..200_u64 {
            let _ = write!(text, "{:08x}-{:.3}-{:?};", n ^ i, i as f64 / 7.0, Some(i));
        }
        text.bytes().fold(n, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    },
};

/// A std lock that everybody wants, held for a while.
pub(crate) static MUTEX: Kind = Kind {
    work: |n| {
        static SHARED: Mutex<[u64; 2]> = Mutex::new([0, 0]);
        let mut sum = n;
        for _ in 0..20 {
            let mut pair = SHARED.lock().unwrap_or_else(|e| e.into_inner());
            assert_eq!(pair[0], pair[1], "two in the lock at once");
            pair[0] += 1;
            sum = (INTEGERS.work)(sum) | 1;
            pair[1] += 1;
        }
        sum
    },
};

/// Printing: std's stdout lock, and a pipe that fills.
pub(crate) static PRINT: Kind = Kind {
    #[expect(clippy::print_stdout, reason = "that is the load")]
    work: |n| {
        for i in 0..50 {
            println!("{n} {i} and some words to fill the line up to its end");
        }
        n
    },
};

/// std's sort and maps.
pub(crate) static SORT: Kind = Kind {
    work: |n| {
        let mut rng = Rng::new(n);
        let mut numbers: Vec<u64> = (0..3_000).map(|_| rng.next()).collect();
        let counted: HashMap<u64, usize> =
            numbers.iter().enumerate().map(|(at, &number)| (number % 512, at)).collect();
        let ordered: BTreeMap<u64, usize> = counted.into_iter().collect();
        numbers.sort();
        let first = ordered.values().fold(0_u64, |sum, &at| sum.wrapping_mul(3) ^ at as u64);
        numbers.iter().step_by(97).fold(first, |sum, &number| sum.rotate_left(5) ^ number)
    },
};

/// A regular expression, whose caches a pool keeps for each thread.
pub(crate) static REGEX: Kind = Kind {
    work: |n| {
        static WORDS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(\w+?)[-_](\d{2,4})\b").expect("a valid expression"));
        let mut rng = Rng::new(n);
        let text: String =
            (0..200).map(|_| format!("ab{}-{} ", rng.below(50), rng.below(20_000))).collect();
        WORDS.captures_iter(&text).fold(n, |sum, found| {
            let number: u64 = found[2].parse().unwrap_or(0);
            sum.rotate_left(7) ^ number ^ found[1].len() as u64
        })
    },
};

/// Panics that are caught: std's panic count is per thread, the unwinder takes the loader's lock.
pub(crate) static PANIC: Kind = Kind {
    work: |n| {
        (0..20).fold(n, |sum, i| {
            let caught = panic::catch_unwind(|| panic::resume_unwind(Box::new(sum ^ i)));
            let payload = caught.err().and_then(|e| e.downcast::<u64>().ok());
            payload.map_or(0, |value| value.rotate_left(7))
        })
    },
};

/// Backtraces: the loader's lock and std's own.
pub(crate) static BACKTRACE: Kind = Kind {
    work: |n| {
        (0..5).for_each(|_| drop(black_box(Backtrace::force_capture())));
        n
    },
};

/// Mapping, touching and unmapping memory: the kernel's lock on the address space.
pub(crate) static MAP: Kind = Kind {
    work: |n| {
        const PAGES: usize = 16;
        (0..20).fold(n, |sum, _| {
            let (length, rights) = (PAGES * 4096, libc::PROT_READ | libc::PROT_WRITE);
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: a new mapping, which replaces nothing.
            let at = unsafe { libc::mmap(ptr::null_mut(), length, rights, flags, -1, 0) };
            assert_ne!(at, libc::MAP_FAILED, "no memory");
            let word = at.cast::<u64>();
            let sum = (0..PAGES).fold(sum, |sum, page| {
                // SAFETY: the first word of a page of the mapping.
                let word = unsafe { word.add(page * 512) };
                // SAFETY: as above; nobody else knows the mapping.
                unsafe { word.write_volatile(sum.wrapping_add(page as u64)) };
                // SAFETY: as above.
                unsafe { word.read_volatile() }
            });
            // SAFETY: the whole mapping, used no more.
            unsafe { libc::munmap(at, length) };
            sum
        })
    },
};

/// A generator in a thread-local, whose address the loop may keep.
pub(crate) static THREAD_LOCAL: Kind = Kind {
    work: |n| {
        thread_local! {
            static STATE: Cell<u64> = const { Cell::new(0) };
        }
        STATE.set(n | 1);
        for _ in 0..100_000 {
            STATE.with(|state| {
                let x = state.get();
                state.set((x ^ (x << 13)).rotate_right(9).wrapping_mul(5));
            });
        }
        STATE.get()
    },
};

/// Wide vector registers, as many as the compiler fills.
pub(crate) static VECTOR: Kind = Kind {
    work: |n| {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: just detected.
            return unsafe { wide_512(n) };
        } else if is_x86_feature_detected!("avx2") {
            // SAFETY: just detected.
            return unsafe { wide_256(n) };
        }
        lanes(n)
    },
};

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn wide_512(n: u64) -> u64 {
    lanes(n)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn wide_256(n: u64) -> u64 {
    lanes(n)
}

#[inline(always)]
fn lanes(n: u64) -> u64 {
    let mut lanes: [u64; 128] = std::array::from_fn(|lane| n.wrapping_add(lane as u64));
    for _ in 0..20_000 {
        for lane in &mut lanes {
            *lane = (*lane ^ (*lane << 7)).wrapping_add(*lane >> 9);
        }
    }
    lanes.iter().fold(0, |sum, lane| sum.rotate_left(3) ^ lane)
}

/// Deep in the stack, down to two pages above the guard, and back.
pub(crate) static RECURSION: Kind = Kind {
    work: |n| {
        #[inline(never)]
        fn down(n: u64) -> u64 {
            let mut frame = black_box([n; 64]);
            if gmp::runtime::stack::remaining() < 2 * 4096 {
                return (INTEGERS.work)(frame[0]);
            }
            // How deep it is depends on the stack, what it gives does not.
            let below = down(n);
            black_box(&mut frame);
            assert_eq!(frame, [n; 64], "a frame is not as it was");
            below
        }
        down(n)
    },
};

/// A C function that loops, and calls back.
pub(crate) static C_FUNCTION: Kind = Kind {
    work: |n| {
        unsafe extern "C" fn compare(
            a: *const libc::c_void,
            b: *const libc::c_void,
        ) -> libc::c_int {
            // SAFETY: elements of the array below.
            let a = unsafe { *a.cast::<u64>() };
            // SAFETY: as above.
            let b = unsafe { *b.cast::<u64>() };
            a.cmp(&b) as libc::c_int
        }
        let mut rng = Rng::new(n);
        let mut numbers: Vec<u64> = (0..4_000).map(|_| rng.next()).collect();
        // SAFETY: as many elements as there are, of that size, compared as what they are.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 8, Some(compare)) };
        assert!(numbers.is_sorted());
        numbers.iter().step_by(89).fold(n, |sum, &number| sum.rotate_left(5) ^ number)
    },
};
