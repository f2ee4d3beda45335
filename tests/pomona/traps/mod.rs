//! What Ballista does that Pomona works around, one file a trap: a new version tells at once what
//! has changed. Each first shows the trap, where that can be shown, and then that we are not in it.
//!
//! The rest of the list is shown elsewhere: sinks, large messages, lost processes and secrets by
//! `crates/pomona-cli/tests/cli/cluster`, requests in flight by `crates/pomona-images`.

mod codecs;
mod deep_plans;
mod distribution;
mod functions;
mod leaves;
mod options;
mod retries;
mod subqueries;
mod unions;
