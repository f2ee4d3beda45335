//! Dates in the format of a language.

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::Language;

impl Language {
    /// A moment to the minute: `21 November 2026, 09:05 UTC`, `21 novembre 2026 à 9 h 05 UTC`.
    pub(crate) fn moment(self, moment: DateTime<Utc>) -> String {
        let months = self.phrases().months;
        let month = months[moment.month0() as usize];
        let (year, day) = (moment.year(), moment.day());
        let (hour, minute) = (moment.hour(), moment.minute());
        let space = self.unit_space();
        match self {
            Self::English => format!("{day} {month} {year}, {hour:02}:{minute:02} UTC"),
            Self::French => {
                let day = if day == 1 {
                    "1er".to_string()
                } else {
                    day.to_string()
                };
                format!("{day} {month} {year} à {hour}{space}h{space}{minute:02} UTC")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_out() {
        let moment = "2026-11-01T09:05:59Z".parse().unwrap();
        assert_eq!(
            Language::English.moment(moment),
            "1 November 2026, 09:05 UTC"
        );
        assert_eq!(
            Language::French.moment(moment),
            "1er novembre 2026 à 9\u{202f}h\u{202f}05 UTC"
        );
    }
}
