//! Pictures through networks by name: what `image_features` and `try_image_features` share.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float32Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ColumnarValue;
use pomona_backbones::{Backbone, BackboneError, Model, Preparer};
use pomona_weights::{HubSettings, LoadError, Source, load, on_own_thread};

use crate::cache::Cache;
use crate::content::contents;
use crate::extract::{BadImage, extract};
use crate::{FunctionError, Objects, PomonaOptions};

/// The name of the network that `mobilenet_v2` runs.
const MOBILENET_V2: &str = "mobilenet_v2";

/// A network and where its weights come from; nowhere is the hub.
type Key = (Backbone, String);

static MODELS: LazyLock<Cache<Key, Model>> = LazyLock::new(Cache::default);

thread_local! {
    // One a thread: its buffers are allocated once and serve every batch.
    static PREPARER: RefCell<Option<Preparer>> = const { RefCell::new(None) };
}

/// What `image_features` can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        if name == MOBILENET_V2 {
            return Ok(Self::MobileNetV2);
        }
        let all = Backbone::ALL.map(Backbone::name).join(", ");
        Backbone::parse(name).map(Self::Other).map_err(|_unknown| {
            FunctionError::Backbone(BackboneError::Unknown {
                name: name.clone(),
                known: format!("{MOBILENET_V2}, {all}"),
            })
            .into()
        })
    }
}

/// The SQL type of the features of any network: `List<Float32>`.
pub(crate) fn list_type() -> DataType {
    DataType::new_list(DataType::Float32, true)
}

/// The features of every picture in a binary column.
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
        let model = model(backbone, options, objects)?;
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
                let features = model.features(&prepared)?;
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

/// A network with its weights, loaded at the first call in a process.
fn model(
    backbone: Backbone,
    options: &PomonaOptions,
    objects: &Objects,
) -> Result<Arc<Model>, FunctionError> {
    let location = options.backbone_weights.clone().unwrap_or_default();
    let named = |source: BackboneError| FunctionError::BackboneWeights {
        location: match location.as_str() {
            "" => backbone.repository().id(),
            location => location.to_string(),
        },
        source,
    };
    if location.is_empty() {
        return MODELS.get((backbone, location.clone()), None, || {
            let fetch = async move {
                let (settings, repository) = (HubSettings::from_env(), backbone.repository());
                Ok::<_, LoadError>(settings.fetch(&repository).await?.file)
            };
            let file = on_own_thread(fetch).and_then(|file| file);
            let file = file.map_err(|error| named(error.into()))?;
            Model::new(backbone, &file).map_err(named)
        });
    }
    let source = Source::parse(&location).map_err(|error| named(error.into()))?;
    let stamp = source.stamp();
    MODELS.get((backbone, location.clone()), stamp, || {
        let file = load(&source, objects.reader()).map_err(|error| named(error.into()))?;
        Model::new(backbone, &file).map_err(named)
    })
}
