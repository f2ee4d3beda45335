//! `pomona scheduler`, `pomona executor`, `pomona jobs` and `pomona ui`: a cluster's processes and its work.

mod executor;
mod jobs;
mod scheduler;
mod signals;
mod ui;

pub(crate) use executor::ExecutorArguments;
pub(crate) use jobs::JobsArguments;
pub(crate) use scheduler::SchedulerArguments;
pub(crate) use ui::UiArguments;

pub(crate) use executor::main as executor;
pub(crate) use jobs::main as jobs;
pub(crate) use scheduler::main as scheduler;
pub(crate) use ui::main as ui;
