//! [`Members`]: the names of a shard's images, beside the rows that have their bytes.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::common::{DataFusionError, exec_datafusion_err};

use super::PackError;
use super::plan::member_name;

/// What the images of a shard are called, and how long they were when they were listed.
#[derive(Debug)]
pub(super) struct Members {
    names: Vec<String>,
    lengths: Vec<u64>,
}

impl Members {
    /// Of the listed images of a shard, whose paths begin with `root`.
    ///
    /// # Errors
    /// If the listing has no such columns.
    pub(super) fn new(listed: &RecordBatch, root: &str) -> Result<Self, DataFusionError> {
        let column = |name| {
            let column = listed.column_by_name(name);
            column.ok_or_else(|| exec_datafusion_err!("a listing has no column {name}"))
        };
        let paths = column("path")?.as_string::<i32>().iter();
        let lengths = column("length")?.as_primitive::<Int64Type>().iter();
        Ok(Self {
            names: paths
                .map(|path| member_name(path.unwrap_or_default(), root))
                .collect(),
            lengths: lengths
                .map(|length| length.unwrap_or_default() as u64)
                .collect(),
        })
    }

    /// The name of the image at a position, which has so many bytes.
    ///
    /// # Errors
    /// If it has others than were listed.
    pub(super) fn name(&self, position: usize, length: usize) -> Result<&str, PackError> {
        let (Some(name), Some(listed)) = (self.names.get(position), self.lengths.get(position))
        else {
            return Err(PackError::Changed {
                path: format!("image {position}"),
            });
        };
        match *listed == length as u64 {
            true => Ok(name),
            false => Err(PackError::Changed { path: name.clone() }),
        }
    }

    /// # Errors
    /// If there are fewer images than names.
    pub(super) fn all(&self, written: usize) -> Result<(), PackError> {
        match self.names.get(written) {
            None => Ok(()),
            Some(name) => Err(PackError::Changed { path: name.clone() }),
        }
    }
}
