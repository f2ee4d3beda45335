//! The binary as people and scripts call it: output, messages, exit codes.

#![expect(unreachable_pub, reason = "modules of a test are not a library")]

mod chromium;
mod cluster;
mod config;
mod crash;
mod decoding;
mod documented;
mod driver;
mod earlier;
mod estimate;
mod formats;
mod interrupt;
mod lock;
mod many;
mod more_formats;
mod network;
mod outages;
mod outliers;
mod ownership;
mod pack_kills;
mod places;
mod progress;
mod publishing;
mod report;
mod requests;
mod resume;
mod run;
mod run_page;
mod s3;
mod s3_output;
mod shards;
mod shell;
mod shells;
mod similar;
mod small;
mod spark;
mod sql;
mod suspects;
mod urls;
mod verify;
mod weights;
mod workplace;
