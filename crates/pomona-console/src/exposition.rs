//! [`Exposition`]: metrics as text, in one of two [`Format`]s.
//!
//! OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>) has units at the end of names, `_total` after
//! counters, and `# EOF` at the end. The text format of Prometheus 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>) has the same samples, and names families as their samples.

use std::fmt::Write;

/// How metrics are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    #[default]
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4, for programs that read no other, and for people.
    Text,
}

impl Format {
    /// The format for a request by its header `Accept`: OpenMetrics, unless it wants text or a page and not that.
    pub fn accepted(accept: &str) -> Self {
        let wants = |kind: &str| accept.contains(kind);
        let wants_text = wants("text/plain") || wants("text/html");
        match wants_text && !wants("application/openmetrics-text") {
            true => Self::Text,
            false => Self::OpenMetrics,
        }
    }

    /// The content type of a text in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows; its samples have the suffix `_total`.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Pairs of samples `_sum` and `_count`.
    Summary,
    /// Samples `_bucket`, how many observations were at most so large, with `_sum` and `_count`.
    Histogram,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
            Self::Histogram => "histogram",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge | Self::Summary | Self::Histogram => "",
        }
    }
}

/// The text of `/metrics`, a family after the other.
#[derive(Debug, Default)]
pub struct Exposition {
    format: Format,
    text: String,
    family: String,
    suffix: &'static str,
}

impl Exposition {
    /// An empty text in a format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }

    /// Begins a family. `name` has no suffix `_total`; `unit` is its last word, or empty.
    pub fn family(&mut self, name: &str, kind: Kind, unit: &str, help: &str) {
        debug_assert!(unit.is_empty() || name.ends_with(unit), "{name} {unit}");
        self.family = name.to_string();
        self.suffix = kind.suffix();
        let named = match self.format {
            Format::OpenMetrics => name.to_string(),
            Format::Text => format!("{name}{}", self.suffix),
        };
        let _ = writeln!(self.text, "# TYPE {named} {}", kind.word());
        if !unit.is_empty() && self.format == Format::OpenMetrics {
            let _ = writeln!(self.text, "# UNIT {named} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {named} {}", escaped(help));
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

    /// A histogram: how many observations were at most as large as each bound and larger than the one before, and
    /// their sum. The last bound is infinite.
    pub fn histogram(&mut self, labels: &[(&str, &str)], classes: &[(f64, u64)], sum: f64) {
        let mut count = 0;
        for (bound, observed) in classes {
            count += observed;
            let bound = match bound.is_finite() {
                true => format!("{bound:?}"),
                false => "+Inf".to_string(),
            };
            let labels = [labels, &[("le", bound.as_str())]].concat();
            self.write("_bucket", &labels, count as f64);
        }
        self.summary(labels, sum, count);
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
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
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

    #[test]
    fn histograms_count_upwards() {
        let mut text = Exposition::default();
        text.family("pomona_s3_get_seconds", Kind::Histogram, "seconds", "GETs.");
        let classes = [(0.5, 2), (1.0, 0), (f64::INFINITY, 1)];
        text.histogram(&[], &classes, 3.25);
        let text = text.finish();
        assert!(
            text.ends_with(
                "pomona_s3_get_seconds_bucket{le=\"0.5\"} 2\n\
                 pomona_s3_get_seconds_bucket{le=\"1.0\"} 2\n\
                 pomona_s3_get_seconds_bucket{le=\"+Inf\"} 3\n\
                 pomona_s3_get_seconds_sum 3.25\n\
                 pomona_s3_get_seconds_count 3\n\
                 # EOF\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn older_programs_read_families_by_the_names_of_their_samples() {
        let mut text = Exposition::new(Format::Text);
        text.family(
            "pomona_task_seconds",
            Kind::Counter,
            "seconds",
            "Time of tasks.",
        );
        text.sample(&[], 1.5);
        assert_eq!(
            text.finish(),
            "# TYPE pomona_task_seconds_total counter\n\
             # HELP pomona_task_seconds_total Time of tasks.\n\
             pomona_task_seconds_total 1.5\n"
        );
    }

    #[test]
    fn a_request_says_which_format_it_reads() {
        for (accept, expected) in [
            ("", Format::OpenMetrics),
            ("*/*", Format::OpenMetrics),
            (
                "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            ("text/plain;version=0.0.4", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept}");
        }
    }
}
