//! The images of each label.

use maud::{Markup, html};

use super::titled;
use crate::charts::Bar;
use crate::{Class, Language};

/// The most labels that are all drawn at once: more fill more than a screen.
const MOST: usize = 30;

pub(super) fn section(classes: &[Class], language: Language) -> Markup {
    let words = language.phrases();
    let mut classes: Vec<&Class> = classes.iter().collect();
    classes.sort_by(|a, b| b.images.cmp(&a.images).then(a.label.cmp(&b.label)));
    let count = classes.len();
    let images = |class: Option<&&Class>| language.count(class.map_or(0, |class| class.images));
    let labels = language.count(count as u64);
    let (smallest, largest) = (images(classes.last()), images(classes.first()));
    let text = match smallest == largest {
        true => (words.classes_alike)(count as u64, &labels, &largest),
        false => {
            let median = images(classes.get(count / 2));
            (words.classes_text)(&labels, &smallest, &median, &largest)
        }
    };
    let mut by_name = classes.clone();
    by_name.sort_by(|a, b| a.label.cmp(&b.label));
    let content = html! {
        p { (text) " " (words.what_labels_are) }
        @if count <= MOST {
            (table(&classes, language))
        } @else {
            p { ((words.classes_extremes)(&language.count(MOST as u64 / 2))) }
            (table(&[&classes[..MOST / 2], &classes[count - MOST / 2..]].concat(), language))
            details {
                summary { ((words.all_rows)(&labels)) }
                (table(&by_name, language))
            }
        }
    };
    titled("labels", words.classes, content)
}

fn table(classes: &[&Class], language: Language) -> Markup {
    let words = language.phrases();
    let longest = classes.iter().map(|class| class.images).max().unwrap_or(0);
    let has_errors = classes.iter().any(|class| class.errors > 0);
    html! {
        table.bars {
            thead {
                tr {
                    th scope="col" { (words.label) }
                    th.number scope="col" { (words.images) }
                    @if has_errors { th.number scope="col" { (words.errors) } }
                    td.drawn {}
                }
            }
            tbody {
                @for class in classes {
                    tr {
                        th scope="row" { bdi { (words.label_or_none(&class.label)) } }
                        td.number { (language.count(class.images)) }
                        @if has_errors {
                            td.number.bad[class.errors > 0] { (language.count(class.errors)) }
                        }
                        td.drawn { (Bar::new(class.images as f64, class.errors as f64, longest as f64)) }
                    }
                }
            }
        }
    }
}
