//! Tests of the whole: SQL on every engine, and the golden numbers.

#![expect(unreachable_pub, reason = "modules of a test are not a library")]

mod book;
mod codec;
mod devices;
mod engine;
mod examples;
mod golden;
mod portable;
mod random_queries;
mod slt;
mod sql_reference;
mod standalone;
mod tidy;
mod traps;
mod urls;
mod weights;
