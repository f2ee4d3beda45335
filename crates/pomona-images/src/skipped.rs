//! [`Skipped`]: what a listing passed over, to be said once and counted.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display, Formatter};
use std::io::{self, ErrorKind};
use std::path::Path as FilePath;

use serde::{Deserialize, Serialize};

/// How many entries are named.
const EXAMPLES: usize = 3;

/// Objects and folders that a listing passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Entries that cannot be named in a URL or may not be read.
    unreadable: u64,
    /// Those of them that could not be opened: images may lie behind them.
    #[serde(default)]
    closed: u64,
    /// The first of them, each with its reason.
    examples: Vec<String>,
    /// Objects that are no images by their names: how many of each extension in lower case, an
    /// empty one for names without.
    extensions: BTreeMap<String, u64>,
}

impl Skipped {
    /// Counts an entry that cannot be read.
    pub(crate) fn unreadable(&mut self, entry: &FilePath, reason: &str) {
        self.unreadable_named(&entry, reason);
    }

    /// Counts an entry that could not be opened.
    pub(crate) fn closed(&mut self, entry: &FilePath, error: &io::Error) {
        // What is gone, or leads in a circle, hides nothing. The kind of the latter has no stable name.
        let is_loop = format!("{:?}", error.kind()) == "FilesystemLoop";
        let hides = error.kind() != ErrorKind::NotFound && !is_loop;
        self.closed += u64::from(hides);
        self.unreadable(entry, &error.kind().to_string());
    }

    /// Counts an entry by what it is called, which is written with its control characters escaped.
    pub(crate) fn unreadable_named(&mut self, name: &dyn Debug, reason: &str) {
        self.unreadable += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{name:?} ({reason})"));
        }
    }

    /// Counts an object that is no image by its name.
    pub(crate) fn no_image(&mut self, name: &str) {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let extension = extension.to_lowercase();
        *self.extensions.entry(extension).or_default() += 1;
    }

    /// Adds what another listing passed over.
    pub(crate) fn add(&mut self, other: Self) {
        self.unreadable += other.unreadable;
        self.closed += other.closed;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
        for (extension, count) in other.extensions {
            *self.extensions.entry(extension).or_default() += count;
        }
    }

    /// How many entries cannot be named in a URL or may not be read.
    pub fn unreadable_count(&self) -> u64 {
        self.unreadable
    }

    /// How many entries could not be opened, so that images may lie behind them.
    pub fn closed_count(&self) -> u64 {
        self.closed
    }

    /// How many objects are no images by their names.
    pub fn no_image_count(&self) -> u64 {
        self.extensions.values().sum()
    }

    /// Objects that are no images by their names, the commonest extensions first:
    /// `12 .txt, 3 .csv, 1 without extension`.
    pub fn extensions(&self) -> String {
        let mut counts: Vec<_> = self.extensions.iter().collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let named = counts
            .iter()
            .take(8)
            .map(|(extension, count)| match extension.as_str() {
                "" => format!("{count} without extension"),
                extension => format!("{count} .{}", extension.escape_debug()),
            });
        let mut text = named.collect::<Vec<_>>().join(", ");
        if counts.len() > 8 {
            text.push_str(", …");
        }
        text
    }
}

/// The entries that cannot be read, in a sentence; empty if there are none.
impl Display for Skipped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.unreadable == 0 {
            return Ok(());
        }
        let entries = if self.unreadable == 1 {
            "entry"
        } else {
            "entries"
        };
        let more = match self.unreadable - self.examples.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let examples = self.examples.join(", ");
        write!(
            f,
            "{} {entries} cannot be read: {examples}{more}",
            self.unreadable
        )
    }
}
