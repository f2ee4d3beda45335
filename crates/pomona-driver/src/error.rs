//! What can go wrong while a script or the pipeline runs.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use pomona_images::ImagesError;
use pomona_pca::PcaError;
use pomona_session::plain_message;
use thiserror::Error;

/// The error of a script or a pipeline.
#[derive(Debug, Error)]
pub enum DriverError {
    /// A script is neither built in nor a readable file.
    #[error("no script '{name}': give the path of a .sql file, or one of {known}")]
    UnknownScript {
        /// What was asked for.
        name: String,
        /// The names of the scripts that are built in.
        known: String,
    },

    /// A script's file cannot be read.
    #[error("script '{}': {source}", path.display())]
    ReadScript {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },

    /// A script uses a variable that has no value.
    #[error("line {line}: ${{{name}}} has no value: define it with -d {name}=VALUE{}", known(.defined))]
    UndefinedVariable {
        /// The variable.
        name: String,
        /// Where it is used, from 1.
        line: usize,
        /// The names that are defined.
        defined: Vec<String>,
    },

    /// A definition on the command line is not `NAME=VALUE`.
    #[error("'{0}' is not NAME=VALUE")]
    BadDefinition(String),

    /// A statement failed.
    #[error("{script}, statement {number}: {}", plain_message(.source))]
    Statement {
        /// The script.
        script: String,
        /// The statement's place in it, from 1.
        number: usize,
        /// What the engine says.
        source: Box<DataFusionError>,
    },

    /// The engine failed outside a script.
    #[error("{}", plain_message(.0))]
    Engine(Box<DataFusionError>),

    /// A location cannot be used, or its objects cannot be listed.
    #[error(transparent)]
    Images(#[from] ImagesError),

    /// An output holds files that no run of Pomona wrote.
    #[error(
        "'{output}' holds files under the names of results that no run of Pomona wrote: {}{}. \
         Nothing was computed or changed: choose an empty folder for --output, or move them away",
        first.join(", "), and_more(*count, first)
    )]
    ForeignFiles {
        /// The output.
        output: String,
        /// How many there are.
        count: usize,
        /// The first of them, relative to the output.
        first: Vec<String>,
    },

    /// The output holds the results of another folder of images.
    #[error(
        "'{output}' holds results of other images: its run read '{before}', and none of its \
         {images} images lies below '{now}'. If the images were moved, start anew with \
         --overwrite; else choose another --output"
    )]
    OtherInput {
        /// The output.
        output: String,
        /// The input of the finished run.
        before: String,
        /// The input that was given now.
        now: String,
        /// The images of the finished run.
        images: u64,
    },

    /// Results would be written among the images, or images read from among results.
    #[error(
        "--input '{input}' and --output '{output}' are {relation}: results among images would be \
         taken for images, so choose an output of its own"
    )]
    InputIsOutput {
        /// The input.
        input: String,
        /// The output.
        output: String,
        /// How they lie.
        relation: &'static str,
    },

    /// A condition is not one SQL expression.
    #[error("--filter '{filter}' is not a condition: {reason}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The value of a variable is not what its place in a script takes.
    #[error("the value of ${{{name}}}, '{value}', is not one SQL expression: {reason}")]
    VariableValue {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },

    /// There is nothing to do.
    #[error(
        "no image found in '{input}'{}: images are files ending in jpg, jpeg, jpe, jfif, png, webp, bmp, gif, tif or tiff",
        filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default()
    )]
    NoImages {
        /// The folder that was searched.
        input: String,
        /// The filter that was applied, if any.
        filter: Option<String>,
    },

    /// No picture could be decoded.
    #[error("none of the {images} images in '{input}' can be decoded; the first reason: {reason}")]
    AllImagesBad {
        /// The folder that was read.
        input: String,
        /// The number of images.
        images: u64,
        /// The reason for the first of them.
        reason: String,
    },

    /// No picture of a sample could be decoded.
    #[error(
        "none of {images} images taken from '{input}' can be decoded, so there is nothing to \
         estimate: SELECT image_error(content) tells why"
    )]
    SampleBad {
        /// The folder that was read.
        input: String,
        /// The number of images that were taken.
        images: u64,
    },

    /// The output holds features of another network.
    #[error(
        "'{output}' holds a finished run of other weights (sha256 {before}, now {now}): \
         choose another --output, or --overwrite it"
    )]
    WeightsDiffer {
        /// The output.
        output: String,
        /// The sha256 of the weights of the finished run.
        before: String,
        /// That of the weights given now.
        now: String,
    },

    /// The manifest of a finished run cannot be read.
    #[error(
        "'{output}' has a {path} that no run of Pomona wrote, or that was damaged ({reason}): \
         choose another --output, or move the file away"
    )]
    UnreadableManifest {
        /// The output.
        output: String,
        /// The manifest, relative to the output.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },

    /// A file of a finished run is gone or not as it was.
    #[error(
        "'{output}' cannot be continued, because {path} is not there as manifest.json names it: \
         put it back, choose another --output, or --overwrite it"
    )]
    FileMissing {
        /// The output.
        output: String,
        /// The file, relative to the output.
        path: String,
    },

    /// Another run is writing the output.
    #[error(
        "'{output}' is being written by another run: {holder}, since {began}, run {run}, \
         last seen {seen} s ago. Wait until it ends, or choose another --output; \
         if you are sure that it runs no more, --force-unlock"
    )]
    Busy {
        /// The output.
        output: String,
        /// The process that holds it.
        holder: String,
        /// The run that holds it.
        run: String,
        /// When that run began.
        began: String,
        /// Seconds since it last renewed its lock.
        seen: i64,
    },

    /// Another run has taken the output over, or might have.
    #[error(
        "'{output}' was taken over while this run was writing it ({reason}): \
         nothing was published; run again when no other run writes it"
    )]
    LockLost {
        /// The output.
        output: String,
        /// How that is known.
        reason: String,
    },

    /// What lies where the lock should be is none.
    #[error(
        "'{output}' has a lock that cannot be read, {path} ({reason}): \
         --force-unlock removes it, if you are sure that no run writes there"
    )]
    UnreadableLock {
        /// The output.
        output: String,
        /// The lock, relative to the output.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },

    /// There is no finished run where one is to be read.
    #[error(
        "'{output}' holds no finished run: there is no manifest.json in it; \
         give the folder that pomona run was given as --output"
    )]
    NoRun {
        /// The folder.
        output: String,
    },

    /// The model cannot be fitted on so few pictures, which is known before any is read.
    #[error(transparent)]
    Pca(#[from] PcaError),

    /// A table of prices cannot be used.
    #[error("{file}: {reason}")]
    Prices {
        /// The table's file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The table of prices has no such type of node.
    #[error(
        "no node type '{name}' in the table of prices{}: it has {known}; \
         others can be added to a file for --prices",
        nearest.as_ref().map(|nearest| format!("; did you mean '{nearest}'?")).unwrap_or_default()
    )]
    UnknownNodeType {
        /// What was asked for.
        name: String,
        /// The name that is nearest.
        nearest: Option<String>,
        /// All names.
        known: String,
    },

    /// Storage failed while results were published or read back.
    #[error("{action} '{path}': {source}")]
    Storage {
        /// What was being done.
        action: &'static str,
        /// The object.
        path: String,
        /// What the store says.
        source: object_store::Error,
    },

    /// A folder cannot be made.
    #[error("make the folder '{}': {source}", path.display())]
    MakeFolder {
        /// The folder.
        path: PathBuf,
        /// Why it cannot be made.
        source: std::io::Error,
    },

    /// The manifest of results cannot be read.
    #[error("the manifest.json of '{location}' cannot be read: {reason}")]
    ResultsUnreadable {
        /// The folder.
        location: String,
        /// Why it cannot be read.
        reason: String,
    },

    /// What a person typed is the end of several pictures' paths.
    #[error("'{image}' may be any of {count} pictures: {}{}", candidates.join(", "), more(*count, candidates))]
    AmbiguousPicture {
        /// What was typed.
        image: String,
        /// How many pictures it may be.
        count: usize,
        /// The first of them.
        candidates: Vec<String>,
    },

    /// What a person typed is no picture.
    #[error(
        "'{image}' is neither a file nor a picture of '{results}'; the nearest names there: {}",
        nearest.join(", ")
    )]
    UnknownPicture {
        /// What was typed.
        image: String,
        /// The results.
        results: String,
        /// The paths that look most like it.
        nearest: Vec<String>,
    },

    /// A picture of the results could not be decoded.
    #[error("'{path}' has no features: {reason}")]
    PictureWithoutFeatures {
        /// The picture.
        path: String,
        /// Why it has none.
        reason: String,
    },

    /// The weights that a run was given are not where they were.
    #[error("the weights of the run, '{weights}', are not there: name them with --weights FILE")]
    NoSuchWeights {
        /// What the run was given.
        weights: String,
    },

    /// There are no Parquet files to compare.
    #[error("no Parquet files in '{location}'")]
    NoParquet {
        /// The folder.
        location: String,
    },

    /// A column that is needed is not there.
    #[error("'{location}' has no column '{name}' {kind}: there are {}", columns.join(", "))]
    NoColumn {
        /// The folder.
        location: String,
        /// The column.
        name: String,
        /// What it should hold.
        kind: &'static str,
        /// The columns that are there, with their types.
        columns: Vec<String>,
    },

    /// Several columns may be the one that is looked for.
    #[error(
        "'{location}' has several columns that may be the {column}: {}; \
         name one with --{column}-column, or give the folder that is meant",
        candidates.join(", ")
    )]
    SeveralColumns {
        /// The folder.
        location: String,
        /// What is looked for.
        column: String,
        /// The columns and where they are.
        candidates: Vec<String>,
    },

    /// Two results have no column in common.
    #[error("nothing to compare: {here}; {there}")]
    NothingToCompare {
        /// What one has.
        here: String,
        /// What the other has.
        there: String,
    },
}

impl From<DataFusionError> for DriverError {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(Box::new(error))
    }
}

fn known(defined: &[String]) -> String {
    match defined {
        [] => String::new(),
        names => format!(" (defined: {})", names.join(", ")),
    }
}

fn and_more(count: usize, listed: &[String]) -> String {
    match count - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

fn more(count: usize, listed: &[String]) -> &'static str {
    if count > listed.len() { ", …" } else { "" }
}
