//! Tests of the whole: SQL on every engine, and the golden numbers.

mod engine;
mod golden;
mod slt;
