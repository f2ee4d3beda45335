//! [`Pack`]: images as shards, in tar or Parquet files, without a change of their bytes.
//!
//! The images are listed, put into the order of their paths and divided into shards, which makes the
//! plan; `pack.json` has it, and which of the shards are complete. A shard is written under its name
//! in one step of the store, and recorded then, so that another call goes on where this one ends.

mod error;
mod members;
mod parquet_shard;
mod plan;
mod record;
mod tar_shard;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use object_store::buffered::BufWriter;
use pomona_images::Location;
use pomona_results::{Listing, StoreFolder};

pub use error::PackError;
pub use plan::ShardFormat;

use crate::scripts::{Selection, select_images};
use members::Members;
use plan::{PlannedShard, plan, root};
use record::{RECORD, Record, Shard};

/// What is packed, and how.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// The images: a path or a URL.
    pub input: String,
    /// Where the shards go.
    pub output: Location,
    /// The most bytes of a shard, unless a single image has more.
    pub shard_size: u64,
    /// The kind of files.
    pub format: ShardFormat,
    /// Whether shards of another plan are replaced.
    pub overwrite: bool,
}

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackProgress {
    /// So many images make so many shards, of which some are there.
    Planned {
        /// Images.
        images: u64,
        /// All shards.
        shards: usize,
        /// Those that an earlier call wrote.
        complete: usize,
    },
    /// A shard is complete.
    Written {
        /// Its name.
        name: String,
        /// Its images.
        images: u64,
        /// The bytes of the images.
        bytes: u64,
    },
    /// Something that a person should know.
    Note {
        /// What it is.
        message: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Images in all shards.
    pub images: u64,
    /// Their bytes.
    pub bytes: u64,
    /// All shards.
    pub shards: usize,
    /// Those that this call wrote.
    pub written: usize,
}

/// Images to be packed.
pub struct Pack<'a> {
    ctx: &'a SessionContext,
    options: PackOptions,
}

impl<'a> Pack<'a> {
    /// Packs in a session.
    pub fn new(ctx: &'a SessionContext, options: PackOptions) -> Self {
        Self { ctx, options }
    }

    /// Writes the shards that are not there yet.
    ///
    /// # Errors
    /// When there are no images, when one cannot be read or changed meanwhile, and when the output
    /// holds files of others or shards of another plan.
    pub async fn run(&self, progress: impl Fn(PackProgress)) -> Result<Packed, PackError> {
        self.check_places()?;
        let listing = self.list(&progress).await?;
        let planned = plan(&listing, &self.options)?;
        let folder = StoreFolder::open(self.ctx, &self.options.output)?;
        let mut record = Record::new(&self.options, &planned);
        let earlier = self.earlier(&folder).await?;
        let mut surplus = vec![];
        if let Some(earlier) = earlier {
            if !earlier.is_same_plan(&record) && !self.options.overwrite {
                return Err(PackError::OtherPlan {
                    output: self.options.output.to_string(),
                    input: earlier.input,
                });
            }
            record.keep(&earlier);
            surplus = record.surplus(&earlier);
        }
        self.check_shards(&folder, &mut record).await?;
        let _made = folder.create_folder()?;
        if let Some(place) = folder.local_file("") {
            remove_halves(&place, &record);
        }
        record.write(&folder).await?;

        let images = planned.iter().map(PlannedShard::images).sum();
        let complete = record.shards.iter().filter(|shard| shard.size.is_some());
        progress(PackProgress::Planned {
            images,
            shards: planned.len(),
            complete: complete.count(),
        });
        let mut written = 0;
        for (position, shard) in planned.iter().enumerate() {
            if record.shards[position].size.is_some() {
                continue;
            }
            self.write(&folder, &listing, shard).await?;
            let size = folder.size(&shard.name).await?;
            record.shards[position].size = size;
            record.write(&folder).await?;
            written += 1;
            progress(PackProgress::Written {
                name: shard.name.clone(),
                images: shard.images(),
                bytes: shard.bytes,
            });
        }
        if !surplus.is_empty() {
            let paths = surplus.iter().map(|name| folder.path(name)).collect();
            folder.delete_all(paths).await?;
            record.replaced.clear();
            record.write(&folder).await?;
        }
        Ok(Packed {
            images,
            bytes: listing.bytes(),
            shards: planned.len(),
            written,
        })
    }

    /// Refuses to read images from among shards that are written.
    fn check_places(&self) -> Result<(), PackError> {
        let input = Location::parse(&self.options.input)?;
        let input = input.before_glob().resolved();
        let output = self.options.output.resolved();
        match input.strip(&output).is_some() || output.strip(&input).is_some() {
            true => Err(PackError::InputIsOutput {
                input: self.options.input.clone(),
                output: self.options.output.to_string(),
            }),
            false => Ok(()),
        }
    }

    async fn list(&self, progress: &impl Fn(PackProgress)) -> Result<Listing, PackError> {
        let selection = Selection {
            input: &self.options.input,
            path_column: None,
            filter: None,
            limit: None,
        };
        select_images(self.ctx, &selection).await?;
        let listing = Listing::collect(self.ctx, &self.options.input).await?;
        let skipped = listing.skipped();
        if listing.is_empty() {
            return Err(PackError::NoImages {
                input: self.options.input.clone(),
            });
        }
        if skipped.no_image_count() > 0 {
            let message = format!(
                "{} files are no images by their names and are not packed: {}",
                skipped.no_image_count(),
                skipped.extensions()
            );
            progress(PackProgress::Note { message });
        }
        if skipped.unreadable_count() > 0 {
            let message = format!("not packed: {skipped}");
            progress(PackProgress::Note { message });
        }
        Ok(listing)
    }

    /// What an earlier call planned; files of others refuse the output.
    async fn earlier(&self, folder: &StoreFolder) -> Result<Option<Record>, PackError> {
        let output = self.options.output.to_string();
        let record = match folder.read(RECORD).await? {
            Some(bytes) => Some(Record::parse(&bytes).map_err(|error| PackError::Record {
                record: self.options.output.below(RECORD),
                reason: error.to_string(),
            })?),
            None => None,
        };
        let mut own: HashSet<&str> = HashSet::from([RECORD]);
        if let Some(record) = &record {
            own.extend(record.names());
        }
        let files = folder.list("").await?.into_iter();
        let mut names = files.map(|file| folder.relative(&file.location));
        match names.find(|name| !own.contains(name.as_str())) {
            Some(name) => Err(PackError::Stranger { output, name }),
            None => Ok(record),
        }
    }

    /// Forgets shards that are gone, or not as they were written.
    async fn check_shards(
        &self,
        folder: &StoreFolder,
        record: &mut Record,
    ) -> Result<(), PackError> {
        let files = folder.list("").await?.into_iter();
        let sizes: HashMap<String, u64> = files
            .map(|file| (folder.relative(&file.location), file.size))
            .collect();
        for Shard { name, size, .. } in &mut record.shards {
            if *size != sizes.get(name.as_str()).copied() {
                *size = None;
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        folder: &StoreFolder,
        listing: &Listing,
        shard: &PlannedShard,
    ) -> Result<(), PackError> {
        let path = folder.path(&shard.name);
        let stores = Arc::clone(&self.ctx.runtime_env().object_store_registry);
        let store = stores.get_store(&self.options.output.url())?;
        let failed = |source: std::io::Error| PackError::Write {
            shard: self.options.output.below(&shard.name),
            reason: source.to_string(),
        };
        let listed = listing.rows(shard.rows.clone())?;
        let members = &Members::new(&listed, &root(&self.options)?)?;
        let rows = self.rows(listing, listed).await?;
        let mut writer = BufWriter::new(store, path);
        let written = match self.options.format {
            ShardFormat::Tar => tar_shard::write(&mut writer, rows, members, failed).await,
            ShardFormat::Parquet => parquet_shard::write(&mut writer, rows, members, failed).await,
        };
        if written.is_err() {
            // The first error is what a person should read.
            let _ = writer.abort().await;
        }
        written
    }

    /// The images of a shard in its order: one partition keeps that of the listing.
    async fn rows(
        &self,
        listing: &Listing,
        listed: RecordBatch,
    ) -> Result<SendableRecordBatchStream, PackError> {
        let mut state = self.ctx.state();
        let config = state.config_mut();
        *config = config.clone().with_target_partitions(1);
        let ctx = SessionContext::new_with_state(state);
        let images = Arc::new(listing.place().table(listed).in_order());
        let columns = [
            "path",
            "label",
            "modification_time",
            "content",
            "read_error",
        ];
        let frame = ctx.read_table(images)?.select_columns(&columns)?;
        Ok(frame.execute_stream().await?)
    }
}

/// An image of a batch as it is written.
struct Image<'a> {
    label: &'a str,
    /// Seconds since 1970.
    modified: i64,
    content: &'a [u8],
}

/// The images of a batch.
///
/// # Errors
/// If one of them could not be read.
fn images(batch: &RecordBatch) -> Result<Vec<Image<'_>>, PackError> {
    use arrow::datatypes::TimestampMicrosecondType;
    let text = |column: usize| batch.column(column).as_string::<i32>();
    let (paths, labels, reasons) = (text(0), text(1), text(4));
    let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
    let contents = batch.column(3).as_binary::<i32>();
    let image = |row: usize| match contents.is_valid(row) {
        true => Ok(Image {
            label: labels.value(row),
            modified: times.value(row).div_euclid(1_000_000).max(0),
            content: contents.value(row),
        }),
        false => Err(PackError::Unreadable {
            path: paths.value(row).to_owned(),
            reason: reasons.value(row).to_owned(),
        }),
    };
    (0..batch.num_rows()).map(image).collect()
}

/// Removes what a crash left on a disk of the files of a record: those that object_store would have
/// renamed, `shard-000000.tar#1`.
fn remove_halves(folder: &Path, record: &Record) {
    let own: HashSet<&str> = record.names().chain([RECORD]).collect();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let half = name.to_str().and_then(|name| name.rsplit_once('#'));
        let is_half =
            |(name, number): (&str, &str)| own.contains(name) && number.parse::<u32>().is_ok();
        if half.is_some_and(is_half) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
