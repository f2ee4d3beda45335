//! DataFusion's asynchronous functions give two aggregates the result of the first, and know no other
//! places than projections, filters and aggregates. So `read_image` is none of them.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use async_trait::async_trait;
use datafusion::common::internal_err;
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;

use crate::engine::{local_session, query};

/// Returns its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Echo {
    signature: Signature,
}

impl ScalarUDFImpl for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(
        &self,
        _args: ScalarFunctionArgs,
    ) -> datafusion::error::Result<ColumnarValue> {
        internal_err!("it is asynchronous")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Echo {
    async fn invoke_async_with_args(
        &self,
        args: ScalarFunctionArgs,
    ) -> datafusion::error::Result<ColumnarValue> {
        Ok(args.args[0].clone())
    }
}

const TWO: &str = "(SELECT column1 AS a, column2 AS b FROM (VALUES (1, 20), (2, 30)) v) t";

async fn sums(ctx: &SessionContext, a: &str, b: &str) -> Result<(i64, i64)> {
    let sql = format!("SELECT sum({a}), sum({b}) FROM {TWO}");
    let batches = query(ctx, &sql).await?;
    let sum = |column: usize| {
        let column = batches[0].column(column).as_primitive::<Int64Type>();
        column.value(0)
    };
    Ok((sum(0), sum(1)))
}

#[tokio::test]
async fn two_aggregates_get_the_column_of_the_first() -> Result<()> {
    let ctx = SessionContext::new();
    let signature = Signature::exact(vec![DataType::Int64], Volatility::Volatile);
    let echo = AsyncScalarUDF::new(Arc::new(Echo { signature }));
    ctx.register_udf(echo.into_scalar_udf());
    assert_eq!(sums(&ctx, "a", "b").await?, (3, 50));
    assert_eq!(sums(&ctx, "echo(a)", "echo(b)").await?, (3, 3));
    let sorted = query(&ctx, &format!("SELECT a FROM {TWO} ORDER BY echo(b)")).await;
    assert!(
        sorted.is_err(),
        "asynchronous functions can be sorted by now"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_aggregates_of_urls_get_their_own() -> Result<()> {
    let ctx = local_session("")?;
    let error = |text: &str| format!("length(read_error({text}))");
    // The length of "not found", and of the sentence for a URL without a scheme.
    let (a, b) = sums(
        &ctx,
        &error("concat('file:///none', a, '.png')"),
        &error("concat('none', b)"),
    )
    .await?;
    assert_eq!(a, 2 * "not found".len() as i64);
    assert!(b > a, "{b}");
    Ok(())
}
