//! Finds the settings files.

use std::env;
use std::path::{Path, PathBuf};

const PROJECT_FILE: &str = "pomona.toml";

/// The settings files, the strongest first: `given`, or else the nearest `pomona.toml`, then the
/// user's. `given` is listed even if it does not exist.
pub(crate) fn settings_files(given: Option<&Path>) -> Vec<PathBuf> {
    let project = given.map(Path::to_path_buf).or_else(project_file);
    project.into_iter().chain(user_file()).collect()
}

/// The nearest `pomona.toml`, in the current folder or its parents.
fn project_file() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors()
        .map(|folder| folder.join(PROJECT_FILE))
        .find(|file| file.is_file())
}

fn user_file() -> Option<PathBuf> {
    let folder = match env::var_os("XDG_CONFIG_HOME").map(PathBuf::from) {
        // The specification says to ignore a relative path.
        Some(folder) if folder.is_absolute() => folder,
        _ => dirs::config_dir()?,
    };
    let file = folder.join("pomona").join("config.toml");
    file.is_file().then_some(file)
}
