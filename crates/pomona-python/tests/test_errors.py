"""Errors have types, and the sentences of the command; what the package imports, and what it does without."""

import pytest
from conftest import command, python

import pomona


def sentence(*arguments, code=1):
    """What the command prints of an error, without the word before it."""
    text = command(*arguments, code=code).stderr.strip()
    return text.removeprefix("Error: ").removeprefix("error: ")


@pytest.mark.parametrize("kind, query", [
    (pomona.SqlError, "SELECT nothing FROM 'pomona-demo/images/'"),
    (pomona.SqlError, "SELEKT 1"),
    (pomona.SqlError, "SELECT pca_fit(length, 3) FROM 'pomona-demo/images/'"),
    (pomona.StorageError, "SELECT * FROM 'pomona-demo/nowhere/'"),
    (pomona.WeightsError, "SET pomona.weights = 'nowhere.safetensors'; SELECT mobilenet_v2(content) FROM 'pomona-demo/images/' LIMIT 1"),
])
def test_sentences_are_those_of_the_command(kind, query):
    with pytest.raises(kind) as caught:
        pomona.connect(weights="fruits").execute(query).fetchall()
    assert type(caught.value) is kind and isinstance(caught.value, pomona.PomonaError)
    assert str(caught.value) and str(caught.value) in sentence("sql", "--weights", "fruits", "-q", "-c", query)


def test_a_bad_image_is_an_image_error(con, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    con.images(tmp_path, name="bad")
    relation = con.sql("SELECT mobilenet_v2(content) FROM bad")
    for read in (relation.fetchall, relation.to_arrow, relation.to_pandas, relation.pl, relation.to_numpy, relation.collect,
                 lambda: repr(relation), relation._repr_html_, lambda: relation.select(*relation.columns).fetchone()):
        with pytest.raises(pomona.ImageError):
            read()
    assert con.sql("SELECT image_error(content) IS NOT NULL, try_mobilenet_v2(content) FROM bad").fetchone() == (True, None)
    # A reader of another library raises that library's error, with the sentence.
    with pytest.raises(Exception) as caught:
        relation.to_reader().read_all()
    with pytest.raises(pomona.ImageError) as typed:
        relation.fetchall()
    assert str(typed.value).splitlines()[0] in str(caught.value)


def test_errors_are_pythons_own_too(con, tmp_path):
    assert issubclass(pomona.UsageError, ValueError) and issubclass(pomona.ImageError, ValueError)
    with pytest.raises(OSError, match="nowhere"):
        con.images(tmp_path / "nowhere", name="nowhere").count()
    with pytest.raises(ValueError, match="colour"):
        con.images("pomona-demo/images", name="other", colour="red")
    assert issubclass(pomona.MissingPackageError, ImportError)


def test_a_cluster_that_is_not_there():
    with pytest.raises(pomona.ClusterError, match="127.0.0.1:1"):
        pomona.connect("df://127.0.0.1:1").sql("SELECT 1").fetchall()
    with pytest.raises(pomona.UsageError):
        pomona.connect("http://127.0.0.1:1")


def test_importing_takes_nothing_else_along():
    code = """
import sys
before = set(sys.modules)
import pomona
con = pomona.connect(weights="fruits")
con.images("pomona-demo/images")
assert con.sql("SELECT count(*) FROM images").fetchall() == [(48,)]
assert "<img" in con.sql("SELECT content FROM images LIMIT 1")._repr_html_()
run = pomona.open("pomona-demo/results")
assert run.similar("Kiwi/0.jpg", 1).count() == 1
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))
"""
    assert python(code).stdout.strip() == "['pomona']"


@pytest.mark.parametrize("call, package", [
    ("relation.to_pandas()", "pandas"), ("relation.to_arrow()", "pyarrow"), ("relation.pl()", "polars"), ("relation.to_numpy()", "numpy"),
    ("pomona.PCA().fit([[1, 2]])", "numpy"), ("pomona.MobileNetV2('fruits').transform([])", "numpy"),
])
def test_a_missing_package_is_named_with_the_way_to_it(call, package):
    code = f"""
import sys
for name in ("numpy", "pandas", "pyarrow", "polars", "sklearn"):
    sys.modules[name] = None
import pomona
relation = pomona.connect().sql("SELECT 1 AS n")
try:
    {call}
except pomona.MissingPackageError as error:
    assert error.name == "{package}", error.name
    print(error)
"""
    said = python(code).stdout
    assert f"needs {package}, which is not installed: pip install" in said and "pomona[all]" in said


def test_names_are_there():
    assert set(pomona.__all__) <= set(dir(pomona)) and all(hasattr(pomona, name) for name in pomona.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        pomona.nothing
    assert command("--version").stdout.split() == ["pomona", pomona.__version__]
    assert command("nonsense", code=2).stderr
