//! Dates, times, lengths of time and decimal numbers of Python, pandas and NumPy as values.

use std::sync::Arc;

use arrow::datatypes::DECIMAL128_MAX_PRECISION;
use datafusion::common::ScalarValue;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use crate::errors::usage;

/// A date, a time of a day, a length of time, a decimal number, or what pandas has for none of these.
pub(crate) fn moment(value: &Bound<'_, PyAny>) -> PyResult<Option<ScalarValue>> {
    let py = value.py();
    let kind = value.get_type();
    let module = kind.module()?;
    if module == "decimal" {
        let text = value.call_method1("__format__", ("f",))?.to_string();
        return decimal(&text).map(Some);
    }
    let is_of_pandas = module == "pandas" || module.to_str()?.starts_with("pandas.");
    if is_of_pandas && is_missing(&kind.name()?)? {
        return Ok(Some(ScalarValue::Null));
    }
    let datetime = py.import("datetime")?;
    let is = |name: &str| -> PyResult<bool> { value.is_instance(&datetime.getattr(name)?) };
    let microsecond = PyDict::new(py);
    microsecond.set_item("microseconds", 1)?;
    let microsecond = datetime
        .getattr("timedelta")?
        .call((), Some(&microsecond))?;
    if is("datetime")? {
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let zoned = !value.getattr("tzinfo")?.is_none();
        let zone = zoned.then(|| Arc::from("+00:00"));
        if let Some(since) = nanoseconds(value, "nanosecond")? {
            return Ok(Some(ScalarValue::TimestampNanosecond(Some(since), zone)));
        }
        let epoch = match zoned {
            true => datetime
                .getattr("datetime")?
                .call1((1970, 1, 1, 0, 0, 0, 0, utc))?,
            false => datetime.getattr("datetime")?.call1((1970, 1, 1))?,
        };
        let since = value.sub(epoch)?.floor_div(&microsecond)?.extract()?;
        return Ok(Some(ScalarValue::TimestampMicrosecond(Some(since), zone)));
    }
    if is("date")? {
        let epoch = datetime.getattr("date")?.call1((1970, 1, 1))?;
        let days = value.sub(epoch)?.getattr("days")?.extract()?;
        return Ok(Some(ScalarValue::Date32(Some(days))));
    }
    if is("time")? {
        return time(value).map(Some);
    }
    if is("timedelta")? {
        if let Some(length) = nanoseconds(value, "nanoseconds")? {
            return Ok(Some(ScalarValue::DurationNanosecond(Some(length))));
        }
        let length = value.floor_div(&microsecond)?.extract()?;
        return Ok(Some(ScalarValue::DurationMicrosecond(Some(length))));
    }
    Ok(None)
}

/// Whether a type of pandas is that of `NaT` or of `NA`.
fn is_missing(name: &Bound<'_, PyString>) -> PyResult<bool> {
    Ok(matches!(name.to_str()?, "NaTType" | "NAType"))
}

/// All nanoseconds of a moment or a length of pandas, where it has some that microseconds cannot say; Python's own has
/// no such attribute.
fn nanoseconds(value: &Bound<'_, PyAny>, attribute: &str) -> PyResult<Option<i64>> {
    match value.getattr_opt(attribute)? {
        Some(rest) if rest.is_truthy()? => {
            let exact = value.call_method1("as_unit", ("ns",))?;
            exact.getattr("value")?.extract().map(Some)
        }
        _ => Ok(None),
    }
}

/// A time of a day.
fn time(value: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    if !value.getattr("tzinfo")?.is_none() {
        return Err(usage(
            "a time of a day with a zone is no value of a column: pass it without, time.replace(tzinfo=None)",
        ));
    }
    let part = |name: &str| value.getattr(name)?.extract::<i64>();
    let seconds = 3600 * part("hour")? + 60 * part("minute")? + part("second")?;
    let since = 1_000_000 * seconds + part("microsecond")?;
    Ok(ScalarValue::Time64Microsecond(Some(since)))
}

/// What a `datetime64` or a `timedelta64` of NumPy is, which has no value of Python's own where its unit is a nanosecond.
/// `kind` is that of its array interface, such as `<M8[ns]`; NaT is NULL.
///
/// # Errors
/// When its unit is none of SQL.
pub(crate) fn numpy_moment(value: &Bound<'_, PyAny>, kind: &str) -> PyResult<ScalarValue> {
    let (kind, unit) = kind.split_once('[').unwrap_or((kind, ""));
    let is_moment = kind.ends_with("M8");
    let unit = unit.trim_end_matches(']');
    let base = unit.trim_start_matches(|c: char| c.is_ascii_digit());
    let same = match (base, is_moment) {
        ("s" | "ms" | "us" | "ns", _) => base,
        ("h" | "m" | "", _) | ("D" | "W", false) => "s",
        ("D" | "W" | "M" | "Y", true) => "D",
        _ => {
            let letter = if is_moment { 'M' } else { 'm' };
            return Err(usage(format!(
                "a value of NumPy in units of [{unit}] is none of a column: pass value.astype('{letter}8[ns]')"
            )));
        }
    };
    let letter = if is_moment { 'M' } else { 'm' };
    let whole = value.call_method1("astype", (format!("{letter}8[{same}]"),))?;
    let whole = whole
        .call_method1("astype", ("i8",))?
        .call_method0("item")?;
    // The smallest number stands for NaT.
    let number = Some(whole.extract::<i64>()?).filter(|&number| number != i64::MIN);
    if base.is_empty() && number.is_some() {
        return Err(usage(
            "a value of NumPy without a unit is none of a column: give it one, as in numpy.timedelta64(5, 's')",
        ));
    }
    Ok(match (is_moment, same) {
        (true, "D") => {
            let days = number.map(i32::try_from).transpose();
            ScalarValue::Date32(days.map_err(|_| usage("a date is too far away for a column"))?)
        }
        (true, "s") => ScalarValue::TimestampSecond(number, None),
        (true, "ms") => ScalarValue::TimestampMillisecond(number, None),
        (true, "us") => ScalarValue::TimestampMicrosecond(number, None),
        (true, _) => ScalarValue::TimestampNanosecond(number, None),
        (false, "s") => ScalarValue::DurationSecond(number),
        (false, "ms") => ScalarValue::DurationMillisecond(number),
        (false, "us") => ScalarValue::DurationMicrosecond(number),
        (false, _) => ScalarValue::DurationNanosecond(number),
    })
}

/// A decimal number, as `-12.50`: exact, up to 38 digits.
fn decimal(text: &str) -> PyResult<ScalarValue> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let scale = fraction.len();
    let precision = digits.trim_start_matches('-').len().max(scale + 1);
    match digits.parse::<i128>() {
        Ok(number) if precision <= usize::from(DECIMAL128_MAX_PRECISION) => Ok(
            ScalarValue::Decimal128(Some(number), precision as u8, scale as i8),
        ),
        _ => Err(usage(format!("{text} is no number of at most 38 digits"))),
    }
}
