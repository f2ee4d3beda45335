//! Tests of the whole: SQL on every engine, and the golden numbers.

mod book;
mod codec;
mod engine;
mod golden;
mod random_queries;
mod slt;
mod sql_reference;
mod standalone;
mod tidy;
mod traps;
mod weights;
