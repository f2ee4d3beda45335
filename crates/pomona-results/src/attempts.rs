//! [`Attempts`]: requests that are made again, where the store itself does not repeat them.

use std::time::Duration;

use object_store::path::Path;
use tokio::time::sleep;

use crate::ResultsError;

/// Attempts at a request that can be made twice.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
}

impl Attempts {
    /// As many as the AWS command line makes in its standard mode, and as many again.
    const MOST: u32 = 6;

    pub(crate) fn is_first(&self) -> bool {
        self.failed == 0
    }

    /// Waits before another attempt, or fails with the error where none would help.
    pub(crate) async fn again(
        &mut self,
        error: object_store::Error,
        action: &'static str,
        path: &Path,
    ) -> Result<(), ResultsError> {
        self.failed += 1;
        let may_pass = matches!(
            error,
            object_store::Error::Generic { .. } | object_store::Error::Precondition { .. }
        );
        if !may_pass || self.failed >= Self::MOST {
            return Err(storage(action, path)(error));
        }
        log::info!(
            "{action} '{path}': {error}; attempt {} follows",
            self.failed + 1
        );
        sleep(Duration::from_millis(100 << self.failed)).await;
        Ok(())
    }
}

/// Whether a store, or the server behind it, does not know how to do something.
pub(crate) fn is_unsupported(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::NotImplemented { .. } => true,
        // S3's name of the answer 501, which object_store gives as text alone.
        object_store::Error::Generic { source, .. } => {
            source.to_string().contains("<Code>NotImplemented</Code>")
        }
        _ => false,
    }
}

pub(crate) fn storage(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(object_store::Error) -> ResultsError {
    let path = path.to_string();
    move |source| ResultsError::Storage {
        action,
        path,
        source,
    }
}
