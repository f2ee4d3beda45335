//! [`ResultBuilder`]: the result put together from published files, checkpoints and new chunks.

use datafusion::common::Result;
use datafusion::config::ConfigField;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{DataFrame, SessionContext};

use crate::checkpoint::Checkpoint;
use crate::file_size::{FEATURES_ROW_BYTES, FileSize, Piece};
use crate::listing::Listing;
use crate::manifest::PublishedFile;
use crate::output::Output;
use crate::row_index::{Kept, RowIndex};
use crate::{FeatureOptions, Manifest, ResultsError, parquet_rows};

/// Where rows of features may come from, and which of them are the result.
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

/// What a run has to do.
#[derive(Debug)]
pub struct Pending {
    /// The positions in the listing of the images that must be computed.
    pub positions: Vec<usize>,
    /// The rows of earlier runs whose images are not listed.
    pub unlisted: u64,
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
        let mut published = vec![];
        for file in &features {
            published.push(parquet_rows::keys(ctx, vec![output.url(&file.path)]).await?);
        }
        let mut this = Self {
            ctx,
            output,
            row_index: RowIndex::new(published),
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
            let rows = parquet_rows::keys(ctx, this.urls(&checkpoint.features)).await?;
            this.chunks.push((this.row_index.add(rows), checkpoint));
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
    pub fn pending(&mut self, listing: &Listing, prune: bool) -> Pending {
        let positions = self.row_index.pending(listing.iter());
        let unlisted = self
            .row_index
            .unlisted(listing.iter().map(|(path, _)| path));
        if prune {
            self.row_index.prune(listing.iter().map(|(path, _)| path));
        }
        Pending {
            positions,
            unlisted: unlisted as u64,
        }
    }

    /// The number of published rows, if there are some and none of them lies where a listing looks.
    pub fn strangers(&self, listing: &Listing) -> Option<u64> {
        let published = self.row_index.published().count() as u64;
        let all_elsewhere = !self.row_index.published().any(|path| listing.covers(path));
        (published > 0 && all_elsewhere).then_some(published)
    }

    /// The number of rows that the result will have, with a row for each pending image.
    pub fn expected(&self, listing: &Listing, pending: &[usize]) -> u64 {
        let paths: Vec<_> = listing.iter().map(|(path, _)| path).collect();
        let new = pending
            .iter()
            .filter(|&&p| !self.row_index.contains(paths[p]));
        (self.row_index.len() + new.count()) as u64
    }

    /// Adds a chunk that is complete, and records it under a name if a later run can use it.
    pub async fn computed(
        &mut self,
        mut chunk: Checkpoint,
        name: &str,
    ) -> Result<(), ResultsError> {
        let rows = parquet_rows::keys(self.ctx, self.urls(&chunk.features)).await?;
        // Images without features are tried again anyway.
        if rows.iter().any(|row| row.error.is_none()) {
            for file in &mut chunk.features {
                let (_, sha256) = self.output.folder().digest(&file.path).await?;
                file.sha256 = Some(sha256);
            }
            chunk.record(self.output.folder(), name).await?;
        }
        self.chunks.push((self.row_index.computed(rows), chunk));
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
    pub async fn build(&self, results: &str, size: FileSize) -> Result<BuiltRows, ResultsError> {
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
        let mut is_rewritten = vec![false; candidates.len()];
        for group in size.groups(&pieces) {
            let mut frames = vec![];
            for candidate in group {
                is_rewritten[candidate] = true;
                let Candidate { source, files, .. } = &candidates[candidate];
                let kept = self.row_index.kept(*source);
                frames.extend(parquet_rows::kept(self.ctx, self.urls(files), kept).await?);
            }
            self.write(frames, &format!("{results}/features")).await?;
        }
        let stay = candidates.iter().zip(is_rewritten);
        for (candidate, _) in stay.filter(|(_, is_rewritten)| !is_rewritten) {
            whole.extend(self.urls(&candidate.files));
            for file in &candidate.files {
                if candidate.source < self.features.len() {
                    built.in_place.push(file.clone());
                } else {
                    let to = format!("features/{}", file.name());
                    built.moves.push((file.clone(), to));
                }
            }
        }
        whole.extend(self.urls(&self.output.files(&format!("{results}/features")).await?));
        let rows = parquet_rows::read(self.ctx, whole).await?;
        self.ctx.register_table("features", rows.into_view())?;
        Ok(built)
    }

    /// The files with rows of features that belong to the result.
    fn candidates(&self) -> Vec<Candidate> {
        let published = self.features.iter().enumerate();
        let published = published.map(|(source, file)| (source, std::slice::from_ref(file)));
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
                Kept::Paths(_) => {
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

    async fn write(&self, frames: Vec<DataFrame>, folder: &str) -> Result<()> {
        if let Some(rows) = parquet_rows::union(frames)? {
            let url = format!("{}/", self.output.url(folder));
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

    fn urls(&self, files: &[PublishedFile]) -> Vec<String> {
        files
            .iter()
            .map(|file| self.output.url(&file.path))
            .collect()
    }
}
