//! Images through networks by name: what `image_features` and `try_image_features` share.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ColumnarValue;
use pomona_backbones::{Backbone, BackboneError, BackboneFactory, backbone};
use pomona_mobilenet::FeatureExtractor;
use pomona_mobilenet::preprocess::DecodeLimits;

use crate::backbone_weights::model;
use crate::content::contents;
use crate::decoding::decoding;
use crate::extract::{Failures, extract};
use crate::image_function::BadImage;
use crate::{FunctionError, Objects, PomonaOptions};

/// The name of the network that `mobilenet_v2` runs.
const MOBILENET_V2: &str = "mobilenet_v2";

thread_local! {
    // One a thread: its buffers are allocated once and serve every batch.
    static EXTRACTOR: RefCell<Option<FeatureExtractor<dyn Backbone>>> = const { RefCell::new(None) };
}

/// The network that a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// The fast path, with the weights of `pomona.weights`.
    MobileNetV2,
    /// Another network, with the weights of `pomona.backbone_weights`.
    Other(&'static dyn BackboneFactory),
}

impl Network {
    /// The network of the argument `network`; `function` is the name for errors.
    pub(crate) fn of(function: &str, argument: &ColumnarValue) -> Result<Self> {
        let ColumnarValue::Scalar(
            ScalarValue::Utf8(Some(name))
            | ScalarValue::LargeUtf8(Some(name))
            | ScalarValue::Utf8View(Some(name)),
        ) = argument
        else {
            return plan_err!("{function}: the network is a constant name");
        };
        Ok(Self::named(name)?)
    }

    /// The network of a name.
    pub(crate) fn named(name: &str) -> Result<Self, FunctionError> {
        if name == MOBILENET_V2 {
            return Ok(Self::MobileNetV2);
        }
        Ok(Self::Other(backbone(name)?))
    }
}

/// The SQL type of the features of any network: `List<Float32>`.
pub(crate) fn list_type() -> DataType {
    DataType::new_list(DataType::Float32, true)
}

/// The features of every image in a binary column.
pub(crate) fn extract_with(
    network: Network,
    column: &ArrayRef,
    options: &PomonaOptions,
    objects: &Objects,
    bad_image: BadImage,
) -> Result<ArrayRef> {
    let factory = match network {
        Network::MobileNetV2 => {
            let features = extract(column, options, objects, bad_image)?;
            return Ok(cast(&features, &list_type())?);
        }
        Network::Other(factory) => factory,
    };
    let files = contents(column)?;
    let length = factory.feature_len();
    let mut values = vec![0_f32; files.len() * length];
    let mut valid: Vec<bool> = files.iter().map(Option::is_some).collect();
    if valid.contains(&true) {
        let loaded = model(factory, options, objects)?;
        let mut failures = Failures::default();
        let extracted = EXTRACTOR.with_borrow_mut(|slot| {
            let extractor = match slot {
                Some(extractor) if Arc::ptr_eq(extractor.network(), &loaded.model) => extractor,
                _ => slot.insert(FeatureExtractor::new(
                    Arc::clone(&loaded.model),
                    DecodeLimits::DEFAULT,
                )),
            };
            extractor.extract_with(&files, &decoding(options), &mut values, |row, error| {
                valid[row] = false;
                failures.add(row, error);
            })
        });
        extracted.map_err(|error| FunctionError::Forward(BackboneError::Candle(error)))?;
        failures.check(bad_image)?;
    }
    // A row without features is an empty list: what is behind it moves up.
    let mut filled = 0;
    for row in (0..valid.len()).filter(|row| valid[*row]) {
        values.copy_within(row * length..(row + 1) * length, filled * length);
        filled += 1;
    }
    values.truncate(filled * length);
    let lengths = valid.iter().map(|valid| if *valid { length } else { 0 });
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Float32, true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(Float32Array::from(values)),
        Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0),
    )?))
}
