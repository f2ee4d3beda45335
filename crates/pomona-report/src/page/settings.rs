//! What the run was given, and what ran.

use crate::{Language, Report};

/// A name with its value.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Whether the value is something that a machine reads.
    pub(super) is_code: bool,
}

pub(super) fn settings(report: &Report, language: Language) -> Vec<Setting> {
    let words = language.phrases();
    let (parameters, versions) = (&report.parameters, &report.versions);
    let code = |name, value: &str| Setting {
        name,
        value: value.to_string(),
        is_code: true,
    };
    let text = |name, value: String| Setting {
        name,
        value,
        is_code: false,
    };
    let optional = |name, value: Option<String>| match value {
        Some(value) => code(name, &value),
        None => text(name, words.none.to_string()),
    };
    vec![
        code(words.input, &parameters.input),
        code(words.output, &parameters.output),
        code(words.components_asked, &parameters.components),
        optional(words.filter, parameters.filter.clone()),
        optional(words.limit, parameters.limit.map(|limit| limit.to_string())),
        code(words.weights, &parameters.weights),
        code(words.weights_sha256, &parameters.weights_sha256),
        code(words.run, &report.run),
        text(words.finished, language.moment(report.finished)),
        text(
            words.versions,
            format!(
                "Pomona {}, DataFusion {}",
                versions.pomona, versions.datafusion
            ),
        ),
    ]
}
