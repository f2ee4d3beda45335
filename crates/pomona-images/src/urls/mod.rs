//! URLs as data: `read_image(url)`, and the operator that reads the URLs of a column.
//!
//! ```text
//! call -> rule -> ReadUrlsExec -> reader -> s3:// a store of the session
//!                                        -> file:// a regular file
//!                                        -> http(s):// `http`, by addresses that may be reached
//! ```
//!
//! URLs of a table are data of strangers, and an executor reads with rights that no stranger has.
//! [`AllowedHosts`] says what they may name, and `addresses` what they may lead to.

mod addresses;
mod exec;
mod fault;
mod function;
mod hosts;
mod http;
mod options;
mod reader;
mod rule;
mod stream;

pub use exec::{ReadUrls, ReadUrlsExec, UrlRead};
pub use fault::ReadFault;
pub use function::{ReadFunc, ReadOutput, read_functions};
pub use hosts::AllowedHosts;
pub use options::ReadOptions;
pub(crate) use reader::{Reader, is_web, shown};
pub use rule::ReadApart;
