//! Options of an open session.

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::prelude::SessionContext;

/// Changes the options of an open session.
///
/// # Errors
/// Those of `change`; changes before the error remain.
pub fn configure(
    ctx: &SessionContext,
    change: impl FnOnce(&mut ConfigOptions) -> Result<()>,
) -> Result<()> {
    change(ctx.state_ref().write().config_mut().options_mut())
}
