//! The pictures of each label.

use crate::charts::Bar;
use crate::phrases::Phrases;
use crate::{Class, Language};

/// The most labels that are all drawn at once: more fill more than a screen.
const MOST: usize = 40;

pub(super) struct Section {
    pub(super) text: String,
    /// What stands before the bars where not all are drawn at once.
    pub(super) extremes: Option<String>,
    pub(super) bars: Vec<Row>,
    /// All labels by name, with the words that open them; empty where the bars are all.
    pub(super) all: Vec<Row>,
    pub(super) open_all: String,
}

pub(super) struct Row {
    pub(super) label: String,
    pub(super) images: String,
    pub(super) errors: Option<String>,
    pub(super) bar: Bar,
}

impl Section {
    pub(super) fn new(classes: &[Class], language: Language) -> Self {
        let words = language.phrases();
        let mut classes: Vec<&Class> = classes.iter().collect();
        classes.sort_by(|a, b| b.images.cmp(&a.images).then(a.label.cmp(&b.label)));
        let count = classes.len();
        let images = |class: Option<&&Class>| {
            let images = class.map_or(0, |class| class.images);
            language.count(images)
        };
        let longest = classes.first().map_or(0, |class| class.images);
        let row = |class: &&Class| row(class, longest, words, language);
        let text = (words.classes_text)(
            &language.count(count as u64),
            &images(classes.last()),
            &images(classes.get(count / 2)),
            &images(classes.first()),
        );
        let few = count <= MOST;
        let shown: Vec<&Class> = match few {
            true => classes.clone(),
            false => [&classes[..MOST / 2], &classes[count - MOST / 2..]].concat(),
        };
        let bars = shown.iter().map(row).collect();
        classes.sort_by(|a, b| a.label.cmp(&b.label));
        Self {
            text,
            extremes: (!few).then(|| (words.classes_extremes)(&language.count(MOST as u64 / 2))),
            bars,
            all: match few {
                true => vec![],
                false => classes.iter().map(row).collect(),
            },
            open_all: (words.all_rows)(&language.count(count as u64)),
        }
    }
}

fn row(class: &Class, longest: u64, words: &Phrases, language: Language) -> Row {
    Row {
        label: words.label_or_none(&class.label),
        images: language.count(class.images),
        errors: (class.errors > 0).then(|| (words.label_errors)(&language.count(class.errors))),
        bar: Bar::new(class.images as f64, class.errors as f64, longest as f64),
    }
}
