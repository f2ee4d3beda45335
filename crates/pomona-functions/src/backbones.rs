//! Images through networks by name: what `image_features` and `try_image_features` share.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ColumnarValue;
use pomona_backbones::{Backbone, BackboneError, Preparer};

use crate::backbone_weights::model;
use crate::content::contents;
use crate::extract::{BadImage, extract};
use crate::{FunctionError, Objects, PomonaOptions};

/// The name of the network that `mobilenet_v2` runs.
const MOBILENET_V2: &str = "mobilenet_v2";

/// The functions that run a network by name.
pub(crate) const BACKBONE_FUNCTIONS: [&str; 2] = ["image_features", "try_image_features"];

thread_local! {
    // One a thread: its buffers are allocated once and serve every batch.
    static PREPARER: RefCell<Option<Preparer>> = const { RefCell::new(None) };
}

/// What `image_features` can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    /// The fast path, with the weights of `pomona.weights`.
    MobileNetV2,
    /// Candle's model, with the weights of `pomona.backbone_weights`.
    Other(Backbone),
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
        let all = Backbone::ALL.map(Backbone::name).join(", ");
        Backbone::parse(name).map(Self::Other).map_err(|_unknown| {
            FunctionError::Backbone(BackboneError::Unknown {
                name: name.to_string(),
                known: format!("{MOBILENET_V2}, {all}"),
            })
        })
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
    let backbone = match network {
        Network::MobileNetV2 => {
            let features = extract(column, options, objects, bad_image)?;
            return Ok(cast(&features, &list_type())?);
        }
        Network::Other(backbone) => backbone,
    };
    let files = contents(column)?;
    let mut values = vec![];
    let mut lengths = vec![0; files.len()];
    let mut valid = vec![false; files.len()];
    if files.iter().any(Option::is_some) {
        let loaded = model(backbone, options, objects)?;
        let (preparation, limits) = (backbone.preparation(), options.decode_limits());
        PREPARER.with_borrow_mut(|slot| -> Result<(), FunctionError> {
            let preparer = match slot {
                Some(preparer) if preparer.serves(&preparation, &limits) => preparer,
                _ => slot.insert(Preparer::new(preparation, limits)),
            };
            for (row, file) in files.iter().enumerate() {
                let Some(file) = file else { continue };
                let prepared = match preparer.run(file) {
                    Ok(prepared) => prepared,
                    Err(_) if bad_image == BadImage::Null => continue,
                    Err(source) => return Err(FunctionError::Image { row, source }),
                };
                let features = loaded.model.features(&prepared)?;
                lengths[row] = features.len();
                valid[row] = true;
                values.extend(features);
            }
            Ok(())
        })?;
    }
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Float32, true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(Float32Array::from(values)),
        Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0),
    )?))
}
