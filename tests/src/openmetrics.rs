//! Reads a text of OpenMetrics, and refuses one that a strict reader would.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>, and the rules of Prometheus for names: base units, no unit twice,
//! `_total` for counters alone.

use std::collections::{BTreeMap, HashSet};

/// Units that are not base units: seconds, bytes and ratios have none of them.
const OTHER_UNITS: [&str; 9] = [
    "ms",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "minutes",
    "hours",
    "kilobytes",
    "megabytes",
    "percent",
];

/// The samples of a text, by their names and labels as they are written.
pub type Samples = BTreeMap<String, f64>;

/// A family of samples.
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    has_help: bool,
    /// The last bound of a histogram and the count of its observations so far.
    bucket: Option<(f64, f64)>,
}

/// The samples of a text.
///
/// # Errors
/// The first line that breaks a rule, and which.
pub fn samples(text: &str) -> Result<Samples, String> {
    let body = text.strip_suffix("# EOF\n");
    let body = body.ok_or_else(|| "it has no end: # EOF".to_string())?;
    let mut known = HashSet::new();
    let mut samples = Samples::new();
    let mut family: Option<Family<'_>> = None;
    for line in body.lines() {
        let failed = |reason: &str| format!("{reason}: {line}");
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "TYPE", name, kind] => {
                close(family.take()).map_err(|reason| failed(&reason))?;
                check_name(name).map_err(|reason| failed(&reason))?;
                if !known.insert(name) {
                    return Err(failed("a family twice"));
                }
                family = Some(Family {
                    name,
                    kind,
                    has_help: false,
                    bucket: None,
                });
            }
            ["#", what, name, said] => {
                let family = family.as_mut().filter(|family| family.name == name);
                let family = family.ok_or_else(|| failed("it is of another family"))?;
                match what {
                    "HELP" if !said.is_empty() => family.has_help = true,
                    "UNIT" if name.ends_with(&format!("_{said}")) => {}
                    _ => return Err(failed("no rule allows it")),
                }
            }
            _ => {
                let family = family.as_mut();
                let family = family.ok_or_else(|| failed("a sample without a family"))?;
                let (sample, value) = sample(line, family).map_err(|reason| failed(&reason))?;
                if samples.insert(sample.to_string(), value).is_some() {
                    return Err(failed("a sample twice"));
                }
            }
        }
    }
    close(family)?;
    Ok(samples)
}

/// A family that has ended.
fn close(family: Option<Family<'_>>) -> Result<(), String> {
    let Some(family) = family else {
        return Ok(());
    };
    let is_open = family.bucket.is_some_and(|(bound, _)| bound.is_finite());
    match (family.has_help, is_open) {
        (false, _) => Err(format!("{} has no help", family.name)),
        (_, true) => Err(format!("{} has no bucket +Inf", family.name)),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let suffixes = ["_total", "_bucket", "_count", "_sum", "_created", "_info"];
    let words: Vec<&str> = name.split('_').collect();
    if !name.starts_with("pomona_") || !name.chars().all(is_plain) {
        return Err("it is no name of ours".to_string());
    }
    if suffixes.iter().any(|suffix| name.ends_with(suffix)) {
        return Err("a family has no suffix of samples".to_string());
    }
    match words.iter().find(|word| OTHER_UNITS.contains(word)) {
        Some(unit) => Err(format!("'{unit}' is no base unit")),
        None => Ok(()),
    }
}

/// A line of a family: its name with its labels, and its value.
fn sample<'a>(line: &'a str, family: &mut Family<'_>) -> Result<(&'a str, f64), String> {
    let (sample, value) = line.rsplit_once(' ').ok_or("it has no value")?;
    let value: f64 = value
        .parse()
        .map_err(|_| "its value is no number".to_string())?;
    let (name, labels) = match sample.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').ok_or("no end of labels")?),
        None => (sample, ""),
    };
    let labels = labels_of(labels)?;
    let suffix = name
        .strip_prefix(family.name)
        .ok_or("a sample of another family")?;
    let allowed: &[&str] = match family.kind {
        "counter" => &["_total"],
        "gauge" => &[""],
        "summary" => &["_sum", "_count"],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => return Err(format!("an unknown kind, {}", family.kind)),
    };
    if !allowed.contains(&suffix) {
        return Err(format!("a {} has no sample '{suffix}'", family.kind));
    }
    if family.kind != "gauge" && !(value.is_finite() && value >= 0.0) {
        return Err("a count is finite and not below 0".to_string());
    }
    if suffix == "_bucket" {
        let bound = labels.iter().find(|(name, _)| name == "le");
        let (_, bound) = bound.ok_or("a bucket without a bound")?;
        // The specification writes the bounds 1 and 10 as 1.0 and 10.0.
        if bound != "+Inf" && !bound.contains(['.', 'e']) {
            return Err("a bound is written as a fraction".to_string());
        }
        let bound: f64 = bound.parse().map_err(|_| "a bound is a number")?;
        let is_ordered = family
            .bucket
            .is_none_or(|(last, count)| bound > last && value >= count);
        if !is_ordered {
            return Err("buckets grow".to_string());
        }
        family.bucket = Some((bound, value));
    }
    if family.kind == "histogram" && suffix == "_count" {
        let all = family.bucket.filter(|(bound, _)| bound.is_infinite());
        if all.map(|(_, count)| count) != Some(value) {
            return Err("the bucket +Inf has all observations".to_string());
        }
    }
    Ok((sample, value))
}

/// The labels of a sample; their values with their escapes.
fn labels_of(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut labels: Vec<(String, String)> = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").ok_or("a label without a value")?;
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(format!("'{name}' is no label"));
        }
        if labels.iter().any(|(known, _)| known == name) {
            return Err(format!("the label '{name}' twice"));
        }
        let mut is_escaped = false;
        let end = value.find(|c: char| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        });
        let end = end.ok_or("a value of a label without an end")?;
        labels.push((name.to_string(), value[..end].to_string()));
        rest = &value[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# TYPE pomona_a gauge\n# HELP pomona_a A.\npomona_a{of=\"x \\\" y\"} 1\npomona_a{of=\"z\"} -2.5\n\
        # TYPE pomona_b_seconds histogram\n# UNIT pomona_b_seconds seconds\n# HELP pomona_b_seconds B.\n\
        pomona_b_seconds_bucket{le=\"0.5\"} 1\npomona_b_seconds_bucket{le=\"+Inf\"} 3\npomona_b_seconds_sum 2\n\
        pomona_b_seconds_count 3\n# TYPE pomona_c counter\n# HELP pomona_c C.\npomona_c_total 7\n# EOF\n";

    #[test]
    fn a_good_text_is_read() {
        let samples = samples(GOOD).unwrap();
        assert_eq!(samples.len(), 7);
        assert_eq!(samples["pomona_a{of=\"x \\\" y\"}"], 1.0);
        assert_eq!(samples["pomona_c_total"], 7.0);
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        for (part, broken) in [
            ("# EOF\n", ""),
            ("# HELP pomona_c C.\n", ""),
            ("pomona_c_total 7", "pomona_c 7"),
            ("pomona_c_total 7", "pomona_c_total -7"),
            ("pomona_c_total 7", "pomona_c_total 7\npomona_c_total 8"),
            ("pomona_c_total 7", "pomona_d_total 7"),
            ("{of=\"z\"}", "{of=\"x \\\" y\"}"),
            ("{of=\"z\"}", "{of=\"z\",of=\"z\"}"),
            ("{of=\"z\"}", "{Of=\"z\"}"),
            ("{of=\"z\"}", "{of=\"z}"),
            (
                "UNIT pomona_b_seconds seconds",
                "UNIT pomona_b_seconds bytes",
            ),
            ("le=\"0.5\"", "le=\"1\""),
            ("le=\"+Inf\"", "le=\"9.0\""),
            ("le=\"0.5\"} 1", "le=\"0.5\"} 4"),
            ("pomona_b_seconds_count 3", "pomona_b_seconds_count 4"),
            ("pomona_c counter", "pomona_a counter"),
            ("pomona_c counter", "pomona_c unknown"),
        ] {
            let text = GOOD.replace(part, broken);
            assert_ne!(text, GOOD, "{part}");
            assert!(samples(&text).is_err(), "{broken}");
        }
        for (name, renamed) in [("pomona_c", "pomona_c_ms"), ("pomona_c", "other_c")] {
            assert!(samples(&GOOD.replace(name, renamed)).is_err(), "{renamed}");
        }
    }
}
