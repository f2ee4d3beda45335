"""What people do with the relations and connections of other libraries."""

import copy
import pickle

import duckdb
import numpy
import pandas
import polars
import pytest
from conftest import python
from sklearn.cluster import KMeans

import pomona


def test_a_relation_has_a_length_and_is_looped_over(con):
    kiwis = con.sql("SELECT label, length FROM images WHERE label = 'Kiwi' ORDER BY path")
    assert len(kiwis) == kiwis.count() == 6
    assert [row for row in kiwis] == list(kiwis) == kiwis.fetchall()
    assert all(label == "Kiwi" and length > 0 for label, length in kiwis)
    # Two loops at a time.
    assert all(one == other for one, other in zip(kiwis, kiwis, strict=True))
    assert kiwis and not con.sql("SELECT * FROM images WHERE label = 'nothing'")


def test_rows_are_looped_over_as_they_are_computed(con):
    endless = con.sql("SELECT value FROM generate_series(1, 1000000000000000)")
    rows = iter(endless)
    assert [next(rows) for _ in range(3)] == [(1,), (2,), (3,)]
    assert endless.fetchone() == (1,) and endless.fetchmany(2) == [(2,), (3,)]
    # Whether there is a row is known with the first.
    assert endless


def test_rows_come_in_parts(con):
    rows = con.sql("SELECT label FROM images GROUP BY label ORDER BY label")
    assert rows.fetchmany() == [("Apple Green",)]
    assert rows.fetchmany(3) == [("Apple Red",), ("Banana",), ("Cherry",)]
    assert len(rows.fetchall()) == 4
    assert len(rows.fetchmany(100)) == 8 and rows.fetchmany(100) == [] and rows.fetchone() is None
    assert rows.fetchmany(0) == []
    for wrong in (-1, 1.5, "2", True, 2**70):
        with pytest.raises(pomona.UsageError, match="size"):
            rows.fetchmany(wrong)


def test_a_loop_that_fails_has_the_error_and_no_end(con):
    query = "SELECT arrow_cast(CASE WHEN n = 5000 THEN 'x' ELSE '1' END, 'Int64') FROM generate_series(1, 9000) AS t(n)"
    relation = con.sql(query)
    with pytest.raises(pomona.SqlError):
        for _ in relation:
            pass
    # Neither is what comes after an error taken for the end of the rows.
    for _ in range(2):
        with pytest.raises(pomona.SqlError):
            while relation.fetchone() is not None:
                pass


@pytest.mark.parametrize("read", [
    "for _ in con.sql(one): pass", "con.sql(one).fetchmany(3)", "con.sql(one).fetchone()", "len(con.sql(many))", "list(con.sql(many))",
])
def test_an_interrupt_ends_a_loop(read):
    code = f"""
import os, signal, threading, time
import pomona
con, rows = pomona.connect(), "FROM generate_series(1, 100000000000) AS t(n) WHERE n % 7 = 3"
one, many = "SELECT count(*) " + rows, "SELECT n " + rows
con.sql("SELECT 1").fetchall()
threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
try:
    {read}
except KeyboardInterrupt:
    print("cancelled")
assert list(con.sql("SELECT 2")) == [(2,)]
"""
    assert python(code).stdout.split() == ["cancelled"]


def test_names_of_duckdb(con):
    assert con.query("SELECT $1 AS n", [7]).fetchall() == con.sql("SELECT 7 AS n").fetchall() == [(7,)]
    con.register("passing", polars.DataFrame({"n": [1, 2]}))
    assert con.table("passing").count() == 2
    con.unregister("Passing")
    with pytest.raises(pomona.SqlError, match="passing"):
        con.table("passing")
    con.unregister("passing")


def test_numbers_are_a_matrix(con):
    two = con.sql("SELECT n, n / 2.0 AS half, CASE WHEN n > 1 THEN n END AS late FROM generate_series(1, 3) AS t(n) ORDER BY n")
    matrix = numpy.asarray(two)
    numpy.testing.assert_array_equal(matrix, [[1, 0.5, numpy.nan], [2, 1, 2], [3, 1.5, 3]])
    assert matrix.dtype == numpy.float64 and numpy.asarray(two, dtype="float32").dtype == numpy.float32
    assert numpy.asarray(two.select("n")).tolist() == [1, 2, 3] and numpy.asarray(two.head(0)).shape == (0, 3)
    assert numpy.asarray(con.sql("SELECT label FROM images LIMIT 1")).shape == (1,)
    # Two columns of one name are two columns.
    assert numpy.asarray(con.sql("SELECT a.n, b.n FROM (SELECT 1 AS n) AS a, (SELECT 2 AS n) AS b")).tolist() == [[1, 2]]
    with pytest.raises(TypeError, match="label is Utf8.*select"):
        numpy.asarray(con.sql("SELECT label, length FROM images"))
    with pytest.raises(ValueError, match="copy=False"):
        numpy.array(two, copy=False)


def test_features_are_taken_by_scikit_learn_as_they_are(con, features):
    relation = con.sql("SELECT mobilenet_v2(content) AS features FROM images ORDER BY path")
    assert numpy.array_equal(numpy.asarray(relation), features) and numpy.asarray(relation, "float64").dtype == numpy.float64
    assert numpy.array(relation, copy=True).flags.writeable
    labels = KMeans(2, random_state=0, n_init=1).fit_predict(relation)
    assert numpy.array_equal(labels, KMeans(2, random_state=0, n_init=1).fit_predict(features))


def test_other_libraries_read_a_relation_as_before(con):
    relation = con.sql("SELECT label, count(*) AS images FROM images GROUP BY label ORDER BY label")
    rows = relation.fetchall()
    assert polars.DataFrame(relation).rows() == rows
    assert duckdb.sql("SELECT * FROM relation").fetchall() == rows
    assert pandas.DataFrame.from_records(list(relation), columns=relation.columns)["images"].tolist() == [row[1] for row in rows]


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_belongs_to_a_process_says_so(con, act):
    with pytest.raises(TypeError, match=r"a Relation cannot be pickled.*to_arrow\(\).*connect\(\)"):
        act(con.sql("SELECT 1"))
    with pytest.raises(TypeError, match=r"a Connection cannot be pickled.*connect\(\)"):
        act(con)


def test_a_run_is_pickled_without_what_it_can_make_again(con):
    run = pomona.open("pomona-demo/results")
    assert run.features.count() == 48
    again = pickle.loads(pickle.dumps(run))
    assert again.counts == run.counts and again.features.count() == 48
    with pytest.raises(TypeError, match="Connection cannot be pickled"):
        pickle.dumps(con.open("pomona-demo/results"))


def test_a_connection_closes_itself(demo):
    with pomona.connect(weights="fruits") as one:
        assert not one.closed and "Connection" in repr(one)
        images = one.images(demo / "pomona-demo/images")
    assert one.closed and "closed" in repr(one)
    with pytest.raises(pomona.PomonaError, match="closed"):
        one.sql("SELECT 1")
    # What was made of it has what it needs.
    assert images.count() == 48


def test_a_run_is_asked_for_in_one_way(run):
    nearest = pomona.similar("Kiwi/0.jpg", run, 3)
    assert nearest.fetchall() == pomona.similar("Kiwi/0.jpg", in_=run, n=3).fetchall() == run.similar("Kiwi/0.jpg", 3).fetchall()
    assert pomona.outliers(in_=run, n=2).fetchall() == pomona.outliers(run, 2).fetchall() == run.outliers(2).fetchall()
    assert pomona.suspects(in_=run, n=2).fetchall() == pomona.suspects(run, 2).fetchall() == run.suspects(2).fetchall()
