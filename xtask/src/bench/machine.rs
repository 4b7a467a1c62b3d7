//! What the numbers were measured on.

use std::fs;

/// Notes about the machine, for the head of the report: processor, count, kernel, memory, load.
pub(super) fn notes() -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| -> Option<String> {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = after(&read("/proc/cpuinfo"), "model name");
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    vec![
        format!("{count} × {}", processor.unwrap_or_else(|| std::env::consts::ARCH.into())),
        format!("{} {kernel}", std::env::consts::OS),
        format!("memory {}", memory.unwrap_or_else(|| "unknown".into())),
        format!("load before {}", read("/proc/loadavg").trim()),
    ]
}

/// Whether something else was computing when the measuring began, in words.
pub(super) fn warning() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split_whitespace().next()?.parse().ok()?;
    (load > 0.5).then(|| {
        format!("the load was {load} before the first run: other work shared the processors")
    })
}
