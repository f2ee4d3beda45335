"""Relations: the same rows for every library, without a copy where that is promised."""

import datetime
import decimal
import threading

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pytest

import pomona

QUERY = """
    SELECT label, count(*) AS images, avg(length) AS mean_length, bool_and(length > 0) AS is_full,
           named_struct('first', min(path), 'bytes', sum(length)) AS about
    FROM images GROUP BY label ORDER BY label
"""


def test_every_library_reads_the_same_rows(con):
    relation = con.sql(QUERY)
    rows = relation.fetchall()
    assert len(rows) == 8 and rows[0][:2] == ("Apple Green", 6) and rows[0][3] is True
    assert rows[0][4]["first"].endswith("Apple Green/0.jpg") and rows[0][4]["bytes"] == round(rows[0][2] * 6)

    table = relation.to_arrow()
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    assert relation.arrow().equals(table)
    frame = relation.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["images"].tolist() == [row[1] for row in rows] and frame["about"].tolist() == [row[4] for row in rows]
    assert relation.df().equals(frame)
    assert isinstance(relation.pl(), polars.DataFrame)
    assert relation.pl().rows() == rows
    assert duckdb.sql("SELECT sum(images), count(DISTINCT label) FROM relation").fetchall() == [(48, 8)]
    assert polars.DataFrame(relation).equals(relation.pl())
    assert relation.to_reader().read_all().equals(table)


def test_values_are_those_of_python(con):
    query = """SELECT NULL AS nothing, true AS yes, -7 AS whole, 0.5::float AS half, 'é' AS text, X'0001ff' AS raw, [1.5, NULL] AS numbers,
               timestamp '2026-01-02 03:04:05' AS moment, date '2026-01-02' AS day, 1.25::decimal(5, 2) AS price,
               named_struct('a', [named_struct('b', 1)]) AS deep"""
    [row] = con.sql(query).fetchall()
    assert row == (None, True, -7, 0.5, "é", b"\x00\x01\xff", [1.5, None], datetime.datetime(2026, 1, 2, 3, 4, 5),
                   datetime.date(2026, 1, 2), decimal.Decimal("1.25"), {"a": [{"b": 1}]})
    assert [type(value) for value in row[1:3]] == [bool, int]


def test_parameters_are_values_and_never_sql(con):
    named = con.sql("SELECT label, count(*) FROM images WHERE label = $label GROUP BY label", {"label": "Kiwi"})
    assert named.fetchall() == [("Kiwi", 6)]
    hostile = "' OR 1 = 1; DROP TABLE images; --"
    assert con.sql("SELECT * FROM images WHERE label = $1", [hostile]).count() == 0
    assert con.sql("SELECT $1 AS text", [hostile]).fetchone() == (hostile,)
    day, moment = datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5, 600)
    row = con.sql("SELECT $1 AS n, $2 AS b, $3 AS d, $4 AS m", [None, b"\x00", day, moment]).fetchone()
    assert row == (None, b"\x00", day, moment)
    vector = numpy.arange(3, dtype=numpy.float32)
    assert con.sql("SELECT array_distance([0.0, 0.0, 0.0], $1) AS d", [vector]).fetchone()[0] == pytest.approx(5**0.5)
    assert con.sql("SELECT $1 + 1 AS n", [numpy.int64(41)]).fetchone() == (42,)
    with pytest.raises(pomona.UsageError, match=r"\[value\]"):
        con.sql("SELECT $1", "Kiwi")
    with pytest.raises(pomona.PomonaError):
        con.sql("SELECT $1 AS n, $2 AS m", [1]).fetchall()


def test_a_vector_is_a_row_of_a_matrix(con, features):
    assert features.shape == (48, 1280) and features.dtype == numpy.float32 and features.flags.c_contiguous
    assert features.std() > 0
    rows = con.sql("SELECT mobilenet_v2(content) AS features FROM images ORDER BY path").fetchall()
    assert numpy.array_equal(features, numpy.array([row[0] for row in rows], numpy.float32))
    assert con.sql("SELECT label, [1.0::double, 2.0::double] AS v FROM images").to_numpy("v").dtype == numpy.float64


def test_numpy_takes_vectors_where_they_are(con):
    vectors = con.sql("SELECT mobilenet_v2(content) AS features FROM images")._native.vectors("features")
    array = numpy.asarray(vectors)
    assert array.ctypes.data == vectors.__array_interface__["data"][0]
    # The array keeps the numbers alive.
    expected = array.copy()
    del vectors
    assert numpy.array_equal(array, expected)


def test_other_columns_are_arrays_too(con):
    relation = con.sql("SELECT label, length, length::float / 2 AS half, CASE WHEN label = 'Kiwi' THEN 1 END AS kiwi FROM images ORDER BY path")
    assert relation.to_numpy("length").dtype == numpy.int64 and relation.to_numpy("half").dtype == numpy.float32
    assert relation.to_numpy("label")[0] == "Apple Green" and relation.to_numpy("label").dtype == object
    assert numpy.nansum(relation.to_numpy("kiwi")) == 6 and numpy.isnan(relation.to_numpy("kiwi")).sum() == 42
    with pytest.raises(pomona.UsageError, match="label, length, half, kiwi"):
        relation.to_numpy()
    with pytest.raises(pomona.UsageError, match="no column 'size'"):
        relation.to_numpy("size")
    with pytest.raises(pomona.UsageError):
        con.sql("SELECT unnest([[1.0], [1.0, 2.0]]) AS v").to_numpy("v")
    assert numpy.isnan(con.sql("SELECT unnest([[1.0, 2.0], NULL]) AS v").to_numpy("v")[1]).all()


def test_a_column_costs_nothing_of_the_others(con, tmp_path):
    (tmp_path / "Broken").mkdir()
    (tmp_path / "Broken/0.jpg").write_bytes(b"no image")
    con.images(tmp_path, name="broken")
    relation = con.sql("SELECT label, mobilenet_v2(content) AS features FROM broken")
    assert relation.to_numpy("label").tolist() == ["Broken"] and relation.select("label").fetchall() == [("Broken",)]
    with pytest.raises(pomona.ImageError):
        relation.fetchall()


def test_data_of_others_is_a_table(con):
    table = pyarrow.table({"label": ["Kiwi", "Lemon"], "price": [0.3, 0.5]})
    frame = table.to_pandas()
    for data in (table, polars.from_arrow(table), duckdb.sql("SELECT * FROM frame"), frame, con.sql("SELECT * FROM (VALUES ('Kiwi', 0.3), ('Lemon', 0.5)) AS t(label, price)")):
        prices = con.register("prices", data)
        assert prices.columns == ["label", "price"]
        joined = con.sql("SELECT label, price, count(*) FROM images JOIN prices USING (label) GROUP BY ALL ORDER BY label")
        assert joined.fetchall() == [("Kiwi", 0.3, 6), ("Lemon", 0.5, 6)]
        # The table can be read again.
        assert prices.count() == 2
    with pytest.raises(pomona.PomonaError):
        con.register("prices", 7)


def test_batches_are_shared_not_copied(con):
    table = pyarrow.table({"n": pyarrow.array(range(100), pyarrow.int64())})
    address = table.column("n").chunk(0).buffers()[1].address
    there_and_back = con.register("numbers", table).to_arrow()
    assert there_and_back.column("n").chunk(0).buffers()[1].address == address


def test_rows_are_computed_when_they_are_read(con):
    endless = con.sql("SELECT value FROM generate_series(1, 1000000000000000)")
    assert endless.head(2).fetchall() == [(1,), (2,)] and endless.limit(1).fetchall() == [(1,)]
    reader = endless.to_reader()
    assert reader.read_next_batch().num_rows > 0
    reader.close()


def test_a_collected_relation_keeps_its_rows(con):
    random = con.sql("SELECT random() AS x FROM images")
    assert random.fetchall() != random.fetchall()
    kept = random.collect()
    assert kept.fetchall() == kept.fetchall() and kept.count() == 48
    assert kept.to_arrow().equals(kept.to_arrow())


def test_rows_come_one_by_one(con):
    relation = con.sql("SELECT label FROM images GROUP BY label ORDER BY label")
    assert relation.fetchone() == ("Apple Green",) and relation.fetchone() == ("Apple Red",)
    assert len(relation.fetchall()) == 6
    assert len(relation.fetchall()) == 8
    seen = 0
    while relation.fetchone() is not None:
        seen += 1
    assert seen == 8 and relation.fetchone() is None


def test_tables_and_options_belong_to_a_connection(demo):
    with pomona.connect(weights="fruits", settings={"pomona.truncated": "pad"}) as one:
        one.images(demo / "pomona-demo/images", "fruit")
        assert one.table("fruit").count() == 48
        # As a cell of a notebook that is run again.
        assert one.images(demo / "pomona-demo/images/Kiwi", "fruit").count() == 6
        one.set("pomona.exif_orientation", "apply")
        with pytest.raises(pomona.PomonaError, match="nothing"):
            one.set("pomona.nothing", 1)
    with pomona.connect() as other, pytest.raises(pomona.SqlError, match="fruit"):
        other.table("fruit")
    with pytest.raises(pomona.PomonaError):
        one.sql("SELECT 1").fetchall()


def test_a_cluster_in_the_process_returns_the_same_rows(con, features):
    with pomona.connect(weights="fruits", standalone=True) as cluster:
        cluster.images("pomona-demo/images", "images")
        query = "SELECT mobilenet_v2(content) AS features FROM images ORDER BY path"
        assert numpy.array_equal(cluster.sql(query).to_numpy(), features)
    with pytest.raises(pomona.UsageError):
        pomona.connect("df://127.0.0.1:1", standalone=True)


def test_scripts_return_the_rows_of_their_last_statement(con):
    assert con.execute("CREATE TABLE small AS SELECT 1 AS n; SELECT n + 1 FROM small").fetchall() == [(2,)]
    assert con.execute("DROP TABLE small") is None


def test_values_that_are_no_parameters_are_refused(con):
    for value in (numpy.longdouble(1.5), numpy.array([1.5], numpy.longdouble), numpy.clongdouble(1)):
        with pytest.raises(TypeError, match="longdouble"):
            con.sql("SELECT $1", [value])
    with pytest.raises(pomona.UsageError, match="not a int"):
        con.sql("SELECT $1", 5)


def test_names_of_tables_are_read_as_in_sql(con):
    assert con.register("MyTable", pyarrow.table({"a": [1]})).fetchall() == [(1,)]
    assert con.table("MYTABLE").fetchall() == con.sql("SELECT a FROM mytable").fetchall() == [(1,)]
    assert con.images("pomona-demo/images", name="Select").count() == con.table("select").count() == 48
    assert con.register("a.b", pyarrow.table({"a": [2]})).fetchall() == con.sql('SELECT * FROM "a.b"').fetchall() == [(2,)]


def test_options_that_are_none_are_not_given(con):
    assert con.images("pomona-demo/images", name="plain", glob=None).count() == 48
    with pytest.raises(pomona.UsageError, match="not a list"):
        con.images("pomona-demo/images", name="plain", glob=["*.jpg"])
    with pytest.raises(pomona.UsageError, match="-1"):
        con.table("plain").head(-1)


def test_threads_share_the_rows_of_a_relation(con):
    rows, taken, start = con.sql("SELECT value FROM generate_series(1, 3000)"), [], threading.Barrier(3)

    def take():
        start.wait()
        taken.extend(rows.fetchone() for _ in range(1000))

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(taken) == [(value,) for value in range(1, 3001)]
