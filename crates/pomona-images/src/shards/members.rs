//! Which members of a shard are images, and the rows that they become.

use std::collections::HashMap;
use std::sync::Arc;

use glob::{MatchOptions, Pattern};

use super::ShardKind;
use super::names::{Name, member_name};
use super::place::{At, Place};
use super::sidecar::{Sidecar, key};
use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::listing::{ListedObject, Page};
use crate::matching::is_image_name;
use crate::options::ImageTableOptions;

/// The most images of a shard, which are in memory together.
const MOST_MEMBERS: usize = 4_000_000;

/// The largest sidecar that becomes the value of a column.
pub(super) const LARGEST_SIDECAR: u64 = 1 << 20;

const SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Decides by name which members of the shards of a location are images of the table.
#[derive(Debug)]
pub(crate) struct MemberMatcher {
    /// The member, or the folder inside the shard, that the location names; empty for all.
    within: String,
    glob: Option<Pattern>,
    sidecars: Vec<Sidecar>,
}

impl MemberMatcher {
    /// # Errors
    /// If the glob is none.
    pub(crate) fn new(
        location: &ImageLocation,
        options: &ImageTableOptions,
    ) -> Result<Self, ImagesError> {
        let glob = options.glob.as_deref();
        // A glob of shards says nothing of what is in them.
        let glob = glob.filter(|glob| ShardKind::of_name(glob).is_none());
        let glob = glob.map(Pattern::new).transpose();
        Ok(Self {
            within: location.within.clone().unwrap_or_default(),
            glob: glob.map_err(|error| ImagesError::InvalidOption {
                name: "glob",
                value: options.glob.clone().unwrap_or_default(),
                expected: format!("a glob such as '*.jpg' ({error})"),
            })?,
            sidecars: options.sidecars.clone(),
        })
    }

    pub(super) fn sidecars(&self) -> &[Sidecar] {
        &self.sidecars
    }

    /// Whether a member is an image. What lies in a column of images is one whatever it is called.
    fn accepts(&self, name: &str, is_image: bool) -> bool {
        if name.split('/').any(|segment| segment.starts_with('.')) || !self.is_within(name) {
            return false;
        }
        match &self.glob {
            Some(glob) if glob.as_str().contains('/') => glob.matches_with(name, SHELL),
            Some(glob) => glob.matches_with(last_segment(name), SHELL),
            None => is_image || is_image_name(name),
        }
    }

    fn is_within(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.within);
        rest.is_some_and(|rest| self.within.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a member of an odd name would be an image under a better one.
    fn accepts_odd(&self, shown: &str) -> bool {
        let name = last_segment(shown);
        !name.starts_with('.') && self.within.is_empty() && is_image_name(name)
    }
}

fn last_segment(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// What a member is to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Image,
    /// One of the files beside images that are asked for.
    Sidecar(Sidecar),
    None,
}

/// Gathers the members of a shard.
pub(super) struct Members {
    shard: ListedObject,
    matcher: Arc<MemberMatcher>,
    page: Page,
    /// The position of each image, by its name.
    names: HashMap<String, usize>,
    texts: HashMap<String, [Option<String>; Sidecar::ALL.len()]>,
}

impl Members {
    pub(super) fn new(shard: ListedObject, matcher: Arc<MemberMatcher>) -> Self {
        Self {
            shard,
            matcher,
            page: Page::default(),
            names: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    pub(super) fn matcher(&self) -> &MemberMatcher {
        &self.matcher
    }

    pub(super) fn role(&self, raw: &[u8]) -> Role {
        let (name, is_odd) = match member_name(raw) {
            Name::Plain(name) => (name, false),
            Name::Odd { shown, .. } => (shown, true),
        };
        let sidecar = || {
            let sidecar = Sidecar::of_name(&name)?;
            self.matcher.sidecars.contains(&sidecar).then_some(sidecar)
        };
        if is_odd && self.matcher.accepts_odd(&name)
            || !is_odd && self.matcher.accepts(&name, false)
        {
            return Role::Image;
        }
        sidecar()
            .filter(|_| !is_odd)
            .map_or(Role::None, Role::Sidecar)
    }

    /// Counts a member that is no image by its name.
    pub(super) fn no_image(&mut self, raw: &[u8]) {
        self.page.entries += 1;
        let Name::Plain(name) = member_name(raw) else {
            return;
        };
        let is_hidden = name.split('/').any(|segment| segment.starts_with('.'));
        if !is_hidden && self.matcher.glob.is_none() && self.matcher.is_within(&name) {
            self.page.skipped.no_image(&name);
        }
    }

    /// Adds an image: where its bytes are, or why they cannot be read.
    pub(super) fn image(&mut self, raw: &[u8], length: u64, at: Result<At, String>) {
        match member_name(raw) {
            Name::Plain(name) => self.add(name, length, at, None),
            Name::Odd { shown, reason } => self.add(shown, length, Err(reason.to_owned()), None),
        }
    }

    /// Adds a value of a column of images, unless the table has no place for it. Its name may be
    /// missing, or that of another row.
    pub(super) fn cell(
        &mut self,
        name: Option<&str>,
        number: usize,
        length: u64,
        at: Result<At, String>,
        label: Option<String>,
    ) -> Option<usize> {
        let number = || format!("{number:09}");
        let name = match name.filter(|name| !name.is_empty()) {
            None => number(),
            Some(name) => match member_name(name.as_bytes()) {
                Name::Plain(name) if !self.names.contains_key(&name) => name,
                Name::Plain(name) => format!("{}/{name}", number()),
                Name::Odd { .. } => number(),
            },
        };
        if !self.matcher.accepts(&name, true) {
            self.page.entries += 1;
            return None;
        }
        self.add(name, length, at, label);
        self.page.objects.len().checked_sub(1)
    }

    fn add(&mut self, name: String, length: u64, at: Result<At, String>, label: Option<String>) {
        self.page.entries += 1;
        let place = Place {
            shard_end: self.shard.path.len(),
            version: match &at {
                Ok(_) => self.shard.e_tag.clone().unwrap_or_default(),
                Err(_) => String::new(),
            },
            at: at.unwrap_or_else(|reason| At::Refused { reason }),
        };
        let object = self.shard.member(&name, length, place.to_string(), label);
        match self.names.get(&name) {
            // As `tar` and `unzip` leave it: the last of a name is the file.
            Some(&position) => {
                let reason = "a later member of its archive has the same name";
                let earlier = std::mem::replace(&mut self.page.objects[position], object);
                self.page.skipped.unreadable_named(&earlier.path, reason);
            }
            None => {
                self.names.insert(name, self.page.objects.len());
                self.page.objects.push(object);
            }
        }
    }

    /// Whether there is room for another image.
    pub(super) fn has_room(&self) -> bool {
        self.page.objects.len() < MOST_MEMBERS
    }

    /// Adds the text of a sidecar.
    pub(super) fn text(&mut self, raw: &[u8], sidecar: Sidecar, bytes: Vec<u8>) {
        self.page.entries += 1;
        let Name::Plain(name) = member_name(raw) else {
            return;
        };
        match String::from_utf8(bytes) {
            Ok(text) => self.set_text(key(&name), sidecar, text),
            Err(_) => self.no_text(&name, "it is not UTF-8"),
        }
    }

    /// Counts a sidecar that cannot be a value.
    pub(super) fn no_text(&mut self, name: &str, reason: &str) {
        let name = format!("{}/{name}", self.shard.path);
        self.page.skipped.unreadable_named(&name, reason);
    }

    fn set_text(&mut self, key: &str, sidecar: Sidecar, text: String) {
        let texts = self.texts.entry(key.to_owned()).or_default();
        texts[sidecar as usize] = Some(text.trim_end_matches(['\n', '\r']).to_owned());
    }

    /// Gives the image at a position the text of a column.
    pub(super) fn set_column(&mut self, position: usize, sidecar: Sidecar, text: String) {
        self.page.objects[position].texts_mut()[sidecar as usize] = Some(text);
    }

    /// A shard that cannot be read, or not to its end, is a row, too: without it a run would
    /// publish a part of the images as if it were all.
    pub(super) fn fault(&mut self, reason: String) {
        let place = Place {
            shard_end: self.shard.path.len(),
            at: At::Refused { reason },
            version: String::new(),
        };
        let mut object = self.shard.clone();
        object.e_tag = Some(place.to_string());
        self.page.objects.push(object);
    }

    /// # Errors
    /// If the location names a member and there is none.
    pub(super) fn finish(mut self) -> Result<Page, ImagesError> {
        let start = self.shard.path.len() + 1;
        for object in &mut self.page.objects {
            let name = object.path.get(start..).unwrap_or_default();
            if let Some(texts) = self.texts.get(key(name)) {
                object.texts_mut().clone_from(texts);
            }
        }
        if self.page.objects.is_empty() && !self.matcher.within.is_empty() {
            return Err(ImagesError::NoMember {
                shard: self.shard.path,
                member: self.matcher.within.clone(),
            });
        }
        Ok(self.page)
    }
}
