"""Values of Python, NumPy and pandas as parameters, and back; vectors and moments as arrays."""

import datetime
import decimal
import math

import numpy
import pandas
import polars
import pyarrow
import pytest

import pomona

NOON = datetime.time(12, 34, 56, 789)


def kind_and_value(con, value):
    return con.sql("SELECT arrow_typeof($1), $1", [value]).fetchone()


@pytest.mark.parametrize("value, kind, back", [
    (NOON, "Time64(µs)", NOON),
    (datetime.time(0), "Time64(µs)", datetime.time(0)),
    (memoryview(b"\0\1"), "Binary", b"\0\1"),
    (memoryview(b"abcdef")[1:5:2], "Binary", b"bd"),
    (bytearray(b"a"), "Binary", b"a"),
    (numpy.datetime64("2026-11-30T01:02:03.123456789"), "Timestamp(ns)", datetime.datetime(2026, 11, 30, 1, 2, 3, 123456)),
    (numpy.datetime64("2026-11-30T01:02:03.000004"), "Timestamp(µs)", datetime.datetime(2026, 11, 30, 1, 2, 3, 4)),
    (numpy.datetime64("2026-11-30T01:02"), "Timestamp(s)", datetime.datetime(2026, 11, 30, 1, 2)),
    (numpy.datetime64("1969-12-31"), "Date32", datetime.date(1969, 12, 31)),
    (numpy.datetime64("2026-11"), "Date32", datetime.date(2026, 11, 1)),
    (numpy.timedelta64(-5, "ns"), "Duration(ns)", datetime.timedelta(microseconds=-1)),
    (numpy.timedelta64(2, "D"), "Duration(s)", datetime.timedelta(days=2)),
    (numpy.datetime64("NaT"), "Timestamp(s)", None),
    (numpy.timedelta64("NaT", "ns"), "Duration(ns)", None),
    (pandas.Timestamp("2026-11-30 01:02:03.123456789"), "Timestamp(ns)", datetime.datetime(2026, 11, 30, 1, 2, 3, 123456)),
    (pandas.Timestamp("2026-11-30 01:02:03"), "Timestamp(µs)", datetime.datetime(2026, 11, 30, 1, 2, 3)),
    (pandas.Timedelta(1001, "ns"), "Duration(ns)", datetime.timedelta(microseconds=1)),
    (pandas.NaT, "Null", None),
    (pandas.NA, "Null", None),
    ({"a": 1, "b": [0.5]}, "Struct", {"a": 1, "b": [0.5]}),
    (numpy.array(["2026-11-30", "NaT"], "datetime64[ns]"), "List(Timestamp(ns))", [datetime.datetime(2026, 11, 30), None]),
    (numpy.array([1.5, 2.5], "float32"), "List(Float32)", [1.5, 2.5]),
    (numpy.ma.masked_array([1, 2], [False, True]), "List(Int64)", [1, None]),
    (pandas.Series([1, 2]), "List(Int64)", [1, 2]),
    (polars.Series([1, 2]), "List(Int64)", [1, 2]),
    (pyarrow.array([1, 2]), "List(Int64)", [1, 2]),
    (pyarrow.scalar(7), "Int64", 7),
    ([datetime.date(2026, 1, 2), None], "List(Date32)", [datetime.date(2026, 1, 2), None]),
])
def test_a_value_comes_back_as_it_was(con, value, kind, back):
    found_kind, found = kind_and_value(con, value)
    assert found_kind.startswith(kind) and found == back and type(found) is type(back), (found_kind, found)


def test_nan_is_a_number_and_no_null(con):
    kind, value = kind_and_value(con, numpy.nan)
    assert kind == "Float64" and math.isnan(value)
    assert con.sql("SELECT $1 IS NULL, isnan($1)", [float("nan")]).fetchone() == (False, True)
    assert numpy.isnan(con.sql("SELECT $1 AS x", [numpy.nan]).to_numpy()).all()


@pytest.mark.parametrize("value, words", [
    (NOON.replace(tzinfo=datetime.timezone.utc), "tzinfo=None"),
    (numpy.timedelta64(5), "unit"),
    (numpy.datetime64(1, "ps"), "ps"),
    (numpy.timedelta64(1, "Y"), "Y"),
    ({}, "no fields"),
    ({1: 2}, "names"),
    (decimal.Decimal("NaN"), "38 digits"),
])
def test_a_value_of_no_column_is_refused_in_words(con, value, words):
    with pytest.raises(pomona.UsageError, match=words):
        con.sql("SELECT $1", [value])


def test_values_of_every_type_have_a_type_of_python(con):
    table = pyarrow.table({
        "time": pyarrow.array([NOON, None], pyarrow.time64("us")),
        "second": pyarrow.array([datetime.time(1, 2, 3), None], pyarrow.time32("s")),
        "nanosecond": pyarrow.array([1_000_999, None], pyarrow.time64("ns")),
        "map": pyarrow.array([[("a", 1), ("b", None)], None], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        "keys": pyarrow.array([[([1], 2)], []], pyarrow.map_(pyarrow.list_(pyarrow.int64()), pyarrow.int64())),
        "words": pyarrow.array([["x"], None], pyarrow.list_(pyarrow.dictionary(pyarrow.int8(), pyarrow.string()))),
        "fixed": pyarrow.array([[1.0, 2.0], None], pyarrow.list_(pyarrow.float32(), 2)),
    })
    rows = con.register("every", table).fetchall()
    assert rows[0] == (
        NOON, datetime.time(1, 2, 3), datetime.time(0, 0, 0, 1000), {"a": 1, "b": None}, [([1], 2)], ["x"], [1.0, 2.0],
    )
    assert rows[1] == (None, None, None, None, {}, None, None)
    assert con.sql("SELECT map(['a', 'b'], [1, 2]) AS m").fetchone() == ({"a": 1, "b": 2},)
    assert "<dt>a</dt>" in con.sql("SELECT map(['a'], [1]) AS m")._repr_html_()


def test_a_date_that_python_has_not_is_a_text(con):
    far = con.sql("SELECT $1 AS day, $2 AS at, $3 AS near", [
        numpy.datetime64("20000-01-02"), numpy.datetime64("20000-01-02T03:04:05"), datetime.date.max,
    ])
    day, at, near = far.fetchone()
    assert "20000-01-02" in day and "20000-01-02" in at and "03:04:05" in at and near == datetime.date.max
    assert far.to_numpy("day")[0] == numpy.datetime64("20000-01-02")


def test_moments_are_those_of_numpy(con):
    exact = numpy.datetime64("2026-11-30T01:02:03.123456789")
    con.register("moments", pyarrow.table({
        "n": [1, 2],
        "at": pyarrow.array([int(exact.astype(int)), None], pyarrow.timestamp("ns")),
        "day": pyarrow.array([datetime.date(2026, 11, 30), None]),
        "length": pyarrow.array([1500, None], pyarrow.duration("ms")),
    }))
    rows = con.sql("SELECT at, day, length FROM moments ORDER BY n")
    at, day, length = (rows.to_numpy(name) for name in ("at", "day", "length"))
    assert at.dtype == "datetime64[ns]" and at[0] == exact and numpy.isnat(at[1])
    assert day.dtype == "datetime64[D]" and day[0] == numpy.datetime64("2026-11-30") and numpy.isnat(day[1])
    assert length.dtype == "timedelta64[ms]" and length[0] == numpy.timedelta64(1500, "ms") and numpy.isnat(length[1])
    assert rows.head(0).to_numpy("at").dtype == "datetime64[ns]"
    # NumPy knows no zones.
    zoned = con.sql("SELECT $1 AS at", [datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)]).to_numpy()
    assert zoned.dtype == object and zoned[0].utcoffset() == datetime.timedelta(0)


@pytest.mark.parametrize("query, length", [
    ("SELECT mobilenet_v2(content) AS v FROM images WHERE false", 1280),
    ("SELECT v, label FROM (SELECT label, try_mobilenet_v2(content) AS v FROM images) WHERE label = 'nothing' ORDER BY label LIMIT 3", 1280),
    ("SELECT a.v FROM (SELECT path, mobilenet_v2(content) AS v FROM images) AS a JOIN images AS b ON a.path = b.path || '?'", 1280),
    ("SELECT image_features(content, 'resnet18') AS v FROM images WHERE false", 512),
    ("SELECT features AS v FROM results WHERE label = 'nothing'", 1280),
    ("SELECT pca AS v FROM components WHERE label = 'nothing'", 10),
    ("SELECT CASE WHEN label = 'Kiwi' THEN [1.0, 2.0, 3.0] END AS v FROM images WHERE false", 3),
    ("SELECT v FROM fixed WHERE false", 2),
    ("SELECT v FROM seen WHERE false", 1280),
    ("SELECT v FROM lists WHERE false", 0),
])
def test_no_vectors_have_a_length_where_something_says_it(con, query, length):
    con.register("fixed", pyarrow.table({"v": pyarrow.array([[1.0, 2.0]], pyarrow.list_(pyarrow.float32(), 2))}))
    con.register("lists", pyarrow.table({"v": pyarrow.array([[1.0, 2.0]], pyarrow.list_(pyarrow.float32()))}))
    con.execute("CREATE OR REPLACE VIEW seen AS SELECT mobilenet_v2(content) AS v FROM images")
    con.execute("CREATE EXTERNAL TABLE IF NOT EXISTS results STORED AS RESULTS LOCATION 'pomona-demo/results/features/'")
    con.execute("CREATE EXTERNAL TABLE IF NOT EXISTS components STORED AS RESULTS LOCATION 'pomona-demo/results/pca/parquet/'")
    relation = con.sql(query)
    assert relation.to_numpy("v").shape == (0, length)
    assert relation.collect().select("v").to_numpy().shape == (0, length)
    assert relation.head(5).to_numpy("v").shape == (0, length)


def test_features_of_bad_images_are_rows_of_nan(con, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no image")
    con.images(tmp_path, name="none")
    found = con.sql("SELECT try_mobilenet_v2(content) AS features FROM none").to_numpy()
    assert found.shape == (2, 1280) and found.dtype == numpy.float32 and numpy.isnan(found).all()
