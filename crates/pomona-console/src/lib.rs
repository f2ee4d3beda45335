//! A cluster seen: plain data in, pages of HTML and the text of `/metrics` out.
//!
//! - [`Cluster`], [`JobRow`], [`Job`], [`Stage`], [`Task`], [`Executor`], [`Run`]: what the pages say, as plain data.
//! - [`View`]: which page an address names. [`View::render`] makes a [`Page`] of a [`Content`]: a
//!   document, and its regions, which a browser replaces one by one as they change.
//! - [`Exposition`]: metrics as the text that Prometheus reads.
//! - [`redacted`]: a text without the secrets that it may hold.
//!
//! A page is complete without its script, which replaces regions as the server sends them. Names of
//! jobs, SQL, plans and errors are untrusted text: `maud` escapes them, and [`POLICY`] permits the script
//! and the style of the same origin alone.
//!
//! ```text
//! address ──> View ──┐
//! Content ───────────┼── page (regions) ──> Page ──> document, or the regions that changed
//! Phrases (en, fr) ──┘
//! ```

mod drawing;
mod exposition;
mod model;
mod order;
mod page;
mod phrases;
mod policy;
mod redact;
mod times;
mod view;

pub use exposition::{Exposition, Format, Kind};
pub use model::{
    Cluster, Executor, Job, JobRow, JobState, NetworkLoads, Run, RunStage, Stage, StageState, Task,
    TaskState,
};
pub use order::{Column, Order};
pub use page::{Content, Frame, Page, Region, Settings, cancel_page, message_page};
pub use policy::{POLICY, SCRIPT, STYLE};
pub use pomona_report::Language;
pub use redact::{redacted, redacted_value, shortened};
pub use view::{List, View, language_of};
