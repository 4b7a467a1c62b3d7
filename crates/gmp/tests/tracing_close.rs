//! Feature `tracing`: what belongs to a span goes when it does, and the end of a thread is no place to fail.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::tracing::Registry;
use tracing::span::{Attributes, Id};
use tracing::{Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Extensions that were dropped.
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// Spans without a parent.
static ROOTS: AtomicUsize = AtomicUsize::new(0);

struct Extension;

impl Drop for Extension {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

struct Extends;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Extends {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        span.extensions_mut().insert(Extension);
        ROOTS.fetch_add(usize::from(span.parent().is_none()), Ordering::Relaxed);
    }
}

/// Is in a span, and notes something, when its thread ends.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        info_span!("last").in_scope(|| info!("over"));
    }
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

fn dropped() -> usize {
    DROPPED.load(Ordering::Relaxed)
}

#[gmp::test(unsafe, max_procs = 2)]
fn a_span_takes_what_belongs_to_it_along() {
    tracing::subscriber::set_global_default(Registry::default().with(Extends)).unwrap();
    let parent = info_span!("parent");
    parent.in_scope(|| {
        info_span!("child").in_scope(gmp::yield_now);
        assert_eq!(dropped(), 1);
        gmp::tracing::go(|| ()).join().unwrap();
    });
    let child = info_span!(parent: &parent, "child");
    drop(parent);
    assert_eq!(dropped(), 2, "a child holds its parent");
    drop(child);
    assert_eq!(dropped(), 4);

    // Nobody leaves a span whose guard was forgotten: it is not the parent of what comes after it.
    let forgotten = info_span!("forgotten");
    std::mem::forget(forgotten.enter());
    drop(forgotten);
    let before = ROOTS.load(Ordering::Relaxed);
    drop(info_span!("next"));
    assert_eq!((ROOTS.load(Ordering::Relaxed), dropped()), (before + 1, 6));

    // What is made last goes first: where the thread is, then this thread-local, then what the registry makes spans with.
    let ends = std::thread::spawn(|| {
        let span = info_span!("thread");
        LAST.with_borrow_mut(|last| *last = Some(Last));
        span.in_scope(|| ());
    });
    gmp::blocking(|| ends.join()).unwrap();
    assert_eq!(dropped(), 8);
}
