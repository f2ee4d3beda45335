//! The pages: a document of regions.

mod executors;
pub(crate) mod job;
mod jobs;
mod notice;
mod parts;
mod run;
mod stage;

use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};
use pomona_report::Language;

use crate::model::{Cluster, Executor, Job, JobRow, Run};
use crate::phrases::Phrases;
use crate::times::moment;
use crate::view::View;

pub use notice::{cancel_page, message_page};

/// What a page says; which of them a [`View`] needs is in its documentation.
#[derive(Debug, Clone)]
pub enum Content {
    /// For [`View::Jobs`]: all jobs in any order, and the executors.
    Jobs(Vec<Arc<JobRow>>, Vec<Executor>),
    /// For [`View::Job`] and [`View::Stage`].
    Job(Arc<Job>),
    /// For [`View::Executors`]: all executors in any order.
    Executors(Vec<Executor>),
    /// For [`View::Jobs`], the only page of a run in one process.
    Run(Arc<Run>),
}

/// How the pages of a process are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether nothing can be cancelled.
    pub read_only: bool,
    /// Whether the process is one run, and no scheduler.
    pub single_run: bool,
}

/// A part of a page that is replaced when it has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its `id` in the document.
    pub id: &'static str,
    /// Its content in HTML.
    pub html: String,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// Its regions in their order.
    pub regions: Vec<Region>,
    /// Whether it will not change any more.
    pub is_final: bool,
}

impl Page {
    fn new(title: String, regions: Vec<(&'static str, Markup)>, is_final: bool) -> Self {
        let regions = regions.into_iter().map(|(id, markup)| Region {
            id,
            html: markup.into_string(),
        });
        Self {
            title,
            regions: regions.collect(),
            is_final,
        }
    }

    /// The whole document.
    pub fn document(&self, view: &View, frame: &Frame<'_>) -> String {
        let content = html! {
            @for region in &self.regions {
                div id=(region.id) { (maud::PreEscaped(&region.html)) }
            }
        };
        let live = (!self.is_final).then(|| format!("/live{}", view.address(frame.language)));
        let place = Place {
            title: &self.title,
            view: Some(view),
            live: live.as_deref(),
        };
        document(frame, &place, &content)
    }
}

impl View {
    /// The page of this address; `None` if there is no such thing in the content, such as a stage.
    pub fn render(&self, content: &Content, frame: &Frame<'_>) -> Option<Page> {
        match (self, content) {
            (Self::Jobs { .. }, Content::Jobs(jobs, executors)) => {
                Some(jobs::page(jobs, executors, self, frame))
            }
            (Self::Jobs { .. }, Content::Run(run)) => Some(run::page(run, frame)),
            (Self::Job { .. }, Content::Job(job)) => Some(job::page(job, self, frame)),
            (Self::Stage { stage, .. }, Content::Job(job)) => stage::page(job, *stage, self, frame),
            (Self::Executors { .. }, Content::Executors(executors)) => {
                Some(executors::page(executors, self, frame))
            }
            _ => None,
        }
    }
}

/// What all parts of a page need to know.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The scheduler.
    pub cluster: &'a Cluster,
    /// The language.
    pub language: Language,
    /// How pages are served.
    pub settings: Settings,
}

impl Frame<'_> {
    fn words(&self) -> &'static Phrases {
        Phrases::of(self.language)
    }

    fn count(&self, count: u64) -> String {
        self.language.count(count)
    }

    /// How many of a job's or a stage's tasks are complete, in words.
    pub(crate) fn tasks_done(&self, done: u64, all: u64) -> String {
        (self.words().tasks_done)(done, all, &self.count(done), &self.count(all))
    }

    fn seconds(&self, seconds: f64) -> String {
        self.language.duration(seconds)
    }

    /// A time in whole seconds.
    fn age(&self, seconds: f64) -> String {
        match seconds < 59.5 {
            true => format!("{}\u{a0}s", seconds.round()),
            false => self.seconds(seconds),
        }
    }

    fn address(&self, view: &View) -> String {
        view.address(self.language)
    }
}

/// Where a document stands among the others.
struct Place<'a> {
    title: &'a str,
    view: Option<&'a View>,
    /// The address of its events.
    live: Option<&'a str>,
}

fn document(frame: &Frame<'_>, place: &Place<'_>, content: &Markup) -> String {
    let words = frame.words();
    let version = &frame.cluster.version;
    let page = html! {
        (DOCTYPE)
        html lang=(frame.language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (place.title) " – Pomona" }
                // Otherwise a browser requests one.
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ "/console.css?v=" (version) };
                script src={ "/console.js?v=" (version) } defer {}
                @if place.live.is_some() {
                    noscript { meta http-equiv="refresh" content="5"; }
                }
            }
            body data-live=[place.live] {
                a.skip href="#content" { (words.skip) }
                header {
                    p.brand { "Pomona" }
                    (navigation(frame, place))
                    p.when {
                        @if frame.settings.single_run { "Pomona " (version) }
                        @else { bdi { ((words.of_scheduler)(version, &frame.cluster.address)) } }
                        " · " ((words.since)(&moment(frame.cluster.started)))
                        @if frame.settings.read_only && !frame.settings.single_run { " · " (words.read_only) }
                    }
                    p #lost .lost role="status" hidden { (words.not_connected) }
                }
                main #content tabindex="-1" {
                    h1 { (place.title) }
                    (content)
                }
            }
        }
    };
    page.into_string()
}

fn navigation(frame: &Frame<'_>, place: &Place<'_>) -> Markup {
    let words = frame.words();
    let link = |view: View, text: &str, is_here: bool| {
        html! { a href=(frame.address(&view)) aria-current=[is_here.then_some("page")] { (text) } }
    };
    let here = place.view;
    html! {
        @if !frame.settings.single_run {
            nav aria-label=(words.pages) {
            (link(View::of_jobs(), words.jobs, matches!(here, Some(View::Jobs { .. }))))
            (link(View::of_executors(), words.executors, matches!(here, Some(View::Executors { .. }))))
            }
        }
        nav.languages aria-label=(words.languages) {
            @for language in Language::ALL {
                a href=(here.unwrap_or(&View::of_jobs()).address(language))
                    lang=(language.code()) hreflang=(language.code())
                    aria-current=[(language == frame.language).then_some("true")] {
                    (language.code())
                }
            }
        }
    }
}
