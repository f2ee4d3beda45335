//! [`Phrases`]: every word of a report, so that a language without one of them does not compile.

mod english;
mod french;

pub(crate) use english::ENGLISH;
pub(crate) use french::FRENCH;

/// The words of a language. Sentences receive numbers as text in that language's format; if the words
/// depend on a number, it is the first argument.
pub(crate) struct Phrases {
    pub(crate) months: [&'static str; 12],

    pub(crate) title: &'static str,
    pub(crate) of_input: fn(input: &str) -> String,
    pub(crate) contents: &'static str,
    pub(crate) no_label: &'static str,
    pub(crate) all_rows: fn(count: &str) -> String,

    pub(crate) summary: &'static str,
    pub(crate) images: &'static str,
    pub(crate) with_features: &'static str,
    pub(crate) without_features: &'static str,
    pub(crate) labels: &'static str,
    pub(crate) bytes_read: &'static str,
    pub(crate) components_kept: &'static str,
    pub(crate) variance_kept: &'static str,
    pub(crate) total_time: &'static str,
    pub(crate) images_per_second: fn(rate: &str) -> String,
    pub(crate) rate: &'static str,
    pub(crate) computed_and_reused: fn(computed: &str, reused: &str) -> String,
    pub(crate) of_images: fn(share: &str) -> String,
    pub(crate) of_dimensions: fn(dimensions: &str) -> String,

    pub(crate) variance: &'static str,
    pub(crate) variance_text: fn(samples: &str, dimensions: &str) -> String,
    pub(crate) no_variance: &'static str,
    pub(crate) scree: &'static str,
    pub(crate) scree_description: fn(shown: &str, first: &str, last: &str) -> String,
    pub(crate) cumulative: &'static str,
    pub(crate) cumulative_description: fn(levels: &str) -> String,
    pub(crate) component: &'static str,
    pub(crate) components: &'static str,
    pub(crate) share_of_variance: &'static str,
    pub(crate) components_for: &'static str,
    pub(crate) kept_mark: fn(kept: &str) -> String,
    pub(crate) level_of: fn(level: &str, components: &str) -> String,

    pub(crate) scatter: &'static str,
    pub(crate) scatter_all: fn(total: &str) -> String,
    pub(crate) scatter_sample: fn(shown: &str, total: &str) -> String,
    pub(crate) scatter_hint: &'static str,
    pub(crate) scatter_description: fn(points: &str, labels: &str) -> String,
    pub(crate) axis: fn(component: &str, share: &str) -> String,
    pub(crate) legend: &'static str,
    pub(crate) legend_filter: &'static str,
    pub(crate) legend_clear: &'static str,
    pub(crate) marks_repeat: &'static str,
    pub(crate) no_points: &'static str,
    pub(crate) thumbnails_missing: fn(made: &str, wanted: &str) -> String,

    pub(crate) classes: &'static str,
    pub(crate) classes_text:
        fn(labels: &str, smallest: &str, median: &str, largest: &str) -> String,
    pub(crate) classes_alike: fn(count: u64, labels: &str, images: &str) -> String,
    pub(crate) what_labels_are: &'static str,
    pub(crate) classes_extremes: fn(shown: &str) -> String,
    pub(crate) label: &'static str,

    pub(crate) errors: &'static str,
    pub(crate) no_errors: fn(images: &str) -> String,
    pub(crate) errors_text: fn(count: u64, errors: &str, images: &str, share: &str) -> String,
    pub(crate) reason: &'static str,
    pub(crate) and_others: fn(count: &str) -> String,
    pub(crate) other_reasons: fn(count: u64, reasons: &str) -> String,

    pub(crate) outliers: &'static str,
    pub(crate) outliers_text: fn(total: &str, median: &str) -> String,
    pub(crate) no_outliers: &'static str,
    pub(crate) outlier_error: fn(error: &str) -> String,
    pub(crate) outlier_share: fn(share: &str) -> String,

    pub(crate) duplicates: &'static str,
    pub(crate) duplicates_text: fn(threshold: &str) -> String,
    pub(crate) compared_all: fn(total: &str, pairs: &str) -> String,
    pub(crate) compared_sample: fn(compared: &str, total: &str, pairs: &str) -> String,
    pub(crate) not_exact: &'static str,
    pub(crate) no_duplicates: &'static str,
    pub(crate) most_alike: &'static str,
    pub(crate) across_labels: &'static str,
    pub(crate) cosine: fn(cosine: &str) -> String,

    pub(crate) timings: &'static str,
    pub(crate) timings_text: &'static str,
    pub(crate) phase: &'static str,
    pub(crate) time: &'static str,
    pub(crate) share: &'static str,
    pub(crate) total: &'static str,
    pub(crate) describe_phase: fn(name: &str) -> Option<&'static str>,

    pub(crate) parameters: &'static str,
    pub(crate) input: &'static str,
    pub(crate) output: &'static str,
    pub(crate) components_asked: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) limit: &'static str,
    pub(crate) no_filter: &'static str,
    pub(crate) no_limit: &'static str,
    pub(crate) weights: &'static str,
    pub(crate) weights_sha256: &'static str,
    pub(crate) run: &'static str,
    pub(crate) finished: &'static str,
    pub(crate) versions: &'static str,
    pub(crate) report_by: fn(version: &str) -> String,
}

impl Phrases {
    /// A label as shown: images at the root of a store have none.
    pub(crate) fn label_or_none(&self, label: &str) -> String {
        match label {
            "" => self.no_label.to_string(),
            label => label.to_string(),
        }
    }
}
