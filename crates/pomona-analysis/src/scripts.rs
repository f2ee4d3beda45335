//! The scripts of look-ups and comparisons, which are part of the program.

use pomona_session::{BuiltIn, Script};

/// Look-ups, then comparisons.
pub const SCRIPTS: [BuiltIn; 8] = [
    ("similar", include_str!("../../../sql/lookup/similar.sql")),
    (
        "similar_to_file",
        include_str!("../../../sql/lookup/similar_to_file.sql"),
    ),
    ("outliers", include_str!("../../../sql/lookup/outliers.sql")),
    ("suspects", include_str!("../../../sql/lookup/suspects.sql")),
    (
        "verify_sides",
        include_str!("../../../sql/verify/verify_sides.sql"),
    ),
    (
        "verify_features",
        include_str!("../../../sql/verify/verify_features.sql"),
    ),
    (
        "verify_pca",
        include_str!("../../../sql/verify/verify_pca.sql"),
    ),
    ("verify", include_str!("../../../sql/verify/verify.sql")),
];

/// The script of a name.
///
/// # Panics
/// When there is none.
pub(crate) fn script(name: &str) -> Script {
    Script::built_in(name, &SCRIPTS).expect("the names are written in this crate")
}
