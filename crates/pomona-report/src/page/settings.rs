//! The parameters of the run, and the versions of the programs.

use maud::{Markup, html};

use super::titled;
use crate::{Language, Report};

/// A name with its value.
struct Setting {
    name: &'static str,
    value: String,
    /// Whether the value is code, to be set in a monospaced font.
    is_code: bool,
}

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let content = html! {
        dl.settings {
            @for setting in settings(report, language) {
                div {
                    dt { (setting.name) }
                    dd {
                        @if setting.is_code {
                            code { bdi { (setting.value) } }
                        } @else {
                            (setting.value)
                        }
                    }
                }
            }
        }
    };
    titled("parameters", language.phrases().parameters, content)
}

fn settings(report: &Report, language: Language) -> Vec<Setting> {
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
    let optional = |name, value: Option<String>, none: &str| match value {
        Some(value) => code(name, &value),
        None => text(name, none.to_string()),
    };
    vec![
        code(words.input, &parameters.input),
        code(words.output, &parameters.output),
        code(words.components_asked, &parameters.components),
        optional(words.filter, parameters.filter.clone(), words.no_filter),
        optional(
            words.limit,
            parameters.limit.map(|limit| limit.to_string()),
            words.no_limit,
        ),
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
