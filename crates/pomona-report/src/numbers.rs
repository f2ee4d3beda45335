//! Numbers in the format of a language.

use crate::Language;

/// The space between groups of digits, and before a unit, in French: narrow, and no line ends at it.
const NARROW_SPACE: char = '\u{202f}';
/// The space before a unit in English, at which no line ends.
const SPACE: char = '\u{a0}';

impl Language {
    /// A count: `2,280`, `2 280`.
    pub fn count(self, count: u64) -> String {
        let digits = count.to_string();
        let separator = match self {
            Self::English => ',',
            Self::French => NARROW_SPACE,
        };
        let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// A number with this many decimals: `0.25`, `0,25`, with a true minus sign.
    pub fn decimal(self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return "–".to_string();
        }
        let text = format!("{:.decimals$}", value.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        // Numbers too large for a count are rare, so they have no digit groups.
        let whole = whole
            .parse()
            .map_or_else(|_| whole.to_string(), |n| self.count(n));
        let is_zero = text.chars().all(|c| c == '0' || c == '.');
        let sign = if value < 0.0 && !is_zero { "−" } else { "" };
        match (fraction, self) {
            ("", _) => format!("{sign}{whole}"),
            (fraction, Self::English) => format!("{sign}{whole}.{fraction}"),
            (fraction, Self::French) => format!("{sign}{whole},{fraction}"),
        }
    }

    /// A number with at least two significant digits.
    pub(crate) fn significant(self, value: f64) -> String {
        let decimals = match value.abs() {
            0.0 => 0,
            size if size >= 99.5 => 0,
            size if size >= 9.95 => 1,
            size if size >= 0.995 => 2,
            size => (1.0 - size.log10().floor()).min(6.0) as usize,
        };
        self.decimal(value, decimals)
    }

    /// A share from 0 to 1 as a percentage: `12.5%`, `12,5 %`.
    pub fn percent(self, share: f64, decimals: usize) -> String {
        let number = self.decimal(100.0 * share, decimals);
        match self {
            Self::English => format!("{number}%"),
            Self::French => format!("{number}{NARROW_SPACE}%"),
        }
    }

    /// A part of a whole as a percentage that is 0% and 100% only where that is true: `<0.01%`.
    pub(crate) fn part(self, part: u64, whole: u64) -> String {
        let share = part as f64 / whole.max(1) as f64;
        match share {
            _ if part == 0 || part == whole => self.percent(share, 0),
            share if share < 0.0001 => format!("<{}", self.percent(0.0001, 2)),
            share if share > 0.9999 => format!(">{}", self.percent(0.9999, 2)),
            share => self.percent(share, 2),
        }
    }

    /// A time: `0.42 s`, `3.1 s`, `2 min 05 s`, `1 h 02 min`.
    pub fn duration(self, seconds: f64) -> String {
        let space = self.unit_space();
        if seconds < 9.995 {
            return format!("{}{space}s", self.decimal(seconds, 2));
        }
        if seconds < 59.95 {
            return format!("{}{space}s", self.decimal(seconds, 1));
        }
        let whole = seconds.round() as u64;
        match (whole / 3600, whole / 60 % 60, whole % 60) {
            (0, minutes, seconds) => format!("{minutes}{space}min {seconds:02}{space}s"),
            (hours, minutes, _) => {
                let hours = self.count(hours);
                format!("{hours}{space}h {minutes:02}{space}min")
            }
        }
    }

    /// A length of files, in powers of 1,000 as disks are sold and `ls --si` counts.
    pub fn bytes(self, bytes: u64) -> String {
        let units = match self {
            Self::English => ["B", "kB", "MB", "GB", "TB", "PB"],
            Self::French => ["o", "ko", "Mo", "Go", "To", "Po"],
        };
        let mut value = bytes as f64;
        let mut unit = 0;
        while value >= 999.5 && unit + 1 < units.len() {
            value /= 1000.0;
            unit += 1;
        }
        let number = match unit {
            0 => self.count(bytes),
            _ if value < 9.95 => self.decimal(value, 1),
            _ => self.decimal(value, 0),
        };
        format!("{number}{}{}", self.unit_space(), units[unit])
    }

    /// The space between a number and its unit, at which no line ends.
    pub(crate) fn unit_space(self) -> char {
        match self {
            Self::English => SPACE,
            Self::French => NARROW_SPACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French};

    #[test]
    fn counts_are_grouped() {
        assert_eq!(English.count(0), "0");
        assert_eq!(English.count(999), "999");
        assert_eq!(English.count(1_234_567), "1,234,567");
        assert_eq!(French.count(67_692), "67\u{202f}692");
    }

    #[test]
    fn decimals_have_the_marks_of_the_language() {
        assert_eq!(English.decimal(-1234.567, 1), "−1,234.6");
        assert_eq!(French.decimal(1234.567, 2), "1\u{202f}234,57");
        assert_eq!(English.decimal(-0.001, 1), "0.0");
        assert_eq!(English.decimal(f64::NAN, 1), "–");
        assert_eq!(French.percent(0.125, 1), "12,5\u{202f}%");
        assert_eq!(English.percent(0.95, 0), "95%");
        assert_eq!(English.part(0, 7), "0%");
        assert_eq!(English.part(60_000, 60_000), "100%");
        assert_eq!(English.part(60_000, 60_003), ">99.99%");
        assert_eq!(English.part(1, 8), "12.50%");
    }

    #[test]
    fn two_digits_are_significant() {
        for (value, text) in [
            (0.0, "0"),
            (0.001_23, "0.0012"),
            (0.5, "0.50"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (1234.5, "1,234"),
        ] {
            assert_eq!(English.significant(value), text);
        }
    }

    #[test]
    fn times_and_lengths_have_fitting_units() {
        assert_eq!(English.duration(0.416), "0.42\u{a0}s");
        assert_eq!(French.duration(12.34), "12,3\u{202f}s");
        assert_eq!(English.duration(59.97), "1\u{a0}min 00\u{a0}s");
        assert_eq!(English.duration(3723.0), "1\u{a0}h 02\u{a0}min");
        assert_eq!(English.bytes(999), "999\u{a0}B");
        assert_eq!(English.bytes(1_540), "1.5\u{a0}kB");
        assert_eq!(English.bytes(999_600), "1.0\u{a0}MB");
        assert_eq!(French.bytes(12_700_000), "13\u{202f}Mo");
    }
}
