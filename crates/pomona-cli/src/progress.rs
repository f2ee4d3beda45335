//! Reports the progress of a run: a bar on a terminal, JSON lines elsewhere.

use std::cell::RefCell;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use pomona_images::Location;
use pomona_pipeline::Progress;
use pomona_results::Manifest;
use pomona_results::layout::MANIFEST;
use serde_json::json;

use crate::color::is_dumb;
use crate::terminal::note;

/// The time between two JSON lines of one phase.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// Time between two drawings of the bar when nothing is reported, so that its clock advances.
const REDRAW: Duration = Duration::from_millis(200);

/// The values of `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    /// A bar on a terminal, JSON lines elsewhere
    Auto,
    /// A bar on any terminal, JSON lines elsewhere
    On,
    /// No progress
    Off,
}

/// Reports the progress of a run on standard error.
pub(crate) struct ProgressReporter {
    form: Form,
    is_quiet: bool,
    in_color: bool,
    bars: MultiProgress,
    phase: RefCell<Option<Phase>>,
}

/// The form of progress on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Bar,
    Lines,
    Nothing,
}

impl Form {
    /// Chooses the form by whether standard error is a terminal.
    pub(crate) fn new(shown: Shown, is_quiet: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        match shown {
            _ if is_quiet => Self::Nothing,
            Shown::Off => Self::Nothing,
            Shown::Auto if is_terminal && !is_dumb() => Self::Bar,
            Shown::On if is_terminal => Self::Bar,
            Shown::Auto | Shown::On => Self::Lines,
        }
    }
}

/// A phase in progress.
struct Phase {
    name: String,
    total: u64,
    done: u64,
    began: Instant,
    reported: Instant,
    bar: Option<ProgressBar>,
}

impl ProgressReporter {
    /// Chooses the form by whether standard error is a terminal.
    pub(crate) fn new(shown: Shown, is_quiet: bool, in_color: bool, bars: MultiProgress) -> Self {
        Self {
            form: Form::new(shown, is_quiet),
            is_quiet,
            in_color,
            bars,
            phase: RefCell::new(None),
        }
    }

    /// Reports an event of the pipeline.
    pub(crate) fn report(&self, progress: &Progress) {
        if let Progress::Note { message } = progress
            && !self.is_quiet
        {
            self.print(message);
            return;
        }
        if let Progress::Warned { message } = progress {
            self.stop();
            self.print(&format!("Warning: {message}"));
            return;
        }
        if self.form == Form::Nothing {
            return;
        }
        match progress {
            Progress::Note { .. } => {}
            Progress::Found { images } => {
                if self.form == Form::Bar {
                    self.print(&format!("{images} images"));
                }
            }
            Progress::Started { stage, images } => self.start(stage, *images),
            Progress::Advanced { images } => self.advance(*images),
            Progress::Finished { stage, images } => {
                self.finish(&stage.name, stage.seconds, *images)
            }
            Progress::Warned { .. } => {}
        }
    }

    /// Reports that a run found nothing to do.
    pub(crate) fn unchanged(&self, output: &Location) {
        if !self.is_quiet {
            note!("nothing has changed: {output} stays as it is");
        }
    }

    /// Prints the summary of a finished run.
    pub(crate) fn summarize(&self, manifest: &Manifest, output: &Location) {
        if self.is_quiet {
            return;
        }
        let counts = manifest.counts;
        note!(
            "{} images: {} with features, {} bad; {} components. Results in {output}, see {MANIFEST}",
            counts.images,
            counts.features,
            counts.errors,
            counts.components
        );
    }

    /// Removes the bar of a run that ends early.
    pub(crate) fn stop(&self) {
        if let Some(bar) = self.phase.take().and_then(|phase| phase.bar) {
            bar.finish_and_clear();
        }
    }

    fn start(&self, name: &str, total: u64) {
        self.stop();
        let bar = (self.form == Form::Bar).then(|| {
            let bar = self.bars.add(ProgressBar::new(total));
            bar.set_style(style(self.in_color));
            bar.set_prefix(name.to_string());
            bar.enable_steady_tick(REDRAW);
            bar
        });
        let now = Instant::now();
        *self.phase.borrow_mut() = Some(Phase {
            name: name.to_string(),
            total,
            done: 0,
            began: now,
            reported: now,
            bar,
        });
    }

    fn advance(&self, done: u64) {
        let mut phase = self.phase.borrow_mut();
        let Some(phase) = phase.as_mut() else {
            return;
        };
        phase.done = done.clamp(phase.done, phase.total.max(phase.done));
        if let Some(bar) = &phase.bar {
            bar.set_position(phase.done);
        } else if phase.reported.elapsed() >= INTERVAL {
            phase.reported = Instant::now();
            report_line(
                &phase.name,
                phase.done,
                phase.total,
                phase.began.elapsed().as_secs_f64(),
            );
        }
    }

    fn finish(&self, name: &str, seconds: f64, images: u64) {
        self.stop();
        match self.form {
            Form::Lines => report_line(name, images, images, seconds),
            _ => self.print(&format!(
                "{name:<14}{seconds:>8.2} s, {:.0} images/s",
                rate(images, seconds).unwrap_or(0.0)
            )),
        }
    }

    /// Prints a line above the bar.
    fn print(&self, line: &str) {
        self.bars.suspend(|| note!("{line}"));
    }
}

fn style(in_color: bool) -> ProgressStyle {
    // Colours as escape sequences, because indicatif's own follow the terminal and not --color.
    let template = if in_color {
        "\x1b[1m{prefix:<14}\x1b[0m\x1b[36m{bar:30}\x1b[0m {pos:>7}/{len} {rate:>14} ETA {eta}"
    } else {
        "{prefix:<14}{bar:30} {pos:>7}/{len} {rate:>14} ETA {eta}"
    };
    ProgressStyle::with_template(template)
        .expect("the template is well-formed")
        .progress_chars("━╸─")
        .with_key("rate", |state: &ProgressState, line: &mut dyn Write| {
            let rate = rate(state.pos(), state.elapsed().as_secs_f64()).unwrap_or(0.0);
            let _ = write!(line, "{rate:.0} images/s");
        })
        .with_key("eta", |state: &ProgressState, line: &mut dyn Write| {
            let left = state.len().unwrap_or(0).saturating_sub(state.pos());
            let _ = match rate(state.pos(), state.elapsed().as_secs_f64()) {
                Some(rate) => write!(line, "{}", clock(left as f64 / rate)),
                None => write!(line, "-"),
            };
        })
}

fn report_line(phase: &str, done: u64, total: u64, seconds: f64) {
    let rate = rate(done, seconds);
    let object = json!({
        "phase": phase,
        "done": done,
        "total": total,
        "elapsed_seconds": rounded(seconds),
        "images_per_second": rate.map(rounded),
        "eta_seconds": rate.map(|rate| rounded(total.saturating_sub(done) as f64 / rate)),
    });
    note!("{object}");
}

/// Images per second; `None` before the first image.
fn rate(done: u64, seconds: f64) -> Option<f64> {
    (done > 0 && seconds > 0.0).then(|| done as f64 / seconds)
}

/// Rounds to hundredths.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// `1:02:03` or `2:03`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_hours_when_there_are_any() {
        assert_eq!(clock(0.0), "0:00");
        assert_eq!(clock(61.2), "1:02");
        assert_eq!(clock(3_723.0), "1:02:03");
    }

    #[test]
    fn there_is_no_rate_before_the_first_image() {
        assert_eq!(rate(0, 3.0), None);
        assert_eq!(rate(30, 3.0), Some(10.0));
    }
}
