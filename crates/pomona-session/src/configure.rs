//! Options of an open session.

use datafusion::common::{DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::prelude::SessionContext;

use crate::{SessionError, plain_message};

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

/// Sets an option by its name, as `SET name = value`.
///
/// # Errors
/// [`SessionError::Option`], which has the name, the value and what the option accepts.
pub fn set_option(options: &mut ConfigOptions, name: &str, value: &str) -> Result<()> {
    let set = options.set(name, value);
    set.map_err(|error| option_error(name, value, &error).into())
}

/// The error of an option that was not set.
pub(crate) fn option_error(name: &str, value: &str, error: &DataFusionError) -> SessionError {
    let said = plain_message(error);
    let said = said.trim_start_matches("Invalid or Unsupported Configuration: ");
    let reason = match expected(error) {
        Some(expected) => format!("it is {expected} ({said})"),
        None if said.contains(" not found on ") => "there is no option of this name".to_string(),
        None => said.to_string(),
    };
    SessionError::Option {
        name: name.to_string(),
        value: value.to_string(),
        reason,
    }
}

/// What a value is, where it could not be read as one.
fn expected(error: &DataFusionError) -> Option<&'static str> {
    match error {
        DataFusionError::Context(said, inner) => expected(inner).or_else(|| {
            // "Error parsing 'x' as usize"
            let kind = said.strip_prefix("Error parsing ")?.rsplit_once(" as ")?.1;
            match kind {
                "bool" => Some("true or false"),
                "f32" | "f64" => Some("a number"),
                _ if kind.starts_with(['u', 'i']) => Some("a whole number"),
                _ => None,
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RuntimeOptions, session_context};

    fn refused(name: &str, value: &str) -> String {
        let ctx = session_context(RuntimeOptions::default()).unwrap();
        let error = configure(&ctx, |options| set_option(options, name, value)).unwrap_err();
        plain_message(&error)
    }

    #[test]
    fn a_value_that_is_refused_is_named_with_its_option() {
        let said = refused("datafusion.execution.batch_size", "many");
        assert_eq!(
            said,
            "datafusion.execution.batch_size cannot be 'many': it is a whole number (invalid digit found in string)"
        );
        let said = refused("datafusion.execution.coalesce_batches", "maybe");
        assert!(
            said.contains("coalesce_batches") && said.contains("true or false"),
            "{said}"
        );
        let said = refused("pomona.max_pixels", "-1");
        assert!(said.contains("pomona.max_pixels cannot be '-1'"), "{said}");
        let said = refused("pomona.wieghts", "fruits");
        assert!(said.contains("pomona.wieghts"), "{said}");
        let said = refused("nothing", "1");
        assert!(said.contains("nothing cannot be '1'"), "{said}");
    }

    #[tokio::test]
    async fn set_in_sql_names_the_option_too() {
        let ctx = session_context(RuntimeOptions::default()).unwrap();
        let sql = "SET datafusion.execution.target_partitions = 'two'";
        let statement = crate::parse_statements(&ctx, sql).unwrap().pop_front();
        let planned = crate::plan_statement(&ctx, statement.unwrap()).await;
        let said = plain_message(&planned.unwrap_err());
        assert!(said.contains("target_partitions cannot be 'two'"), "{said}");
    }
}
