//! The functions and the image table for sessions that are not Pomona's, such as those of another library.
//!
//! A session of others has neither the `pomona.*` options nor the object stores, and none of the rules of
//! [`physical_rules`](crate::physical_rules). So what a [`Portable`] returns carries its own: a function the
//! options, a table a whole session. And it is fit to be called across a boundary of libraries: constants may
//! arrive as columns, a panic becomes an error, and an error is a sentence.
//!
//! ```text
//! their session ── invoke ──> PortableFunc { options } ──> mobilenet_v2
//!               ── scan ────> PortableTable { session } ──> ImageTableExec { context } ──> ImageScanExec
//! ```
//!
//! What is lost is what the rules do: images are decoded on the threads of the other session, outside its memory
//! limit, and a query that is cancelled ends with the batch that it computes.

mod aggregate;
mod exec;
mod factory;
mod guard;
mod scalar;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::{TableProvider, TableProviderFactory};
use datafusion::common::Result;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use pomona_functions::{aggregate_functions, scalar_functions};
use pomona_images::{ImageTable, ImageTableOptions, read_functions};

use crate::{
    RuntimeOptions, runtime_env, session_config, session_state, set_option, weights_objects,
};
use aggregate::PortableAggregate;
use factory::PortableFactory;
use scalar::PortableFunc;
use table::PortableTable;

/// Makes functions and tables that work in any DataFusion session of the same major version.
#[derive(Debug, Clone)]
pub struct Portable {
    state: SessionState,
}

impl Portable {
    /// With options as `SET` takes them, such as `("pomona.weights", "fruits")`; they hold for everything
    /// that this object makes. Object stores are those of the environment (`AWS_*`).
    ///
    /// # Errors
    /// When an option is unknown or has a value that it does not accept, and as
    /// [`session_context`](crate::session_context).
    pub fn new<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut config = session_config()?;
        for (name, value) in options {
            set_option(config.options_mut(), name, value)?;
        }
        let state = session_state(config, runtime_env(RuntimeOptions::default())?)?;
        Ok(Self { state })
    }

    /// The functions and the options that its tables are planned with.
    pub fn task_context(&self) -> Arc<TaskContext> {
        self.state.task_ctx()
    }

    /// Every scalar function.
    pub fn scalar_functions(&self) -> Vec<Arc<ScalarUDF>> {
        let runtime = self.state.runtime_env();
        let functions = scalar_functions(&weights_objects(runtime));
        let functions = functions.into_iter().chain(read_functions(runtime));
        let portable = functions.map(|function| {
            let options = Arc::clone(self.state.config_options());
            Arc::new(ScalarUDF::from(PortableFunc::new(function, options)))
        });
        portable.collect()
    }

    /// Every aggregate function.
    pub fn aggregate_functions(&self) -> Vec<Arc<AggregateUDF>> {
        let functions = aggregate_functions().into_iter();
        let portable = functions
            .map(|function| Arc::new(AggregateUDF::from(PortableAggregate::new(function))));
        portable.collect()
    }

    /// Images at some locations, under the options of an image table (`glob`, `recursive`, …).
    ///
    /// # Errors
    /// As [`ImageTableOptions::parse`] and [`ImageTable::try_new`].
    pub async fn table<L: AsRef<str>>(
        &self,
        locations: impl IntoIterator<Item = L>,
        options: &HashMap<String, String>,
    ) -> Result<Arc<dyn TableProvider>> {
        let options = ImageTableOptions::parse(options)?;
        let table = ImageTable::try_new(&self.state, locations, options).await?;
        Ok(Arc::new(PortableTable::new(
            Arc::new(table),
            self.state.clone(),
        )))
    }

    /// What `CREATE EXTERNAL TABLE … STORED AS IMAGES` makes tables with; sessions register it under
    /// [`ImageTableFactory::FILE_TYPE`](pomona_images::ImageTableFactory::FILE_TYPE).
    pub fn table_factory(&self) -> Arc<dyn TableProviderFactory + Send> {
        Arc::new(PortableFactory::new(self.state.clone()))
    }
}
