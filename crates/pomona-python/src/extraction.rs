//! Features of many images on all cores: a batch at a time, by whichever thread is free.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, available_parallelism};

use pomona_backbones::{Backbone, BackboneError};
use pomona_functions::FunctionError;
use pomona_mobilenet::preprocess::DecodeLimits;
use pomona_mobilenet::{FeatureExtractor, ImageError, Preparer};

use crate::error_kind::Kind;
use crate::image_files::ImageFile;

/// Images that a thread takes at a time: those of one tensor of the extractor.
fn batch_of(network: &Arc<dyn Backbone>) -> usize {
    if network.device().is_cpu() { 8 } else { 64 }
}

/// An image without features.
pub(crate) struct BadImage {
    /// Its place in the list, from 0.
    pub(crate) index: usize,
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    /// Its file, where it was passed as one.
    pub(crate) path: Option<PathBuf>,
}

/// How far the work is to go.
#[derive(Clone)]
pub(crate) struct Work {
    stopped: Arc<AtomicBool>,
    /// Whether a bad image ends it.
    stops_at_bad: bool,
}

/// Stops the work when it is dropped.
pub(crate) struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Work {
    pub(crate) fn new(stops_at_bad: bool) -> Self {
        Self {
            stopped: Arc::default(),
            stops_at_bad,
        }
    }

    pub(crate) fn stop_on_drop(&self) -> StopOnDrop {
        StopOnDrop(Arc::clone(&self.stopped))
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Batches are taken in order, so that those before the first bad image have been begun when it is found.
    fn found_bad(&self) {
        if self.stops_at_bad {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// The features of files, row by row, and the files that have none, whose rows are NaN.
///
/// # Errors
/// When the device fails.
pub(crate) fn extract(
    network: &Arc<dyn Backbone>,
    files: &[ImageFile],
    work: &Work,
) -> anyhow::Result<(Vec<f32>, Vec<BadImage>)> {
    let length = network.feature_len();
    let mut features = vec![f32::NAN; files.len() * length];
    let bad = Mutex::new(vec![]);
    let failed = Mutex::new(None);
    let batch = batch_of(network);
    let rows = features.chunks_mut(batch * length);
    let batches = Mutex::new(files.chunks(batch).zip(rows).enumerate());
    on_all_cores(files.len().div_ceil(batch), || {
        let mut extractor = FeatureExtractor::new(Arc::clone(network), DecodeLimits::default());
        while !work.is_stopped() {
            let Some((number, (files, rows))) = lock(&batches).next() else {
                return;
            };
            let first = number * batch;
            let is_bad = |row: usize, kind, reason| {
                lock(&bad).push(BadImage {
                    index: first + row,
                    kind,
                    reason,
                    path: files[row].path(),
                });
                work.found_bad();
            };
            let read: Vec<_> = files.iter().map(ImageFile::read).collect();
            for (row, file) in read.iter().enumerate() {
                if let Err(reason) = file {
                    is_bad(row, Kind::Storage, reason.clone());
                }
            }
            let read: Vec<Option<&[u8]>> = read.iter().map(|file| file.as_deref().ok()).collect();
            let run = extractor.extract(&read, rows, |row, error: ImageError| {
                is_bad(row, Kind::Image, error.to_string());
            });
            if let Err(error) = run {
                *lock(&failed) = Some(FunctionError::Forward(BackboneError::Candle(error)));
                work.stopped.store(true, Ordering::Relaxed);
            }
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((
            features,
            bad.into_inner().unwrap_or_else(PoisonError::into_inner),
        )),
    }
}

/// The files that cannot be read or decoded.
pub(crate) fn image_faults(
    network: &Arc<dyn Backbone>,
    files: &[ImageFile],
    work: &Work,
) -> Vec<BadImage> {
    let bad = Mutex::new(vec![]);
    let rest = Mutex::new(files.iter().enumerate());
    on_all_cores(files.len(), || {
        let mut preparer = Preparer::new(&network.preprocessing(), DecodeLimits::default());
        let mut pixels = vec![0; preparer.output_len()];
        while !work.is_stopped() {
            let Some((index, file)) = lock(&rest).next() else {
                return;
            };
            let fault = match file.read() {
                Err(reason) => Some((Kind::Storage, reason)),
                Ok(bytes) => {
                    let prepared = preparer.run(&bytes, &mut pixels);
                    let fault = prepared.err().map(|error| error.to_string());
                    fault.map(|reason| (Kind::Image, reason))
                }
            };
            if let Some((kind, reason)) = fault {
                lock(&bad).push(BadImage {
                    index,
                    kind,
                    reason,
                    path: file.path(),
                });
            }
        }
    });
    bad.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the same work on as many threads as there are cores, or parts if they are fewer.
fn on_all_cores(parts: usize, work: impl Fn() + Sync) {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = cores.min(parts);
    thread::scope(|scope| {
        // This thread works, too.
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
