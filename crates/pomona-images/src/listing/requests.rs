//! How many requests a listing takes.

use std::collections::HashSet;

use super::PAGE;
use super::tree::MOST_FOLDERS_OF_A_PAGE;

/// The LIST requests that a listing of these objects takes, given their paths below the listed
/// folder, where there is nothing but them: a request a thousand keys of a folder, and one more
/// for a folder whose folders are listed one by one.
pub fn list_requests<'a>(paths: impl Iterator<Item = &'a str>) -> u64 {
    let mut paths: Vec<&str> = paths.collect();
    paths.sort_unstable();
    requests(&paths, 0)
}

/// Requests for the sorted keys of a folder, whose name ends at `start` in each.
fn requests(keys: &[&str], start: usize) -> u64 {
    let pages = |keys: usize| keys.div_ceil(PAGE).max(1) as u64;
    // A full page does not say that it is the last.
    if keys.len() < PAGE {
        return 1;
    }
    let folder = |key: &str| key[start..].split_once('/').map(|(name, _)| name.len());
    let named = |key: &&str| Some(key[start..start + folder(key)?].to_owned());
    let first: HashSet<String> = keys[..PAGE].iter().filter_map(named).collect();
    if !(1..=MOST_FOLDERS_OF_A_PAGE).contains(&first.len()) {
        return pages(keys.len());
    }
    let mut entries = 0;
    let mut below = 0;
    let mut rest = keys;
    while let Some(key) = rest.first() {
        entries += 1;
        let Some(length) = folder(key) else {
            rest = &rest[1..];
            continue;
        };
        let end = start + length + 1;
        let count = rest.partition_point(|other| other.starts_with(&key[..end]));
        below += requests(&rest[..count], end);
        rest = &rest[count..];
    }
    1 + pages(entries) + below
}

#[cfg(test)]
mod tests {
    use super::list_requests;

    fn requests(folders: &[(&str, u32)]) -> u64 {
        let paths: Vec<String> = folders
            .iter()
            .flat_map(|(folder, count)| (0..*count).map(move |n| format!("{folder}{n:06}.jpg")))
            .collect();
        list_requests(paths.iter().map(String::as_str))
    }

    fn folders(count: usize, each: u32) -> u64 {
        let labels: Vec<_> = (0..count).map(|n| format!("label {n:04}/")).collect();
        let folders: Vec<_> = labels.iter().map(|label| (label.as_str(), each)).collect();
        requests(&folders)
    }

    #[test]
    fn a_request_lists_a_thousand_keys_of_a_folder() {
        assert_eq!(requests(&[("", 1)]), 1);
        assert_eq!(requests(&[("", 999)]), 1);
        assert_eq!(requests(&[("", 1001)]), 2);
        assert_eq!(requests(&[("a/", 10), ("b/", 20), ("", 5)]), 1);
        // The first page, the folders, and each of them.
        assert_eq!(requests(&[("a/", 1500), ("b/", 10)]), 2 + 2 + 1);
        assert_eq!(folders(20, 1001), 2 + 20 * 2);
        assert_eq!(folders(1500, 200), 2 + 1 + 1500);
        // More folders than are worth a request each: all in one listing.
        assert_eq!(folders(1500, 2), 3);
    }
}
