//! The metadata of a weights file: its architecture and the names of its classes.

use std::collections::HashMap;
use std::str::FromStr;

use super::architecture::{Architecture, Padding};
use super::labels::{LabelSource, Labels};
use super::names::{NameScheme, Place};
use super::weights::layer_shapes;
use super::weights_error::WeightsError;

/// Widths that are published; a file of another width says so in its metadata.
const WIDTHS: [f64; 7] = [1.0, 0.35, 0.5, 0.75, 1.2, 1.3, 1.4];

/// Input sizes that make sense: below 32 the last stage has less than one pixel, and above 1024
/// the activations of one image and those of other threads no longer fit into memory.
const INPUT_SIZES: std::ops::RangeInclusive<usize> = 32..=1024;

/// Determines the architecture; `shape` returns the shape of the kernel of a layer.
///
/// Padding and epsilon come from the metadata or the scheme's conventions alone; only the width
/// is read off the shapes, which determine it.
pub(super) fn architecture(
    entries: &HashMap<String, String>,
    scheme: NameScheme,
    shape: impl Fn(Place) -> Option<Vec<usize>>,
) -> Result<Architecture, WeightsError> {
    let (mut padding, mut epsilon) = scheme.conventions();
    if let Some(value) = entries.get("padding") {
        padding = match value.as_str() {
            "same" => Padding::TensorFlowSame,
            "symmetric" => Padding::Symmetric,
            _ => return Err(invalid("padding", value, "`same` or `symmetric`")),
        };
    }
    let expected = "a number above 0 and below 1";
    if let Some(value) = number(entries, "batch_norm_epsilon", expected)? {
        epsilon = value;
        if !(epsilon > 0.0 && epsilon < 1.0) {
            let value = &entries["batch_norm_epsilon"];
            return Err(invalid("batch_norm_epsilon", value, expected));
        }
    }
    let expected = "a whole number from 32 to 1024";
    let input_size = number(entries, "input_size", expected)?.unwrap_or(224);
    if !INPUT_SIZES.contains(&input_size) {
        let value = &entries["input_size"];
        return Err(invalid("input_size", value, expected));
    }
    let expected = "a number from 0.1 to 4";
    if let Some(width) = number::<f64>(entries, "width", expected)? {
        if !(0.1..=4.0).contains(&width) {
            return Err(invalid("width", &entries["width"], expected));
        }
        return Ok(Architecture::new(width, input_size, padding, epsilon));
    }

    // The candidate that most kernels agree with: where one differs, it is that tensor's error.
    let agreeing = |candidate: &Architecture| {
        layer_shapes(candidate)
            .iter()
            .filter(|(place, expected)| shape(*place).is_some_and(|got| got == expected))
            .count()
    };
    let mut best: Option<(usize, Architecture)> = None;
    for width in WIDTHS {
        let candidate = Architecture::new(width, input_size, padding, epsilon);
        let count = agreeing(&candidate);
        if best.as_ref().is_none_or(|(most, _)| count > *most) {
            best = Some((count, candidate));
        }
    }
    best.map(|(_, architecture)| architecture)
        .ok_or(WeightsError::UnknownNames)
}

/// The names of `classes` classes: the entry `labels`, or the default names without it.
pub(super) fn labels(
    entries: &HashMap<String, String>,
    classes: usize,
) -> Result<Labels, WeightsError> {
    let Some(value) = entries.get("labels") else {
        return Ok(Labels::without_metadata(classes));
    };
    let labels: Vec<String> = serde_json::from_str(value)
        .map_err(|_| invalid("labels", value, "a JSON list of strings"))?;
    if labels.len() != classes {
        return Err(WeightsError::Labels {
            labels: labels.len(),
            classes,
        });
    }
    Ok(Labels {
        names: labels.into(),
        source: LabelSource::Metadata,
    })
}

fn number<T: FromStr>(
    entries: &HashMap<String, String>,
    key: &'static str,
    expected: &'static str,
) -> Result<Option<T>, WeightsError> {
    entries
        .get(key)
        .map(|value| value.parse().map_err(|_| invalid(key, value, expected)))
        .transpose()
}

fn invalid(key: &'static str, value: &str, expected: &'static str) -> WeightsError {
    WeightsError::Metadata {
        key,
        value: value.to_owned(),
        expected,
    }
}
