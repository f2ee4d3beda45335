//! [`Report`]: what a scan passed over, said once when it is over.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::prelude::SessionConfig;

use crate::skipped::Skipped;

/// Collects what scans pass over, for a program that wants to keep it. It is an extension of the
/// session's configuration:
///
/// ```
/// # use std::sync::Arc;
/// # use datafusion::prelude::SessionConfig;
/// # use pomona_images::SkippedSink;
/// let sink = Arc::new(SkippedSink::default());
/// let config = SessionConfig::new().with_extension(Arc::clone(&sink));
/// # let _ = config;
/// // … run queries …
/// assert_eq!(sink.skipped().unreadable_count(), 0);
/// ```
#[derive(Debug, Default)]
pub struct SkippedSink(Mutex<Skipped>);

impl SkippedSink {
    /// What all scans passed over that have ended.
    pub fn skipped(&self) -> Skipped {
        let skipped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.clone()
    }

    fn add(&self, skipped: Skipped) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.add(skipped);
    }
}

/// What one scan passed over. It is said when this is dropped, however the scan ends.
#[derive(Debug, Default)]
pub(crate) struct Report {
    skipped: Skipped,
    sink: Option<Arc<SkippedSink>>,
}

impl Report {
    pub(crate) fn new(config: &SessionConfig) -> Self {
        Self {
            skipped: Skipped::default(),
            sink: config.get_extension(),
        }
    }

    pub(crate) fn add(&mut self, skipped: Skipped) {
        self.skipped.add(skipped);
    }

    /// Says nothing of what was added so far.
    pub(crate) fn forget(&mut self) {
        self.skipped = Skipped::default();
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped.unreadable_count() > 0 {
            log::warn!("{skipped}");
        }
        if skipped.no_image_count() > 0 {
            log::info!("passed over by their names: {}", skipped.extensions());
        }
        if let Some(sink) = &self.sink {
            sink.add(skipped);
        }
    }
}
