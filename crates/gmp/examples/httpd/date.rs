//! Dates as HTTP writes them, and the text of the current second.
//!
//! Days are converted with the usual arithmetic on 400-year eras (March is the first month, so that the
//! leap day is the last of a year); the method is Howard Hinnant's, published as "chrono-Compatible
//! Low-Level Date Algorithms".

use std::time::{Duration, SystemTime};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970, 0 for earlier times.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn format(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let name = DAYS[(days % 7) as usize];
    let month = MONTHS[month as usize - 1];
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{name}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The inverse of [`format`], also for the two older forms that recipients must know
/// (`Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`). `None` if it is no date.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let fields: Vec<&str> = text.split([' ', ',', '-']).filter(|f| !f.is_empty()).collect();
    let (day, month, year, time) = match fields.as_slice() {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|m| m == month)? as u64 + 1;
    let day: u64 = day.parse().ok().filter(|d| (1..=31).contains(d))?;
    let year: u64 = match (year.len(), year.parse::<u64>().ok()?) {
        // Two digits: of the years that end so, the one that is not in the future for another while.
        (2, short) if short < 70 => 2000 + short,
        (2, short) => 1900 + short,
        (_, year) => year,
    };
    let clock: Vec<u64> = time.split(':').map_while(|p| p.parse().ok()).collect();
    let [hour @ 0..=23, minute @ 0..=59, second @ 0..=60] = clock[..] else { return None };
    if !(1970..=9999).contains(&year) {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Year, month, day of a day number since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

/// The current second and its text, written anew when the second changes.
#[derive(Debug)]
pub(crate) struct Clock {
    second: u64,
    text: String,
}

impl Clock {
    /// The time now.
    pub(crate) fn new() -> Clock {
        let second = seconds(SystemTime::now());
        Clock { second, text: format(second) }
    }

    /// Moves to `now`.
    pub(crate) fn update(&mut self, now: SystemTime) {
        let second = seconds(now);
        if second != self.second {
            *self = Clock { second, text: format(second) };
        }
    }

    /// Seconds since 1970.
    pub(crate) fn second(&self) -> u64 {
        self.second
    }

    /// For the `Date` header.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
