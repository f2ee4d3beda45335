//! The page: every text and drawing of it, ready for the template.

mod classes;
mod duplicates;
mod errors;
mod map;
mod outliers;
mod settings;
mod summary;
mod timings;
mod variance;

use askama::Template;

use crate::phrases::Phrases;
use crate::policy::policy;
use crate::{Language, Picture, RenderError, Report};

const STYLE: &str = include_str!("../../assets/style.css");
const SCRIPT: &str = include_str!("../../assets/script.js");

/// The whole page.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    language: Language,
    words: &'static Phrases,
    policy: String,
    style: &'static str,
    script: &'static str,
    title: String,
    input: &'a str,
    finished: String,
    summary: Vec<summary::Tile>,
    variance: variance::Section<'a>,
    map: map::Section,
    classes: classes::Section,
    errors: errors::Section<'a>,
    outliers: outliers::Section<'a>,
    duplicates: duplicates::Section<'a>,
    timings: timings::Section,
    settings: Vec<settings::Setting>,
    footer: String,
}

impl Report {
    /// The report as a page of HTML in a language.
    ///
    /// # Errors
    /// When a template cannot be written, which memory alone can prevent.
    ///
    /// # Panics
    /// When a part of the report names a picture that the report has not.
    pub fn to_html(&self, language: Language) -> Result<String, RenderError> {
        let words = language.phrases();
        let page = Page {
            language,
            words,
            policy: policy(STYLE, SCRIPT),
            style: STYLE,
            script: SCRIPT,
            title: (words.of_input)(&self.parameters.input),
            input: &self.parameters.input,
            finished: language.moment(self.finished),
            summary: summary::tiles(self, language),
            variance: variance::Section::new(&self.variance, language),
            map: map::Section::new(self, language),
            classes: classes::Section::new(&self.classes, language),
            errors: errors::Section::new(self, language),
            outliers: outliers::Section::new(self, language),
            duplicates: duplicates::Section::new(self, language),
            timings: timings::Section::new(self, language),
            settings: settings::settings(self, language),
            footer: (words.report_by)(&self.versions.report),
        };
        page.render()
    }
}

/// A picture as it stands in a section: with its thumbnail, or with an empty frame.
struct Shown<'a> {
    path: &'a str,
    label: String,
    image: Option<Image>,
}

struct Image {
    uri: String,
    width: u32,
    height: u32,
}

impl<'a> Shown<'a> {
    fn new(picture: &'a Picture, words: &Phrases) -> Self {
        let image = picture.thumbnail.as_ref().map(|thumbnail| Image {
            uri: thumbnail.data_uri(),
            width: thumbnail.width,
            height: thumbnail.height,
        });
        Self {
            path: &picture.path,
            label: words.label_or_none(&picture.label),
            image,
        }
    }
}
