//! Lists the images of a table, a page at a time.
//!
//! ```text
//! filters -> scope -> local_walk (disks) or tree (stores) -> chooser -> pages of images
//! ```
//!
//! Nothing is asked of a store before a page is asked of the stream, so a query that has seen
//! enough stops the listing, and no more than a few pages are in memory at once.

mod chooser;
mod divided_keys;
mod local_walk;
mod object;
mod pages;
mod ranges;
mod report;
mod requests;
mod scope;
mod tree;

pub(crate) use chooser::{Chooser, Entry};
pub(crate) use divided_keys::DividedKeys;
pub(crate) use object::{Known, ListedObject};
pub(crate) use pages::{Page, Pages, Source};
pub(crate) use ranges::{KeyPart, KeyRange, KeySample};
pub(crate) use report::Report;
pub use report::SkippedSink;
pub use requests::ListRequests;
pub(crate) use scope::Scope;

/// How many entries a page has: as many as a LIST request returns.
pub(crate) const PAGE: usize = 1_000;
