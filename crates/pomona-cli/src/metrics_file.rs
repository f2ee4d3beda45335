//! The numbers of a run as OpenMetrics text, for `pomona run --metrics-file`.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use anyhow::{Context, Result};
use pomona_cluster::add_s3_counts;
use pomona_console::{Exposition, Kind};
use pomona_results::Manifest;
use pomona_session::s3_traffic;

/// Writes the numbers of a run. Whoever reads the file, such as the textfile collector of Prometheus's node exporter,
/// never sees a part of it.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, manifest: &Manifest, took: Duration) -> Result<()> {
    let failed = || {
        format!(
            "cannot write the metrics of the run to '{}'",
            path.display()
        )
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    io::Write::write_all(&mut file, text(manifest, took).as_bytes()).with_context(failed)?;
    let file = file.persist(path).with_context(failed)?;
    // A temporary file is its owner's alone; these numbers are for others to read.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = fs::Permissions::from_mode(0o644);
        file.set_permissions(readable).with_context(failed)?;
    }
    Ok(())
}

fn text(manifest: &Manifest, took: Duration) -> String {
    let mut text = Exposition::default();
    let counts = manifest.counts;
    text.family(
        "pomona_run_images",
        Kind::Gauge,
        "",
        "Images of the results.",
    );
    text.sample(&[("outcome", "features")], counts.features as f64);
    text.sample(&[("outcome", "error")], counts.errors as f64);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    for (name, unit, help, value) in [
        (
            "pomona_run_images_computed",
            "",
            "Images that the run computed features of.",
            counts.computed as f64,
        ),
        (
            "pomona_run_images_reused",
            "",
            "Images whose features were there already.",
            counts.reused as f64,
        ),
        (
            "pomona_run_images_unlisted",
            "",
            "Images of the results that the input does not list any more.",
            counts.unlisted as f64,
        ),
        (
            "pomona_run_components",
            "",
            "Principal components of the results.",
            counts.components as f64,
        ),
        (
            "pomona_run_files_bytes",
            "bytes",
            "Length of all files of the results.",
            manifest.files.iter().map(|file| file.bytes as f64).sum(),
        ),
        (
            "pomona_run_seconds",
            "seconds",
            "How long the run took.",
            took.as_secs_f64(),
        ),
        (
            "pomona_run_end_time_seconds",
            "seconds",
            "When the run ended, in seconds since 1970.",
            now.map_or(0.0, |since| since.as_secs_f64()),
        ),
    ] {
        text.one(name, Kind::Gauge, unit, help, value);
    }
    text.family(
        "pomona_run_stage_seconds",
        Kind::Gauge,
        "seconds",
        "How long each stage took in the run that made the results.",
    );
    for stage in &manifest.stages {
        text.sample(&[("stage", &stage.name)], stage.seconds);
    }
    add_s3(&mut text);
    text.finish()
}

/// The requests of this process to S3: all of the run's where it needs no cluster.
fn add_s3(text: &mut Exposition) {
    let traffic = s3_traffic();
    add_s3_counts(text, "pomona_run_s3", Kind::Gauge, &traffic);
    text.one(
        "pomona_run_s3_get_seconds",
        Kind::Gauge,
        "seconds",
        "Times from a GET to S3 to the begin of its answer, together.",
        traffic.get_seconds,
    );
}
