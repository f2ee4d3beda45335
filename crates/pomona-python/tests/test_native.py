"""`pomona._native`: what the package is made of. The tests of what people import are in the other files."""

import ast
import datetime
import decimal
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pyarrow
import pytest
from conftest import PATIENCE, python

import pomona
from pomona import _native

STUB = Path(__file__).parents[1] / "python/pomona/_native.pyi"

# Takes minutes, unless it is cancelled.
ENDLESS = "SELECT count(*) FROM generate_series(1, 100000000000) AS t(n) WHERE n % 7 = 3"

# Rows for ever, a batch at a time.
ROWS = "SELECT n FROM generate_series(1, 100000000000) AS t(n)"


@pytest.fixture
def native(demo):
    """A session of its own."""
    return _native.connect(weights="fruits")


def public(body):
    """The names of definitions, and of what the classes among them define."""
    for node in body:
        names = []
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.AnnAssign):
            names = [node.target.id]
        for name in names:
            yield name
            if isinstance(node, ast.ClassDef):
                yield from (f"{name}.{inner}" for inner in public(node.body))


def test_the_stubs_have_what_the_module_has():
    stubs = set(public(ast.parse(STUB.read_text()).body))
    module = {name for name in dir(_native) if not name.startswith("_")} | {"__version__"}
    for name in sorted(module):
        value = getattr(_native, name)
        if isinstance(value, type) and not issubclass(value, Exception):
            module |= {f"{name}.{inner}" for inner in vars(value) if not inner.startswith("_")}
    documented = {name for name in stubs if not name.rpartition(".")[2].startswith("_")} | {"__version__"}
    assert documented == module | {"ImageError.index", "ImageError.path"}
    # Methods with underscores are a part of protocols.
    for name in stubs - documented:
        holder, _, method = name.rpartition(".")
        assert hasattr(getattr(_native, holder), method) or method == "__init__", name


# Parameters.


@pytest.mark.parametrize("value, kind, back", [
    (None, "Null", None),
    (True, "Boolean", True),
    (7, "Int64", 7),
    (2**63, "UInt64", 2**63),
    (0.5, "Float64", 0.5),
    ("it's", "Utf8", "it's"),
    (b"\0\1", "Binary", b"\0\1"),
    (bytearray(b"a"), "Binary", b"a"),
    (datetime.date(1969, 12, 31), "Date32", datetime.date(1969, 12, 31)),
    (datetime.datetime(2026, 11, 30, 1, 2, 3, 4), "Timestamp(µs)", datetime.datetime(2026, 11, 30, 1, 2, 3, 4)),
    (datetime.timedelta(days=-1, microseconds=5), "Duration(µs)", datetime.timedelta(days=-1, microseconds=5)),
    (decimal.Decimal("-12.50"), "Decimal128(4, 2)", decimal.Decimal("-12.50")),
    ([1, 2.5, None], "List(Float64)", [1.0, 2.5, None]),
    ([[1], []], "List(List(Int64))", [[1], []]),
    (numpy.float32(0.25), "Float32", 0.25),
    (numpy.int16(3), "Int64", 3),
    (numpy.array([1, 2], "float32"), "List(Float32)", [1.0, 2.0]),
    (numpy.array([1, 2]), "List(Int64)", [1, 2]),
])
def test_parameters_have_the_type_of_the_value(native, value, kind, back):
    found_kind, found = native.sql("SELECT arrow_typeof($1), $1", [value]).rows()[0]
    assert found == back
    # A scalar of NumPy is Python's number.
    assert found_kind.replace("Float32", "Float64") == kind.replace("Float32", "Float64"), found_kind


def test_a_moment_has_its_zone(native):
    moment = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=5)))
    found = native.sql("SELECT $at", {"at": moment}).rows()[0][0]
    assert found == moment and found.utcoffset() == datetime.timedelta(0)


@pytest.mark.parametrize("query, parameters, words", [
    ("SELECT $1", None, "$1 has no value"),
    ("SELECT $1", [], "$1 has no value"),
    ("SELECT $1", [1, 2], "no parameter $2"),
    ("SELECT $a", {"b": 1}, "$a has no value"),
    ("SELECT 1", "Apple", "a list of values"),
    ("SELECT $1", [2**64], "more than 64 bits"),
    ("SELECT $1", [[1, "a"]], "values of one type"),
    ("SELECT $1", [numpy.zeros((2, 2))], "2 dimensions"),
    ("SELECT 1; SELECT 2", None, "2 statements"),
    (" -- nothing", None, "no statement"),
])
def test_what_is_wrong_with_a_call_is_said(native, query, parameters, words):
    with pytest.raises(_native.UsageError, match=None) as error:
        native.sql(query, parameters)
    assert words in str(error.value)


def test_a_value_of_no_column_is_a_type_error(native):
    with pytest.raises(TypeError, match="object"):
        native.sql("SELECT $1", [object()])


# Statements that are no queries run when they are passed.


def test_a_copy_runs_at_once(native, tmp_path):
    result = native.sql(f"COPY (SELECT 7 AS n) TO '{tmp_path}/a.parquet'")
    assert (tmp_path / "a.parquet").exists() and result.is_collected
    assert result.rows() == [(1,)]
    assert native.sql("CREATE TABLE seven AS SELECT $1 AS n", [7]).rows() == []
    assert native.sql("SELECT n FROM seven").rows() == [(7,)]
    assert native.execute("INSERT INTO seven VALUES (8); SELECT count(*) FROM seven").rows() == [(2,)]
    assert native.execute("DROP TABLE seven") is None


def test_a_plan_is_printed_whole(native):
    text = native.sql("EXPLAIN SELECT 1").text(max_rows=1)
    assert "logical_plan" in text or "physical_plan" in text


def test_cells_of_a_terminal_are_short(native):
    query = "SELECT X'00ff' AS b, 'four' AS t, 'fives' AS u, [1, 2, 3] AS v, CAST(NULL AS VARCHAR) AS n, 123456 AS i"
    shown = native.sql(query).text(max_chars=4).splitlines()
    assert [cell.strip() for cell in shown[3].split("|")[1:-1]] == ["2 bytes", "four", "fiv…", "[1,…", "NULL", "123456"]
    assert "00ff" in native.sql(query).text() and "[1, 2, 3]" in native.sql(query).text()
    long = native.sql("SELECT arrow_cast(repeat('a', 1234567), 'Binary') AS b").text(max_chars=4)
    assert "| 1,234,567 bytes |" in long


# Streams.


def test_a_stream_is_computed_as_it_is_read(native):
    began = time.monotonic()
    reader = pyarrow.RecordBatchReader.from_stream(native.sql(ROWS))
    first = reader.read_next_batch()
    assert first.column(0)[0].as_py() == 1
    reader.close()
    assert time.monotonic() - began < PATIENCE / 3


def test_a_stream_has_the_sentence_of_its_error(native):
    query = "SELECT arrow_cast(CASE WHEN n = 5000 THEN 'x' ELSE '1' END, 'Int64') FROM generate_series(1, 9000) AS t(n)"
    with pytest.raises(_native.SqlError) as ours:
        native.sql(query).rows()
    with pytest.raises(OSError) as theirs:
        pyarrow.RecordBatchReader.from_stream(native.sql(query)).read_all()
    assert str(ours.value) in str(theirs.value)


def test_any_thread_reads_a_stream(native):
    reader = pyarrow.RecordBatchReader.from_stream(native.sql("SELECT n FROM generate_series(1, 100000) AS t(n)"))
    rows = []
    threads = [threading.Thread(target=lambda: rows.append(sum(batch.num_rows for batch in reader)))]
    for thread in threads:
        thread.start()
        thread.join(PATIENCE)
    assert rows == [100000]


def test_a_reader_that_holds_the_lock_lets_others_go_on(native):
    # ctypes.PyDLL calls with the lock held, as libraries in C may.
    code = f"""
import ctypes, threading, time
from pomona import _native
con = _native.connect()
query = "SELECT count(*) FROM generate_series(1, 100000000) AS t(n) WHERE n % 7 = 3"
capsule = con.sql(query).__arrow_c_stream__()
library = ctypes.PyDLL(None)
pointer = library.PyCapsule_GetPointer
pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
stream = pointer(capsule, b"arrow_array_stream")
functions = ctypes.cast(stream, ctypes.POINTER(ctypes.c_void_p))
get_next = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(functions[1])
ticks, ended = 0, threading.Event()
def tick():
    global ticks
    while not ended.is_set():
        ticks += 1
        time.sleep(0.001)
thread = threading.Thread(target=tick)
thread.start()
time.sleep(0.05)
before = ticks
array = (ctypes.c_char * 80)()
assert get_next(stream, ctypes.addressof(array)) == 0
during = ticks - before
ended.set()
thread.join()
print(during)
"""
    assert int(python(code).stdout) > 5


def test_an_interrupt_ends_a_stream_that_another_library_reads():
    code = f"""
import os, signal, threading, time
import pyarrow
from pomona import _native
con = _native.connect()
reader = pyarrow.RecordBatchReader.from_stream(con.sql({ENDLESS!r}))
began = time.monotonic()
try:
    # The signal may come late, and not before this.
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    try:
        reader.read_all()
    except OSError as error:
        assert "interrupted" in str(error), error
        time.sleep(0)  # KeyboardInterrupt
        for _ in range(1000):
            pass
except KeyboardInterrupt:
    print("cancelled", time.monotonic() - began)
assert con.sql("SELECT 2").rows() == [(2,)]
"""
    word, seconds = python(code).stdout.split()
    assert word == "cancelled" and float(seconds) < 60


def test_a_table_is_read_from_a_stream_once_and_queried_often(native):
    table = pyarrow.table({"n": range(1000)})
    native.register("numbers", table.to_reader(max_chunksize=10))
    for _ in range(2):
        assert native.sql("SELECT count(*), sum(n) FROM numbers").rows() == [(1000, 499500)]
    native.register("numbers", native.sql("SELECT n * 2 AS n FROM numbers"))
    assert native.sql("SELECT sum(n) FROM numbers").rows() == [(999000,)]
    native.deregister("numbers")
    with pytest.raises(_native.SqlError):
        native.sql("SELECT * FROM numbers")
    with pytest.raises(_native.UsageError, match="__arrow_c_stream__"):
        native.register("numbers", [1, 2])


def test_what_a_producer_says_is_said(native):
    def batches():
        yield pyarrow.record_batch({"n": [1]})
        raise ValueError("the disk is on fire")

    schema = pyarrow.schema({"n": pyarrow.int64()})
    with pytest.raises(_native.PomonaError, match="the disk is on fire"):
        native.register("broken", pyarrow.RecordBatchReader.from_batches(schema, batches()))


# Arrays.


def test_vectors_are_those_of_every_batch(native):
    query = "SELECT CASE WHEN n % 10 = 0 THEN NULL ELSE [CAST(n AS FLOAT), 0.5] END AS v FROM generate_series(1, 2000) AS t(n) ORDER BY n"
    found = numpy.asarray(native.sql(query).vectors("v"))
    expected = numpy.stack([numpy.arange(1, 2001), numpy.full(2000, 0.5)], 1)
    expected[9::10] = numpy.nan
    assert found.shape == (2000, 2)
    numpy.testing.assert_array_equal(found, expected.astype(found.dtype))
    with pytest.raises(_native.UsageError, match="rows of one length"):
        native.sql("SELECT [1.0] AS v UNION ALL SELECT [1.0, 2.0]").vectors("v")
    with pytest.raises(_native.UsageError, match="Utf8"):
        native.sql("SELECT 'a' AS v").vectors("v")


def test_moments_are_pickled_with_all_their_digits():
    rows = numpy.random.default_rng(1).normal(1e6, 1, (300, 5))
    one, other = _native.Moments(5), _native.Moments(5)
    one.partial(rows[:100])
    other.partial(rows[100:])
    one = pickle.loads(pickle.dumps(one))
    one.merge(other)
    one.merge(_native.Moments(5))
    assert (one.count, one.dimension) == (300, 5)
    numpy.testing.assert_allclose(numpy.asarray(one.mean()), rows.mean(0), rtol=1e-14)
    numpy.testing.assert_allclose(numpy.asarray(one.variance()), rows.var(0, ddof=1), rtol=1e-9)
    both = one.copy()
    both.merge(both)
    assert (one.count, both.count) == (300, 600)
    with pytest.raises(_native.UsageError):
        _native.Moments._from_bytes(pickle.dumps(rows))


@pytest.mark.parametrize("rows, words", [
    (numpy.zeros((3, 4)), "expected 5 features, found 4"),
    (numpy.zeros(5), "1 dimensions"),
    (numpy.zeros((5, 3)).T, "not contiguous"),
    (numpy.zeros((3, 5), "int64"), "float32 or float64"),
    (numpy.array([[0, 0, numpy.nan, 0, 0]]), "feature 2 of row 0"),
    ([[1.0] * 5], "no array"),
])
def test_rows_that_are_refused_change_nothing(rows, words):
    moments = _native.Moments(5)
    moments.partial(numpy.ones((2, 5), "float32"))
    with pytest.raises(_native.UsageError, match=words):
        moments.partial(rows)
    assert moments.count == 2


# The command.


def test_the_command_returns_its_exit_code(demo):
    code = """
import signal, sys
from pomona import _native
before = signal.getsignal(signal.SIGINT)
codes = [_native.main(["pomona", *line]) for line in (["--version"], ["sql", "-c", "SELECT 1"], ["sql", "-c", "SELECT"], ["sqk"], ["run"])]
codes.append(_native.main(["/usr/bin/pomona-driver", "--version"]))
assert signal.getsignal(signal.SIGINT) is before
print(codes)
"""
    done = python(code)
    assert done.stdout.splitlines()[-1] == "[0, 0, 1, 2, 2, 0]", done
    assert f"pomona {pomona.__version__}" in done.stdout and f"pomona-driver {pomona.__version__}" in done.stdout


def test_a_reader_that_leaves_ends_the_command_well():
    line = [sys.executable, "-m", "pomona", "sql", "--format", "csv", "-c", "SELECT n FROM generate_series(1, 1000000) AS t(n)"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"n\n"
            process.stdout.close()
            assert process.wait(PATIENCE) == 0, process.stderr.read()
        finally:
            process.kill()


@pytest.mark.parametrize("where", [[], ["--standalone"]])
def test_an_interrupt_ends_the_command_with_its_code(where):
    line = [sys.executable, "-m", "pomona", "sql", *where, "-c", "SELECT 'begun'", "-c", ENDLESS]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            for row in process.stdout:
                if "begun" in row:
                    break
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
            said = process.stderr.read()
        finally:
            # The end of the block waits for it without a limit.
            process.kill()
    assert "Interrupted" in said and "Traceback" not in said


def test_the_version_is_said_at_once(demo):
    code = """
import sys, time
began = time.perf_counter()
from pomona._native import main
assert main(["pomona", "--version"]) == 0
print(time.perf_counter() - began)
heavy = {"numpy", "pandas", "pyarrow", "asyncio", "typing_extensions", "datetime"} & set(sys.modules)
assert not heavy, heavy
"""
    fastest = min(float(python(code).stdout.splitlines()[-1]) for _ in range(3))
    assert fastest < 5, fastest


# The end of a process.


def test_a_cluster_inside_the_process_leaves_nothing_behind(tmp_path):
    code = """
import pyarrow
from pomona import _native
con = _native.connect(standalone=True)
assert con.sql("SELECT count(*) FROM generate_series(1, 1000)").rows() == [(1000,)]
waiting = con.sql("SELECT 1")
half_read = pyarrow.RecordBatchReader.from_stream(con.sql("SELECT n FROM generate_series(1, 100000) AS t(n)"))
half_read.read_next_batch()
"""
    began = time.monotonic()
    python(code, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert time.monotonic() - began < PATIENCE / 3
    assert list(tmp_path.iterdir()) == []


def test_a_fork_leaves_the_files_of_its_parent(tmp_path):
    code = """
import faulthandler, gc, os, sys, warnings
from pomona import _native
warnings.simplefilter("ignore")
con = _native.connect(standalone=True)
result = con.sql("SELECT count(*) FROM generate_series(1, 1000)")
assert result.rows() == [(1000,)]
child = os.fork()
if child == 0:
    # What hangs here would hang its parent, too.
    faulthandler.dump_traceback_later(100, exit=True)
    try:
        result.rows()
    except _native.PomonaError as error:
        assert "forked" in str(error)
    else:
        os._exit(1)
    del con, result
    gc.collect()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert result.rows() == [(1000,)]
"""
    python(code, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_closed_connection_says_so(native):
    result = native.sql("SELECT 1")
    native.close()
    native.close()
    assert native.closed
    with pytest.raises(_native.PomonaError, match="closed"):
        native.sql("SELECT 1")
    # What was planned before has all that it needs.
    assert result.rows() == [(1,)]
