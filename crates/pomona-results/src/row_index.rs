//! [`RowIndex`]: of all rows that there are of an image, which one is the result.

use datafusion::common::Result;

use crate::dropped_rows::DroppedRows;

/// A row of features of a path, without the features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The source that has it.
    pub(crate) source: usize,
    /// The version of the image that was read; a store may have none.
    pub(crate) e_tag: Option<String>,
    /// Why there are no features.
    pub(crate) error: Option<String>,
}

/// What a run has to do with a listed image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Todo {
    /// Nothing: there are features of this version.
    Nothing,
    /// To compute it: it is new, changed, or could not be decoded. The row, if there is one, is the
    /// result until then.
    Compute(Option<Row>),
}

/// How many rows of a source belong to the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// None of them.
    None,
    /// All of them.
    All,
    /// Some of them.
    Some,
}

/// Rows from several sources (published files, checkpoints, chunks just computed), and for each
/// path the source whose row is the result.
///
/// It is given the rows of one path at a time, and knows no path itself: of a source it counts the
/// rows that are not the result, whose paths are on a disk. A source has one row a path at most.
pub(crate) struct RowIndex {
    sources: Vec<Source>,
    /// The sources before this one are published.
    published: usize,
    dropped: DroppedRows,
}

#[derive(Debug, Clone, Copy, Default)]
struct Source {
    rows: u64,
    dropped: u64,
}

impl RowIndex {
    /// Of so many published files: their rows are results until better is known.
    pub(crate) fn new(published: usize, dropped: DroppedRows) -> Self {
        Self {
            sources: vec![Source::default(); published],
            published,
            dropped,
        }
    }

    /// Adds a source: an interrupted run's, none of whose rows is a result until its image is found
    /// to be listed, or a chunk just computed.
    pub(crate) fn add(&mut self) -> usize {
        self.sources.push(Source::default());
        self.sources.len() - 1
    }

    /// Whether a row of this source is published.
    pub(crate) fn is_published(&self, row: &Row) -> bool {
        row.source < self.published
    }

    /// Chooses among the rows of a listed image.
    ///
    /// An image without a version may have changed unseen, and counts as changed.
    pub(crate) fn listed(
        &mut self,
        path: &str,
        e_tag: Option<&str>,
        mut rows: Vec<Row>,
    ) -> Result<Todo> {
        // The first source wins, so that published files stay as they are.
        rows.sort_by_key(|row| row.source);
        let is_good =
            |row: &Row| row.error.is_none() && e_tag.is_some() && row.e_tag.as_deref() == e_tag;
        let good = rows.iter().position(is_good);
        let chosen = good.or_else(|| self.last_published(&rows));
        self.meet(path, &rows, chosen)?;
        Ok(match good {
            Some(_) => Todo::Nothing,
            None => Todo::Compute(chosen.map(|chosen| rows.swap_remove(chosen))),
        })
    }

    /// Keeps the published row of an image that is not listed, if it has one, or drops it. Returns
    /// whether there is one.
    pub(crate) fn unlisted(
        &mut self,
        path: &str,
        mut rows: Vec<Row>,
        is_dropped: bool,
    ) -> Result<bool> {
        rows.sort_by_key(|row| row.source);
        let chosen = self.last_published(&rows);
        self.meet(path, &rows, chosen.filter(|_| !is_dropped))?;
        Ok(chosen.is_some())
    }

    /// Adds a row just computed, which replaces the one that was there. An image that is bad as it
    /// was, for the same reason, keeps its old row.
    pub(crate) fn computed(
        &mut self,
        source: usize,
        path: &str,
        (e_tag, error): (Option<&str>, Option<&str>),
        before: Option<&Row>,
    ) -> Result<()> {
        self.sources[source].rows += 1;
        let Some(before) = before else {
            return Ok(());
        };
        let is_same = before.e_tag.as_deref() == e_tag && before.error.as_deref() == error;
        match error.is_some() && is_same {
            true => self.drop_row(source, path),
            false => self.drop_row(before.source, path),
        }
    }

    fn last_published(&self, rows: &[Row]) -> Option<usize> {
        rows.iter().rposition(|row| self.is_published(row))
    }

    /// Counts the rows of a path, of which one may be the result.
    fn meet(&mut self, path: &str, rows: &[Row], chosen: Option<usize>) -> Result<()> {
        for (position, row) in rows.iter().enumerate() {
            self.sources[row.source].rows += 1;
            if Some(position) != chosen {
                self.drop_row(row.source, path)?;
            }
        }
        Ok(())
    }

    fn drop_row(&mut self, source: usize, path: &str) -> Result<()> {
        self.sources[source].dropped += 1;
        self.dropped.push(source, path)
    }

    /// The number of rows that were published.
    pub(crate) fn published(&self) -> u64 {
        let published = self.sources[..self.published].iter();
        published.map(|source| source.rows).sum()
    }

    /// The number of rows of the result.
    pub(crate) fn len(&self) -> u64 {
        let kept = self.sources.iter();
        kept.map(|source| source.rows - source.dropped).sum()
    }

    /// How many rows of a source belong to the result.
    pub(crate) fn kept(&self, source: usize) -> Kept {
        let Source { rows, dropped } = self.sources[source];
        match dropped {
            0 => Kept::All,
            dropped if dropped == rows => Kept::None,
            _ => Kept::Some,
        }
    }

    /// The share of the rows of a source that belong to the result, from 0 to 1.
    pub(crate) fn share(&self, source: usize) -> f64 {
        let Source { rows, dropped } = self.sources[source];
        match rows {
            0 => 0.0,
            rows => (rows - dropped) as f64 / rows as f64,
        }
    }

    /// Whether the result is not what was published.
    pub(crate) fn changed(&self) -> bool {
        let (published, others) = self.sources.split_at(self.published);
        published.iter().any(|source| source.dropped > 0)
            || others.iter().any(|source| source.dropped < source.rows)
    }

    /// The rows that are not the result.
    pub(crate) fn into_dropped(self) -> DroppedRows {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use datafusion::prelude::SessionContext;

    use super::*;

    /// Rows as they are in files: path, version, error.
    type Rows = Vec<(&'static str, &'static str, Option<&'static str>)>;

    fn row(
        path: &'static str,
        e_tag: &'static str,
    ) -> (&'static str, &'static str, Option<&'static str>) {
        (path, e_tag, None)
    }

    /// A row index that has met the rows of some sources, of which the first are published.
    struct Met {
        row_index: RowIndex,
        sources: Vec<Rows>,
        /// What must be computed, and the rows that are there of it.
        pending: BTreeMap<String, Option<Row>>,
        unlisted: usize,
    }

    impl Met {
        fn new(published: usize, sources: Vec<Rows>, listed: &[(&str, &str)], prune: bool) -> Self {
            let dropped = DroppedRows::new(&SessionContext::new());
            let mut row_index = RowIndex::new(published, dropped);
            let mut known: BTreeMap<String, Vec<Row>> = BTreeMap::new();
            for (source, rows) in sources.iter().enumerate() {
                if source >= published {
                    assert_eq!(row_index.add(), source);
                }
                for (path, e_tag, error) in rows {
                    known.entry((*path).to_string()).or_default().push(Row {
                        source,
                        e_tag: Some((*e_tag).to_string()),
                        error: error.map(str::to_string),
                    });
                }
            }
            let mut pending = BTreeMap::new();
            for (path, e_tag) in listed {
                let rows = known.remove(*path).unwrap_or_default();
                let todo = row_index.listed(path, Some(*e_tag), rows).unwrap();
                if let Todo::Compute(before) = todo {
                    pending.insert((*path).to_string(), before);
                }
            }
            let mut unlisted = 0;
            for (path, rows) in known {
                unlisted += usize::from(row_index.unlisted(&path, rows, prune).unwrap());
            }
            Self {
                row_index,
                sources,
                pending,
                unlisted,
            }
        }

        fn pending(&self) -> Vec<&str> {
            self.pending.keys().map(String::as_str).collect()
        }

        fn computed(&mut self, rows: Rows) -> usize {
            let source = self.row_index.add();
            for (path, e_tag, error) in &rows {
                let before = self.pending[*path].as_ref();
                self.row_index
                    .computed(source, path, (Some(*e_tag), *error), before)
                    .unwrap();
            }
            self.sources.push(rows);
            source
        }

        /// The paths of the rows of a source that belong to the result.
        async fn kept_paths(self, source: usize) -> Vec<&'static str> {
            let ctx = SessionContext::new();
            let dropped = self.row_index.into_dropped().finish(&ctx).await.unwrap();
            let dropped = dropped.of(source).unwrap();
            let rows = self.sources[source].iter().map(|(path, ..)| *path);
            rows.filter(|path| !dropped.contains(*path)).collect()
        }
    }

    #[test]
    fn what_is_listed_as_it_was_stays() {
        let sources = vec![vec![row("a", "1"), row("b", "1")], vec![row("c", "1")]];
        let met = Met::new(2, sources, &[("a", "1"), ("b", "1"), ("c", "1")], false);
        assert_eq!(met.pending(), [""; 0]);
        assert!(!met.row_index.changed());
        assert_eq!(met.row_index.kept(0), Kept::All);
        assert_eq!((met.row_index.len(), met.row_index.published()), (3, 3));
    }

    #[tokio::test]
    async fn a_changed_image_replaces_its_row_alone() {
        let sources = vec![vec![row("a", "1"), row("b", "1")]];
        let mut met = Met::new(1, sources, &[("a", "2"), ("b", "1")], false);
        assert_eq!(met.pending(), ["a"]);
        let chunk = met.computed(vec![row("a", "2")]);
        assert!(met.row_index.changed());
        assert_eq!(met.row_index.kept(0), Kept::Some);
        assert_eq!(met.row_index.kept(chunk), Kept::All);
        assert_eq!(met.row_index.share(0), 0.5);
        assert_eq!(met.kept_paths(0).await, ["b"]);
    }

    #[tokio::test]
    async fn vanished_images_stay_until_pruned() {
        let sources = vec![vec![row("a", "1"), row("b", "1")]];
        let met = Met::new(1, sources.clone(), &[("a", "1")], false);
        assert!(!met.row_index.changed());
        assert_eq!(met.unlisted, 1);
        let met = Met::new(1, sources, &[("a", "1")], true);
        assert!(met.row_index.changed());
        assert_eq!(met.unlisted, 1);
        assert_eq!(met.row_index.kept(0), Kept::Some);
        assert_eq!(met.kept_paths(0).await, ["a"]);
    }

    #[tokio::test]
    async fn rows_of_an_interrupted_run_count_where_they_are_listed() {
        let left = vec![row("a", "1"), row("b", "1"), row("gone", "1")];
        let sources = vec![vec![row("a", "1")], left];
        let met = Met::new(1, sources, &[("a", "1"), ("b", "1"), ("c", "1")], false);
        assert_eq!(met.pending(), ["c"]);
        assert_eq!(met.unlisted, 0);
        assert_eq!(met.row_index.kept(0), Kept::All);
        assert_eq!(met.row_index.kept(1), Kept::Some);
        assert_eq!(met.kept_paths(1).await, ["b"]);
    }

    #[test]
    fn errors_are_tried_again_and_change_nothing_if_they_remain() {
        let bad = ("b", "1", Some("empty"));
        let sources = vec![vec![row("a", "1"), bad]];
        let mut met = Met::new(1, sources, &[("a", "1"), ("b", "1")], false);
        assert_eq!(met.pending(), ["b"]);
        let same = met.computed(vec![bad]);
        assert!(!met.row_index.changed());
        assert_eq!(met.row_index.kept(same), Kept::None);
        let sources = vec![vec![row("a", "1"), bad]];
        for better in [
            row("b", "1"),
            ("b", "1", Some("short")),
            ("b", "2", Some("empty")),
        ] {
            let mut met = Met::new(1, sources.clone(), &[("a", "1"), ("b", "1")], false);
            met.computed(vec![better]);
            assert!(met.row_index.changed());
            assert_eq!(met.row_index.len(), 2);
        }
    }

    #[test]
    fn an_image_without_a_version_is_computed_again() {
        let mut row_index = RowIndex::new(1, DroppedRows::new(&SessionContext::new()));
        let known = Row {
            source: 0,
            e_tag: None,
            error: None,
        };
        let todo = row_index.listed("a", None, vec![known.clone()]).unwrap();
        assert_eq!(todo, Todo::Compute(Some(known)));
    }
}
