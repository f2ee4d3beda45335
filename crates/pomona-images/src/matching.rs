//! Which objects below a location are images of the table.

use glob::{MatchOptions, Pattern};

use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::options::ImageTableOptions;
use crate::shards::ShardKind;

/// The extensions that are taken when no glob says otherwise.
///
/// `jfif` and `jpe` are names of JPEG files, which Pillow's `Image.registered_extensions` has too.
const EXTENSIONS: [&str; 10] = [
    "jpg", "jpeg", "jfif", "jpe", "png", "webp", "bmp", "gif", "tif", "tiff",
];

/// Those of JPEG 2000 and JPEG XL, which a build with the feature `more-formats` takes too.
const MORE_EXTENSIONS: [&str; 7] = ["jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jxl"];

/// `*` stays within a folder, as in a shell; `**` crosses folders.
const SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Decides by name alone which objects below one location belong to the table.
#[derive(Debug)]
pub(crate) struct ObjectMatcher {
    location: Option<Pattern>,
    /// Whether the location's glob ends in an extension, and so says itself what an image is.
    names_extension: bool,
    glob: Option<Pattern>,
    /// Whether `glob` is about file names alone.
    glob_is_name: bool,
    /// The levels of folders below the location that are read; none where all are.
    levels: Option<usize>,
}

impl ObjectMatcher {
    pub(crate) fn new(
        location: &ImageLocation,
        options: &ImageTableOptions,
    ) -> Result<Self, ImagesError> {
        let pattern = location.pattern.as_deref();
        let invalid_location = |e: glob::PatternError| ImagesError::InvalidLocation {
            location: location.text.clone(),
            reason: e.to_string(),
        };
        let invalid_glob = |e: glob::PatternError| ImagesError::InvalidOption {
            name: "glob",
            value: options.glob.clone().unwrap_or_default(),
            expected: format!("a glob such as '*.jpg' ({e})"),
        };
        Ok(Self {
            location: pattern
                .map(Pattern::new)
                .transpose()
                .map_err(invalid_location)?,
            names_extension: pattern.is_some_and(ends_in_extension),
            glob: options
                .glob
                .as_deref()
                .map(Pattern::new)
                .transpose()
                .map_err(invalid_glob)?,
            glob_is_name: options
                .glob
                .as_ref()
                .is_some_and(|glob| !glob.contains('/')),
            levels: options.levels(),
        })
    }

    /// Whether the object at `relative`, its path below the location's folder, belongs to the
    /// table. Hidden files and everything in hidden folders never do: on disks from a Mac every
    /// image has a shadow, `._0_100.jpg`, that is none.
    pub(crate) fn accepts(&self, relative: &str) -> bool {
        if relative.is_empty() || relative.split('/').any(|name| name.starts_with('.')) {
            return false;
        }
        let Some(location) = &self.location else {
            return self.accepts_below(relative, false);
        };
        // A shell expands the glob first: what it matches is an object or a folder, and a folder
        // stands for everything below it.
        let folders = relative.match_indices('/').any(|(end, _)| {
            location.matches_with(&relative[..end], SHELL)
                && self.accepts_below(&relative[end + 1..], false)
        });
        folders
            || location.matches_with(relative, SHELL)
                && self.accepts_below(file_name(relative), self.names_extension)
    }

    /// Whether a shard belongs to the table. What the table's glob says of names is about images,
    /// unless it is one of shards.
    pub(crate) fn accepts_shard(&self, relative: &str) -> bool {
        if relative.is_empty() || relative.split('/').any(|name| name.starts_with('.')) {
            return false;
        }
        let is_below = |relative: &str| {
            let glob = self.glob.as_ref();
            let glob = glob.filter(|glob| ShardKind::of_name(glob.as_str()).is_some());
            let is_named = glob.is_none_or(|glob| match self.glob_is_name {
                true => glob.matches_with(file_name(relative), SHELL),
                false => glob.matches_with(relative, SHELL),
            });
            is_named && self.is_within_depth(relative)
        };
        let Some(location) = &self.location else {
            return is_below(relative);
        };
        let folders = relative.match_indices('/').any(|(end, _)| {
            location.matches_with(&relative[..end], SHELL) && is_below(&relative[end + 1..])
        });
        folders || location.matches_with(relative, SHELL) && is_below(file_name(relative))
    }

    /// Whether an object that was not accepted is worth a word: it is not hidden, and its extension
    /// decided.
    pub(crate) fn is_stranger(&self, relative: &str) -> bool {
        let is_hidden = relative.split('/').any(|name| name.starts_with('.'));
        let by_extension = self.location.is_none() && self.glob.is_none();
        !relative.is_empty() && !is_hidden && by_extension && self.is_within_depth(relative)
    }

    /// Whether an object lies in a folder that is read.
    fn is_within_depth(&self, relative: &str) -> bool {
        let levels = relative.matches('/').count();
        self.levels.is_none_or(|most| levels <= most)
    }

    fn accepts_below(&self, relative: &str, is_named: bool) -> bool {
        if !self.is_within_depth(relative) {
            return false;
        }
        match &self.glob {
            Some(glob) if self.glob_is_name => glob.matches_with(file_name(relative), SHELL),
            Some(glob) => glob.matches_with(relative, SHELL),
            None => is_named || is_image_name(relative),
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Whether the last segment of a path, or of a URL, has the extension of an image.
pub fn is_image_name(path: &str) -> bool {
    file_name(path)
        .rsplit_once('.')
        .is_some_and(|(_, extension)| {
            let is_in =
                |extensions: &[&str]| extensions.iter().any(|e| extension.eq_ignore_ascii_case(e));
            is_in(&EXTENSIONS) || cfg!(feature = "more-formats") && is_in(&MORE_EXTENSIONS)
        })
}

fn ends_in_extension(pattern: &str) -> bool {
    file_name(pattern)
        .rsplit_once('.')
        .is_some_and(|(_, extension)| {
            !extension.is_empty() && !extension.contains(['*', '?', '[', ']'])
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    fn accepted(pattern: Option<&str>, options: &ImageTableOptions) -> Vec<&'static str> {
        let location = ImageLocation {
            text: String::new(),
            store: "file:///".into(),
            path: "data".into(),
            pattern: pattern.map(str::to_owned),
            is_object: false,
            within: None,
        };
        let matcher = ObjectMatcher::new(&location, options).unwrap();
        let names = [
            "0.jpg",
            "A/1.JPEG",
            "A/2.png",
            "A/deep/3.jpg",
            "B/4.tiff",
            "B/5.heif",
            "B/notes.txt",
            "B/.6.jpg",
            ".cache/7.jpg",
            "_SUCCESS",
            "_DSC8.jpg",
            "jpg",
        ];
        names
            .into_iter()
            .filter(|name| matcher.accepts(name))
            .collect()
    }

    fn options(glob: Option<&str>, recursive: bool) -> ImageTableOptions {
        ImageTableOptions {
            glob: glob.map(str::to_owned),
            recursive,
            ..Default::default()
        }
    }

    #[test]
    fn extensions_are_the_default() {
        assert_eq!(
            accepted(None, &options(None, true)),
            [
                "0.jpg",
                "A/1.JPEG",
                "A/2.png",
                "A/deep/3.jpg",
                "B/4.tiff",
                "_DSC8.jpg"
            ]
        );
        assert_eq!(
            accepted(None, &options(None, false)),
            ["0.jpg", "_DSC8.jpg"]
        );
    }

    #[test]
    fn names_of_more_formats_are_taken_where_they_are_read() {
        let location = Location::parse("/data/").unwrap().literal(false);
        let matcher = ObjectMatcher::new(&location, &options(None, true)).unwrap();
        for name in ["a.jp2", "A/b.J2K", "c.jxl"] {
            assert_eq!(
                matcher.accepts(name),
                cfg!(feature = "more-formats"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_glob_replaces_the_extensions() {
        let jpg = ["0.jpg", "A/deep/3.jpg", "_DSC8.jpg"];
        assert_eq!(accepted(None, &options(Some("*.jpg"), true)), jpg);
        assert_eq!(accepted(None, &options(Some("**/*.jpg"), true)), jpg);
        assert_eq!(accepted(None, &options(Some("*/*.png"), true)), ["A/2.png"]);
        assert_eq!(accepted(None, &options(Some("*.heif"), true)), ["B/5.heif"]);
        for name in ["a.JFIF", "b.jpe"] {
            let location = Location::parse("/data/").unwrap().literal(false);
            let matcher = ObjectMatcher::new(&location, &options(None, true)).unwrap();
            assert!(matcher.accepts(name), "{name}");
        }
    }

    #[test]
    fn a_location_glob_is_expanded_as_in_a_shell() {
        let all = options(None, true);
        assert_eq!(accepted(Some("*.jpg"), &all), ["0.jpg", "_DSC8.jpg"]);
        assert_eq!(accepted(Some("*/*.heif"), &all), ["B/5.heif"]);
        assert_eq!(
            accepted(Some("[A]"), &all),
            ["A/1.JPEG", "A/2.png", "A/deep/3.jpg"]
        );
        assert_eq!(
            accepted(Some("[A]"), &options(None, false)),
            ["A/1.JPEG", "A/2.png"]
        );
        assert_eq!(accepted(Some("B/*"), &all), ["B/4.tiff"]);
        assert_eq!(
            accepted(Some("**/*.jpg"), &all),
            ["0.jpg", "A/deep/3.jpg", "_DSC8.jpg"]
        );
    }
}
