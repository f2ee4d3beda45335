//! What may cross a boundary of libraries: values, and errors that are a sentence.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use datafusion::common::exec_datafusion_err;
use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use pomona_images::io_runtime;

use crate::plain_message;

/// Runs `work`, whose panic would end the process if it reached the code of another library.
pub(super) fn guarded<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(sentence),
        Err(panic) => Err(panicked(name, panic.as_ref())),
    }
}

/// Runs `work` on the threads that talk to storage, whatever runtime awaits it: another library brings its own,
/// of which the tasks and timers of this one know nothing. Dropping the future stops the work.
pub(super) async fn on_own_runtime<T: Send + 'static>(
    name: &str,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn_on(work, io_runtime());
    match tasks.join_next().await {
        Some(Ok(done)) => done.map_err(sentence),
        Some(Err(stopped)) if stopped.is_panic() => {
            Err(panicked(name, stopped.into_panic().as_ref()))
        }
        Some(Err(stopped)) => Err(exec_datafusion_err!("{name} was stopped: {stopped}")),
        None => Err(exec_datafusion_err!("{name} was stopped")),
    }
}

/// The batches of `stream`, which ends with an error where it panics.
pub(super) fn guarded_stream(
    name: &'static str,
    stream: SendableRecordBatchStream,
) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let batches = AssertUnwindSafe(stream).catch_unwind();
    let batches = batches.map(move |batch| match batch {
        Ok(batch) => batch.map_err(sentence),
        Err(panic) => Err(panicked(name, panic.as_ref())),
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

fn panicked(name: &str, panic: &(dyn Any + Send)) -> DataFusionError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no reason");
    exec_datafusion_err!("{name} panicked ({text}): this is a bug in pomona, please report it")
}

/// An error crosses as its text, so what is inside it is said without the names of what it went through.
fn sentence(error: DataFusionError) -> DataFusionError {
    match error.find_root() {
        DataFusionError::External(_)
        | DataFusionError::IoError(_)
        | DataFusionError::ObjectStore(_) => DataFusionError::Execution(plain_message(&error)),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use arrow::datatypes::Schema;
    use datafusion::common::exec_err;
    use futures::stream;
    use pomona_images::ImagesError;

    use super::*;

    #[test]
    fn a_panic_is_an_error_that_names_what_panicked() {
        let error = guarded::<()>("f", || panic!("at {}", 7)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("f panicked (at 7)"), "{text}");
        assert_eq!(guarded("f", || Ok(7)).unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_in_a_task_is_an_error_too() {
        let error = on_own_runtime::<()>("a table", async { panic!("here") });
        let text = error.await.unwrap_err().to_string();
        assert!(text.contains("a table panicked (here)"), "{text}");
    }

    #[tokio::test]
    async fn a_stream_ends_where_it_panics() {
        let batches = stream::iter(0..3).map(|at| match at {
            0 => exec_err!("a fault"),
            _ => panic!("at {at}"),
        });
        let schema = Arc::new(Schema::empty());
        let stream = Box::pin(RecordBatchStreamAdapter::new(schema, batches));
        let batches: Vec<_> = guarded_stream("a scan", stream).collect().await;
        let texts: Vec<_> = batches
            .into_iter()
            .map(|batch| batch.unwrap_err().to_string())
            .collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("a fault") && texts[1].contains("a scan panicked (at 1)"));
    }

    #[test]
    fn an_error_is_the_sentence_at_its_root() {
        let reason = ImagesError::NothingMatches {
            location: "/x/*.jpg".to_owned(),
        };
        let said = reason.to_string();
        let wrapped = DataFusionError::Context(
            "reading".to_owned(),
            Box::new(DataFusionError::External(Box::new(reason))),
        );
        let text = sentence(wrapped).to_string();
        assert_eq!(text, format!("Execution error: {said}"));
        let text = sentence(DataFusionError::IoError(io::Error::other("no disk"))).to_string();
        assert_eq!(text, "Execution error: no disk");
        let plan = DataFusionError::Plan("no table".to_owned());
        assert_eq!(
            sentence(plan).to_string(),
            "Error during planning: no table"
        );
    }
}
