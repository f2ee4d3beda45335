"""Streams that somebody's Python makes: what it raises arrives."""

import pyarrow
import pytest
from conftest import python

import pomona

SCHEMA = pyarrow.schema([pyarrow.field("n", pyarrow.int64(), False, {"unit": "m"})], {"source": "a test"})


class Mine(Exception):
    """An exception that nobody else has."""


def batches(error=None):
    """Two batches, and then an error."""
    for first in (0, 3):
        yield pyarrow.record_batch([pyarrow.array(range(first, first + 3), pyarrow.int64())], schema=SCHEMA)
    if error is not None:
        raise error


def reader(error=None):
    return pyarrow.RecordBatchReader.from_batches(SCHEMA, batches(error))


class Opaque:
    """A stream of the C interface alone."""

    def __init__(self, error=None):
        self.error = error

    def __arrow_c_stream__(self, requested_schema=None):
        return reader(self.error).__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("make", [reader, Opaque])
def test_a_stream_is_read_to_its_end(con, make):
    table = con.register("stream", make())
    assert sorted(table.fetchall()) == [(n,) for n in range(6)]
    # With what its schema says besides.
    schema = table.to_arrow().schema
    assert schema.field("n").metadata == {b"unit": b"m"} and not schema.field("n").nullable
    assert con.register("empty", pyarrow.RecordBatchReader.from_batches(SCHEMA, [])).fetchall() == []


@pytest.mark.parametrize("error", [Mine("mine"), ValueError("the disk is on fire"), LookupError(), SystemExit(3), KeyboardInterrupt()])
def test_what_a_generator_raises_is_raised(con, error):
    con.register("kept", reader())
    with pytest.raises(type(error)) as caught:
        con.register("kept", reader(error))
    assert caught.value is error and any(entry.name == "batches" for entry in caught.traceback)
    # The table is as it was.
    assert con.table("kept").count() == 6


def test_what_a_stream_raises_when_it_is_asked_for_is_raised(con):
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise Mine("mine")

    with pytest.raises(Mine):
        con.register("broken", Broken())


def test_of_a_stream_of_the_c_interface_there_is_the_text(con):
    with pytest.raises(pomona.PomonaError, match="(?s)the disk is on fire.*ValueError"):
        con.register("opaque", Opaque(ValueError("the disk is on fire")))
    with pytest.raises(KeyboardInterrupt):
        con.register("opaque", Opaque(KeyboardInterrupt()))


@pytest.mark.parametrize("make", ["reader", "Opaque"])
def test_an_interrupt_inside_a_generator_is_one(make):
    code = f"""
import os, signal
import pyarrow, pomona
schema = pyarrow.schema({{"n": pyarrow.int64()}})
def batches():
    n = 0
    while True:
        n += 1
        if n == 5:
            os.kill(os.getpid(), signal.SIGINT)
        yield pyarrow.record_batch({{"n": [n]}})
def reader():
    return pyarrow.RecordBatchReader.from_batches(schema, batches())
class Opaque:
    def __arrow_c_stream__(self, requested_schema=None):
        return reader().__arrow_c_stream__(requested_schema)
con = pomona.connect()
try:
    con.register("endless", {make}())
except KeyboardInterrupt:
    print("cancelled")
assert con.sql("SELECT 2").fetchall() == [(2,)]
"""
    assert python(code).stdout.split() == ["cancelled"]
