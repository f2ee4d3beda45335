//! The scripts of the pipeline, which are part of the program.

use pomona_session::{BuiltIn, Script};

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

/// The script of a name.
///
/// # Panics
/// When there is none.
pub(crate) fn script(name: &str) -> Script {
    Script::built_in(name, &SCRIPTS).expect("the names are written in this crate")
}
