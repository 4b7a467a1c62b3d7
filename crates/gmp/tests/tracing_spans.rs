//! Feature `tracing`: a goroutine is in its own spans wherever it goes on, and in nobody else's.

use std::sync::Mutex;

use gmp::tracing::{Registry, go};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Of each event: its number, and the numbers of the spans that it is in, innermost first.
static SEEN: Mutex<Vec<(u64, Vec<u64>)>> = Mutex::new(Vec::new());

/// The field `n`.
struct Number(u64);

impl Visit for Number {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "n" {
            self.0 = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

struct Recorder;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut number = Number(0);
        span.record(&mut number);
        context.span(id).unwrap().extensions_mut().insert(number);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut number = Number(0);
        event.record(&mut number);
        let spans = context.event_scope(event).into_iter().flatten();
        let spans = spans.map(|span| span.extensions().get::<Number>().unwrap().0).collect();
        SEEN.lock().unwrap().push((number.0, spans));
    }
}

#[gmp::test(unsafe, max_procs = 4)]
fn spans_stay_with_their_goroutine() {
    tracing::subscriber::set_global_default(Registry::default().with(Recorder)).unwrap();
    const EACH: u64 = 50;
    let outer = info_span!("outer", n = 1000_u64);
    outer.in_scope(|| {
        let all: Vec<_> = (1..=20_u64)
            .map(|n| {
                go(move || {
                    let _mine = info_span!("mine", n).entered();
                    for _ in 0..EACH {
                        gmp::yield_now();
                        info!(n);
                    }
                })
            })
            .collect();
        // In the outer span before and after the parks.
        all.into_iter().for_each(|handle| handle.join().unwrap());
        info!(n = 99_u64);
    });
    info!(n = 100_u64);
    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    assert_eq!(seen.len() as u64, 20 * EACH + 2);
    for (event, spans) in seen {
        let expected = match event {
            99 => vec![1000],
            100 => vec![],
            // Its own, that of its goroutine, which has no number, and that of whoever started it.
            n => vec![n, 0, 1000],
        };
        assert_eq!(spans, expected, "event {event}");
    }
}
