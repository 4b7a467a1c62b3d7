//! For tests: goroutines that were left behind.

pub use gmp_sched::GoroutineInfo;

/// The goroutines that have not ended, without the main one and without the caller. A goroutine that is about to end
/// counts: what it was joined for has happened by then, but a test that joins nobody may see it. Allocates; neither
/// parks nor blocks.
pub fn leaked() -> Vec<GoroutineInfo> {
    let caller = crate::try_current().map(|g| g.id());
    gmp_sched::goroutines()
        .into_iter()
        .filter(|info| !info.is_main && Some(info.id) != caller)
        .collect()
}
