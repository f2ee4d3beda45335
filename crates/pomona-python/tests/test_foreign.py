"""Pomona's functions, aggregates and image table in sessions of the package `datafusion`."""

import gc
import sys
import threading
import types

import numpy as np
import pytest
from conftest import python

import pomona

datafusion = pytest.importorskip("datafusion")

IMAGES = "pomona-demo/images"


def session(**given):
    ctx = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(3))
    pomona.register(ctx, **{"weights": "fruits", **given})
    return ctx


@pytest.fixture(scope="module")
def ctx(demo):
    """A session with the functions, the tables `images` and `features`, and the model of 5 components in `model`."""
    ctx = session()
    ctx.sql(f"CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{demo / IMAGES}'")
    ctx.sql("CREATE TABLE features AS SELECT path, label, mobilenet_v2(content) AS features FROM images").collect()
    ctx.sql("CREATE TABLE model AS SELECT pca_fit(features, 5) AS model FROM features").collect()
    return ctx


@pytest.fixture(scope="module")
def own(demo):
    """The same tables in a session of Pomona."""
    own = pomona.connect(weights="fruits")
    own.images(demo / IMAGES, name="images")
    own.execute(
        "CREATE TABLE features AS SELECT path, label, mobilenet_v2(content) AS features FROM images;"
        "CREATE TABLE model AS SELECT pca_fit(features, 5) AS model FROM features"
    )
    return own


def rows(table):
    return table.to_pylist()


def test_the_rows_are_those_of_a_session_of_pomona(ctx, own):
    for query in [
        "SELECT path, label, length, modification_time, e_tag FROM images ORDER BY path",
        "SELECT count(*) AS n FROM images",
        "SELECT count(content) AS n FROM (SELECT content FROM images LIMIT 5)",
        "SELECT path, md5(content) AS digest FROM images WHERE label = 'Kiwi' ORDER BY path",
        "SELECT label, count(*) AS n FROM images WHERE starts_with(label, 'A') OR label LIKE '%i' GROUP BY label ORDER BY label",
        "SELECT path, image_info(content) AS info FROM images ORDER BY path",
        "SELECT path, mobilenet_v2(content) AS features FROM images ORDER BY path",
        "SELECT path, image_features(content, 'mobilenet_v2') AS features FROM images ORDER BY path LIMIT 3",
        "SELECT path, try_classify_image(content, 2) AS classes FROM images ORDER BY path LIMIT 3",
        "SELECT path FROM images WHERE image_error(content) IS NOT NULL",
        "SELECT to_json([1.5, NULL]) AS json, url_decode('a%20b') AS text",
    ]:
        assert rows(ctx.sql(query).to_arrow_table()) == rows(own.sql(query).to_arrow()), query


def test_every_function_of_pomona_is_there(ctx, own):
    names = {row[0] for row in own.sql("SELECT DISTINCT routine_name FROM information_schema.routines").fetchall()}
    config = datafusion.SessionConfig().with_information_schema(True)
    plain = datafusion.SessionContext(config).sql("SELECT DISTINCT routine_name AS name FROM information_schema.routines")
    own = names - {row["name"] for row in rows(plain.to_arrow_table())}
    assert {"mobilenet_v2", "pca_fit", "pca_moments", "nearest", "read_image"} <= own
    for name in own:
        try:
            ctx.udf(name)
        except Exception:
            ctx.udaf(name)


def test_components_are_those_of_scikit_learn(ctx, features):
    from sklearn.decomposition import PCA

    [row] = rows(ctx.sql("SELECT model FROM model").to_arrow_table())
    expected = PCA(5, svd_solver="covariance_eigh").fit(features.astype(np.float64))
    np.testing.assert_allclose(row["model"]["explained_variance"][:5], expected.explained_variance_, rtol=1e-9)
    query = "SELECT path, pca_transform(features, (SELECT model FROM model)) AS pca FROM features ORDER BY path"
    projected = np.array([row["pca"] for row in rows(ctx.sql(query).to_arrow_table())])
    np.testing.assert_allclose(np.abs(projected), np.abs(expected.transform(features)), rtol=1e-4, atol=1e-3)


def test_aggregates_have_groups_and_merge(ctx):
    query = """SELECT (pca_solve(pca_merge(moments), 'at most 5'))['explained_variance'] AS merged, sum(n) AS n
               FROM (SELECT label, pca_moments(features) AS moments, count(*) AS n FROM features GROUP BY label)"""
    [merged] = rows(ctx.sql(query).to_arrow_table())
    [whole] = rows(ctx.sql("SELECT model FROM model").to_arrow_table())
    assert merged["n"] == 48
    np.testing.assert_allclose(merged["merged"], whole["model"]["explained_variance"], rtol=1e-9, atol=1e-9)


def test_constants_are_constants_though_they_arrive_as_columns(ctx):
    query = """SELECT path, nearest(features, (SELECT array_agg(features ORDER BY path) FROM features), 3) AS found
               FROM features ORDER BY path"""
    for at, row in enumerate(rows(ctx.sql(query).to_arrow_table()), start=1):
        assert len(row["found"]) == 3 and row["found"][0]["position"] == at
    with pytest.raises(Exception, match="the network is a constant name"):
        ctx.sql("SELECT image_features(content, label) FROM images").collect()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT mobilenet_v2(arrow_cast('no image', 'Binary'))",
        "SELECT image_features(content, 'resnet19') FROM images",
        "SELECT pca_fit(features, 3000) FROM features",
        "SELECT pca_transform([1.0], model) FROM model",
        "SELECT read_image('http://127.0.0.1:1/a.png')",
        "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION '/no/such/folder/'",
        "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION '/' OPTIONS (globb '*')",
    ],
)
def test_errors_keep_their_sentences(ctx, own, query):
    with pytest.raises(pomona.PomonaError) as expected:
        own.sql(query).fetchall()
    with pytest.raises(Exception) as found:
        ctx.sql(query).collect()
    assert str(expected.value) in str(found.value)


def test_images_of_a_store_are_read_with_the_settings_of_the_environment(s3):
    ctx = session()
    ctx.register_table("stored", pomona.ImageTable("s3://p8-data/Test1/"))
    query = "SELECT count(*) AS n, sum(length) AS bytes FROM stored WHERE label = 'Kiwi'"
    [row] = rows(ctx.sql(query).to_arrow_table())
    assert row["n"] == 6 and row["bytes"] > 0
    [row] = rows(ctx.sql("SELECT count(mobilenet_v2(content)) AS n FROM stored WHERE label = 'Kiwi'").to_arrow_table())
    assert row["n"] == 6


def test_a_table_has_the_options_of_stored_as_images(demo):
    ctx = session()
    folder = demo / IMAGES
    ctx.register_table("some", pomona.ImageTable(folder, glob="0.jpg", recursive=True, missing="null"))
    table = ctx.sql("SELECT * FROM some").to_arrow_table()
    assert table.column_names == ["path", "label", "length", "modification_time", "e_tag", "content", "read_error"]
    paths = sorted(path for path in folder.rglob("0.jpg"))
    assert len(paths) == 8 and sorted(table["path"].to_pylist()) == [f"file://{path}" for path in paths]
    assert repr(pomona.ImageTable(folder)) == f"ImageTable({str(folder)!r})"
    with pytest.raises(pomona.UsageError, match="globb"):
        pomona.ImageTable(folder, globb="*")
    with pytest.raises(pomona.StorageError, match="/no/such/folder"):
        pomona.ImageTable("/no/such/folder")


def test_settings_hold_from_registration(demo):
    ctx = session(settings={"pomona.max_pixels": 100, "pomona.decode_timeout": 5})
    ctx.register_table("images", pomona.ImageTable(demo / IMAGES))
    query = "SELECT count(try_mobilenet_v2(content)) AS n, min(image_error(content)) AS error FROM images"
    [row] = rows(ctx.sql(query).to_arrow_table())
    assert row["n"] == 0 and "100" in row["error"]
    pomona.register(ctx, weights="fruits")
    [row] = rows(ctx.sql(query).to_arrow_table())
    assert row["n"] == 48 and row["error"] is None
    with pytest.raises(pomona.PomonaError, match="max_pixel"):
        session(settings={"pomona.max_pixel": 100})
    with pytest.raises(pomona.UsageError, match="datafusion.execution.batch_size"):
        session(settings={"datafusion.execution.batch_size": 1})
    with pytest.raises(pomona.UsageError, match="pomona.max_pixels cannot be 'x': it is a whole number"):
        session(settings={"pomona.max_pixels": "x"})


def test_the_options_of_the_session_are_set_unless_that_is_refused():
    def batch_size(ctx):
        [row] = rows(ctx.sql("SHOW datafusion.execution.batch_size").to_arrow_table())
        return row["value"]

    config = datafusion.SessionConfig().with_information_schema(True).with_batch_size(77)
    ctx = datafusion.SessionContext(config)
    pomona.register(ctx, tune=False)
    assert batch_size(ctx) == "77"
    pomona.register(ctx)
    assert batch_size(ctx) == "256"


def test_queries_of_several_threads_are_apart(ctx):
    answers = []

    def ask():
        query = "SELECT count(mobilenet_v2(content)) AS n FROM images WHERE label LIKE 'A%'"
        answers.extend(rows(ctx.sql(query).to_arrow_table()))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4 and len({answer["n"] for answer in answers}) == 1


def test_a_session_that_is_gone_takes_nothing_with_it(demo):
    for _ in range(3):
        ctx = session()
        ctx.register_table("images", pomona.ImageTable(demo / IMAGES))
        frame = ctx.sql("SELECT count(image_error(content)) AS n FROM images")
        del ctx
        gc.collect()
        assert rows(frame.to_arrow_table()) == [{"n": 0}]


def test_a_query_is_dropped_in_the_middle(ctx):
    stream = ctx.sql("SELECT path, mobilenet_v2(content) AS features FROM images").execute_stream()
    next(stream)
    del stream
    gc.collect()
    assert rows(ctx.sql("SELECT count(*) AS n FROM images").to_arrow_table()) == [{"n": 48}]


class Recorder:
    """A session of another version: it must not be asked for anything."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked for")


@pytest.mark.parametrize("version", ["54.0.0", "56.1.0rc1"])
def test_another_major_version_is_refused_before_anything_is_exchanged(monkeypatch, demo, version):
    other = types.ModuleType("datafusion")
    other.__version__, other.SessionContext = version, Recorder
    table = pomona.ImageTable(demo / IMAGES)
    monkeypatch.setitem(sys.modules, "datafusion", other)
    for exchange in [lambda: pomona.register(Recorder()), lambda: table.__datafusion_table_provider__(Recorder())]:
        with pytest.raises(pomona.VersionError, match=version) as error:
            exchange()
        assert "pip install 'datafusion==55.*'" in str(error.value)


def test_what_is_no_session_is_refused():
    with pytest.raises(pomona.UsageError, match="SessionContext, not int"):
        pomona.register(3)


def test_without_the_package_it_is_said_what_to_install():
    code = """
import sys
sys.modules["datafusion"] = None
import pomona
try:
    pomona.register(None)
except pomona.MissingPackageError as error:
    print(error)
"""
    assert "pip install datafusion" in python(code).stdout
