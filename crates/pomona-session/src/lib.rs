//! Assembles Pomona's DataFusion session.
//!
//! Every role builds its session here, so that a client, a scheduler and an executor have the
//! same options, object stores, tables and functions:
//!
//! - [`session_config`]: DataFusion's options with Pomona's defaults and the `pomona.*` options.
//! - [`runtime_env`]: object stores by URL (`s3://` with the usual `AWS_*`
//!   settings), and the memory limit.
//! - [`session_state`]: the state over both, with `STORED AS IMAGES` and every function.
//! - [`weights_objects`]: access to the object stores for functions that read weights.
//! - [`physical_rules`]: the rules by which it rewrites physical plans.
//! - [`Portable`]: functions and tables for sessions that are not Pomona's.
//! - [`with_file_names`]: files, folders and globs as names of tables.
//! - [`session_context`]: a context over the state, for one process.
//! - [`s3_traffic`]: the requests that the process sent to S3.
//! - [`sorting_context`], [`spilling_context`]: sessions that sort within a bounded memory.
//! - [`with_schema`]: batches under the schema that was announced for them.
//! - [`Script`]: a file of SQL statements with `${name}` [`Variables`].

mod announced_schema;
mod config;
mod configure;
mod csv_nesting;
mod error;
mod file_names;
mod job_name;
mod limit_above_sort;
mod object_storage;
mod portable;
mod runtime;
mod scripts;
mod sorting;
mod state;
mod statements;
mod weights_objects;
mod writes;

pub use announced_schema::with_schema;
pub use config::session_config;
pub use configure::{configure, set_option};
pub use error::{SessionError, plain_message};
pub use file_names::with_file_names;
pub use job_name::name_jobs;
pub use object_storage::{ObjectStores, S3Traffic, s3_traffic};
pub use pomona_functions::PomonaOptions;
pub use portable::Portable;
pub use runtime::{RuntimeOptions, runtime_env};
pub use scripts::{
    BuiltIn, ROWS_HANDLED, Script, ScriptError, StatementQueue, Variables, condition, find_script,
};
pub use sorting::{SORT_MEMORY, sort_memory, sorting_context, spilling_context};
pub use state::{physical_rules, session_context, session_state};
pub use statements::{StatementText, parse_statements, plan_statement, plan_with_parameters};
pub use weights_objects::weights_objects;
pub use writes::{Writes, explain_writes};
