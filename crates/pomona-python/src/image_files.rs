//! [`ImageFile`]: encoded images as Python passes them, as bytes or paths.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyAny, PyBytes, PyString};

use crate::errors::usage;

/// An encoded image.
pub(crate) enum ImageFile {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

impl ImageFile {
    /// Its path, where it is a file.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Bytes(_) => None,
            Self::Path(path) => Some(path.clone()),
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// Why the file cannot be read.
    pub(crate) fn read(&self) -> Result<Cow<'_, [u8]>, String> {
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Path(path) => match fs::read(path) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(error) => Err(format!("'{}' cannot be read: {error}", path.display())),
            },
        }
    }
}

/// The images of a list.
///
/// # Errors
/// `UsageError` for what is no list of bytes and paths, with the index of the first that is neither.
pub(crate) fn read_list(images: &Bound<'_, PyAny>) -> PyResult<Vec<ImageFile>> {
    if images.is_instance_of::<PyBytes>() || images.is_instance_of::<PyString>() {
        return Err(usage("images are a list: pass [image] for one"));
    }
    let files = images.try_iter()?.enumerate();
    files
        .map(|(index, image)| read_one(index, &image?))
        .collect()
}

fn read_one(index: usize, image: &Bound<'_, PyAny>) -> PyResult<ImageFile> {
    if let Ok(bytes) = image.extract::<PyBackedBytes>() {
        return Ok(ImageFile::Bytes(bytes));
    }
    match image.extract::<PathBuf>() {
        Ok(path) if path.to_str().is_some_and(|path| path.contains("://")) => Err(usage(format!(
            "image {index} is a URL, '{}': pass a path or bytes, or read it in SQL with read_image(url)",
            path.display()
        ))),
        Ok(path) => Ok(ImageFile::Path(path)),
        Err(_) => {
            let kind = image.get_type().name()?;
            Err(usage(format!(
                "image {index} is a {kind}: an image is the bytes of a file, or its path"
            )))
        }
    }
}
