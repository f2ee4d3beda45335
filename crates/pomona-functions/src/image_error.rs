//! [`ImageErrorFunc`]: `image_error(content)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, Expr, Signature};
use datafusion_macros::user_doc;
use pomona_mobilenet::preprocess::{Decoding, RgbImage, check_image};

use crate::backbones::Network;
use crate::columnar::map_column;
use crate::content::{content_signature, contents};
use crate::decoding::decoding;
use crate::image_function::ImageFunction;
use crate::{FunctionError, Objects, PomonaOptions};

/// Why an image cannot be decoded, NULL if it can. The whole image is decoded, so that data
/// that ends early is found; this costs 2% of the price of the network.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns why an image cannot be decoded, or NULL if it can. The whole image is decoded, so a truncated file is found. Never fails for an image: what is wrong with it is the result.",
    syntax_example = "image_error(content)",
    sql_example = r#"```sql
> SELECT path, image_error(content) AS error FROM images WHERE image_error(content) IS NOT NULL;
```"#,
    argument(
        name = "content",
        description = "The bytes of an image file: JPEG, PNG, WebP, BMP, GIF or TIFF."
    )
)]
#[derive(Debug)]
pub struct ImageErrorFunc;

impl ImageFunction for ImageErrorFunc {
    fn name(&self) -> &'static str {
        "image_error"
    }

    fn signature(&self) -> Signature {
        content_signature()
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn network(&self, _args: &[Expr]) -> Option<Network> {
        None
    }

    fn call(
        &self,
        args: &[ColumnarValue],
        options: &PomonaOptions,
        _objects: &Objects,
    ) -> Result<ColumnarValue> {
        let decoding = decoding(options);
        let [content] = take_function_args(self.name(), args)?;
        map_column(content, |files| errors(files, &decoding))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn errors(files: &ArrayRef, decoding: &Decoding) -> Result<ArrayRef> {
    let mut pixels = RgbImage::default();
    let errors = contents(files)?.into_iter().map(|file| {
        let checked = file.map(|file| check_image(file, decoding, &mut pixels));
        match checked {
            Some(Err(error)) if error.is_of_image() => Ok(Some(error.to_string())),
            Some(Err(error)) => Err(FunctionError::Decoding(error)),
            Some(Ok(())) | None => Ok(None),
        }
    });
    let errors: StringArray = errors.collect::<Result<_, _>>()?;
    Ok(Arc::new(errors))
}
