//! Results as Spark and MLlib write them.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int8Array, Int32Array, ListArray, RecordBatch,
    StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int32Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Images with their vectors.
pub type Rows = Vec<(String, Vec<f64>)>;

/// How Spark holds a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `array<double>`.
    Array,
    /// A `DenseVector` of MLlib.
    Dense,
    /// A `SparseVector` of MLlib.
    Sparse,
}

/// The rows of all Parquet files in a folder, in the order of their paths.
pub fn read(folder: &Path, column: &str) -> Rows {
    let mut rows = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let numbers = DataType::new_list(DataType::Float64, true);
            let paths = cast(batch.column_by_name("path").unwrap(), &DataType::Utf8).unwrap();
            let vectors = cast(batch.column_by_name(column).unwrap(), &numbers).unwrap();
            let vectors = vectors.as_list::<i32>();
            for (row, path) in paths.as_string::<i32>().iter().enumerate() {
                let vector = vectors.value(row);
                let vector = vector.as_primitive::<Float64Type>().values().to_vec();
                rows.push((path.unwrap().to_string(), vector));
            }
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

/// Writes a folder as a Spark job leaves it: parts, their checksums and the mark of success.
pub fn write(folder: &Path, column: &str, form: Form, rows: &[(String, Vec<f64>)]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("_SUCCESS"), "").unwrap();
    let half = rows.len().div_ceil(2).max(1);
    for (number, rows) in rows.chunks(half).enumerate() {
        let paths = StringArray::from_iter_values(rows.iter().map(|(path, _)| path));
        let vectors = vectors(form, rows);
        let schema = Arc::new(Schema::new(vec![
            Field::new("path", DataType::Utf8, true),
            Field::new(column, vectors.data_type().clone(), true),
        ]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(paths), vectors]);
        let name = format!("part-{number:05}-8bb5d7a5.c000.snappy.parquet");
        let file = File::create(folder.join(&name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
        writer.write(&batch.unwrap()).unwrap();
        writer.close().unwrap();
        fs::write(folder.join(format!(".{name}.crc")), "crc").unwrap();
    }
}

/// A path as Spark on a cluster gives it: another root, and percent-encoded.
pub fn elsewhere(path: &str) -> String {
    let below = path.rsplit_once("/images/").unwrap().1;
    let below = below.replace(' ', "%20").replace('ê', "%C3%AA");
    format!("hdfs://namenode:8020/data/images/{below}")
}

fn vectors(form: Form, rows: &[(String, Vec<f64>)]) -> ArrayRef {
    let all = rows.iter().map(|(_, vector)| vector);
    match form {
        Form::Array => Arc::new(list(all.map(|vector| Some(vector.clone())))),
        Form::Dense => {
            let values = list(all.map(|vector| Some(vector.clone())));
            let none = || rows.iter().map(|_| None::<i32>);
            let indices = ListArray::from_iter_primitive::<Int32Type, Vec<Option<i32>>, _>(
                rows.iter().map(|_| None),
            );
            vector_udt(vec![1; rows.len()], none().collect(), indices, values)
        }
        Form::Sparse => {
            let kept = |vector: &Vec<f64>| -> Vec<usize> {
                (0..vector.len()).filter(|i| vector[*i] != 0.0).collect()
            };
            let sizes = all
                .clone()
                .map(|vector| Some(vector.len() as i32))
                .collect();
            let indices = all.clone().map(|vector| {
                Some(
                    kept(vector)
                        .into_iter()
                        .map(|i| Some(i as i32))
                        .collect::<Vec<_>>(),
                )
            });
            let indices = ListArray::from_iter_primitive::<Int32Type, _, _>(indices);
            let values =
                list(all.map(|vector| Some(kept(vector).into_iter().map(|i| vector[i]).collect())));
            vector_udt(vec![0; rows.len()], sizes, indices, values)
        }
    }
}

/// The struct of MLlib's `VectorUDT`.
fn vector_udt(
    types: Vec<i8>,
    sizes: Int32Array,
    indices: ListArray,
    values: ListArray,
) -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("type", DataType::Int8, false),
        Field::new("size", DataType::Int32, true),
        Field::new("indices", indices.data_type().clone(), true),
        Field::new("values", values.data_type().clone(), true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int8Array::from(types)),
        Arc::new(sizes),
        Arc::new(indices),
        Arc::new(values),
    ];
    Arc::new(StructArray::new(fields, columns, None))
}

fn list(rows: impl Iterator<Item = Option<Vec<f64>>>) -> ListArray {
    let rows: Vec<_> = rows.collect();
    let lengths = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len));
    ListArray::new(
        Arc::new(Field::new("element", DataType::Float64, true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(Float64Array::from_iter_values(
            rows.iter().flatten().flatten().copied(),
        )),
        Some(rows.iter().map(Option::is_some).collect::<NullBuffer>()),
    )
}
