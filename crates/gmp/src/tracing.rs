//! Feature `tracing`: spans that belong to goroutines.
//!
//! `tracing` keeps the spans that one is in by thread. A goroutine that enters a span and parks may go on on another
//! thread, with the spans of somebody else, and leaves its own behind: the contract forbids that. So this module has a
//! [`Registry`] that keeps them by goroutine; take it in place of `tracing_subscriber`'s, below any layers, and a span may be
//! entered for as long as one likes. [`go`] starts a goroutine in a span of its own.
//!
//! ```
//! # use tracing_subscriber as _;
//!
//! tracing::subscriber::set_global_default(gmp::tracing::Registry::default())?;
//! # unsafe { gmp::run(|| {
//! let span = tracing::info_span!("request", number = 7);
//! let answer = span.in_scope(|| {
//!     // Parks, and is still in the span afterwards. The new goroutine's span is a child of it.
//!     gmp::tracing::go(|| 42).join().unwrap()
//! });
//! assert_eq!(answer, 42);
//! # }) };
//! # Ok::<(), tracing::subscriber::SetGlobalDefaultError>(())
//! ```
//!
//! Set it with `set_global_default`: a default of one thread is no default of a goroutine. Layers with filters of their own
//! (`Layer::with_filter`) want `tracing_subscriber`'s own registry, and are not for this one.

use std::any::TypeId;
use std::cell::RefCell;
use std::ptr;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Metadata, Span};
use tracing_subscriber::registry::{LookupSpan, SpanData as _};

use crate::JoinHandle;

crate::goroutine_local! {
    /// The spans that the goroutine is in, innermost last.
    static ENTERED: RefCell<Vec<Id>> = RefCell::new(Vec::new());
}

/// As [`gmp::go`](crate::go()): the goroutine is in a span `goroutine` of level INFO, with its number as `id`, a child of the
/// caller's. Neither parks nor blocks.
#[track_caller]
pub fn go<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let parent = Span::current();
    crate::go(move || {
        let id = crate::current().id().as_u64();
        let span = tracing::info_span!(parent: &parent, "goroutine", id);
        drop(parent);
        span.in_scope(f)
    })
}

/// `tracing_subscriber`'s registry, but for who is in which span: that is kept by goroutine (by thread outside of one).
#[derive(Debug, Default)]
pub struct Registry {
    inner: tracing_subscriber::Registry,
}

impl Subscriber for Registry {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.inner.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        if !span.is_contextual() {
            return self.inner.new_span(span);
        }
        let (metadata, values) = (span.metadata(), span.values());
        // One whose guard was forgotten may be gone; all others are held by theirs.
        let parent = innermost().filter(|id| self.inner.span_data(id).is_some());
        self.inner.new_span(&match parent {
            Some(parent) => Attributes::child_of(parent, metadata, values),
            None => Attributes::new_root(metadata, values),
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.inner.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.inner.record_follows_from(span, follows);
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.inner.event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.inner.event(event);
    }

    fn enter(&self, span: &Id) {
        // None at the end of a plain thread, here and below: there nobody is in a span.
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(span.clone()));
    }

    fn exit(&self, span: &Id) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            // Guards may be dropped in any order.
            if let Some(at) = entered.iter().rposition(|id| id == span) {
                entered.remove(at);
            }
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.inner.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.inner.try_close(id)
    }

    fn current_span(&self) -> tracing_core::span::Current {
        let of = |id: Id| {
            let metadata = self.inner.span_data(&id)?.metadata();
            Some(tracing_core::span::Current::new(id, metadata))
        };
        innermost().and_then(of).unwrap_or_else(tracing_core::span::Current::none)
    }

    // `tracing_subscriber`'s layers look for its registry: it frees a span that is closed for them only.
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Registry>() {
            return Some(ptr::from_ref(self).cast());
        }
        // SAFETY: the caller's contract; a field lives as long as the whole.
        unsafe { self.inner.downcast_raw(id) }
    }
}

fn innermost() -> Option<Id> {
    ENTERED.try_with(|entered| entered.borrow().last().cloned()).flatten()
}

impl<'a> LookupSpan<'a> for Registry {
    type Data = <tracing_subscriber::Registry as LookupSpan<'a>>::Data;

    fn span_data(&'a self, id: &Id) -> Option<Self::Data> {
        self.inner.span_data(id)
    }
}
