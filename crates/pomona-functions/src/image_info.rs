//! [`ImageInfoFunc`]: `image_info(content)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;
use pomona_mobilenet::preprocess::{DecodeOptions, ImageInfo, image_info_with};

use crate::PomonaOptions;
use crate::columnar::map_column;
use crate::content::{content_signature, contents};

/// What the header of an image says, without decoding it: a struct of `format` (`JPEG`, `PNG`,
/// …), `width` and `height` in pixels, and `color`, the mode as Pillow names it (`RGB`, `L`,
/// `P`, …). NULL for a file whose header cannot be read.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns what the header of an image says: a struct of format, width, height (pixels, of the upright image where `pomona.exif_orientation` is 'apply') and color (the mode as Pillow names it). NULL for a file whose header cannot be read. Never fails for an image.",
    syntax_example = "image_info(content)",
    sql_example = r#"```sql
> SELECT path, image_info(content)['width'] AS width FROM images;
```"#,
    argument(name = "content", description = "The bytes of an image file.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ImageInfoFunc {
    signature: Signature,
}

impl Default for ImageInfoFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageInfoFunc {
    /// The function `image_info`.
    pub fn new() -> Self {
        Self {
            signature: content_signature(),
        }
    }
}

impl ScalarUDFImpl for ImageInfoFunc {
    fn name(&self) -> &str {
        "image_info"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(info_fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = PomonaOptions::of(&args.config_options).decode_options();
        let [content] = take_function_args(self.name(), args.args)?;
        map_column(&content, |files| infos(files, &options))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn info_fields() -> Fields {
    Fields::from(vec![
        Field::new("format", DataType::Utf8, true),
        Field::new("width", DataType::Int32, true),
        Field::new("height", DataType::Int32, true),
        Field::new("color", DataType::Utf8, true),
    ])
}

fn infos(files: &ArrayRef, options: &DecodeOptions) -> Result<ArrayRef> {
    let infos: Vec<Option<ImageInfo>> = contents(files)?
        .into_iter()
        .map(|file| image_info_with(file?, options).ok())
        .collect();
    let text = |of: fn(&ImageInfo) -> String| -> ArrayRef {
        Arc::new(
            infos
                .iter()
                .map(|info| info.as_ref().map(of))
                .collect::<StringArray>(),
        )
    };
    // No format stores a side of 2^31 pixels or more: the conversion never loses one.
    let side = |of: fn(&ImageInfo) -> u32| -> ArrayRef {
        let sides = infos
            .iter()
            .map(|info| i32::try_from(of(info.as_ref()?)).ok());
        Arc::new(sides.collect::<Int32Array>())
    };
    let valid: Vec<bool> = infos.iter().map(Option::is_some).collect();
    Ok(Arc::new(StructArray::try_new(
        info_fields(),
        vec![
            text(|info| info.format.to_string()),
            side(|info| info.width),
            side(|info| info.height),
            text(|info| info.color.to_string()),
        ],
        Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0),
    )?))
}
