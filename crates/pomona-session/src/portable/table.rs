//! [`PortableTable`]: a table that brings its session.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::ImageTableExec;
use super::guard::{guarded, on_own_runtime};

/// A table that is planned in a session of its own, wherever it is asked for.
#[derive(Debug)]
pub(super) struct PortableTable {
    table: Arc<dyn TableProvider>,
    state: SessionState,
}

impl PortableTable {
    pub(super) fn new(table: Arc<dyn TableProvider>, state: SessionState) -> Self {
        Self { table, state }
    }

    /// The table's session with what the other one decides about its plans: their partitions, and the rows of
    /// a batch.
    fn state(&self, other: &dyn Session) -> SessionState {
        let mut state = self.state.clone();
        let execution = &other.config_options().execution;
        let own = &mut state.config_mut().options_mut().execution;
        own.target_partitions = execution.target_partitions;
        own.batch_size = execution.batch_size;
        state
    }
}

#[async_trait]
impl TableProvider for PortableTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        guarded("an image table", || {
            self.table.supports_filters_pushdown(filters)
        })
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = self.state(session);
        let table = Arc::clone(&self.table);
        let projection = projection.cloned();
        let filters = filters.to_vec();
        on_own_runtime("an image table", async move {
            let plan = table.scan(&state, projection.as_ref(), &filters, limit);
            let plan = ImageTableExec::new(plan.await?, state.task_ctx());
            Ok(Arc::new(plan) as Arc<dyn ExecutionPlan>)
        })
        .await
    }
}
