//! How many requests a listing takes.

use super::PAGE;
use super::tree::MOST_FOLDERS_OF_A_PAGE;

/// Counts the LIST requests that a listing takes, given the paths of its objects below the listed
/// folder, in their order, where there is nothing but them: a request a thousand keys of a folder,
/// and one more for a folder whose folders are listed one by one.
///
/// It holds the folders above the last path, and no others.
#[derive(Debug)]
pub struct ListRequests {
    /// The last path.
    last: String,
    /// The folders that it is in, the listed one first.
    folders: Vec<Folder>,
}

/// What has been seen of a folder.
#[derive(Debug, Default)]
struct Folder {
    /// Where its name ends in the paths of its keys.
    end: usize,
    /// Its keys, and those below its folders.
    keys: usize,
    /// The folders that its first page of keys shows.
    first_folders: usize,
    /// Its objects and folders.
    entries: usize,
    /// The requests that list its folders one by one.
    below: u64,
}

impl Folder {
    fn requests(&self) -> u64 {
        // A full page does not say that it is the last.
        if self.keys < PAGE {
            return 1;
        }
        match (1..=MOST_FOLDERS_OF_A_PAGE).contains(&self.first_folders) {
            true => 1 + self.entries.div_ceil(PAGE) as u64 + self.below,
            false => self.keys.div_ceil(PAGE) as u64,
        }
    }
}

impl Default for ListRequests {
    fn default() -> Self {
        Self {
            last: String::new(),
            folders: vec![Folder::default()],
        }
    }
}

impl ListRequests {
    /// Adds the next path.
    pub fn add(&mut self, path: &str) {
        let is_outside = |folder: &Folder| !path.starts_with(&self.last[..folder.end]);
        while self.folders.last().is_some_and(is_outside) {
            close(&mut self.folders);
        }
        let mut end = self.folders.last().map_or(0, |folder| folder.end);
        while let Some(slash) = path[end..].find('/') {
            end += slash + 1;
            if let Some(above) = self.folders.last_mut() {
                above.entries += 1;
                above.first_folders += usize::from(above.keys < PAGE);
            }
            self.folders.push(Folder {
                end,
                ..Folder::default()
            });
        }
        for folder in &mut self.folders {
            folder.keys += 1;
        }
        if let Some(folder) = self.folders.last_mut() {
            folder.entries += 1;
        }
        self.last.clear();
        self.last.push_str(path);
    }

    /// The number of requests.
    pub fn total(mut self) -> u64 {
        while self.folders.len() > 1 {
            close(&mut self.folders);
        }
        self.folders.first().map_or(1, Folder::requests)
    }
}

/// Adds the requests of the last folder to the one above it.
fn close(folders: &mut Vec<Folder>) {
    let requests = folders.pop().map_or(0, |folder| folder.requests());
    if let Some(above) = folders.last_mut() {
        above.below += requests;
    }
}

#[cfg(test)]
mod tests {
    use super::ListRequests;

    fn requests(folders: &[(&str, u32)]) -> u64 {
        let mut paths: Vec<String> = folders
            .iter()
            .flat_map(|(folder, count)| (0..*count).map(move |n| format!("{folder}{n:06}.jpg")))
            .collect();
        paths.sort_unstable();
        let mut requests = ListRequests::default();
        for path in &paths {
            requests.add(path);
        }
        requests.total()
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
