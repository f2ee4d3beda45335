//! What tables need of a session of the other library, and how they outlive it.

use std::any::Any;
use std::ffi::CStr;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::Result;
use datafusion::execution::{TaskContext, TaskContextProvider};
use datafusion::logical_expr::{CreateExternalTable, Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_ffi::execution::FFI_TaskContextProvider;
use datafusion_ffi::proto::logical_extension_codec::FFI_LogicalExtensionCodec;
use pomona_session::Portable;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// A session of the other library, as far as conditions and statements that it sends are read with its functions.
///
/// The other library keeps no session for the sake of a table. A query may be run when its session is gone; its
/// conditions are then read with the functions of this library, which are all but those that people added.
#[derive(Clone)]
pub(super) struct Theirs {
    context: Arc<Contexts>,
}

struct Contexts {
    theirs: FFI_TaskContextProvider,
    own: Arc<TaskContext>,
}

impl TaskContextProvider for Contexts {
    fn task_ctx(&self) -> Arc<TaskContext> {
        let theirs = Arc::<TaskContext>::try_from(&self.theirs);
        theirs.unwrap_or_else(|_gone| Arc::clone(&self.own))
    }
}

impl Theirs {
    /// Of a `SessionContext`.
    pub(super) fn new(session: &Bound<'_, PyAny>, portable: &Portable) -> PyResult<Self> {
        let context = Contexts {
            theirs: from_capsule(
                &session.call_method0("__datafusion_task_context_provider__")?,
                c"datafusion_task_context_provider",
            )?,
            own: portable.task_context(),
        };
        Ok(Self {
            context: Arc::new(context),
        })
    }

    /// What reads conditions and statements of this session: `codec` is the session, or the capsule that it sent.
    pub(super) fn codec(&self, codec: &Bound<'_, PyAny>) -> PyResult<FFI_LogicalExtensionCodec> {
        const METHOD: &str = "__datafusion_logical_extension_codec__";
        let capsule = match codec.hasattr(METHOD)? {
            true => codec.call_method0(METHOD)?,
            false => codec.clone(),
        };
        let codec: FFI_LogicalExtensionCodec =
            from_capsule(&capsule, c"datafusion_logical_extension_codec")?;
        let context = Arc::clone(&self.context) as Arc<dyn TaskContextProvider>;
        Ok(FFI_LogicalExtensionCodec::new(
            (&codec).into(),
            None,
            &context,
        ))
    }

    /// A table that keeps what its codec reads with, of which the codec itself holds no more than a weak reference.
    pub(super) fn kept(&self, table: Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
        let context = Arc::clone(&self.context) as Arc<dyn Any + Send + Sync>;
        Arc::new(Kept {
            inner: table,
            context,
        })
    }

    /// A factory that keeps it, too, and whose tables do.
    pub(super) fn kept_factory(
        &self,
        factory: Arc<dyn TableProviderFactory + Send>,
    ) -> Arc<dyn TableProviderFactory + Send> {
        let context = Arc::clone(&self.context) as Arc<dyn Any + Send + Sync>;
        Arc::new(Kept {
            inner: factory,
            context,
        })
    }
}

/// Clones what a capsule holds.
#[expect(unsafe_code, reason = "a capsule is a pointer")]
fn from_capsule<T: Clone>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<T> {
    let capsule = capsule.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(name))?;
    // SAFETY: a capsule of this name holds this struct of datafusion-ffi, and the versions of both libraries were
    // compared before the session was asked for it. The capsule owns the struct, and lives to the end of this function.
    let value: &T = unsafe { pointer.cast().as_ref() };
    Ok(value.clone())
}

/// Delegates to `inner`.
struct Kept<T> {
    inner: T,
    /// For tables of factories; otherwise it is only kept.
    context: Arc<dyn Any + Send + Sync>,
}

impl<T: Debug> Debug for Kept<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl TableProvider for Kept<Arc<dyn TableProvider>> {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.inner.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.scan(session, projection, filters, limit).await
    }
}

#[async_trait]
impl TableProviderFactory for Kept<Arc<dyn TableProviderFactory + Send>> {
    async fn create(
        &self,
        session: &dyn Session,
        cmd: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(Kept {
            inner: self.inner.create(session, cmd).await?,
            context: Arc::clone(&self.context),
        }))
    }
}
