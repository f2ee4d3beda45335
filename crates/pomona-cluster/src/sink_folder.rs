//! Sinks that write files into a folder, and the same sinks for another folder.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::file_format::csv::CsvSink;
use datafusion::datasource::file_format::json::JsonSink;
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::{FileOutputMode, FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use uuid::Uuid;

/// How a kind of sink is made again with another configuration.
type Rebuild = Box<dyn FnOnce(FileSinkConfig) -> Arc<dyn DataSink>>;

/// A sink of Parquet, CSV or JSON files.
struct FileSinkParts {
    config: FileSinkConfig,
    rebuild: Rebuild,
}

fn parts(sink: &dyn DataSink) -> Option<FileSinkParts> {
    let (config, rebuild): (_, Rebuild) = if let Some(sink) = sink.downcast_ref::<ParquetSink>() {
        let options = sink.parquet_options().clone();
        let rebuild = |config| Arc::new(ParquetSink::new(config, options)) as Arc<dyn DataSink>;
        (sink.config(), Box::new(rebuild))
    } else if let Some(sink) = sink.downcast_ref::<CsvSink>() {
        let options = sink.writer_options().clone();
        let rebuild = |config| Arc::new(CsvSink::new(config, options)) as Arc<dyn DataSink>;
        (sink.config(), Box::new(rebuild))
    } else {
        let sink = sink.downcast_ref::<JsonSink>()?;
        let options = sink.writer_options().clone();
        let rebuild = |config| Arc::new(JsonSink::new(config, options)) as Arc<dyn DataSink>;
        (sink.config(), Box::new(rebuild))
    };
    Some(FileSinkParts {
        config: config.clone(),
        rebuild,
    })
}

/// Whether a sink writes Parquet, CSV or JSON files, so that an executor can do its work.
pub(crate) fn writes_files(sink: &dyn DataSink) -> bool {
    parts(sink).is_some()
}

/// The folder that such a sink fills with files of its own naming; `None` if it writes one file,
/// or no files.
pub(crate) fn folder(sink: &dyn DataSink) -> Option<ListingTableUrl> {
    let config = parts(sink)?.config;
    let path = config.table_paths.first()?;
    (!config.file_output_mode.single_file_output(path)).then(|| path.clone())
}

/// The same sink for another folder; `None` if it does not write files.
pub(crate) fn with_folder(
    sink: &dyn DataSink,
    folder: ListingTableUrl,
) -> Option<Arc<dyn DataSink>> {
    let FileSinkParts {
        mut config,
        rebuild,
    } = parts(sink)?;
    config.original_url = folder.to_string();
    config.table_paths = vec![folder];
    config.file_output_mode = FileOutputMode::Directory;
    Some(rebuild(config))
}

/// The folder `name` in `folder`, whether that is written with a slash at its end or without.
///
/// # Errors
/// When the path that results is none.
pub(crate) fn below(folder: &ListingTableUrl, name: &str) -> Result<ListingTableUrl> {
    let mut url = folder.get_url().clone();
    let path = format!("{}/{name}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    ListingTableUrl::try_new(url, None)
}

/// A name for a folder of its own. Keys of object stores are long enough without it, so it is short:
/// 48 bits, where a handful of names must differ.
pub(crate) fn unique_name() -> String {
    let name = Uuid::new_v4().simple().to_string();
    name[..12].to_string()
}
