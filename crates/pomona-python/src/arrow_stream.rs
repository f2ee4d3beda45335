//! Arrow's C interface in both directions, as capsules of Python: `__arrow_c_stream__`, `__arrow_c_schema__`,
//! `__arrow_c_array__`.

use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, RecordBatchReader, StructArray,
    make_array,
};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use pyo3::exceptions::{PyKeyboardInterrupt, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCapsule, PyTuple};

use crate::batch_reader::{BatchReader, Stopped};
use crate::errors::{c_text, plain, usage};

/// The names of capsules.
const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// What a reader returns to its consumer when the query failed, and at Ctrl-C.
const FAILED: c_int = libc::EIO;
const INTERRUPTED: c_int = libc::EINTR;

/// The text of the error at Ctrl-C.
const INTERRUPTED_TEXT: &str = "interrupted (KeyboardInterrupt)";

/// Reads a stream to its end, without a copy of its buffers. Its producer may need the interpreter's lock, which is
/// released meanwhile.
///
/// # Errors
/// `UsageError` when the object has no `__arrow_c_stream__`; the producer's error; at Ctrl-C.
pub(crate) fn read_stream(object: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let py = object.py();
    if !object.hasattr("__arrow_c_stream__")? {
        let kind = object.get_type().name()?;
        return Err(usage(format!(
            "a {kind} is no Arrow stream: it has no __arrow_c_stream__, as tables of pyarrow, polars, pandas and \
             DuckDB have"
        )));
    }
    let capsule = object.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast::<PyCapsule>()?;
    let stream = capsule.pointer_checked(Some(STREAM))?;
    // SAFETY: a capsule of this name holds this struct, by the protocol; it is moved out, which marks it released.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.cast().as_ptr()) };
    let failed = |error: ArrowError| producer_error(py, &error);
    let reader = py.detach(|| ArrowArrayStreamReader::try_new(stream));
    let mut reader = reader.map_err(failed)?;
    let read = read_all(py, &mut reader);
    // Its threads may need the interpreter's lock to end.
    py.detach(|| drop(reader));
    read
}

fn read_all(
    py: Python<'_>,
    reader: &mut ArrowArrayStreamReader,
) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let schema = reader.schema();
    let mut batches = vec![];
    loop {
        let next = {
            let reader = &mut *reader;
            py.detach(move || reader.next())
        };
        match next {
            Some(batch) => batches.push(batch.map_err(|error| producer_error(py, &error))?),
            None => return Ok((schema, batches)),
        }
        py.check_signals()?;
    }
}

/// Reads a reader of pyarrow to its end, batch by batch through Python: an Arrow stream has but the text of what
/// a generator raised, and the reader has the exception.
///
/// # Errors
/// What the reader raises, as it is; at Ctrl-C.
pub(crate) fn read_batches(reader: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let py = reader.py();
    let schema = read_schema(&reader.getattr("schema")?)?;
    let mut batches = vec![];
    loop {
        let batch = match reader.call_method0("read_next_batch") {
            Ok(batch) => batch,
            Err(end) if end.is_instance_of::<PyStopIteration>(py) => return Ok((schema, batches)),
            Err(error) => return Err(error),
        };
        let array = read_array(&batch)?;
        let columns = array.as_struct().columns().to_vec();
        let rows = RecordBatchOptions::new().with_row_count(Some(array.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows);
        batches.push(batch.map_err(|error| plain(py, producer_text(&error)))?);
        py.check_signals()?;
    }
}

fn read_schema(object: &Bound<'_, PyAny>) -> PyResult<SchemaRef> {
    let capsule = object.call_method0("__arrow_c_schema__")?;
    let schema = capsule.cast::<PyCapsule>()?;
    let schema = schema.pointer_checked(Some(SCHEMA))?;
    // SAFETY: a capsule of this name holds this struct, by the protocol, and it is borrowed while the capsule lives.
    let schema = Schema::try_from(unsafe { schema.cast::<FFI_ArrowSchema>().as_ref() });
    let schema = schema.map_err(|error| plain(object.py(), producer_text(&error)))?;
    Ok(Arc::new(schema))
}

/// The exception for what a producer said. It has no more than a text of what was raised in it; Ctrl-C is known
/// by that.
fn producer_error(py: Python<'_>, error: &ArrowError) -> PyErr {
    let text = producer_text(error);
    match text.contains("KeyboardInterrupt") {
        true => PyKeyboardInterrupt::new_err(text),
        false => plain(py, text),
    }
}

/// Reads an array, without a copy of its buffers.
///
/// # Errors
/// When the object hands over no array.
pub(crate) fn read_array(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let capsules = object.call_method0("__arrow_c_array__")?;
    let capsules = capsules.cast::<PyTuple>()?;
    let (schema, array) = (capsules.get_item(0)?, capsules.get_item(1)?);
    let schema = schema.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?;
    let array = array.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?;
    // SAFETY: capsules of these names hold these structs, by the protocol; the array is moved out, which marks it
    // released, and the schema is borrowed while its capsule lives.
    let read = unsafe {
        let array = FFI_ArrowArray::from_raw(array.cast().as_ptr());
        from_ffi(array, schema.cast().as_ref())
    };
    let data = read.map_err(|error| plain(object.py(), producer_text(&error)))?;
    Ok(make_array(data))
}

/// What a producer said, without arrow's prefix.
fn producer_text(error: &ArrowError) -> String {
    match error {
        ArrowError::CDataInterface(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The capsule of a schema.
pub(crate) fn schema_capsule<'py>(
    py: Python<'py>,
    schema: &SchemaRef,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema.as_ref());
    let schema = schema.map_err(|error| plain(py, error.to_string()))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// The capsule of a stream.
pub(crate) fn stream_capsule(
    py: Python<'_>,
    reader: BatchReader,
) -> PyResult<Bound<'_, PyCapsule>> {
    let exported = Box::new(Exported {
        reader,
        error: CString::default(),
    });
    let stream = FFI_ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(exported).cast(),
    };
    PyCapsule::new_with_value(py, stream, STREAM)
}

/// What belongs to an exported stream. Arrow's own export puts a prefix before the text of an error, and cannot
/// return the number of an interrupt.
struct Exported {
    reader: BatchReader,
    error: CString,
}

impl Exported {
    fn failed(&mut self, text: &str, number: c_int) -> c_int {
        self.error = c_text(text);
        number
    }
}

/// The state of a stream.
///
/// # Safety
/// `stream` is one that [`stream_capsule`] made, that is not released and that no other thread uses meanwhile: what
/// the C stream interface asks of consumers.
unsafe fn exported<'a>(stream: *mut FFI_ArrowArrayStream) -> &'a mut Exported {
    // SAFETY: as above; `private_data` is the box that `stream_capsule` made.
    unsafe { &mut *(*stream).private_data.cast::<Exported>() }
}

unsafe extern "C" fn get_schema(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowSchema,
) -> c_int {
    // SAFETY: a consumer calls this with a live stream.
    let exported = unsafe { exported(stream) };
    match FFI_ArrowSchema::try_from(exported.reader.schema().as_ref()) {
        Ok(schema) => {
            // SAFETY: `out` is a place for a schema, which holds none.
            unsafe { ptr::write(out, schema) };
            0
        }
        Err(error) => exported.failed(&error.to_string(), FAILED),
    }
}

unsafe extern "C" fn get_next(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    // SAFETY: a consumer calls this with a live stream.
    let exported = unsafe { exported(stream) };
    // A panic must not go on into C.
    let next = catch_unwind(AssertUnwindSafe(|| exported.reader.next()));
    let array = match next {
        Ok(Ok(Some(batch))) => FFI_ArrowArray::new(&StructArray::from(batch).to_data()),
        Ok(Ok(None)) => FFI_ArrowArray::empty(),
        Ok(Err(Stopped::Interrupted)) => return exported.failed(INTERRUPTED_TEXT, INTERRUPTED),
        Ok(Err(Stopped::Failed(text))) => return exported.failed(&text, FAILED),
        Err(_panic) => return exported.failed("a bug in pomona, please report it", FAILED),
    };
    // SAFETY: `out` is a place for an array, which holds none.
    unsafe { ptr::write(out, array) };
    0
}

unsafe extern "C" fn get_last_error(stream: *mut FFI_ArrowArrayStream) -> *const c_char {
    // SAFETY: a consumer calls this with a live stream.
    let exported = unsafe { exported(stream) };
    match exported.error.is_empty() {
        true => ptr::null(),
        false => exported.error.as_ptr(),
    }
}

unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: a consumer calls this once, with a live stream.
    let stream = unsafe { &mut *stream };
    // SAFETY: the box that `stream_capsule` made, which nobody uses any more.
    drop(unsafe { Box::from_raw(stream.private_data.cast::<Exported>()) });
    stream.private_data = ptr::null_mut();
    stream.release = None;
}
