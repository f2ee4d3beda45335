//! [`GatheredMoments`]: the accumulator that every PCA aggregate is made of.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use pomona_pca::Moments;

use crate::FunctionError;
use crate::feature_rows::FeatureRows;
use crate::moments::{large_list, large_list_type};

/// The moments of the rows seen so far, and their form between partitions.
#[derive(Debug)]
pub(crate) struct GatheredMoments {
    /// The name of the aggregate, for errors.
    function: &'static str,
    /// `None` until the first row tells the dimension.
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

    /// Adds a column of vectors; NULL rows are skipped.
    pub(crate) fn add_features(&mut self, features: &ArrayRef) -> Result<()> {
        let function = self.function;
        let rows = FeatureRows::try_new(function, features)?;
        for row in rows.iter().flatten() {
            let moments = self.moments.get_or_insert_with(|| Moments::new(row.len()));
            if row.len() != moments.dimension() {
                return Err(FunctionError::Features {
                    function,
                    reason: format!(
                        "the features differ in length: {} and {}",
                        moments.dimension(),
                        row.len()
                    ),
                }
                .into());
            }
            moments.update(row).map_err(FunctionError::pca(function))?;
        }
        Ok(())
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
            field("comoment", large_list_type()),
        ]
    }

    /// Adds what [`state`](Self::state) gave in other partitions.
    pub(crate) fn merge_states(&mut self, states: &[ArrayRef]) -> Result<()> {
        let counts = states[0].as_primitive::<UInt64Type>();
        let means = states[1].as_list::<i64>();
        let comoments = states[2].as_list::<i64>();
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
            let other = Moments::from_parts(counts.value(state), vector(means), vector(comoments))
                .map_err(FunctionError::pca(self.function))?;
            self.add(other)?;
        }
        Ok(())
    }

    /// The moments in the columns of [`state_fields`](Self::state_fields).
    pub(crate) fn state(&mut self) -> Vec<ScalarValue> {
        let (count, mean, comoment) = match self.moments.take() {
            Some(moments) => moments.into_parts(),
            None => (0, vec![], vec![]),
        };
        vec![
            ScalarValue::UInt64(Some(count)),
            ScalarValue::LargeList(Arc::new(large_list(mean))),
            ScalarValue::LargeList(Arc::new(large_list(comoment))),
        ]
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        self.moments.as_ref().map_or(0, Moments::size)
    }
}
