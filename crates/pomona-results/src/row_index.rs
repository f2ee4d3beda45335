//! [`RowIndex`]: of all rows that there are of an image, which one is the result.

use std::collections::{HashMap, HashSet};

/// What identifies a row of features, without the features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The image's URL.
    pub path: String,
    /// The version of the image that was read; a store may have none.
    pub e_tag: Option<String>,
    /// Why there are no features.
    pub error: Option<String>,
}

/// Which rows of a source belong to the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// None of them.
    None,
    /// All of them.
    All,
    /// Those of these paths.
    Paths(Vec<String>),
}

/// Rows from several sources (published files, checkpoints, chunks just computed), and for each
/// path the source whose row is the result.
///
/// A source has one row a path at most.
#[derive(Debug, Default)]
pub struct RowIndex {
    sources: Vec<Vec<Row>>,
    /// The sources before this one are published.
    published: usize,
    chosen: HashMap<String, usize>,
}

impl RowIndex {
    /// The rows of a finished run, a source a file: all are results until better is known.
    pub fn new(published: Vec<Vec<Row>>) -> Self {
        let chosen = published
            .iter()
            .enumerate()
            .flat_map(|(source, rows)| rows.iter().map(move |row| (row.path.clone(), source)))
            .collect();
        Self {
            published: published.len(),
            sources: published,
            chosen,
        }
    }

    /// Adds rows that an interrupted run left: none is a result until
    /// [`pending`](Self::pending) finds that its image is listed.
    pub fn add(&mut self, rows: Vec<Row>) -> usize {
        self.sources.push(rows);
        self.sources.len() - 1
    }

    /// Chooses rows for the images of a listing, given as path and version, and returns the
    /// positions of those without: images that are new, changed, or could not be decoded.
    ///
    /// An image without a version may have changed unseen, and counts as changed.
    pub fn pending<'a>(
        &mut self,
        listed: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Vec<usize> {
        let mut good: HashMap<(&str, &str), usize> = HashMap::new();
        for (source, rows) in self.sources.iter().enumerate() {
            for row in rows.iter().filter(|row| row.error.is_none()) {
                if let Some(e_tag) = &row.e_tag {
                    // The first source wins, so that published files stay as they are.
                    good.entry((&row.path, e_tag)).or_insert(source);
                }
            }
        }
        let mut pending = vec![];
        for (position, (path, e_tag)) in listed.enumerate() {
            match e_tag.and_then(|e_tag| good.get(&(path, e_tag))) {
                Some(&source) => {
                    self.chosen.insert(path.to_string(), source);
                }
                None => pending.push(position),
            }
        }
        pending
    }

    /// Adds rows just computed, which replace what there was of their paths. An image that is
    /// bad as it was, for the same reason, keeps its old row.
    pub fn computed(&mut self, rows: Vec<Row>) -> usize {
        let source = self.sources.len();
        for row in &rows {
            if row.error.is_none() || !self.holds(row) {
                self.chosen.insert(row.path.clone(), source);
            }
        }
        self.sources.push(rows);
        source
    }

    /// Drops the rows of images that are not listed.
    pub fn prune<'a>(&mut self, listed: impl Iterator<Item = &'a str>) {
        let listed: HashSet<&str> = listed.collect();
        self.chosen.retain(|path, _| listed.contains(path.as_str()));
    }

    /// The paths of published rows.
    pub fn published(&self) -> impl Iterator<Item = &str> {
        let rows = self.sources[..self.published].iter().flatten();
        rows.map(|row| row.path.as_str())
    }

    /// The number of rows of the result whose images are not listed.
    pub fn unlisted<'a>(&self, listed: impl Iterator<Item = &'a str>) -> usize {
        let listed: HashSet<&str> = listed.collect();
        let chosen = self.chosen.keys();
        chosen
            .filter(|path| !listed.contains(path.as_str()))
            .count()
    }

    /// The number of rows of the result.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a path has a row in the result.
    pub fn contains(&self, path: &str) -> bool {
        self.chosen.contains_key(path)
    }

    /// Which rows of a source belong to the result.
    pub fn kept(&self, source: usize) -> Kept {
        let kept = self.kept_paths(source);
        match kept.len() {
            all if all == self.sources[source].len() => Kept::All,
            0 => Kept::None,
            _ => Kept::Paths(kept),
        }
    }

    /// The share of the rows of a source that belong to the result, from 0 to 1.
    pub fn share(&self, source: usize) -> f64 {
        match self.sources[source].len() {
            0 => 0.0,
            rows => self.kept_paths(source).len() as f64 / rows as f64,
        }
    }

    /// The paths of the rows of a source that belong to the result.
    fn kept_paths(&self, source: usize) -> Vec<String> {
        self.sources[source]
            .iter()
            .filter(|row| self.chosen.get(&row.path) == Some(&source))
            .map(|row| row.path.clone())
            .collect()
    }

    /// Whether the result is not what was published.
    pub fn changed(&self) -> bool {
        let before: usize = self.sources[..self.published].iter().map(Vec::len).sum();
        self.chosen.len() != before || self.chosen.values().any(|&source| source >= self.published)
    }

    fn holds(&self, row: &Row) -> bool {
        self.chosen
            .get(&row.path)
            .is_some_and(|&source| self.sources[source].contains(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, e_tag: &str) -> Row {
        Row {
            path: path.to_string(),
            e_tag: Some(e_tag.to_string()),
            error: None,
        }
    }

    fn bad(path: &str, e_tag: &str, error: &str) -> Row {
        Row {
            error: Some(error.to_string()),
            ..row(path, e_tag)
        }
    }

    fn pending(row_index: &mut RowIndex, listed: &[(&str, &str)]) -> Vec<usize> {
        row_index.pending(listed.iter().map(|&(path, e_tag)| (path, Some(e_tag))))
    }

    #[test]
    fn what_is_listed_as_it_was_stays() {
        let mut row_index = RowIndex::new(vec![
            vec![row("a", "1"), row("b", "1")],
            vec![row("c", "1")],
        ]);
        assert_eq!(
            pending(&mut row_index, &[("a", "1"), ("b", "1"), ("c", "1")]),
            [0; 0]
        );
        assert!(!row_index.changed());
        assert_eq!(row_index.kept(0), Kept::All);
    }

    #[test]
    fn a_changed_image_replaces_its_row_alone() {
        let mut row_index = RowIndex::new(vec![vec![row("a", "1"), row("b", "1")]]);
        assert_eq!(pending(&mut row_index, &[("a", "2"), ("b", "1")]), [0]);
        let chunk = row_index.computed(vec![row("a", "2")]);
        assert!(row_index.changed());
        assert_eq!(row_index.kept(0), Kept::Paths(vec!["b".to_string()]));
        assert_eq!(row_index.kept(chunk), Kept::All);
    }

    #[test]
    fn vanished_images_stay_until_pruned() {
        let mut row_index = RowIndex::new(vec![vec![row("a", "1"), row("b", "1")]]);
        pending(&mut row_index, &[("a", "1")]);
        assert!(!row_index.changed());
        row_index.prune(["a"].into_iter());
        assert!(row_index.changed());
        assert_eq!(row_index.kept(0), Kept::Paths(vec!["a".to_string()]));
    }

    #[test]
    fn rows_of_an_interrupted_run_count_where_they_are_listed() {
        let mut row_index = RowIndex::new(vec![vec![row("a", "1")]]);
        let left = row_index.add(vec![row("a", "1"), row("b", "1"), row("gone", "1")]);
        assert_eq!(
            pending(&mut row_index, &[("a", "1"), ("b", "1"), ("c", "1")]),
            [2]
        );
        assert_eq!(row_index.kept(0), Kept::All);
        assert_eq!(row_index.kept(left), Kept::Paths(vec!["b".to_string()]));
    }

    #[test]
    fn errors_are_tried_again_and_change_nothing_if_they_remain() {
        let mut row_index = RowIndex::new(vec![vec![row("a", "1"), bad("b", "1", "empty")]]);
        assert_eq!(pending(&mut row_index, &[("a", "1"), ("b", "1")]), [1]);
        let same = row_index.computed(vec![bad("b", "1", "empty")]);
        assert!(!row_index.changed());
        assert_eq!(row_index.kept(same), Kept::None);
        row_index.computed(vec![row("b", "1")]);
        assert!(row_index.changed());
    }

    #[test]
    fn an_image_without_a_version_is_computed_again() {
        let mut row_index = RowIndex::new(vec![vec![Row {
            e_tag: None,
            ..row("a", "")
        }]]);
        assert_eq!(row_index.pending([("a", None)].into_iter()), [0]);
    }
}
