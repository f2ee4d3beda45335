//! `pomona scheduler`, `pomona executor` and `pomona jobs`: a cluster's processes and its work.

mod executor;
mod jobs;
mod scheduler;
mod signals;

pub(crate) use executor::ExecutorArguments;
pub(crate) use jobs::JobsArguments;
pub(crate) use scheduler::SchedulerArguments;

pub(crate) use executor::main as executor;
pub(crate) use jobs::main as jobs;
pub(crate) use scheduler::main as scheduler;
