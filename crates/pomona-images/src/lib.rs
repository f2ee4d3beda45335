//! Folders of images, local or in S3, as a DataFusion table: `STORED AS IMAGES`.
//!
//! ```sql
//! CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://bucket/data/Training/'
//!   OPTIONS (glob '*.jpg', concurrency 64);
//! SELECT label, count(*) FROM images('s3://bucket/data/Training/', glob => '*.jpg') GROUP BY label;
//! ```
//!
//! The table has one row an object: `path`, `label` (the parent folder), `length`,
//! `modification_time`, `e_tag` and `content`. A scan is planned in two steps:
//!
//! ```text
//! ImageScanExec                 appends `content`: one GET a row, many in flight
//!   DataSourceExec (in memory)  the listing: one row an object, already filtered and limited
//! ```
//!
//! The listing begins where the plan is made, so filters on every column but `content`, and
//! LIMIT, are applied before any object is read, and a query that does not name `content` is the
//! listing alone. Where its first thousand objects are not all, the leaf is an
//! [`ImageListingExec`], which lists the rest while the query runs and keeps none of it. The fetch
//! is a unary operator over rows because a distributed scheduler knows how to divide rows in
//! memory among tasks, and does not know how to divide a leaf it has never seen: in a session with
//! [`ListWhilePlanning`] all rows are in the plan, or, where they are many, the ranges of keys that
//! hold them, below a [`ListRangesExec`].

mod arrivals;
mod assignment;
mod batching;
mod begun_listing;
pub mod documentation;
mod error;
mod exec;
mod factory;
mod fetch;
mod first_page;
mod groups;
mod image_location;
mod images_function;
mod in_flight;
mod io_runtime;
mod key_space;
mod list_ranges_exec;
mod listing;
mod listing_exec;
mod listing_files;
mod listing_run;
mod location;
mod matching;
mod options;
mod prefetch;
mod request_limit;
mod resolve;
mod rows;
mod schema;
mod selection;
mod shards;
mod skipped;
mod store_refusal;
mod summary;
mod table;
mod urls;

pub use error::ImagesError;
pub use exec::{ImageScanConfig, ImageScanExec};
pub use factory::ImageTableFactory;
pub use first_page::first_paths;
pub use image_location::ImageLocation;
pub use images_function::ImagesFunction;
pub use in_flight::{MOST_IN_FLIGHT, slow_answers};
pub use io_runtime::io_runtime;
pub use list_ranges_exec::{ListRangesConfig, ListRangesExec};
pub use listing::{ListRequests, SkippedSink};
pub use listing_exec::ImageListingExec;
pub use location::Location;
pub use matching::is_image_name;
pub use options::{ImageTableOptions, Missing, Shards};
pub use resolve::resolve;
pub use schema::{all_columns, image_schema, listed_schema, needs_object, table_schema};
pub use shards::{ReadRequests, Sidecar, divide, is_archive_name, listed_object, may_be_in_shard};
pub use skipped::Skipped;
pub use store_refusal::{Request, StoreRefusal, store_answer};
pub use table::{ImageTable, ListWhilePlanning};
pub use urls::{
    AllowedHosts, ReadApart, ReadFault, ReadFunc, ReadOptions, ReadOutput, ReadUrls, ReadUrlsExec,
    UrlRead, read_functions,
};
