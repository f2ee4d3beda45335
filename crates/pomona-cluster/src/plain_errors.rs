//! Errors of tasks, in their own words.
//!
//! Ballista reports the error of a task as Rust prints it for programmers. So executors mark an
//! error's own words, and clients take what is marked.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

use ballista_core::error::BallistaError;
use datafusion::error::DataFusionError;

use pomona_session::plain_message;

const BEGIN: &str = "<pomona>";
const END: &str = "</pomona>";

/// What a person should read of a failed job: the words of the task's error, if they are marked, or of the reason for
/// which it could not be planned.
pub(crate) fn plain_reason(reported: &str) -> String {
    let marked = reported
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END));
    let words = marked.map(|(words, _)| words.to_string());
    words
        .or_else(|| planning_error(reported))
        .unwrap_or_else(|| reported.to_string())
}

/// The words of an error of the scheduler's planner, which Ballista prints as `Error planning job ID: General("words")`.
fn planning_error(reported: &str) -> Option<String> {
    let error = reported.strip_prefix("Error planning job ")?;
    let (begin, end) = (error.find('"')?, error.rfind('"')?);
    serde_json::from_str(error.get(begin..=end)?).ok()
}

/// An error in its own words, between marks also where it is printed for programmers.
struct PlainError(String);

impl Display for PlainError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGIN}{}{END}", self.0)
    }
}

impl Debug for PlainError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Error for PlainError {}

/// Marks an error's words, unless the scheduler looks into it to decide whether the task, or an
/// earlier one, runs again.
pub(crate) fn marked(error: DataFusionError) -> DataFusionError {
    match own_words(&error) {
        Some(words) => DataFusionError::External(Box::new(PlainError(words))),
        None => error,
    }
}

/// The words of the cause, inside whatever Ballista has put around it.
fn own_words(error: &DataFusionError) -> Option<String> {
    match error.find_root() {
        DataFusionError::IoError(_) => None,
        DataFusionError::External(cause) => match cause.downcast_ref::<BallistaError>() {
            Some(BallistaError::DataFusionError(inner)) => own_words(inner),
            Some(BallistaError::ArrowError(inner)) => Some(inner.to_string()),
            Some(_) => None,
            None => Some(plain_message(error)),
        },
        _ => Some(plain_message(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClusterError;

    #[test]
    fn the_words_of_an_error_arrive_as_they_are() {
        let error = ClusterError::InvalidScheduler {
            text: "it's \"here\"".to_string(),
            reason: "no\nscheme".to_string(),
        };
        let words = error.to_string();
        // The writer of a stage's results wraps what it was given.
        let error = BallistaError::DataFusionError(Box::new(error.into())).into_datafusion();
        let reported = format!("Job failed: {:?}", marked(error));
        assert_eq!(plain_reason(&reported), words);
        assert_eq!(plain_reason("Cancelled"), "Cancelled");
    }

    #[test]
    fn a_planning_error_is_its_words() {
        let reported = |error: &str| {
            let error = BallistaError::General(error.to_string());
            format!("Error planning job 01: {error:?}")
        };
        for words in ["the build side does not fit", "a \"b\"\n\\c"] {
            assert_eq!(plain_reason(&reported(words)), words);
        }
        // More than words stays as it is.
        let more = "Error planning job 01: Both(\"a\", \"b\")";
        assert_eq!(plain_reason(more), more);
    }

    #[test]
    fn what_the_scheduler_looks_for_stays() {
        let error = DataFusionError::IoError(std::io::Error::other("gone"));
        assert!(matches!(marked(error), DataFusionError::IoError(_)));
        let lost = BallistaError::FetchFailed("an executor".to_string(), 1, 2, "gone".to_string());
        let DataFusionError::External(kept) = marked(lost.into_datafusion()) else {
            panic!("an error of Ballista stays one");
        };
        assert!(kept.is::<BallistaError>());
    }
}
