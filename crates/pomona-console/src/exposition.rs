//! [`Exposition`]: metrics as text.
//!
//! The format is OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>): units at the
//! end of names, `_total` after counters, `# EOF` at the end.

use std::fmt::Write;

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows; its samples have the suffix `_total`.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Pairs of samples `_sum` and `_count`.
    Summary,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
        }
    }
}

/// The text of `/metrics`, a family after the other.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: String,
    suffix: &'static str,
}

impl Exposition {
    /// The content type of the text.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Begins a family. `name` has no suffix `_total`; `unit` is its last word, or empty.
    pub fn family(&mut self, name: &str, kind: Kind, unit: &str, help: &str) {
        debug_assert!(unit.is_empty() || name.ends_with(unit), "{name} {unit}");
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.word());
        if !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {name} {}", escaped(help));
        self.family = name.to_string();
        self.suffix = match kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Summary => "",
        };
    }

    /// A sample of the family that was begun last.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.write(self.suffix, labels, value);
    }

    /// The sum and the number of the observations of a summary.
    pub fn summary(&mut self, labels: &[(&str, &str)], sum: f64, count: u64) {
        self.write("_sum", labels, sum);
        self.write("_count", labels, count as f64);
    }

    /// A family of one sample.
    pub fn one(&mut self, name: &str, kind: Kind, unit: &str, help: &str, value: f64) {
        self.family(name, kind, unit, help);
        self.sample(&[], value);
    }

    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        if !labels.is_empty() {
            let pairs = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
            let _ = write!(self.text, "{{{}}}", pairs.collect::<Vec<_>>().join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// The text, with its end.
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_openmetrics_asks() {
        let mut text = Exposition::default();
        text.one("pomona_slots", Kind::Gauge, "", "Tasks at once.", 4.0);
        text.family(
            "pomona_task_seconds",
            Kind::Counter,
            "seconds",
            "Time of tasks.",
        );
        text.sample(&[("executor", "a\"b\\c\nd")], 1.5);
        text.family("pomona_get_seconds", Kind::Summary, "seconds", "GETs.");
        text.summary(&[], 0.25, 3);
        assert_eq!(
            text.finish(),
            "# TYPE pomona_slots gauge\n\
             # HELP pomona_slots Tasks at once.\n\
             pomona_slots 4\n\
             # TYPE pomona_task_seconds counter\n\
             # UNIT pomona_task_seconds seconds\n\
             # HELP pomona_task_seconds Time of tasks.\n\
             pomona_task_seconds_total{executor=\"a\\\"b\\\\c\\nd\"} 1.5\n\
             # TYPE pomona_get_seconds summary\n\
             # UNIT pomona_get_seconds seconds\n\
             # HELP pomona_get_seconds GETs.\n\
             pomona_get_seconds_sum 0.25\n\
             pomona_get_seconds_count 3\n\
             # EOF\n"
        );
    }
}
