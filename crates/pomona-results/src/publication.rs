//! [`Publication`]: what is moved where, so that whoever finds it half done can finish it, or read
//! through it.
//!
//! ```text
//! of each folder in turn:  remove the files that the new result replaces ─► reveal the new ones
//! then:                    write manifest.json ─► remove what is left below _temporary
//! ```
//!
//! A reader of folders sees no row twice and no two models; between the two steps of a folder it
//! sees fewer rows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Manifest;

/// Lengths of files by their paths relative to the output.
pub(crate) type Sizes = BTreeMap<String, u64>;

/// Files to be moved, from and to paths relative to the output, and the manifest to follow them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Publication {
    /// From where below `_temporary`, and to where.
    pub(crate) moves: Vec<(String, String)>,
    pub(crate) manifest: Manifest,
    /// Files of earlier runs that the new result replaces.
    #[serde(default)]
    pub(crate) obsolete: BTreeSet<String>,
    /// The run of the manifest that this one replaces, empty where there was none. Version 0.1 did
    /// not say.
    #[serde(default)]
    pub(crate) replaces: Option<String>,
}

/// What is to be done in a folder, in this order.
#[derive(Debug, Default)]
pub(crate) struct FolderSteps {
    /// Files to be removed.
    pub(crate) obsolete: Vec<String>,
    /// Files to be revealed, from where and to where.
    pub(crate) moves: Vec<(String, String)>,
}

impl Publication {
    /// Every path that it names below the output.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        let moved = self.moves.iter().map(|(_, to)| to);
        moved.chain(self.manifest.paths()).chain(&self.obsolete)
    }

    /// Whether it follows the manifest that is there, or has been written as that. Any other is
    /// void: the run that wrote it had lost the output to one that has published since.
    pub(crate) fn follows(&self, current: Option<&Manifest>) -> bool {
        let Some(current) = current.map(|manifest| &manifest.run) else {
            return true;
        };
        let replaces = self.replaces.as_ref();
        self.manifest.run == *current || replaces.is_none_or(|replaced| replaced == current)
    }

    /// The files that are not where they belong yet: where they are, by where they belong. Fails
    /// with the path of one that is neither here nor there with the length that the manifest says.
    pub(crate) fn staged(&self, sizes: &Sizes) -> Result<BTreeMap<&str, &str>, String> {
        let bytes: BTreeMap<&str, u64> = self
            .manifest
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.bytes))
            .collect();
        let mut staged = BTreeMap::new();
        for (from, to) in &self.moves {
            let expected = bytes.get(to.as_str());
            if sizes.contains_key(from) && sizes.get(from) == expected {
                staged.insert(to.as_str(), from.as_str());
            } else if !sizes.contains_key(to) || sizes.get(to) != expected {
                return Err(to.clone());
            }
        }
        Ok(staged)
    }

    /// What is left to be done, folder by folder.
    pub(crate) fn steps(&self, sizes: &Sizes) -> Result<Vec<FolderSteps>, String> {
        let mut folders: BTreeMap<&str, FolderSteps> = BTreeMap::new();
        for (to, from) in self.staged(sizes)? {
            let moved = (from.to_string(), to.to_string());
            folders.entry(folder(to)).or_default().moves.push(moved);
        }
        for path in self
            .obsolete
            .iter()
            .filter(|path| sizes.contains_key(*path))
        {
            let steps = folders.entry(folder(path)).or_default();
            steps.obsolete.push(path.clone());
        }
        Ok(folders.into_values().collect())
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, FeatureOptions, FormatVersion, Parameters, PublishedFile};

    fn manifest(run: &str, files: &[(&str, u64)]) -> Manifest {
        Manifest {
            format_version: FormatVersion::CURRENT,
            options: FeatureOptions::default(),
            run: run.to_string(),
            files: files
                .iter()
                .map(|&(path, bytes)| PublishedFile {
                    path: path.to_string(),
                    bytes,
                    sha256: None,
                })
                .collect(),
            pomona: String::new(),
            datafusion: String::new(),
            finished: String::new(),
            parameters: Parameters {
                input: String::new(),
                path_column: None,
                output: String::new(),
                components: String::new(),
                filter: None,
                limit: None,
                weights: String::new(),
                format: None,
            },
            weights_sha256: String::new(),
            counts: Counts::default(),
            skipped: Default::default(),
            stages: vec![],
        }
    }

    fn publication() -> Publication {
        Publication {
            moves: vec![
                ("_temporary/2/a".to_string(), "features/a".to_string()),
                ("_temporary/2/m".to_string(), "model/m".to_string()),
            ],
            manifest: manifest("2", &[("features/a", 3), ("model/m", 5)]),
            obsolete: ["features/old".to_string(), "model/old".to_string()].into(),
            replaces: Some("1".to_string()),
        }
    }

    fn sizes(files: &[(&str, u64)]) -> Sizes {
        let sizes = files.iter().map(|&(path, bytes)| (path.to_string(), bytes));
        sizes.collect()
    }

    #[test]
    fn a_folder_loses_its_old_files_before_it_gets_new_ones() {
        let there = sizes(&[
            ("_temporary/2/a", 3),
            ("_temporary/2/m", 5),
            ("features/old", 1),
            ("model/old", 1),
        ]);
        let steps = publication().steps(&there).unwrap();
        let steps: Vec<_> = steps
            .iter()
            .map(|step| (step.obsolete[0].as_str(), step.moves[0].1.as_str()))
            .collect();
        assert_eq!(
            steps,
            [("features/old", "features/a"), ("model/old", "model/m")]
        );
    }

    #[test]
    fn nothing_is_removed_while_a_new_file_is_missing() {
        let publication = publication();
        // Revealed already, and a file of another length is not it.
        let there = sizes(&[("features/a", 3), ("_temporary/2/m", 5)]);
        assert_eq!(publication.staged(&there).unwrap().len(), 1);
        for there in [
            sizes(&[("features/a", 3)]),
            sizes(&[("features/a", 3), ("model/m", 4)]),
            sizes(&[("features/a", 3), ("_temporary/2/m", 4)]),
        ] {
            assert_eq!(publication.steps(&there).unwrap_err(), "model/m");
        }
    }

    #[test]
    fn a_publication_of_a_run_that_lost_the_output_is_void() {
        let publication = publication();
        for run in ["1", "2"] {
            assert!(publication.follows(Some(&manifest(run, &[]))), "{run}");
        }
        assert!(!publication.follows(Some(&manifest("3", &[]))));
        let first = Publication {
            replaces: Some(String::new()),
            ..publication
        };
        assert!(first.follows(None) && !first.follows(Some(&manifest("3", &[]))));
    }
}
