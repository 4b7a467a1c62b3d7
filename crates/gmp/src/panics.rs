//! Panic messages name the goroutine where std's name the thread.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

type RawHook = *const (dyn Fn(&PanicHookInfo<'_>) + Sync + Send);

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// Installs the hook, once. A hook that the program has set itself stays in charge: only std's default
/// message is replaced, and only for goroutines.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let current = panic::take_hook();
        // With the hook taken, what is in place now is std's default.
        let default = panic::take_hook();
        if same_code(&current, &default) {
            panic::set_hook(Box::new(move |info| report(info, &default)));
        } else {
            panic::set_hook(current);
        }
    });
}

/// Whether two hooks are the same function: std's default has no state, so its vtable identifies it. If std
/// should ever change that, hooks compare as different and messages name threads again.
fn same_code(a: &Hook, b: &Hook) -> bool {
    size_of_val(&**a) == 0 && size_of_val(&**b) == 0 && vtable(a) == vtable(b)
}

fn vtable(hook: &Hook) -> usize {
    let raw: RawHook = &raw const **hook;
    // SAFETY: a pointer to a trait object is two words, the second of which is the address of its vtable; the
    // sizes are checked by the compiler.
    let [_, vtable] = unsafe { std::mem::transmute::<RawHook, [usize; 2]>(raw) };
    vtable
}

fn report(info: &PanicHookInfo<'_>, default: &Hook) {
    let Some(g) = crate::try_current() else { return default(info) };
    tell(info, &g);
    gmp_sched::blocking(crate::trace::save);
}

/// Writes the message of the goroutine `g`.
fn tell(info: &PanicHookInfo<'_>, g: &crate::Goroutine) {
    // The messages of a goroutine hold std's locks: it shall not be stopped with one by the end of the runtime.
    let _finishing = gmp_sched::finishing();
    let mut text = String::new();
    let name = g.name().map_or_else(
        || format!("goroutine {}", g.id()),
        |n| format!("goroutine '{n}' ({})", g.id()),
    );
    let place = info.location().map_or_else(String::new, |l| format!(" at {l}"));
    // Writing to a String does not fail.
    let _ = writeln!(text, "\n{name} panicked{place}:\n{}", message(info.payload()));
    let trace = Backtrace::capture();
    let _ = match trace.status() {
        BacktraceStatus::Captured => writeln!(text, "{trace}"),
        _ => writeln!(
            text,
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
        ),
    };
    // If stderr is gone there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("Box<dyn Any>")
}
