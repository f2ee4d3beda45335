//! `pomona pack`: images as shards.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use indicatif::{BinaryBytes, HumanCount};
use pomona_images::Location;
use pomona_pipeline::pack::{Pack, PackOptions, PackProgress, ShardFormat};
use pomona_session::{RuntimeOptions, session_context};

use crate::bytes::parse_bytes;
use crate::terminal::note;

#[derive(Debug, Args)]
pub(crate) struct PackArguments {
    /// Images: a folder, a glob in quotes such as 'photos/*.jpg', or shards; a path or an s3:// URL
    #[arg(short, long, value_name = "IMAGES")]
    input: String,

    /// Folder of the shards: a path or an s3:// URL
    #[arg(short, long, value_name = "DIR")]
    output: String,

    /// Largest size of a shard, unless one image is larger
    #[arg(long, value_name = "BYTES", default_value = "256m", value_parser = parse_bytes)]
    shard_size: usize,

    /// Kind of shards: tar as WebDataset reads it, or Parquet as Hugging Face's libraries do
    #[arg(id = "format", long = "as", value_name = "FORMAT", value_enum, default_value_t = Kind::Tar)]
    format: Kind,

    /// Replace shards that pomona pack wrote of other images, or of another size or kind
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Tar,
    Parquet,
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: PackArguments, is_quiet: bool) -> Result<ExitCode> {
    let ctx = session_context(RuntimeOptions::default())?;
    let output = Location::parse(&arguments.output)?;
    let options = PackOptions {
        input: arguments.input,
        output: output.clone(),
        shard_size: arguments.shard_size as u64,
        format: match arguments.format {
            Kind::Tar => ShardFormat::Tar,
            Kind::Parquet => ShardFormat::Parquet,
        },
        overwrite: arguments.overwrite,
    };
    let pack = Pack::new(&ctx, options);
    let packed = pack.run(|progress| {
        if !is_quiet {
            report(&progress);
        }
    });
    let packed = packed.await?;
    if !is_quiet {
        note!(
            "{} images of {} in {} in {output}, {} of them written now",
            HumanCount(packed.images),
            BinaryBytes(packed.bytes),
            shards(packed.shards),
            packed.written
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn shards(count: usize) -> String {
    match count {
        1 => "1 shard".to_owned(),
        count => format!("{count} shards"),
    }
}

fn report(progress: &PackProgress) {
    match progress {
        PackProgress::Planned {
            images,
            shards,
            complete,
        } => note!(
            "{} images make {}, of which {complete} are there",
            HumanCount(*images),
            self::shards(*shards)
        ),
        PackProgress::Written {
            name,
            images,
            bytes,
        } => note!(
            "{name}: {} images, {}",
            HumanCount(*images),
            BinaryBytes(*bytes)
        ),
        PackProgress::Note { message } => note!("{message}"),
    }
}
