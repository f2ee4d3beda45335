//! [`PortableFactory`]: `STORED AS IMAGES` in sessions that are not Pomona's.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::CreateExternalTable;
use pomona_images::ImageTableFactory;

use super::guard::on_own_runtime;
use super::table::PortableTable;

/// Makes image tables in a session of its own.
#[derive(Debug)]
pub(super) struct PortableFactory {
    state: SessionState,
}

impl PortableFactory {
    pub(super) fn new(state: SessionState) -> Self {
        Self { state }
    }
}

#[async_trait]
impl TableProviderFactory for PortableFactory {
    async fn create(
        &self,
        _session: &dyn Session,
        cmd: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        let (state, cmd) = (self.state.clone(), cmd.clone());
        on_own_runtime("an image table", async move {
            let table = ImageTableFactory.create(&state, &cmd).await?;
            Ok(Arc::new(PortableTable::new(table, state)) as Arc<dyn TableProvider>)
        })
        .await
    }
}
