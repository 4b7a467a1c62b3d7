//! Goroutine-local values: what `thread_local!` is to threads.
//!
//! A goroutine's values live in a map that its header points to; they are dropped when it ends, on its own
//! stack, so that their destructors may wait. Plain threads have a map of their own in a thread-local.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ptr;
use std::rc::Rc;

use gmp_sched::Current;

/// The values of one goroutine, by the address of their key.
type Map = HashMap<usize, Rc<dyn Any>>;

thread_local! {
    /// The values of a plain thread.
    static OF_THREAD: Cell<Map> = Cell::new(Map::new());
}

/// Declares values that each goroutine has for itself, made when it first uses them.
///
/// ```
/// use std::cell::Cell;
/// gmp::goroutine_local! {
///     /// Requests handled by this goroutine.
///     static HANDLED: Cell<u32> = Cell::new(0);
/// }
/// # unsafe { gmp::run(|| {
/// HANDLED.with(|n| n.set(n.get() + 1));
/// assert_eq!(gmp::go(|| HANDLED.with(Cell::get)).join().unwrap(), 0);
/// assert_eq!(HANDLED.with(Cell::get), 1);
/// # }) };
/// ```
#[macro_export]
macro_rules! goroutine_local {
    ($($(#[$attr:meta])* $vis:vis static $name:ident : $t:ty = $init:expr);* $(;)?) => {
        $($(#[$attr])* $vis static $name: $crate::LocalKey<$t> = $crate::LocalKey::new(|| $init);)*
    };
}

/// The key of a goroutine-local value; made by [`goroutine_local!`](crate::goroutine_local).
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init }
    }

    /// Calls `f` with the calling goroutine's value (on a plain thread, with the thread's). `f` may park: the
    /// value goes with the goroutine. Neither parks nor blocks by itself.
    ///
    /// # Panics
    ///
    /// In a destructor of a plain thread's `thread_local!`, when the thread's values are gone already.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Some(result) => result,
            None => panic!("goroutine-local values of a thread that ends"),
        }
    }

    /// As `with`; nothing where that panics.
    pub(crate) fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Option<R> {
        let key = ptr::from_ref(self).addr();
        let value = match edit(|map| map.get(&key).cloned())? {
            Some(value) => value,
            None => {
                // Outside the map: the initialiser may use other keys, or this one.
                let fresh: Rc<dyn Any> = Rc::new((self.init)());
                edit(|map| map.entry(key).or_insert(fresh).clone())?
            }
        };
        match value.downcast_ref::<T>() {
            Some(value) => Some(f(value)),
            None => unreachable!("a key's address names one type"),
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the calling goroutine's value. Neither parks nor blocks.
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// A copy of the calling goroutine's value. Neither parks nor blocks.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Sets the calling goroutine's value and returns the old one. Neither parks nor blocks.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    /// Takes the calling goroutine's value and leaves the default. Neither parks nor blocks.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Borrows the calling goroutine's value; panics if it is borrowed mutably. `f` may park.
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Borrows the calling goroutine's value mutably; panics if it is borrowed. `f` may park.
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }
}

/// Edits the caller's map, unless it is a thread's that is gone. `edit` must not park or call code of the user.
fn edit<R>(edit: impl FnOnce(&mut Map) -> R) -> Option<R> {
    match Current::get() {
        Some(g) => {
            let mut map = g.locals().cast::<Map>();
            if map.is_null() {
                map = Box::into_raw(Box::default());
                g.set_locals(map.cast());
            }
            // SAFETY: set above or by an earlier call of this very goroutine, which is the only one to use it;
            // no reference leaves this function.
            Some(edit(unsafe { &mut *map }))
        }
        None => {
            let edit = |cell: &Cell<Map>| {
                let mut map = cell.take();
                let result = edit(&mut map);
                cell.set(map);
                result
            };
            OF_THREAD.try_with(edit).ok()
        }
    }
}

/// `f`, followed by the destructors of the goroutine's values: when `f` returns and when it unwinds.
pub(crate) fn with_locals<F, T>(f: F) -> impl FnOnce() -> T
where
    F: FnOnce() -> T,
{
    struct Cleanup;
    impl Drop for Cleanup {
        #[inline]
        fn drop(&mut self) {
            if Current::get().is_some_and(|g| !g.locals().is_null()) {
                drop_maps();
            }
        }
    }
    move || {
        let _cleanup = Cleanup;
        f()
    }
}

/// Drops the calling goroutine's values. A destructor may use a key again: until none is left.
#[cold]
fn drop_maps() {
    while let Some(map) = take_map() {
        drop(map);
    }
}

fn take_map() -> Option<Box<Map>> {
    let g = Current::get()?;
    let map = g.locals().cast::<Map>();
    g.set_locals(ptr::null_mut());
    // SAFETY: made by `Box::into_raw` in `edit`, and taken out just now.
    (!map.is_null()).then(|| unsafe { Box::from_raw(map) })
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}
