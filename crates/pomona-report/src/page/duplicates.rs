//! Pictures that are almost alike, two by two.

use super::Shown;
use crate::{Language, Pair, Report};

pub(super) struct Section<'a> {
    pub(super) text: String,
    pub(super) compared: String,
    pub(super) groups: Vec<Group<'a>>,
}

pub(super) struct Group<'a> {
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    pub(super) pairs: Vec<Card<'a>>,
}

pub(super) struct Card<'a> {
    pub(super) pictures: [Shown<'a>; 2],
    pub(super) cosine: String,
}

impl<'a> Section<'a> {
    pub(super) fn new(report: &'a Report, language: Language) -> Self {
        let words = language.phrases();
        let duplicates = &report.duplicates;
        let card = |pair: &Pair| Card {
            pictures: [pair.first, pair.second]
                .map(|picture| Shown::new(&report.pictures[picture], words)),
            cosine: (words.cosine)(&language.decimal(pair.cosine, 4)),
        };
        let group = |name, id, pairs: &[Pair]| Group {
            name,
            id,
            pairs: pairs.iter().map(card).collect(),
        };
        let mut groups = vec![
            group(words.most_alike, "most-alike", &duplicates.pairs),
            group(
                words.across_labels,
                "across-labels",
                &duplicates.across_labels,
            ),
        ];
        groups.retain(|group| !group.pairs.is_empty());
        let total = language.count(duplicates.total);
        let n = duplicates.compared;
        let compared = language.count(n);
        let pairs = language.count(n * n.saturating_sub(1) / 2);
        let mut text = match n == duplicates.total {
            true => (words.compared_all)(&total, &pairs),
            false => (words.compared_sample)(&compared, &total, &pairs),
        };
        if !duplicates.exact {
            text = format!("{text} {}", words.not_exact);
        }
        Self {
            text: (words.duplicates_text)(&language.decimal(duplicates.threshold, 2)),
            compared: text,
            groups,
        }
    }
}
