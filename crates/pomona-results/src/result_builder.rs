//! [`ResultBuilder`]: the result put together from published files, checkpoints and new chunks.

use std::collections::HashSet;
use std::slice::from_ref;

use arrow::array::{Array, AsArray};
use datafusion::common::Result;
use datafusion::config::ConfigField;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;

use crate::checkpoint::Checkpoint;
use crate::comparison::compare;
use crate::dropped_rows::{DroppedPaths, DroppedRows};
use crate::file_size::{FEATURES_ROW_BYTES, FileSize, Piece};
use crate::listing::ListingStream;
use crate::manifest::PublishedFile;
use crate::output::Output;
use crate::pending::{Pending, PendingChunk};
use crate::row_index::{Kept, RowIndex};
use crate::{FeatureOptions, Manifest, ResultsError, parquet_rows};

/// Where rows of features may come from, and which of them are the result.
///
/// Rows are read and compared file by file and batch by batch. What is kept of each file are counts.
pub struct ResultBuilder<'a> {
    ctx: &'a SessionContext,
    output: &'a Output,
    row_index: RowIndex,
    /// The files of features of the finished run: the first sources of the row index, in its order.
    features: Vec<PublishedFile>,
    /// The complete chunks, each with its number in the row index.
    chunks: Vec<(usize, Checkpoint)>,
    /// The first damaged file of each chunk that cannot be used.
    damaged: Vec<String>,
}

/// The files of features of the result.
#[derive(Debug, Default)]
pub struct BuiltRows {
    /// Files that stay where they are.
    pub in_place: Vec<PublishedFile>,
    /// Files of chunks that are the result as they are: where they are, and where they belong.
    pub moves: Vec<(PublishedFile, String)>,
}

/// A file whose rows all belong to the result, or files of which some rows do.
struct Candidate {
    /// Their number in the row index.
    source: usize,
    files: Vec<PublishedFile>,
    piece: Piece,
}

impl<'a> ResultBuilder<'a> {
    /// Begins with the rows of a finished run and those that interrupted runs left.
    pub async fn open(
        ctx: &'a SessionContext,
        output: &'a Output,
        finished: Option<&Manifest>,
        weights_sha256: &str,
        options: &FeatureOptions,
    ) -> Result<Self, ResultsError> {
        let features: Vec<_> = finished
            .iter()
            .flat_map(|m| m.features().cloned())
            .collect();
        let mut this = Self {
            ctx,
            output,
            row_index: RowIndex::new(features.len(), DroppedRows::new(ctx)),
            features,
            chunks: vec![],
            damaged: vec![],
        };
        for checkpoint in Checkpoint::left(output.folder(), weights_sha256, options).await? {
            let files: Vec<_> = checkpoint.files().collect();
            if let Some(file) = output.first_damaged(&files).await? {
                this.damaged.push(file.path.clone());
                continue;
            }
            this.chunks.push((this.row_index.add(), checkpoint));
        }
        Ok(this)
    }

    /// Files of interrupted runs whose bytes are not those that were written, so that their chunks
    /// are not used.
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// What of a listing must be computed. With `prune`, rows of images that are not listed are
    /// dropped.
    ///
    /// # Errors
    /// When rows that are there cannot be read, when the listing fails, and when there is no room for
    /// either on the disk for temporary files.
    pub async fn compare(
        &mut self,
        listing: ListingStream,
        prune: bool,
    ) -> Result<Pending, ResultsError> {
        let published = self.features.iter().map(|file| self.urls(from_ref(file)));
        let left = self.chunks.iter();
        let left = left.map(|(_, chunk)| self.urls(&chunk.features));
        let sources = published.chain(left).collect();
        Ok(compare(self.ctx, listing, sources, &mut self.row_index, prune).await?)
    }

    /// Adds the chunk of some images that is complete, and records it under a name if a later run can
    /// use it.
    ///
    /// # Errors
    /// When the chunk cannot be read, or recorded.
    pub async fn computed(
        &mut self,
        mut chunk: Checkpoint,
        images: &PendingChunk,
        name: &str,
    ) -> Result<(), ResultsError> {
        let source = self.row_index.add();
        let mut keys = parquet_rows::keys(self.ctx, self.urls(&chunk.features)).await?;
        let mut has_features = false;
        while let Some(batch) = keys.next().await {
            let batch = batch?;
            let text = |column: usize| batch.column(column).as_string::<i32>();
            let (paths, e_tags, errors) = (text(0), text(1), text(2));
            has_features |= errors.null_count() > 0;
            for ((path, e_tag), error) in paths.iter().zip(e_tags).zip(errors) {
                let path = path.unwrap_or_default();
                let before = images.before(path);
                self.row_index
                    .computed(source, path, (e_tag, error), before)?;
            }
        }
        // Images without features are tried again anyway.
        if has_features {
            for file in &mut chunk.features {
                let (_, sha256) = self.output.folder().digest(&file.path).await?;
                file.sha256 = Some(sha256);
            }
            chunk.record(self.output.folder(), name).await?;
        }
        self.chunks.push((source, chunk));
        Ok(())
    }

    /// Whether the result is not what was published.
    pub fn changed(&self) -> bool {
        self.row_index.changed()
    }

    /// Puts the result together and defines the table `features` over it.
    ///
    /// Files of the right size of which every row belongs to the result stay as they are; the rows
    /// of others are written together below `results`, relative to the output.
    ///
    /// # Errors
    /// [`ResultsError::FileMissing`] when a file of the finished run has other bytes than those
    /// that were published, and when storage fails.
    pub async fn build(self, results: &str, size: FileSize) -> Result<BuiltRows, ResultsError> {
        let mut built = BuiltRows::default();
        let mut whole = vec![];
        let candidates = self.candidates();
        let published = candidates.iter().filter(|c| c.source < self.features.len());
        let published: Vec<_> = published.flat_map(|c| &c.files).collect();
        if let Some(file) = self.output.first_damaged(&published).await? {
            return Err(self.output.missing(file.path.clone()));
        }
        let pieces: Vec<Piece> = candidates.iter().map(|c| c.piece).collect();
        size.apply(self.ctx, FEATURES_ROW_BYTES)?;
        let Self {
            ctx,
            output,
            row_index,
            features,
            ..
        } = self;
        // Sorting them takes time, and most results have no file of which some rows are kept.
        let dropped = match pieces.iter().all(|piece| piece.is_file) {
            true => None,
            false => Some(row_index.into_dropped().finish(ctx).await?),
        };
        let mut is_rewritten = vec![false; candidates.len()];
        for group in size.groups(&pieces) {
            let group = group.into_iter().map(|candidate| {
                is_rewritten[candidate] = true;
                &candidates[candidate]
            });
            let frames = frames(ctx, output, group.collect(), dropped.as_ref()).await?;
            write(output, frames, &format!("{results}/features")).await?;
        }
        let stay = candidates.iter().zip(is_rewritten);
        for (candidate, _) in stay.filter(|(_, is_rewritten)| !is_rewritten) {
            whole.extend(urls(output, &candidate.files));
            for file in &candidate.files {
                if candidate.source < features.len() {
                    built.in_place.push(file.clone());
                } else {
                    let to = format!("features/{}", file.name());
                    built.moves.push((file.clone(), to));
                }
            }
        }
        let written = output.files(&format!("{results}/features")).await?;
        whole.extend(urls(output, &written));
        let rows = parquet_rows::read(ctx, whole).await?;
        ctx.register_table("features", rows.into_view())?;
        Ok(built)
    }

    /// The files with rows of features that belong to the result.
    fn candidates(&self) -> Vec<Candidate> {
        let published = self.features.iter().enumerate();
        let published = published.map(|(source, file)| (source, from_ref(file)));
        let chunks = self.chunks.iter();
        let chunks = chunks.map(|(source, chunk)| (*source, chunk.features.as_slice()));
        let mut candidates = vec![];
        for (source, files) in published.chain(chunks) {
            match self.row_index.kept(source) {
                Kept::None => {}
                Kept::All => candidates.extend(files.iter().map(|file| Candidate {
                    source,
                    files: vec![file.clone()],
                    piece: Piece {
                        bytes: file.bytes,
                        is_file: true,
                    },
                })),
                Kept::Some => {
                    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
                    candidates.push(Candidate {
                        source,
                        files: files.to_vec(),
                        piece: Piece {
                            bytes: (bytes as f64 * self.row_index.share(source)) as u64,
                            is_file: false,
                        },
                    });
                }
            }
        }
        candidates
    }

    fn urls(&self, files: &[PublishedFile]) -> Vec<String> {
        urls(self.output, files)
    }
}

fn urls(output: &Output, files: &[PublishedFile]) -> Vec<String> {
    files.iter().map(|file| output.url(&file.path)).collect()
}

/// The rows of candidates that belong to the result. Whole files are one frame, however many they
/// are: a plan that names each of them apart would read them all at once.
async fn frames(
    ctx: &SessionContext,
    output: &Output,
    candidates: Vec<&Candidate>,
    dropped: Option<&DroppedPaths>,
) -> Result<Vec<DataFrame>> {
    let (whole, parts): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| candidate.piece.is_file);
    let whole: Vec<_> = whole.iter().flat_map(|c| urls(output, &c.files)).collect();
    let mut frames = vec![];
    if !whole.is_empty() {
        frames.push(parquet_rows::read(ctx, whole).await?);
    }
    for Candidate { source, files, .. } in parts {
        let dropped = match dropped {
            Some(dropped) => dropped.of(*source)?,
            None => HashSet::new(),
        };
        let mut keys = parquet_rows::keys(ctx, urls(output, files)).await?;
        let mut kept = vec![];
        while let Some(batch) = keys.next().await {
            let batch = batch?;
            let paths = batch.column(0).as_string::<i32>().iter().flatten();
            let paths = paths.filter(|path| !dropped.contains(*path));
            kept.extend(paths.map(str::to_string));
        }
        frames.push(parquet_rows::some(ctx, urls(output, files), kept).await?);
    }
    Ok(frames)
}

/// Writes frames as the rows of one file, as far as it may be so large.
async fn write(output: &Output, frames: Vec<DataFrame>, folder: &str) -> Result<()> {
    if let Some(rows) = parquet_rows::union(frames)? {
        let url = format!("{}/", output.url(folder));
        let options = DataFrameWriteOptions::new();
        let (mut state, plan) = rows.into_parts();
        // The rows are one file's. On a cluster every partition becomes a file.
        let execution = &mut state.config_mut().options_mut().execution;
        execution.target_partitions = 1;
        let mut parquet = state.default_table_options().parquet;
        // As sql/pipeline/features.sql has it.
        parquet.set("dictionary_enabled::features.list.item", "false")?;
        let rows = DataFrame::new(state, plan);
        rows.write_parquet(&url, options, Some(parquet)).await?;
    }
    Ok(())
}
