//! The binary as people and scripts call it: output, messages, exit codes.

mod config;
mod interrupt;
mod progress;
mod run;
mod s3;
mod shells;
mod sql;
mod workplace;
