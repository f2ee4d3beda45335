//! [`begin`]: how far a listing goes while the plan of a query is made.

use datafusion::error::Result;
use futures::StreamExt;

use crate::image_location::ImageLocation;
use crate::io_runtime::on_io_runtime;
use crate::listing::{KeySample, ListedObject, PAGE, Pages, Report};
use crate::selection::Selection;

/// The most rows of a listing that travel, about 750 kB. Where there are more, and the keys of the
/// location can be divided, ranges of keys travel.
const ROWS_IN_A_PLAN: usize = 10_000;

/// The most entries that are listed to divide a location, in some requests. Where there are more, parts
/// of about equal size are looked for.
const MOST_LISTED: usize = 32 * PAGE;

/// How far a listing is when the plan is made.
pub(crate) enum Begun {
    /// All images that are selected.
    Whole(Vec<ListedObject>),
    /// The first of them, and what is left to be listed.
    Part(Vec<ListedObject>, Pages),
    /// More than a plan is to hold; keys among theirs.
    Divided(KeySample),
    /// More than are listed to divide them.
    Long,
}

/// Lists until a page is full, or so many images are selected, or to the end where the whole
/// listing is wanted. Of a location that is divisible no more images are kept than a plan is to hold,
/// and where they are that many not all are listed.
pub(crate) async fn begin(
    mut pages: Pages,
    selection: &Selection,
    limit: Option<usize>,
    is_whole_wanted: bool,
    divisible: Option<&ImageLocation>,
    report: &mut Report,
) -> Result<Begun> {
    let (mut objects, mut entries) = (vec![], 0);
    let mut sample: Option<KeySample> = None;
    loop {
        let (page, rest) = on_io_runtime(async move { (pages.next().await, pages) }).await?;
        let Some(page) = page.transpose()? else {
            return Ok(match sample {
                Some(sample) => Begun::Divided(sample),
                None => Begun::Whole(objects),
            });
        };
        entries += page.entries;
        report.add(page.skipped);
        objects.extend(selection.select(page.objects)?);
        if limit.is_some_and(|limit| objects.len() >= limit) {
            return Ok(Begun::Whole(objects));
        }
        if entries >= PAGE && !is_whole_wanted {
            return Ok(Begun::Part(objects, rest));
        }
        if let Some(location) = divisible
            && (objects.len() > ROWS_IN_A_PLAN || sample.is_some())
        {
            let sample = sample.get_or_insert_with(|| KeySample::new(&location.store));
            objects.drain(..).for_each(|object| sample.add(&object));
            if entries > MOST_LISTED {
                // Who lists all of them says what is passed over.
                report.forget();
                return Ok(Begun::Long);
            }
        }
        pages = rest;
    }
}
