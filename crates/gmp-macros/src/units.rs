//! Sizes and durations as people write them: `1 MiB`, `10ms`.
//!
//! The same spelling as the environment variables of gmp take, so that a value can be moved from
//! one to the other.

use std::time::Duration;

/// Bytes: a number, alone or followed by K, KiB, M, MiB, G or GiB, all powers of 1024.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let shift = match unit {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        _ => return Err(format!("`{text}` is not a size: write bytes, or K, KiB, M, MiB, G, GiB")),
    };
    let number: usize =
        number.parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("the size is zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err(format!("`{text}` does not fit an address")),
    }
}

/// A duration: a number followed by ns, us, µs, ms or s.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let number: u64 =
        number.parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    let duration = match unit {
        "ns" => Duration::from_nanos(number),
        "us" | "µs" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        _ => return Err(format!("`{text}` is not a duration: write ns, us, ms or s")),
    };
    if duration.is_zero() { Err("the duration is zero".to_owned()) } else { Ok(duration) }
}

/// The leading digits, and what follows them and optional spaces.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("65536"), Ok(65536));
        assert_eq!(size("64 KiB"), Ok(64 << 10));
        assert_eq!(size("64K"), size("64KiB"));
        assert_eq!(size(" 1 MiB "), Ok(1 << 20));
        assert_eq!(size("2G"), Ok(2 << 30));
        for bad in ["", "MiB", "1 MB", "1.5 MiB", "-1", "0", "0 KiB", "99999999999999 GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(duration("500 us"), duration("500µs"));
        assert_eq!(duration("1 s"), Ok(Duration::from_secs(1)));
        assert_eq!(duration("7ns"), Ok(Duration::from_nanos(7)));
        for bad in ["", "10", "ms", "10 m", "0ms", "1.5s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
