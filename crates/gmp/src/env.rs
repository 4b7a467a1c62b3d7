//! The environment variables that configure a runtime, and what is wrong with them.

use std::time::Duration;

/// The value of `name`, parsed; `None` when it is not set.
///
/// # Errors
///
/// A text that names the variable when its value makes no sense.
pub(crate) fn read<T>(
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    wants: &str,
) -> Result<Option<T>, String> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    let text = value.to_str().map(str::trim);
    match text.and_then(parse) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(format!("{name}={}: {wants}", value.to_string_lossy())),
    }
}

/// A positive number.
pub(crate) fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&n| n > 0)
}

/// Bytes: a positive number, optionally with K, KiB, M, MiB, G or GiB.
pub(crate) fn size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return None,
    };
    count(digits.trim())?.checked_mul(unit)
}

/// A positive time with ns, us, µs, ms or s.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "ns" => Duration::from_nanos(1),
        "us" | "µs" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        _ => return None,
    };
    unit.checked_mul(u32::try_from(count(digits)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_and_without_units() {
        let good =
            [("4096", 4096), ("64K", 65_536), ("1 MiB", 1 << 20), ("2G", 2 << 30), ("8KiB", 8192)];
        good.iter().for_each(|&(text, bytes)| assert_eq!(size(text), Some(bytes), "{text}"));
        ["", "0", "K", "-1", "1.5M", "1 TB", "99999999999G"]
            .iter()
            .for_each(|bad| assert_eq!(size(bad), None, "{bad}"));
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("10ms"), Some(Duration::from_millis(10)));
        assert_eq!(duration("500 us"), Some(Duration::from_micros(500)));
        ["10", "0ms", "ms", "1h"].iter().for_each(|bad| assert_eq!(duration(bad), None, "{bad}"));
    }
}
