//! A column of images through the network: what `mobilenet_v2` and `try_mobilenet_v2` share.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use pomona_backbones::BackboneError;
use pomona_mobilenet::preprocess::DecodeLimits;
use pomona_mobilenet::{FeatureExtractor, ImageError};

use crate::bad_images::count;
use crate::content::contents;
use crate::decoding::decoding;
use crate::image_function::BadImage;
use crate::network::{FEATURE_LEN, network};
use crate::{FunctionError, Objects, PomonaOptions};

/// The images of a batch that have no features.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The first that is bad itself, with its row.
    bad: Option<(usize, ImageError)>,
    /// Why images cannot be decoded at the moment.
    stopped: Option<ImageError>,
}

impl Failures {
    pub(crate) fn add(&mut self, row: usize, error: ImageError) {
        match error.is_of_image() {
            true => {
                count(&error);
                self.bad.get_or_insert((row, error));
            }
            false => drop(self.stopped.get_or_insert(error)),
        }
    }

    /// Fails where the query is to fail.
    pub(crate) fn check(self, bad_image: BadImage) -> Result<(), FunctionError> {
        match (self.stopped, self.bad) {
            (Some(error), _) => Err(FunctionError::Decoding(error)),
            (None, Some((row, source))) if bad_image == BadImage::Fails => {
                Err(FunctionError::Image { row, source })
            }
            _ => Ok(()),
        }
    }
}

thread_local! {
    // One extractor a thread: its buffers are allocated once and serve every batch.
    static EXTRACTOR: RefCell<Option<FeatureExtractor>> = const { RefCell::new(None) };
}

/// The SQL type of a feature vector, which has 1280 numbers: `List<Float32>`.
///
/// Readers of Parquet differ in what they make of a NULL in a list of fixed size: pyarrow 14 to 25
/// refuse the file.
pub(crate) fn features_type() -> DataType {
    DataType::List(list_field())
}

fn list_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Float32, true))
}

/// The features of every image in a binary column, written once into the array's own buffer.
pub(crate) fn extract(
    column: &ArrayRef,
    options: &PomonaOptions,
    objects: &Objects,
    bad_image: BadImage,
) -> Result<ArrayRef> {
    let files = contents(column)?;
    let mut values = vec![0_f32; files.len() * FEATURE_LEN];
    let mut valid: Vec<bool> = files.iter().map(Option::is_some).collect();

    if valid.contains(&true) {
        let loaded = network(options, objects)?;
        let network = &loaded.network;
        let mut failures = Failures::default();
        let extracted = EXTRACTOR.with_borrow_mut(|slot| {
            let extractor = match slot {
                Some(extractor) if Arc::ptr_eq(extractor.network(), network) => extractor,
                _ => slot.insert(FeatureExtractor::new(
                    Arc::clone(network),
                    DecodeLimits::DEFAULT,
                )),
            };
            extractor.extract_with(&files, &decoding(options), &mut values, |row, error| {
                valid[row] = false;
                failures.add(row, error);
            })
        });
        extracted.map_err(|error| FunctionError::Forward(BackboneError::Candle(error)))?;
        loaded.count(valid.iter().filter(|valid| **valid).count());
        failures.check(bad_image)?;
    }

    // A row that is NULL has a place among the values too.
    Ok(Arc::new(ListArray::try_new(
        list_field(),
        OffsetBuffer::from_repeated_length(FEATURE_LEN, files.len()),
        Arc::new(Float32Array::from(values)),
        Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0),
    )?))
}
