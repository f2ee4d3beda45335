//! [`ImageFunc`]: the functions that decode images or run a network.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};

use crate::backbones::Network;
use crate::decoding::turn;
use crate::{Objects, PomonaOptions};

/// What a function does with an image that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadImage {
    /// The query fails with the reason.
    Fails,
    /// The row is NULL; the name of the function begins with `try_`.
    IsNull,
}

/// What one function of images does differently from the others.
pub trait ImageFunction: Debug + Send + Sync + 'static {
    /// The function's name in SQL.
    fn name(&self) -> &'static str;

    /// How it is called.
    fn signature(&self) -> Signature;

    /// The types that arguments are cast to before the call, where the signature leaves that to the
    /// function.
    ///
    /// # Errors
    /// When the types cannot be cast.
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    /// The type returned for arguments of these types.
    ///
    /// # Errors
    /// When arguments have other types than the function reads.
    fn return_type(&self, types: &[DataType]) -> Result<DataType>;

    /// The network that a call runs: its weights are pinned where queries run on a cluster. A call that
    /// names no network, or an unknown one, fails where it runs.
    fn network(&self, args: &[Expr]) -> Option<Network>;

    /// The call in other words, for the planner.
    ///
    /// # Errors
    /// When arguments do not fit.
    fn simplify(&self, args: Vec<Expr>, _objects: &Objects) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Original(args))
    }

    /// Computes a batch, with weights that are read with `objects`.
    ///
    /// # Errors
    /// When arguments do not fit, when weights cannot be loaded, and for a bad image where the function
    /// fails for one.
    fn call(
        &self,
        args: &[ColumnarValue],
        options: &PomonaOptions,
        objects: &Objects,
    ) -> Result<ColumnarValue>;

    /// The function's entry in the reference.
    fn documentation(&self) -> Option<&Documentation>;
}

/// A function that decodes images or runs a network.
///
/// It is one type for all of them, so that a planner finds what it must know of a call: which weights
/// it needs ([`pins`](crate::pins)), and that it runs below a [`DecodeExec`](crate::DecodeExec).
#[derive(Debug)]
pub struct ImageFunc {
    function: Arc<dyn ImageFunction>,
    signature: Signature,
    objects: Objects,
}

impl ImageFunc {
    /// The function, which reads weights with `objects`.
    pub fn new(function: impl ImageFunction, objects: Objects) -> Self {
        Self {
            signature: function.signature(),
            function: Arc::new(function),
            objects,
        }
    }

    /// The network that a call runs.
    pub(crate) fn network(&self, args: &[Expr]) -> Option<Network> {
        self.function.network(args)
    }
}

/// Functions have no state, so those of one name are equal.
impl PartialEq for ImageFunc {
    fn eq(&self, other: &Self) -> bool {
        self.function.name() == other.function.name()
    }
}

impl Eq for ImageFunc {}

impl Hash for ImageFunc {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name().hash(state);
    }
}

impl ScalarUDFImpl for ImageFunc {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.function.return_type(arg_types)
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.function.simplify(args, &self.objects)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = PomonaOptions::of(&args.config_options);
        let _turn = turn();
        self.function.call(&args.args, &options, &self.objects)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

/// The entry of a `try_` function, which differs from that of its sibling in these.
pub(crate) fn try_entry(
    sibling: Option<&Documentation>,
    description: &str,
    syntax: &str,
    example: &str,
) -> Option<Documentation> {
    Some(Documentation {
        description: description.to_string(),
        syntax_example: syntax.to_string(),
        sql_example: Some(example.to_string()),
        ..sibling?.clone()
    })
}
