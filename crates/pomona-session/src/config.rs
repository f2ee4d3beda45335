//! DataFusion's options with Pomona's defaults.

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::prelude::SessionConfig;
use pomona_functions::PomonaOptions;

/// Rows a batch. A row can hold an image of a megabyte or a vector of 5 KB, so DataFusion's 8192
/// would overflow the 32-bit offsets of a binary array, and a batch is the unit of progress.
const BATCH_SIZE: usize = 256;

/// The configuration of every Pomona session.
///
/// `DATAFUSION_*` environment variables are honoured, as in datafusion-cli.
///
/// # Errors
/// When a `DATAFUSION_*` variable has a value that its option does not accept.
pub fn session_config() -> Result<SessionConfig> {
    let mut options = ConfigOptions::from_env()?;
    if std::env::var_os("DATAFUSION_EXECUTION_BATCH_SIZE").is_none() {
        options.set("datafusion.execution.batch_size", &BATCH_SIZE.to_string())?;
    }
    options.extensions.insert(PomonaOptions::default());
    Ok(SessionConfig::from(options).with_information_schema(true))
}
