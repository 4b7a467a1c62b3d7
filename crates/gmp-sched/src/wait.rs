//! Who waits: a goroutine or a plain thread, behind one word.
//!
//! Every blocking operation above this crate is written once against [`Waiter`] and works from both. The
//! word is the address of the G, or, with bit 0 set, of the thread's parker.

use std::ptr::NonNull;

use crate::critical::{Critical, critical};
use crate::current;
use crate::g::G;
use crate::parker::Parker;

/// The party that is about to wait, or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter(NonNull<()>);

// SAFETY: the word names a party; what may be done with it, once and by whom, is the contract of `ready`.
unsafe impl Send for Waiter {}
// SAFETY: as above.
unsafe impl Sync for Waiter {}

/// What a waiter is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Goroutine(NonNull<G>),
    Thread(*const Parker),
}

/// Set for threads; Gs and parkers are aligned to more than two bytes.
const THREAD: usize = 1;

impl Waiter {
    /// The calling goroutine; or the calling thread, when it runs none, when it is in a blocking section, or
    /// when it is unwinding: std counts panics per thread, so a goroutine that waits in a destructor keeps
    /// its thread (design 2.3). Neither parks nor blocks.
    #[inline]
    pub fn current() -> Waiter {
        Waiter::goroutine(&critical()).unwrap_or_else(Waiter::thread)
    }

    /// As [`current`](Waiter::current), and an open critical section: for who parks out of it, by
    /// [`LockGuard::park`](crate::LockGuard::park) or [`park_in`](crate::park_in).
    #[inline(always)]
    pub fn in_section() -> (Waiter, Critical) {
        let section = critical();
        match Waiter::goroutine(&section) {
            Some(waiter) => (waiter, section),
            None => Waiter::thread_in_section(section),
        }
    }

    #[cold]
    fn thread_in_section(section: Critical) -> (Waiter, Critical) {
        // A thread's first wait may allocate.
        drop(section);
        (Waiter::thread(), critical())
    }

    /// The goroutine that is in this section, if it is to park. In a section: a P that was taken while the thread slept
    /// is replaced before the look at it.
    #[inline]
    fn goroutine(section: &Critical) -> Option<Waiter> {
        let g = section.m().and_then(|m| m.p().and(m.g()))?;
        if std::thread::panicking() { None } else { Some(Waiter(g.cast())) }
    }

    #[cold]
    fn thread() -> Waiter {
        let parker = current::thread_parker().cast::<()>().cast_mut();
        // A thread-local's address is not null; should it ever be, the tag keeps the word valid.
        Waiter(NonNull::new(parker.map_addr(|a| a | THREAD)).unwrap_or(NonNull::dangling()))
    }

    /// The word: at least 16, bit 0 in use.
    #[inline]
    pub fn into_raw(self) -> NonNull<()> {
        self.0
    }

    /// The waiter whose word this is.
    ///
    /// # Safety
    ///
    /// `raw` must come from [`into_raw`](Waiter::into_raw).
    #[inline]
    pub unsafe fn from_raw(raw: NonNull<()>) -> Waiter {
        Waiter(raw)
    }

    #[inline]
    pub(crate) fn of(g: NonNull<G>) -> Waiter {
        Waiter(g.cast())
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        if self.0.addr().get() & THREAD == 0 {
            Kind::Goroutine(self.0.cast())
        } else {
            Kind::Thread(self.0.as_ptr().map_addr(|a| a & !THREAD).cast())
        }
    }

    /// Ends the wait: the goroutine becomes runnable (next on this P, when a goroutine calls), the thread
    /// wakes. Callable from anywhere, also in critical sections. Neither parks nor blocks.
    ///
    /// # Safety
    ///
    /// Exactly once per park of this waiter, not before its commit has begun.
    #[inline]
    pub unsafe fn ready(self) {
        match self.kind() {
            // SAFETY: passed on.
            Kind::Goroutine(g) => unsafe { crate::park::ready(g) },
            // SAFETY: the thread waits for this call, so its parker is alive until the word is written.
            Kind::Thread(parker) => unsafe { Parker::unpark(parker) },
        }
    }

    /// As [`ready`](Waiter::ready), for who is in a section already.
    ///
    /// # Safety
    ///
    /// As for `ready`.
    #[inline]
    pub unsafe fn ready_in(self, section: &Critical) {
        match self.kind() {
            // SAFETY: passed on.
            Kind::Goroutine(g) => unsafe { crate::park::ready_in(section, g) },
            // SAFETY: as in `ready`.
            Kind::Thread(parker) => unsafe { Parker::unpark(parker) },
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a goroutine waits, for dumps.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum WaitReason { $($(#[$doc])* $name,)* }

        impl WaitReason {
            /// Every reason, by its number.
            pub(crate) const ALL: &'static [WaitReason] = &[$(WaitReason::$name,)*];

            /// All texts, by their reasons' numbers.
            pub(crate) const TEXTS: &'static [&'static str] = &[$($text,)*];

            /// In Go's words where Go has the reason.
            pub fn as_str(self) -> &'static str {
                self.text()
            }

            /// As `as_str`, the very place where it is kept.
            pub fn text(self) -> &'static &'static str {
                match self { $(WaitReason::$name => &$text,)* }
            }

            /// Whether only the bubble of a goroutine that waits so, or its clock, can end the wait.
            pub(crate) fn is_durable(self) -> bool {
                matches!(
                    self,
                    WaitReason::ChanReceiveDurable
                        | WaitReason::ChanSendDurable
                        | WaitReason::SelectDurable
                        | WaitReason::WaitGroupDurable
                        | WaitReason::JoinDurable
                        | WaitReason::BubbleWait
                        | WaitReason::ChanReceiveNil
                        | WaitReason::SelectNoCases
                        | WaitReason::Sleep
                        | WaitReason::Condvar
                )
            }

            /// This reason, for a wait on something that belongs to the waiter's bubble.
            pub fn durable(self) -> WaitReason {
                match self {
                    WaitReason::ChanReceive => WaitReason::ChanReceiveDurable,
                    WaitReason::ChanSend => WaitReason::ChanSendDurable,
                    WaitReason::Select => WaitReason::SelectDurable,
                    WaitReason::WaitGroup => WaitReason::WaitGroupDurable,
                    WaitReason::Join => WaitReason::JoinDurable,
                    other => other,
                }
            }

            /// The reason with this number.
            pub(crate) fn from_number(n: u8) -> WaitReason {
                WaitReason::ALL.get(usize::from(n)).copied().unwrap_or(WaitReason::Dead)
            }
        }
    };
}

reasons! {
    /// No goroutine: not launched yet, or ended. Zero, as in a slot that was never used.
    Dead = "dead",
    /// Not waiting.
    None = "running",
    /// For a value.
    ChanReceive = "chan receive",
    /// For a value that never comes.
    ChanReceiveNil = "chan receive (nil chan)",
    /// For room or a receiver.
    ChanSend = "chan send",
    /// For one of several channels.
    Select = "select",
    /// For nothing.
    SelectNoCases = "select (no cases)",
    /// For the clock.
    Sleep = "sleep",
    /// For a descriptor.
    IoWait = "IO wait",
    /// For a mutex.
    Mutex = "sync.Mutex.Lock",
    /// To read.
    RwLockRead = "sync.RWMutex.RLock",
    /// To write.
    RwLockWrite = "sync.RWMutex.Lock",
    /// For a notification.
    Condvar = "sync.Cond.Wait",
    /// For a group.
    WaitGroup = "sync.WaitGroup.Wait",
    /// For permits.
    Semaphore = "semacquire",
    /// For a goroutine's end.
    Join = "join",
    /// For the others at a barrier.
    Barrier = "barrier",
    /// For an initialisation.
    Once = "sync.Once.Do",
    /// For a cancellation.
    Context = "context",
    /// For a timer.
    Timer = "timer",
    /// For a child process.
    Process = "process wait",
    /// For a signal.
    Signal = "signal receive",
    /// For a future's wake-up.
    Future = "future",
    /// Runnable: gave way.
    Yield = "runnable",
    /// In a blocking section.
    Blocking = "syscall",
    /// For a value, in a bubble.
    ChanReceiveDurable = "chan receive (durable)",
    /// For room or a receiver, in a bubble.
    ChanSendDurable = "chan send (durable)",
    /// For one of several channels, in a bubble.
    SelectDurable = "select (durable)",
    /// For a group, in a bubble.
    WaitGroupDurable = "sync.WaitGroup.Wait (durable)",
    /// For the end of a goroutine of the same bubble.
    JoinDurable = "join (durable)",
    /// For the others of its bubble to wait.
    BubbleWait = "synctest.Wait",
    /// For the end of a bubble.
    BubbleRun = "synctest.Run",
    /// Stopped by a signal.
    Preempted = "preempted",
}
