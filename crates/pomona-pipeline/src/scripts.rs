//! The scripts of the pipeline, which are part of the program.

use datafusion::prelude::SessionContext;
use pomona_images::ImageTable;
use pomona_session::{BuiltIn, Script, ScriptError, Variables, plain_message};

use crate::PipelineError;

/// The scripts in the order in which they run. Of the first two one runs.
pub const SCRIPTS: [BuiltIn; 11] = [
    ("images", include_str!("../../../sql/pipeline/images.sql")),
    (
        "listed_images",
        include_str!("../../../sql/pipeline/listed_images.sql"),
    ),
    (
        "features",
        include_str!("../../../sql/pipeline/features.sql"),
    ),
    (
        "metadata",
        include_str!("../../../sql/pipeline/metadata.sql"),
    ),
    (
        "metadata_csv",
        include_str!("../../../sql/pipeline/metadata_csv.sql"),
    ),
    ("stats", include_str!("../../../sql/pipeline/stats.sql")),
    ("errors", include_str!("../../../sql/pipeline/errors.sql")),
    (
        "features_csv",
        include_str!("../../../sql/pipeline/features_csv.sql"),
    ),
    ("pca_fit", include_str!("../../../sql/pipeline/pca_fit.sql")),
    (
        "pca_transform",
        include_str!("../../../sql/pipeline/pca_transform.sql"),
    ),
    ("pca_csv", include_str!("../../../sql/pipeline/pca_csv.sql")),
];

/// The scripts that sort or group all rows.
pub(crate) const SORTING: [&str; 4] = ["metadata_csv", "stats", "errors", "pca_csv"];

/// The script of a name.
///
/// # Panics
/// When there is none.
pub(crate) fn script(name: &str) -> Script {
    Script::built_in(name, &SCRIPTS).expect("the names are written in this crate")
}

/// The images that are wanted.
pub(crate) struct Selection<'a> {
    /// Where they are, or the file that lists them.
    pub(crate) input: &'a str,
    /// The column of paths in that file, if somebody named it.
    pub(crate) path_column: Option<&'a str>,
    /// A condition on them, in SQL.
    pub(crate) filter: Option<&'a str>,
    /// The largest number of them.
    pub(crate) limit: Option<u64>,
}

impl Selection<'_> {
    /// The variables of the scripts that select them.
    pub(crate) fn variables(&self) -> Variables {
        let mut variables = Variables::new();
        variables
            .define("input", self.input)
            .define("filter", self.filter.unwrap_or("true"))
            .define("limit", self.limit.unwrap_or(i64::MAX as u64).to_string());
        if let Some(column) = self.path_column {
            variables.define("path_column", column);
        }
        variables
    }
}

/// Makes the tables `images` and `selected_images`.
///
/// # Errors
/// [`PipelineError::Filter`] where the filter is at fault: the statement that has it has nothing else that
/// could be. [`PipelineError::NoListing`] where there is no file that could have the column of paths.
pub(crate) async fn select_images(
    ctx: &SessionContext,
    selection: &Selection<'_>,
) -> Result<(), PipelineError> {
    let name = match selection.path_column {
        None => "images",
        Some(_) => "listed_images",
    };
    let ran = script(name).run(ctx, &selection.variables()).await;
    match (ran, selection.filter) {
        (Ok(_), _) => check_listing(ctx, selection).await,
        (
            Err(ScriptError::Statement {
                number: 2, source, ..
            }),
            Some(filter),
        ) => Err(PipelineError::Filter {
            filter: filter.to_string(),
            reason: plain_message(&source),
        }),
        (Err(error), _) => Err(error.into()),
    }
}

/// Refuses the name of a column where the images are listed otherwise: it would be ignored.
async fn check_listing(
    ctx: &SessionContext,
    selection: &Selection<'_>,
) -> Result<(), PipelineError> {
    let Some(column) = selection.path_column else {
        return Ok(());
    };
    let images = ctx.table_provider("images").await?;
    let images = images.downcast_ref::<ImageTable>();
    match images.is_some_and(ImageTable::has_listing_file) {
        true => Ok(()),
        false => Err(PipelineError::NoListing {
            input: selection.input.to_string(),
            column: column.to_string(),
        }),
    }
}
