//! SQL scripts: statements in a file that run in order, with `${name}` variables.

mod error;
mod expressions;
mod script;
mod statement_queue;
mod variables;
mod watch;

pub use error::ScriptError;
pub use expressions::condition;
pub use script::{BuiltIn, Script, find_script};
pub use statement_queue::StatementQueue;
pub use variables::Variables;
pub use watch::ROWS_HANDLED;
