//! DataFusion's options with Pomona's defaults.

use std::env;

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::prelude::SessionConfig;
use pomona_functions::PomonaOptions;

/// The options whose default is not DataFusion's.
const DEFAULTS: [(&str, &str); 4] = [
    // A row can hold an image of a megabyte or a vector of 5 KB, so 8192 rows would overflow the
    // 32-bit offsets of a binary array, and a batch is the unit of progress.
    ("datafusion.execution.batch_size", "256"),
    // A Parquet file names the Arrow types of its columns, and pyarrow 14 cannot open one that
    // names views. Text is read as it is written, so that no statement writes a view.
    (
        "datafusion.execution.parquet.schema_force_view_types",
        "false",
    ),
    (
        "datafusion.sql_parser.map_string_types_to_utf8view",
        "false",
    ),
    // The optimizer moves the fields of a struct below the projection that makes the struct, and
    // `image_info(content)` is then computed once a field.
    (
        "datafusion.optimizer.enable_leaf_expression_pushdown",
        "false",
    ),
];

/// The configuration of every Pomona session.
///
/// `DATAFUSION_*` environment variables are honoured, as in datafusion-cli.
///
/// # Errors
/// When a `DATAFUSION_*` variable has a value that its option does not accept.
pub fn session_config() -> Result<SessionConfig> {
    let mut options = ConfigOptions::from_env()?;
    for (name, value) in DEFAULTS {
        let variable = name.to_ascii_uppercase().replace('.', "_");
        if env::var_os(variable).is_none() {
            options.set(name, value)?;
        }
    }
    options.extensions.insert(PomonaOptions::default());
    Ok(SessionConfig::from(options).with_information_schema(true))
}
