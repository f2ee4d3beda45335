//! Which image a person means by a path.

use std::fs;
use std::path::{Path, absolute};

use crate::AnalysisError;

/// How many names an error lists.
const LISTED: usize = 5;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Image {
    /// One of the results, by its path there.
    Known(String),
    /// A file that has not been through the network, as a path or URL.
    File(String),
}

/// Finds the image that `image` names: one of the results by its URL or path, else a file that
/// exists or a URL, else one of the results by the last parts of its path.
///
/// `images` are those of the results with the reason why they have no features; `results` is
/// their folder, for errors.
pub(super) fn find(
    image: &str,
    images: &[(String, Option<String>)],
    results: &str,
) -> Result<Image, AnalysisError> {
    let names = names(image);
    if let Some(image) = images.iter().find(|(path, _)| names.contains(path)) {
        return known(image);
    }
    if image.contains("://") || Path::new(image).is_file() {
        return Ok(Image::File(image.to_string()));
    }
    let end = image.trim_start_matches("./");
    let ends = |path: &str| {
        path.strip_suffix(end)
            .is_some_and(|before| before.ends_with('/'))
    };
    let mut found = images.iter().filter(|(path, _)| ends(path));
    match (found.next(), found.next()) {
        (Some(image), None) => known(image),
        (Some(_), Some(_)) => {
            let candidates = images.iter().map(|(path, _)| path.as_str());
            let candidates: Vec<&str> = candidates.filter(|path| ends(path)).collect();
            Err(AnalysisError::AmbiguousImage {
                image: image.to_string(),
                count: candidates.len(),
                candidates: candidates
                    .iter()
                    .take(LISTED)
                    .map(|path| path.to_string())
                    .collect(),
            })
        }
        _ => Err(AnalysisError::UnknownImage {
            image: image.to_string(),
            results: results.to_string(),
            nearest: nearest_names(end, images),
        }),
    }
}

fn known((path, error): &(String, Option<String>)) -> Result<Image, AnalysisError> {
    match error {
        None => Ok(Image::Known(path.clone())),
        Some(reason) => Err(AnalysisError::ImageWithoutFeatures {
            path: path.clone(),
            reason: reason.clone(),
        }),
    }
}

/// The URLs that a path or URL may have in the results, where they are not percent-encoded.
fn names(image: &str) -> Vec<String> {
    let mut names = vec![image.to_string()];
    if image.contains("://") {
        let decoded = percent_encoding::percent_decode_str(image).decode_utf8();
        names.extend(decoded.map(String::from));
    } else {
        let paths = [absolute(image), fs::canonicalize(image)];
        let paths = paths.iter().flatten();
        names.extend(paths.map(|path| format!("file://{}", path.display())));
    }
    names
}

/// The paths that look most like what was typed, by as many of their last parts.
fn nearest_names(image: &str, images: &[(String, Option<String>)]) -> Vec<String> {
    let parts = image.matches('/').count() + 1;
    let mut scored: Vec<(f64, &str)> = images
        .iter()
        .map(|(path, _)| {
            let start = path.rmatch_indices('/').nth(parts - 1);
            let end = &path[start.map_or(0, |(slash, _)| slash + 1)..];
            (
                strsim::normalized_damerau_levenshtein(image, end),
                path.as_str(),
            )
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored
        .iter()
        .take(3)
        .map(|(_, path)| path.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Vec<(String, Option<String>)> {
        let good = [
            "Apple Red/0.png",
            "Apple Red/10.png",
            "Kiwi/0.png",
            "Kiwi/l'été.png",
        ];
        let mut images: Vec<_> = good
            .iter()
            .map(|name| (format!("s3://bucket/{name}"), None))
            .collect();
        images.push((
            "s3://bucket/Kiwi/bad.png".to_string(),
            Some("empty".to_string()),
        ));
        images
    }

    fn found(image: &str) -> Result<Image, String> {
        find(image, &images(), "out").map_err(|error| error.to_string())
    }

    fn is(path: &str) -> Result<Image, String> {
        Ok(Image::Known(format!("s3://bucket/{path}")))
    }

    #[test]
    fn urls_and_unique_ends_name_images_of_the_results() {
        assert_eq!(found("s3://bucket/Kiwi/0.png"), is("Kiwi/0.png"));
        assert_eq!(
            found("s3://bucket/Apple%20Red/0.png"),
            is("Apple Red/0.png")
        );
        assert_eq!(found("Kiwi/0.png"), is("Kiwi/0.png"));
        assert_eq!(found("./Kiwi/0.png"), is("Kiwi/0.png"));
        assert_eq!(found("l'été.png"), is("Kiwi/l'été.png"));
        // Only whole parts of a path count.
        assert!(found("Red/0.png").is_err());
    }

    #[test]
    fn other_urls_and_files_are_new_images() {
        assert_eq!(
            found("s3://other/Kiwi/0.png"),
            Ok(Image::File("s3://other/Kiwi/0.png".to_string()))
        );
        assert_eq!(
            found("Cargo.toml"),
            Ok(Image::File("Cargo.toml".to_string()))
        );
    }

    #[test]
    fn errors_name_the_candidates_and_the_nearest() {
        let error = found("0.png").unwrap_err();
        assert!(
            error.contains("2 images")
                && error.contains("s3://bucket/Apple Red/0.png")
                && error.contains("s3://bucket/Kiwi/0.png"),
            "{error}"
        );
        let error = found("Kivi/0.png").unwrap_err();
        assert!(error.contains("s3://bucket/Kiwi/0.png"), "{error}");
        let error = found("bad.png").unwrap_err();
        assert!(error.contains("empty"), "{error}");
    }
}
