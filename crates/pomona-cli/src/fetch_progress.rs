//! Reports the progress of fetching weights: a bar on a terminal, JSON objects elsewhere.

use std::sync::Mutex;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pomona_weights::{Progress, listen};
use serde_json::json;

use crate::progress::{Form, INTERVAL};
use crate::terminal::note;

/// Reports the progress of every fetch of this process.
pub(crate) fn report_fetches(form: Form, bars: MultiProgress) {
    if form == Form::Nothing {
        return;
    }
    let state: Mutex<Option<Fetch>> = Mutex::new(None);
    listen(move |progress| {
        let mut state = state.lock().unwrap_or_else(|p| p.into_inner());
        let fetch = state.get_or_insert_with(|| Fetch::begin(form, &bars, progress));
        fetch.report(progress);
        if progress.ended {
            *state = None;
        }
    });
}

/// A fetch in progress.
struct Fetch {
    began: Instant,
    reported: Instant,
    bar: Option<ProgressBar>,
}

impl Fetch {
    fn begin(form: Form, bars: &MultiProgress, progress: &Progress) -> Self {
        let bar = (form == Form::Bar).then(|| {
            bars.suspend(|| note!("fetching {}, once", progress.what));
            let bar = bars.add(match progress.total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::no_length(),
            });
            bar.set_style(style(progress.total.is_some()));
            bar.set_prefix(progress.what.clone());
            bar
        });
        let now = Instant::now();
        Self {
            began: now,
            reported: now,
            bar,
        }
    }

    fn report(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done);
            if progress.ended {
                bar.finish_and_clear();
            }
        } else if progress.ended || self.reported.elapsed() >= INTERVAL {
            self.reported = Instant::now();
            let seconds = self.began.elapsed().as_secs_f64();
            let object = json!({
                "phase": "fetch",
                "what": progress.what,
                "done_bytes": progress.done,
                "total_bytes": progress.total,
                "elapsed_seconds": (seconds * 100.0).round() / 100.0,
            });
            note!("{object}");
        }
    }
}

fn style(is_long: bool) -> ProgressStyle {
    let template = if is_long {
        "{prefix} {bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}"
    } else {
        "{prefix} {decimal_bytes} {decimal_bytes_per_sec}"
    };
    ProgressStyle::with_template(template)
        .expect("the template is well-formed")
        .progress_chars("━╸─")
}
