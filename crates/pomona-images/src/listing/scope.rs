//! [`Scope`]: which parts of a location the filters of a query leave to be listed.
//!
//! It only ever narrows what is asked for. The filters themselves are applied to the rows
//! afterwards, so a scope that is too wide costs requests and no right answer.

use std::collections::BTreeSet;

use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Like, Operator};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::image_location::ImageLocation;
use crate::options::ImageTableOptions;
use crate::shards::ShardKind;

/// What the conditions of a query demand of path and label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// Each path begins with one of them.
    prefixes: Option<BTreeSet<String>>,
    /// Each label is one of them.
    labels: Option<BTreeSet<String>>,
}

/// A part of a store or a disk that is listed; paths are literal and without slashes at the ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything below a folder.
    Tree(String),
    /// The objects in a folder, not those in its folders.
    Objects(String),
    /// In a folder, what begins with a name, and everything below folders that do.
    Range { folder: String, name: String },
    /// In the folders of a folder that have such names, at this many levels below it, the objects;
    /// and those in folders above these that have such names themselves.
    Labels { folder: String, levels: usize },
}

impl Scope {
    /// The scope of conditions that must all hold.
    pub(crate) fn new<'a>(filters: impl IntoIterator<Item = &'a Expr>) -> Self {
        let mut scope = Self::default();
        for filter in filters {
            scope.narrow(filter);
        }
        scope
    }

    /// What the conditions demand of shards: their paths begin with as much of a prefix as is not
    /// about what is in them, and labels are those of folders inside.
    pub(super) fn of_shards(&self) -> Self {
        let prefixes = self.prefixes.as_ref();
        let cut = |prefix: &String| {
            let ends = prefix.match_indices('/').map(|(end, _)| &prefix[..end]);
            let mut shards = ends.filter(|folder| ShardKind::of_name(folder).is_some());
            shards.next().unwrap_or(prefix).to_owned()
        };
        Self {
            prefixes: prefixes.map(|prefixes| prefixes.iter().map(cut).collect()),
            labels: None,
        }
    }

    fn narrow(&mut self, filter: &Expr) {
        if let Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) = filter
        {
            self.narrow(left);
            self.narrow(right);
            return;
        }
        if let Some(labels) = values(filter, "label") {
            self.labels = Some(match self.labels.take() {
                Some(before) => before.intersection(&labels).cloned().collect(),
                None => labels,
            });
        }
        let prefixes = prefix(filter)
            .map(|prefix| BTreeSet::from([prefix]))
            .or_else(|| values(filter, "path"));
        // Of two sets of prefixes the larger part of the truth is in either; the later wins.
        if let Some(prefixes) = prefixes {
            self.prefixes = Some(prefixes);
        }
    }

    /// Whether an object of this label may be wanted.
    pub(crate) fn admits_label(&self, label: &str) -> bool {
        let labels = self.labels.as_ref();
        labels.is_none_or(|labels| labels.contains(label))
    }

    /// The labels that are wanted; none where any is.
    pub(crate) fn labels(&self) -> Option<&BTreeSet<String>> {
        self.labels.as_ref()
    }

    /// The parts of a folder that may hold what is wanted.
    pub(super) fn parts(&self, location: &ImageLocation, options: &ImageTableOptions) -> Vec<Part> {
        let root = location.path.clone();
        if let Some(prefixes) = &self.prefixes {
            let url = location.url();
            if !prefixes.iter().any(|prefix| url.starts_with(prefix)) {
                return self.below_prefixes(location, prefixes);
            }
        }
        let levels = levels(location, options);
        match (levels, &self.labels) {
            (Some(levels), Some(_)) => vec![Part::Labels {
                folder: root,
                levels,
            }],
            (Some(0), None) => vec![Part::Objects(root)],
            _ => vec![Part::Tree(root)],
        }
    }

    fn below_prefixes(&self, location: &ImageLocation, prefixes: &BTreeSet<String>) -> Vec<Part> {
        let folder = match location.path.as_str() {
            "" => location.store.clone(),
            path => format!("{}{path}/", location.store),
        };
        let mut parts = vec![];
        let mut wider: Option<&String> = None;
        for prefix in prefixes {
            // In their order, a prefix of another comes before it.
            if wider.is_some_and(|wider| prefix.starts_with(wider)) {
                continue;
            }
            wider = Some(prefix);
            if !prefix.starts_with(&folder) {
                continue;
            }
            let key = &prefix[location.store.len()..];
            let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
            // No listed object lies in a folder of such a name.
            if !Path::parse(folder).is_ok_and(|path| path.as_ref() == folder) {
                continue;
            }
            parts.push(match name {
                "" => Part::Tree(folder.to_owned()),
                name => Part::Range {
                    folder: folder.to_owned(),
                    name: name.to_owned(),
                },
            });
        }
        parts
    }
}

/// How many levels below a location's folder its images may lie; none where there is no bound.
pub(super) fn levels(location: &ImageLocation, options: &ImageTableOptions) -> Option<usize> {
    let below = options.levels()?;
    match &location.pattern {
        None => Some(below),
        Some(pattern) if pattern.contains("**") => None,
        // What the glob matches is an object at its depth, or a folder there with objects in it.
        Some(pattern) => Some(pattern.split('/').count() + below),
    }
}

/// The texts of which a column is one, where the filter says so.
fn values(filter: &Expr, column: &str) -> Option<BTreeSet<String>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => {
            let value = match (is_column(left, column), is_column(right, column)) {
                (true, _) => text(right),
                (_, true) => text(left),
                _ => None,
            };
            value.map(|value| BTreeSet::from([value]))
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => {
            let mut either = values(left, column)?;
            either.extend(values(right, column)?);
            Some(either)
        }
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) if is_column(expr, column) => list.iter().map(text).collect(),
        _ => None,
    }
}

/// What the column `path` begins with, where the filter says so.
fn prefix(filter: &Expr) -> Option<String> {
    let prefix = match filter {
        Expr::Like(Like {
            negated: false,
            expr,
            pattern,
            escape_char: None,
            case_insensitive: false,
        }) if is_column(expr, "path") => {
            let pattern = text(pattern)?;
            // A backslash escapes; what follows it is left to the filter.
            let end = pattern.find(['%', '_', '\\']).unwrap_or(pattern.len());
            pattern[..end].to_owned()
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "starts_with" => {
            match args.as_slice() {
                [column, prefix] if is_column(column, "path") => text(prefix)?,
                _ => return None,
            }
        }
        _ => return None,
    };
    (!prefix.is_empty()).then_some(prefix)
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::functions::expr_fn::starts_with;
    use datafusion::prelude::{col, lit};

    use super::*;
    use crate::location::Location;

    fn parts(filters: &[Expr], location: &str, recursive: bool) -> Vec<Part> {
        let location = Location::parse(location).unwrap();
        let location = location.glob().unwrap_or_else(|| location.literal(false));
        let options = ImageTableOptions {
            recursive,
            ..ImageTableOptions::default()
        };
        Scope::new(filters).parts(&location, &options)
    }

    fn tree(path: &str) -> Vec<Part> {
        vec![Part::Tree(path.to_owned())]
    }

    fn range(folder: &str, name: &str) -> Vec<Part> {
        vec![Part::Range {
            folder: folder.to_owned(),
            name: name.to_owned(),
        }]
    }

    #[test]
    fn prefixes_of_the_path_narrow_the_folder() {
        let like = |pattern: &str| parts(&[col("path").like(lit(pattern))], "s3://b/data/", true);
        assert_eq!(like("s3://b/data/Tr/%"), tree("data/Tr"));
        assert_eq!(like("s3://b/data/Tr/App%.jpg"), range("data/Tr", "App"));
        assert_eq!(like("s3://b/data/a_b%"), range("data", "a"));
        assert_eq!(like("s3://b/da%"), tree("data"));
        assert_eq!(like("%.jpg"), tree("data"));
        assert_eq!(like("s3://b/other/%"), []);
        assert_eq!(like("s3://b/data2/%"), []);
        assert_eq!(like("s3://b/data/../%"), []);
        assert_eq!(like("s3://b/data//x%"), []);
        let one = col("path").eq(lit("s3://b/data/x/1.jpg"));
        assert_eq!(parts(&[one], "s3://b/data", true), range("data/x", "1.jpg"));
        let two = starts_with(col("path"), lit("s3://b/data/x/"));
        assert_eq!(parts(&[two], "s3://b/data", true), tree("data/x"));
        let listed = col("path").in_list(
            ["s3://b/x/1", "s3://b/x/12", "s3://b/y/2"]
                .map(lit)
                .to_vec(),
            false,
        );
        let both = [range("x", "1"), range("y", "2")].concat();
        assert_eq!(parts(&[listed], "s3://b", true), both);
    }

    #[test]
    fn what_is_no_demand_narrows_nothing() {
        for filter in [
            col("path").not_like(lit("s3://b/data/x%")),
            col("path").ilike(lit("s3://b/data/x%")),
            col("path").not_eq(lit("s3://b/data/x")),
            col("label").eq(lit("x")).or(col("length").gt(lit(3))),
            col("label").in_list(vec![lit("x")], true),
            col("label").eq(col("path")),
        ] {
            assert_eq!(
                parts(std::slice::from_ref(&filter), "s3://b/data", true),
                tree("data"),
                "{filter}"
            );
        }
    }

    #[test]
    fn labels_narrow_a_table_whose_depth_is_known() {
        let filter = [col("label").eq(lit("x")).and(col("length").gt(lit(1)))];
        let labels = |levels| {
            let folder = "data".to_owned();
            vec![Part::Labels { folder, levels }]
        };
        assert_eq!(parts(&filter, "s3://b/data", true), tree("data"));
        assert_eq!(parts(&filter, "s3://b/data", false), labels(0));
        assert_eq!(parts(&filter, "s3://b/data/*", false), labels(1));
        assert_eq!(parts(&filter, "s3://b/data/*/*.jpg", false), labels(2));
        assert_eq!(parts(&filter, "s3://b/data/**/*.jpg", false), tree("data"));
        assert_eq!(
            parts(&[], "s3://b/data", false),
            [Part::Objects("data".to_owned())]
        );

        let either = col("label").in_list(vec![lit("x"), lit("y")], false);
        let scope = Scope::new(&[either, col("label").eq(lit("y"))]);
        assert!(scope.admits_label("y") && !scope.admits_label("x"));
    }
}
