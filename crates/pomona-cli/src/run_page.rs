//! What a run reports, on its page: `pomona run --ui`.

use pomona_cluster::RunPage;
use pomona_console::{Run, RunStage};
use pomona_pipeline::Progress;

use crate::terminal::note;

/// Starts the page, and says where it is.
///
/// # Errors
/// When the port cannot be had.
pub(crate) async fn start(input: &str, output: &str, port: u16) -> anyhow::Result<RunPage> {
    let run = Run {
        input: input.to_string(),
        output: output.to_string(),
        ..Run::default()
    };
    let page = RunPage::start(run, port).await?;
    page.update(|run, now| run.started = now);
    note!("the page of this run: http://{}/", page.address());
    Ok(page)
}

/// Shows an event of the run.
pub(crate) fn show(page: &RunPage, progress: &Progress) {
    page.update(|run, now| match progress {
        Progress::Note { message } | Progress::Warned { message } => {
            run.notes.push(message.clone());
        }
        Progress::Found { images } => run.images = Some(*images),
        Progress::Started { stage, images } => run.stages.push(RunStage {
            name: stage.clone(),
            started: now,
            images: *images,
            ..RunStage::default()
        }),
        Progress::Advanced { images } => {
            if let Some(stage) = run.stages.last_mut() {
                stage.images_done = *images;
            }
        }
        Progress::Finished { stage, images } => {
            let mut stages = run.stages.iter_mut().rev();
            if let Some(shown) = stages.find(|shown| shown.name == stage.name) {
                (shown.images_done, shown.ended) = (*images, now);
            }
        }
    });
}

/// Shows the end of the run, and waits until those who look have seen it.
pub(crate) async fn end(page: RunPage, error: Option<String>) {
    page.update(|run, now| (run.ended, run.error) = (now, error));
    page.close().await;
}
