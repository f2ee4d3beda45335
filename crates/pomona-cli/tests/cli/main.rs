//! The binary as people and scripts call it: output, messages, exit codes.

mod chromium;
mod config;
mod crash;
mod interrupt;
mod progress;
mod report;
mod resume;
mod run;
mod s3;
mod shells;
mod sql;
mod workplace;
