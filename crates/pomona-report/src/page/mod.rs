//! The page: its head, and its sections in their order.

mod classes;
mod duplicates;
mod errors;
mod image;
mod map;
mod outliers;
mod settings;
mod summary;
mod timings;
mod variance;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::policy::policy;
use crate::{Language, Report};

const STYLE: &str = include_str!("../../assets/style.css");
const SCRIPT: &str = include_str!("../../assets/script.js");

impl Report {
    /// The report as a page of HTML in a language.
    ///
    /// # Panics
    /// When a part of the report names an image that the report lacks.
    pub fn to_html(&self, language: Language) -> String {
        let words = language.phrases();
        let links = [
            ("variance", words.variance),
            ("map-of-images", words.scatter),
            ("labels", words.classes),
            ("errors", words.errors),
            ("outliers", words.outliers),
            ("duplicates", words.duplicates),
            ("timings", words.timings),
            ("parameters", words.parameters),
        ];
        let page = html! {
            (DOCTYPE)
            html lang=(language.code()) {
                (head(self, language))
                body {
                    header {
                        h1 { (words.title) }
                        p.input { bdi { (self.parameters.input) } }
                        p.when { (language.moment(self.finished)) }
                        nav aria-label=(words.contents) {
                            ul {
                                @for (id, name) in links {
                                    li { a href={ "#" (id) } { (name) } }
                                }
                            }
                        }
                    }
                    main {
                        (summary::section(self, language))
                        (variance::section(&self.variance, language))
                        (map::section(self, language))
                        (classes::section(&self.classes, language))
                        (errors::section(self, language))
                        (outliers::section(self, language))
                        (duplicates::section(self, language))
                        (timings::section(self, language))
                        (settings::section(self, language))
                    }
                    footer { p { ((words.report_by)(&self.versions.report)) } }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string()
    }
}

fn head(report: &Report, language: Language) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy(STYLE, SCRIPT));
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="generator" content="Pomona";
            title { ((language.phrases().of_input)(&report.parameters.input)) }
            // Otherwise a browser requests one from the server.
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// A section with its heading, which names it.
fn titled(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-heading" } {
            h2 id={ (id) "-heading" } { (heading) }
            (content)
        }
    }
}
