//! Which columns of a Parquet file hold images, their names and what belongs to them.

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Field};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use serde_json::Value;

use super::sidecar::Sidecar;

/// Names that columns of images have, in the order in which they are looked for.
const IMAGES: [&str; 8] = [
    "image", "content", "bytes", "jpg", "jpeg", "png", "webp", "img",
];

/// Columns that name the image of a row, where it is no struct with a path.
const PATHS: [&str; 4] = ["path", "file_name", "filename", "__key__"];

/// The columns of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    image: String,
    /// Whether the column of images is a struct of bytes and path.
    is_struct: bool,
    bytes: String,
    path: Option<String>,
    label: Option<String>,
    /// What the numbers of the column `label` stand for.
    labels: Vec<String>,
    sidecars: Vec<Sidecar>,
}

impl Columns {
    /// # Errors
    /// If there is no column of bytes.
    pub(super) fn find(footer: &ArrowReaderMetadata, sidecars: &[Sidecar]) -> Result<Self, String> {
        let fields = footer.schema().fields();
        let is_bytes = |field: &Field| field.data_type() == &DataType::Binary;
        let holds_bytes = |field: &Field| match field.data_type() {
            DataType::Struct(children) => {
                children.iter().any(|c| c.name() == "bytes" && is_bytes(c))
            }
            _ => false,
        };
        let named = |name: &str| fields.iter().find(|field| field.name() == name);
        let structs = || fields.iter().filter(|field| holds_bytes(field));
        let image = structs()
            .find(|field| field.name() == "image")
            .or_else(|| structs().next())
            .or_else(|| {
                let mut names = IMAGES.iter().filter_map(|name| named(name));
                names.find(|field| is_bytes(field))
            })
            .or_else(|| fields.iter().find(|field| is_bytes(field)));
        let Some(image) = image else {
            return Err(
                "the Parquet file has no column of bytes, and no struct with bytes".to_owned(),
            );
        };
        let is_struct = holds_bytes(image);
        let is_text = |name: &str| named(name).is_some_and(|f| f.data_type() == &DataType::Utf8);
        let path = match image.data_type() {
            DataType::Struct(children) => children
                .iter()
                .find(|c| c.name() == "path" && c.data_type() == &DataType::Utf8)
                .map(|_| format!("{}.path", image.name())),
            _ => {
                let path = PATHS.into_iter().find(|name| is_text(name));
                path.map(str::to_owned)
            }
        };
        let label = named("label").filter(|label| {
            let kind = label.data_type();
            kind == &DataType::Utf8 || kind.is_integer()
        });
        for sidecar in sidecars {
            if let Some(field) = named(sidecar.name())
                && !can_cast_types(field.data_type(), &DataType::Utf8)
            {
                return Err(format!("its column {} is no text", sidecar.name()));
            }
        }
        let is_there = |sidecar: &&Sidecar| named(sidecar.name()).is_some();
        Ok(Self {
            bytes: match is_struct {
                true => format!("{}.bytes", image.name()),
                false => image.name().clone(),
            },
            image: image.name().clone(),
            is_struct,
            path,
            label: label.map(|label| label.name().clone()),
            labels: label_names(footer).unwrap_or_default(),
            sidecars: sidecars.iter().filter(is_there).copied().collect(),
        })
    }

    /// The column of bytes, with a dot before its name in a struct.
    pub(super) fn bytes(&self) -> &str {
        &self.bytes
    }

    /// All columns that a listing reads.
    pub(super) fn names(&self) -> Vec<&str> {
        let more = [&self.path, &self.label].into_iter().flatten();
        let mut names: Vec<&str> = [&self.bytes]
            .into_iter()
            .chain(more)
            .map(|n| &**n)
            .collect();
        names.extend(self.sidecars.iter().map(|sidecar| sidecar.name()));
        names
    }

    /// The rows of a batch, which may lack all columns but the bytes.
    ///
    /// # Errors
    /// If it has none.
    pub(super) fn rows<'a>(&'a self, batch: &'a RecordBatch) -> Result<Rows<'a>, String> {
        let missing = || format!("its column {} is not there", self.bytes);
        let image = batch.column_by_name(&self.image).ok_or_else(missing)?;
        let parent = match self.is_struct {
            true => Some(image.as_struct_opt().ok_or_else(missing)?),
            false => None,
        };
        let bytes = match parent {
            Some(parent) => parent.column_by_name("bytes").ok_or_else(missing)?,
            None => image,
        };
        let path = match parent {
            Some(parent) => parent.column_by_name("path"),
            None => self
                .path
                .as_ref()
                .and_then(|path| batch.column_by_name(path)),
        };
        let text = |name: &str| {
            let column = batch.column_by_name(name)?;
            let text = cast(column, &DataType::Utf8).ok()?;
            Some(text.as_string::<i32>().clone())
        };
        Ok(Rows {
            columns: self,
            parent,
            bytes: bytes.as_binary_opt().ok_or_else(missing)?,
            path: path.and_then(|path| path.as_string_opt()),
            label: self.label.as_deref().and_then(text),
            texts: self
                .sidecars
                .iter()
                .filter_map(|&sidecar| Some((sidecar, text(sidecar.name())?)))
                .collect(),
        })
    }
}

/// The names of the classes of the column `label`, as Hugging Face's libraries write them.
fn label_names(footer: &ArrowReaderMetadata) -> Option<Vec<String>> {
    let entries = footer.metadata().file_metadata().key_value_metadata()?;
    let entry = entries.iter().find(|entry| entry.key == "huggingface")?;
    let value: Value = serde_json::from_str(entry.value.as_ref()?).ok()?;
    let names = value.pointer("/info/features/label/names")?.as_array()?;
    let names = names.iter().map(|name| name.as_str().map(str::to_owned));
    names.collect()
}

/// The rows of a batch.
pub(super) struct Rows<'a> {
    columns: &'a Columns,
    parent: Option<&'a arrow::array::StructArray>,
    bytes: &'a BinaryArray,
    path: Option<&'a StringArray>,
    label: Option<StringArray>,
    texts: Vec<(Sidecar, StringArray)>,
}

impl Rows<'_> {
    pub(super) fn bytes(&self, row: usize) -> Option<&[u8]> {
        let is_there = self.parent.is_none_or(|parent| parent.is_valid(row));
        (is_there && self.bytes.is_valid(row)).then(|| self.bytes.value(row))
    }

    pub(super) fn name(&self, row: usize) -> Option<String> {
        let path = self.path.filter(|path| path.is_valid(row))?;
        Some(path.value(row).to_owned())
    }

    /// The text of the label, or the name of the class of that number.
    pub(super) fn label(&self, row: usize) -> Option<String> {
        let label = self.label.as_ref().filter(|label| label.is_valid(row))?;
        let label = label.value(row);
        let class = label.parse::<usize>().ok();
        let name = class.and_then(|class| self.columns.labels.get(class));
        Some(name.map_or(label, String::as_str).to_owned())
    }

    pub(super) fn texts(&self, row: usize) -> impl Iterator<Item = (Sidecar, String)> {
        self.texts
            .iter()
            .filter(move |(_, text)| text.is_valid(row))
            .map(move |(sidecar, text)| (*sidecar, text.value(row).to_owned()))
    }
}
