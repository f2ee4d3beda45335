//! The binary as people and scripts call it: output, messages, exit codes.

mod crash;
mod resume;
mod run;
mod s3;
mod sql;
mod workplace;
