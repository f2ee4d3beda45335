//! From features to classes: what `classify_image` and its siblings share.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray, StringArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Float32Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ColumnarValue;
use pomona_mobilenet::network::{Classifier, LabelSource};

use crate::feature_rows::FeatureRows;
use crate::network::network;
use crate::{FunctionError, Objects, PomonaOptions};

/// How many classes are given unless the query says.
const TOP: usize = 5;

/// The SQL type of the classes of an image: `List<Struct(label Utf8, score Float32)>`.
pub(crate) fn classes_type() -> DataType {
    DataType::new_list(DataType::Struct(fields()), true)
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("score", DataType::Float32, true),
    ])
}

/// The argument `top`: how many classes are wanted.
pub(crate) fn top(function: &str, argument: Option<&ColumnarValue>) -> Result<usize> {
    match argument {
        None => Ok(TOP),
        Some(ColumnarValue::Scalar(ScalarValue::Int64(Some(top)))) if *top >= 1 => {
            Ok(usize::try_from(*top).unwrap_or(usize::MAX))
        }
        Some(ColumnarValue::Scalar(_)) => {
            plan_err!("{function}: top is a whole number, 1 or more")
        }
        Some(ColumnarValue::Array(_)) => plan_err!("{function}: top is a constant"),
    }
}

/// The `top` most probable classes of every row of features; `function` is the name for errors.
pub(crate) fn classify(
    function: &'static str,
    features: &ArrayRef,
    top: usize,
    options: &PomonaOptions,
    objects: &Objects,
) -> Result<ArrayRef> {
    let rows = FeatureRows::<Float32Type>::try_new(function, features)?;
    if rows.iter().all(|row| row.is_none()) {
        return list(&[], vec![None; rows.len()]);
    }
    let loaded = network(options, objects)?;
    let classifier = classifier(loaded.network.classifier(), options)?;
    let labels = classifier.labels();
    let mut scores = vec![0.0; labels.len()];
    let best = rows.iter().enumerate().map(|(index, row)| {
        let Some(row) = row else { return Ok(None) };
        if row.len() != classifier.feature_len() {
            let reason = format!(
                "row {index} of the batch has {} features, the classifier reads {}",
                row.len(),
                classifier.feature_len()
            );
            return Err(FunctionError::Features { function, reason });
        }
        classifier.scores(row, &mut scores);
        Ok(Some(best(&scores, top)))
    });
    let best = best.collect::<Result<_, FunctionError>>()?;
    list(labels, best)
}

/// The classifier, if there is one whose classes have names.
fn classifier<'a>(
    classifier: Option<&'a Classifier>,
    options: &PomonaOptions,
) -> Result<&'a Classifier, FunctionError> {
    let location = || options.weights_location().to_string();
    match classifier {
        None => Err(FunctionError::NoClassifier {
            location: location(),
        }),
        Some(found) if found.label_source() == LabelSource::Numbers => {
            Err(FunctionError::NoLabels {
                location: location(),
                classes: found.labels().len(),
            })
        }
        Some(found) => Ok(found),
    }
}

/// The classes of the largest scores, the largest first; those of one score in their own order.
fn best(scores: &[f32], top: usize) -> Vec<(usize, f32)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(top);
    order
        .into_iter()
        .map(|class| (class, scores[class]))
        .collect()
}

fn list(labels: &[String], rows: Vec<Option<Vec<(usize, f32)>>>) -> Result<ArrayRef> {
    let all = || rows.iter().flatten().flatten();
    let names: StringArray = all()
        .map(|(class, _)| Some(labels[*class].as_str()))
        .collect();
    let scores: Float32Array = all().map(|(_, score)| Some(*score)).collect();
    let classes = StructArray::try_new(fields(), vec![Arc::new(names), Arc::new(scores)], None)?;
    let valid = NullBuffer::from_iter(rows.iter().map(Option::is_some));
    let lengths = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len));
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Struct(fields()), true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(classes),
        Some(valid).filter(|nulls| nulls.null_count() > 0),
    )?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_ties_in_order() {
        assert_eq!(
            best(&[0.1, 0.4, 0.1, 0.4], 3),
            [(1, 0.4), (3, 0.4), (0, 0.1)]
        );
        assert_eq!(best(&[0.3], 5), [(0, 0.3)]);
    }

    #[test]
    fn top_is_a_positive_constant() {
        let scalar = |top| ColumnarValue::Scalar(ScalarValue::Int64(top));
        assert_eq!(top("f", None).unwrap(), 5);
        assert_eq!(top("f", Some(&scalar(Some(2)))).unwrap(), 2);
        for bad in [Some(0), Some(-1), None] {
            assert!(top("f", Some(&scalar(bad))).is_err());
        }
    }
}
