//! The scripts of the pipeline, which are part of the program.

use datafusion::prelude::SessionContext;
use pomona_session::{BuiltIn, Script, ScriptError, Variables, plain_message};

use crate::PipelineError;

/// The scripts in the order in which they run.
pub const SCRIPTS: [BuiltIn; 10] = [
    ("images", include_str!("../../../sql/pipeline/images.sql")),
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

/// Makes the tables `images` and `selected_images`.
///
/// # Errors
/// [`PipelineError::Filter`] where the filter is at fault: the statement that has it has nothing else that
/// could be.
pub(crate) async fn select_images(
    ctx: &SessionContext,
    variables: &Variables,
    filter: Option<&str>,
) -> Result<(), PipelineError> {
    match (script("images").run(ctx, variables).await, filter) {
        (Ok(_), _) => Ok(()),
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
