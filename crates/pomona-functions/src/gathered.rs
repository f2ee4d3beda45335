//! [`GatheredMoments`]: the accumulator that every PCA aggregate is made of.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, FieldRef, Float32Type, Float64Type, UInt64Type,
};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use pomona_pca::{Feature, Moments, MomentsParts, PcaError};

use crate::FunctionError;
use crate::feature_rows::{FeatureRows, feature_type};
use crate::moments::{large_list, large_list_type};

/// The moments of the rows seen so far, and their form between partitions.
#[derive(Debug)]
pub struct GatheredMoments {
    /// The name of the aggregate, for errors.
    function: &'static str,
    /// `None` until the first row, which decides the dimension.
    moments: Option<Moments>,
}

impl GatheredMoments {
    /// No rows.
    pub(crate) fn new(function: &'static str) -> Self {
        Self {
            function,
            moments: None,
        }
    }

    /// The moments, if there was any row that is not NULL.
    pub(crate) fn get(&self) -> Option<&Moments> {
        self.moments.as_ref()
    }

    /// Adds a column of vectors, of `f32` as they are and of other numbers as `f64`; NULL rows are
    /// skipped.
    pub(crate) fn add_features(&mut self, features: &ArrayRef) -> Result<()> {
        match feature_type(features.data_type()) {
            DataType::Float32 => self.add_rows::<Float32Type>(features),
            _ => self.add_rows::<Float64Type>(features),
        }
    }

    fn add_rows<T>(&mut self, features: &ArrayRef) -> Result<()>
    where
        T: ArrowPrimitiveType<Native: Feature>,
    {
        let rows = FeatureRows::<T>::try_new(self.function, features)?;
        for row in rows.iter().flatten() {
            if row.is_empty() {
                let reason = "a row has an empty list of features: WHERE NOT empty(features) leaves \
                              such rows out";
                return Err(self.refused(reason.to_string()));
            }
            let dimension = self.moments.as_ref().map_or(row.len(), Moments::dimension);
            if row.len() != dimension {
                return Err(self.refused(format!(
                    "the features differ in length: {dimension} and {}",
                    row.len()
                )));
            }
            let moments = self.moments.get_or_insert_with(|| Moments::new(row.len()));
            if let Err(error) = moments.update(row) {
                return Err(match error {
                    PcaError::NonFinite { column, value, .. } => {
                        FunctionError::not_finite(self.function, column, value).into()
                    }
                    other => FunctionError::pca(self.function)(other).into(),
                });
            }
        }
        Ok(())
    }

    fn refused(&self, reason: String) -> DataFusionError {
        FunctionError::Features {
            function: self.function,
            reason,
        }
        .into()
    }

    /// Adds the rows of other moments.
    pub(crate) fn add(&mut self, other: Moments) -> Result<()> {
        match &mut self.moments {
            Some(moments) => moments
                .merge(&other)
                .map_err(FunctionError::pca(self.function))?,
            None => self.moments = Some(other),
        }
        Ok(())
    }

    /// The columns that travel between partitions.
    pub(crate) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
        let field = |name, data_type| {
            Arc::new(Field::new(
                format_state_name(args.name, name),
                data_type,
                true,
            ))
        };
        vec![
            field("count", DataType::UInt64),
            field("mean", large_list_type()),
            field("mean_low", large_list_type()),
            field("comoment", large_list_type()),
        ]
    }

    /// Adds what [`state`](Self::state) returned in other partitions.
    pub(crate) fn merge_states(&mut self, states: &[ArrayRef]) -> Result<()> {
        let counts = states[0].as_primitive::<UInt64Type>();
        let means = states[1].as_list::<i64>();
        let means_low = states[2].as_list::<i64>();
        let comoments = states[3].as_list::<i64>();
        for state in 0..counts.len() {
            if counts.is_null(state) || means.value_length(state) == 0 {
                continue;
            }
            let vector = |list: &LargeListArray| {
                list.value(state)
                    .as_primitive::<Float64Type>()
                    .values()
                    .to_vec()
            };
            let other = Moments::from_parts(MomentsParts {
                count: counts.value(state),
                mean: vector(means),
                mean_low: vector(means_low),
                comoment: vector(comoments),
            })
            .map_err(FunctionError::pca(self.function))?;
            self.add(other)?;
        }
        Ok(())
    }

    /// The moments in the columns of [`state_fields`](Self::state_fields).
    pub(crate) fn state(&mut self) -> Vec<ScalarValue> {
        let parts = match self.moments.take() {
            Some(moments) => moments.into_parts(),
            None => MomentsParts {
                count: 0,
                mean: vec![],
                mean_low: vec![],
                comoment: vec![],
            },
        };
        let list = |values| ScalarValue::LargeList(Arc::new(large_list(values)));
        vec![
            ScalarValue::UInt64(Some(parts.count)),
            list(parts.mean),
            list(parts.mean_low),
            list(parts.comoment),
        ]
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        self.moments.as_ref().map_or(0, Moments::size)
    }
}
