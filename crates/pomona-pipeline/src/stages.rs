//! [`Stages`]: runs scripts as stages, and times them.

use std::time::Instant;

use datafusion::prelude::SessionContext;
use pomona_analysis::report;
use pomona_results::StageTiming;
use pomona_results::layout::REPORT;
use pomona_session::Variables;

use crate::scripts::script;
use crate::{PipelineError, Progress};

/// The stages that have run, and the listener of their progress.
pub(crate) struct Stages<P> {
    progress: P,
    pub(crate) timings: Vec<StageTiming>,
}

impl<P: Fn(Progress)> Stages<P> {
    pub(crate) fn new(progress: P) -> Self {
        Self {
            progress,
            timings: vec![],
        }
    }

    /// Reports something that a person should know.
    pub(crate) fn note(&self, message: String) {
        (self.progress)(Progress::Note { message });
    }

    /// Runs the script of that name as a stage. The times of a stage that runs more than once are
    /// added up.
    pub(crate) async fn run(
        &mut self,
        name: &str,
        images: u64,
        ctx: &SessionContext,
        variables: &Variables,
    ) -> Result<(), PipelineError> {
        let start = self.start(name, images);
        let advanced = |images| (self.progress)(Progress::Advanced { images });
        script(name).run_watched(ctx, variables, advanced).await?;
        self.finish(name, images, start);
        Ok(())
    }

    /// Runs what writes the report as a stage. Results without a report are better than none, so
    /// a failure is reported and the run goes on.
    pub(crate) async fn write_report(
        &mut self,
        images: u64,
        write: impl Future<Output = Result<(), PipelineError>>,
    ) {
        let start = self.start(report::STAGE, images);
        match write.await {
            Ok(()) => self.finish(report::STAGE, images, start),
            Err(error) => (self.progress)(Progress::Warned {
                message: format!(
                    "the results are published without {REPORT}, which failed: {error}; \
                     'pomona report' writes one from the results"
                ),
            }),
        }
    }

    fn start(&self, name: &str, images: u64) -> Instant {
        (self.progress)(Progress::Started {
            stage: name.to_string(),
            images,
        });
        Instant::now()
    }

    fn finish(&mut self, name: &str, images: u64, start: Instant) {
        let stage = StageTiming {
            name: name.to_string(),
            seconds: start.elapsed().as_secs_f64(),
        };
        match self.timings.iter_mut().find(|timing| timing.name == name) {
            Some(timing) => timing.seconds += stage.seconds,
            None => self.timings.push(stage.clone()),
        }
        (self.progress)(Progress::Finished { stage, images });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use pomona_results::ResultsError;

    use super::*;

    #[tokio::test]
    async fn a_report_that_fails_is_a_warning_and_no_more() {
        let events = RefCell::new(vec![]);
        let mut stages = Stages::new(|progress| events.borrow_mut().push(progress));
        let failed = ResultsError::NoRun {
            output: "results".to_string(),
        };
        stages.write_report(15, async { Err(failed.into()) }).await;
        assert_eq!(stages.timings, []);
        stages.write_report(15, async { Ok(()) }).await;
        assert_eq!(stages.timings.len(), 1);

        let events = events.into_inner();
        let [Progress::Started { .. }, Progress::Warned { message }, ..] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(message.contains("no finished run") && message.contains("pomona report"));
    }
}
