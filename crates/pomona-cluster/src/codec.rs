//! [`PomonaCodec`]: Pomona's operators in plans that travel.
//!
//! Each is an extension node of the plan's protobuf: a mark, one byte for its kind, and a body.
//! Everything without the mark is Ballista's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};
use datafusion::physical_expr_common::physical_expr::proto_decode::PhysicalExprDecodeCtx;
use datafusion::physical_expr_common::physical_expr::proto_encode::PhysicalExprEncodeCtx;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use pomona_functions::DecodeExec;
use pomona_images::{ImageScanExec, ListRangesExec, ReadUrlsExec};

use super::parallel_sink::ParallelSinkExec;
use crate::ClusterError;

/// The first byte has the wire type 7, which no protobuf message begins with.
const MARK: &[u8] = b"wPOMONA";

const IMAGE_SCAN: u8 = 1;
const PARALLEL_SINK: u8 = 2;
const DECODE: u8 = 3;
const READ_URLS: u8 = 5;
const LIST_RANGES: u8 = 6;

/// Ballista's codec, and Pomona's operators before it.
#[derive(Debug, Default)]
pub struct PomonaCodec {
    ballista: BallistaPhysicalExtensionCodec,
}

fn malformed(part: &'static str, reason: impl ToString) -> ClusterError {
    ClusterError::MalformedPlan {
        part,
        reason: reason.to_string(),
    }
}

fn only_input(
    part: &'static str,
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>, ClusterError> {
    match inputs {
        [input] => Ok(Arc::clone(input)),
        _ => Err(malformed(part, format!("it has {} inputs", inputs.len()))),
    }
}

impl PhysicalExtensionCodec for PomonaCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(framed) = buf.strip_prefix(MARK) else {
            // Ballista's decoder takes inputs by their index, and what comes over the network may
            // have none.
            let decode = || self.ballista.try_decode(buf, inputs, ctx, proto_converter);
            return catch_unwind(AssertUnwindSafe(decode))
                .unwrap_or_else(|_| Err(malformed("operator", "its parts do not fit").into()));
        };
        match framed.split_first() {
            Some((&IMAGE_SCAN, body)) => {
                let config = serde_json::from_slice(body)
                    .map_err(|error| malformed(ImageScanExec::NAME, error))?;
                let input = only_input(ImageScanExec::NAME, inputs)?;
                Ok(Arc::new(ImageScanExec::try_new(input, config)?))
            }
            Some((&PARALLEL_SINK, body)) => {
                let input = only_input(ParallelSinkExec::NAME, inputs)?;
                let sink = ParallelSinkExec::decode(input, body, ctx, self)
                    .map_err(|error| malformed(ParallelSinkExec::NAME, error))?;
                Ok(Arc::new(sink))
            }
            Some((&DECODE, body)) if body == DecodeExec::NAME.as_bytes() => Ok(Arc::new(
                DecodeExec::new(only_input(DecodeExec::NAME, inputs)?),
            )),
            Some((&READ_URLS, body)) => {
                let config = serde_json::from_slice(body)
                    .map_err(|error| malformed(ReadUrlsExec::NAME, error))?;
                let input = only_input(ReadUrlsExec::NAME, inputs)?;
                Ok(Arc::new(ReadUrlsExec::try_new(input, config)?))
            }
            Some((&LIST_RANGES, body)) => {
                let config = serde_json::from_slice(body)
                    .map_err(|error| malformed(ListRangesExec::NAME, error))?;
                let input = only_input(ListRangesExec::NAME, inputs)?;
                Ok(Arc::new(ListRangesExec::try_new(input, config)?))
            }
            Some((kind, _)) => Err(malformed("operator", format!("its kind is {kind}")).into()),
            None => Err(malformed("operator", "it ends after its mark").into()),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(scan) = node.downcast_ref::<ImageScanExec>() {
            buf.extend_from_slice(MARK);
            buf.push(IMAGE_SCAN);
            serde_json::to_writer(buf, scan.config())
                .map_err(|error| malformed(ImageScanExec::NAME, error))?;
            Ok(())
        } else if let Some(sink) = node.downcast_ref::<ParallelSinkExec>() {
            buf.extend_from_slice(MARK);
            buf.push(PARALLEL_SINK);
            sink.encode(buf, self)
        } else if let Some(read) = node.downcast_ref::<ReadUrlsExec>() {
            buf.extend_from_slice(MARK);
            buf.push(READ_URLS);
            serde_json::to_writer(buf, read.config())
                .map_err(|error| malformed(ReadUrlsExec::NAME, error))?;
            Ok(())
        } else if let Some(list) = node.downcast_ref::<ListRangesExec>() {
            buf.extend_from_slice(MARK);
            buf.push(LIST_RANGES);
            serde_json::to_writer(buf, list.config())
                .map_err(|error| malformed(ListRangesExec::NAME, error))?;
            Ok(())
        } else if node.is::<DecodeExec>() {
            buf.extend_from_slice(MARK);
            buf.push(DECODE);
            buf.extend_from_slice(DecodeExec::NAME.as_bytes());
            Ok(())
        } else {
            self.ballista.try_encode(node, buf, proto_converter)
        }
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.ballista.try_decode_udf(name, buf)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udf(node, buf)
    }

    fn try_decode_higher_order_function(
        &self,
        name: &str,
        buf: &[u8],
    ) -> Result<Arc<HigherOrderUDF>> {
        self.ballista.try_decode_higher_order_function(name, buf)
    }

    fn try_encode_higher_order_function(
        &self,
        node: &HigherOrderUDF,
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        self.ballista.try_encode_higher_order_function(node, buf)
    }

    fn try_decode_expr(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn PhysicalExpr>],
        ctx: &PhysicalExprDecodeCtx<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        self.ballista.try_decode_expr(buf, inputs, ctx)
    }

    fn try_encode_expr(
        &self,
        node: &Arc<dyn PhysicalExpr>,
        buf: &mut Vec<u8>,
        ctx: &PhysicalExprEncodeCtx<'_>,
    ) -> Result<()> {
        self.ballista.try_encode_expr(node, buf, ctx)
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.ballista.try_decode_udaf(name, buf)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udaf(node, buf)
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
        self.ballista.try_decode_udwf(name, buf)
    }

    fn try_encode_udwf(&self, node: &WindowUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udwf(node, buf)
    }
}
