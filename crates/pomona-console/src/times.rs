//! Moments, in the one format that no language reads otherwise.

use chrono::{DateTime, Datelike, Timelike};

/// A moment in milliseconds since 1970, to the second: `2026-11-21 09:05:59 UTC`; `–` for 0.
pub(crate) fn moment(milliseconds: u64) -> String {
    let moment = i64::try_from(milliseconds).ok();
    let moment = moment.and_then(DateTime::from_timestamp_millis);
    match moment {
        Some(moment) if milliseconds > 0 => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}\u{a0}UTC",
            moment.year(),
            moment.month(),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second()
        ),
        _ => "–".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_second() {
        assert_eq!(moment(1_795_252_500_123), "2026-11-21 09:15:00\u{a0}UTC");
        assert_eq!(moment(0), "–");
        assert_eq!(moment(u64::MAX), "–");
    }
}
