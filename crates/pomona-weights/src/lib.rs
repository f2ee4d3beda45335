//! What `pomona.weights` names, as checked bytes.
//!
//! | value | weights |
//! |---|---|
//! | `fruits` | the file inside the program |
//! | `imagenet` | `google/mobilenet_v2_1.0_224` of the Hugging Face Hub, through its ordinary cache |
//! | a path, `file://…` | a file on a disk |
//! | `http://…`, `https://…` | a file on a web server |
//! | any other URL, such as `s3://…` | an object, through an [`ObjectReader`] |
//!
//! [`Source::parse`] understands the value and [`load`] gives a [`WeightsFile`]: bytes, their
//! sha256 and where they came from. The bytes of `imagenet` are compared with the sha256 that the
//! hub states, and the network with a [fingerprint](imagenet), so that no other network goes by
//! that name.
//!
//! SQL functions run on threads that must not wait for a runtime of their own, so [`load`] is an
//! ordinary function: what needs the network runs on a thread of its own, and the caller waits.
//! [`listen`] registers a listener for the progress of fetches. No Arrow, no DataFusion, no terminal.

mod error;
mod fetch;
mod file;
mod hub;
pub mod imagenet;
mod load;
mod objects;
mod pickle;
mod progress;
mod source;

pub use error::LoadError;
pub use fetch::MOST_BYTES;
pub use file::WeightsFile;
pub use hub::{Fetched, HubSettings, Repository};
pub use load::{load, on_own_thread};
pub use objects::{ObjectReader, ReadObject};
pub use progress::{Progress, listen};
pub use source::{FRUITS, IMAGENET, NAMES, Source, Stamp};
