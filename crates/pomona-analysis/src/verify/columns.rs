//! Which column of a table is the path, which the features and which the principal components.

use arrow::datatypes::{DataType, Field, Schema};

use crate::lookup::Vectors;

/// What a column with an image's path is called, without case and underscores; the likeliest
/// first.
const PATH_NAMES: [&str; 10] = [
    "path",
    "imagepath",
    "filepath",
    "uri",
    "imageuri",
    "url",
    "image",
    "filename",
    "file",
    "origin",
];

/// The names of columns that a person gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// The images' paths.
    pub path: Option<String>,
    /// The features.
    pub features: Option<String>,
    /// The principal components.
    pub pca: Option<String>,
}

impl ColumnNames {
    fn of(&self, column: Vectors) -> Option<&str> {
        match column {
            Vectors::Features => self.features.as_deref(),
            Vectors::Pca => self.pca.as_deref(),
        }
    }
}

/// The columns that may be what is looked for, as SQL expressions.
pub(super) fn vectors(
    schema: &Schema,
    column: Vectors,
    names: &ColumnNames,
) -> Vec<(String, String)> {
    let all: Vec<(&str, String)> = schema
        .fields()
        .iter()
        .filter_map(|field| Some((field.name().as_str(), vector(field)?)))
        .collect();
    let found = |test: &dyn Fn(&str) -> bool| -> Vec<(String, String)> {
        let found = all.iter().filter(|(name, _)| test(name));
        found
            .map(|(name, sql)| (name.to_string(), sql.clone()))
            .collect()
    };
    if let Some(given) = names.of(column) {
        return found(&|name| name == given);
    }
    let exact = column.to_string();
    let named = found(&|name| name == exact);
    if !named.is_empty() {
        return named;
    }
    found(&|name| kind(name) == Some(column))
}

/// The column with the paths, as an SQL expression.
pub(super) fn path(schema: &Schema, names: &ColumnNames) -> Option<String> {
    let is_text = |field: &Field| {
        matches!(
            field.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        )
    };
    if let Some(given) = &names.path {
        let field = schema.fields().iter().find(|field| field.name() == given)?;
        return is_text(field).then(|| quoted(given));
    }
    for wanted in PATH_NAMES {
        let mut fields = schema.fields().iter();
        if let Some(field) = fields.find(|field| is_text(field) && plain(field.name()) == wanted) {
            return Some(quoted(field.name()));
        }
    }
    // Spark's own table of images is a struct with the path as its origin.
    schema
        .fields()
        .iter()
        .find_map(|field| match field.data_type() {
            DataType::Struct(inner)
                if inner
                    .find("origin")
                    .is_some_and(|(_, origin)| is_text(origin)) =>
            {
                Some(format!("{}['origin']", quoted(field.name())))
            }
            _ => None,
        })
}

/// A column of vectors as a list of numbers.
fn vector(field: &Field) -> Option<String> {
    match field.data_type() {
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _)
            if inner.data_type().is_floating() =>
        {
            Some(quoted(field.name()))
        }
        DataType::Struct(fields)
            if ["type", "size", "indices", "values"]
                .iter()
                .all(|name| fields.find(name).is_some()) =>
        {
            Some(format!("vector_to_array({})", quoted(field.name())))
        }
        _ => None,
    }
}

/// What a column of vectors is by its name: `pca_features` and `featuresPca` are components.
fn kind(name: &str) -> Option<Vectors> {
    let name = plain(name);
    if name.contains("pca") || name.contains("component") || name.contains("projection") {
        Some(Vectors::Pca)
    } else if name.contains("feature") || name.contains("embedding") {
        Some(Vectors::Features)
    } else {
        None
    }
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let numbers = DataType::new_list(DataType::Float64, true);
        let spark = DataType::Struct(
            vec![
                Field::new("type", DataType::Int8, true),
                Field::new("size", DataType::Int32, true),
                Field::new("indices", DataType::new_list(DataType::Int32, true), true),
                Field::new("values", numbers.clone(), true),
            ]
            .into(),
        );
        Schema::new(vec![
            Field::new("label", DataType::Utf8, true),
            Field::new("Path", DataType::Utf8, true),
            Field::new("features_1_0", numbers.clone(), true),
            Field::new("features_0_35", numbers, true),
            Field::new("pcaFeatures", spark, true),
        ])
    }

    #[test]
    fn columns_are_known_by_type_and_name() {
        let names = ColumnNames::default();
        assert_eq!(path(&schema(), &names).unwrap(), "\"Path\"");
        let pca = vectors(&schema(), Vectors::Pca, &names);
        assert_eq!(pca[0].1, "vector_to_array(\"pcaFeatures\")");
        assert_eq!(vectors(&schema(), Vectors::Features, &names).len(), 2);
    }

    #[test]
    fn a_name_that_is_given_decides() {
        let names = ColumnNames {
            path: Some("label".to_string()),
            features: Some("features_0_35".to_string()),
            pca: Some("none".to_string()),
        };
        assert_eq!(path(&schema(), &names).unwrap(), "\"label\"");
        let features = vectors(&schema(), Vectors::Features, &names);
        assert_eq!(
            features,
            [("features_0_35".to_string(), "\"features_0_35\"".to_string())]
        );
        assert!(vectors(&schema(), Vectors::Pca, &names).is_empty());
    }
}
