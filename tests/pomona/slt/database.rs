//! A session as the runner of SQL logic tests drives it.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use anyhow::Result;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster as Remote;
use pomona_session::{parse_statements, plan_statement};
use pomona_tests::cluster::Cluster;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};

use crate::engine::{cluster_session, local_session, remote_session, set, shared_cluster};

/// A session under test.
pub struct Database {
    ctx: SessionContext,
    /// Keeps the cluster of other processes alive.
    _cluster: Option<Arc<Cluster>>,
}

impl Database {
    /// On this process alone.
    pub async fn local() -> Result<Self> {
        let ctx = local_session("")?;
        // Plans are compared, and the number of partitions is the number of cores by default.
        set(&ctx, "datafusion.execution.target_partitions", "2")?;
        Ok(Self {
            ctx,
            _cluster: None,
        })
    }

    /// On a scheduler and an executor inside this process.
    pub async fn standalone() -> Result<Self> {
        let ctx = remote_session(Remote::standalone(2).await?, "")?;
        set(&ctx, "datafusion.execution.target_partitions", "4")?;
        Ok(Self {
            ctx,
            _cluster: None,
        })
    }

    /// On a scheduler and two executors.
    pub async fn cluster() -> Result<Self> {
        let cluster = shared_cluster()?;
        let ctx = cluster_session(&cluster, "")?;
        set(&ctx, "datafusion.execution.target_partitions", "4")?;
        Ok(Self {
            ctx,
            _cluster: Some(cluster),
        })
    }
}

/// What a statement failed with.
#[derive(Debug)]
pub struct Failure(anyhow::Error);

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self(error.into())
    }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let mut output = DBOutput::StatementComplete(0);
        for statement in parse_statements(&self.ctx, sql)? {
            let frame = plan_statement(&self.ctx, statement).await?;
            let types: Vec<_> = frame
                .schema()
                .fields()
                .iter()
                .map(|field| kind(field.data_type()))
                .collect();
            let mut rows = vec![];
            let options = FormatOptions::default().with_null("NULL");
            for batch in frame.collect().await? {
                let columns = batch
                    .columns()
                    .iter()
                    .map(|column| ArrayFormatter::try_new(column, &options))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(DataFusionError::from)?;
                for row in 0..batch.num_rows() {
                    rows.push(
                        columns
                            .iter()
                            .map(|column| cell(column.value(row).to_string()))
                            .collect(),
                    );
                }
            }
            if !types.is_empty() {
                output = DBOutput::Rows { types, rows };
            }
        }
        Ok(output)
    }

    fn engine_name(&self) -> &str {
        "pomona"
    }

    async fn shutdown(&mut self) {}
}

fn kind(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        data_type if data_type.is_integer() => DefaultColumnType::Integer,
        data_type if data_type.is_floating() => DefaultColumnType::FloatingPoint,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

fn cell(text: String) -> String {
    if text.is_empty() {
        "(empty)".to_string()
    } else {
        text
    }
}
