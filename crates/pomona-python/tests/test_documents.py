"""What is documented runs: the docstrings, the pages of the book, the notebook. And the package has its types."""

import doctest
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys

import pytest
from conftest import PATIENCE, REPOSITORY

import pomona

BOOK = REPOSITORY / "docs/src"
NOTEBOOK = REPOSITORY / "docs/notebooks/fruits.ipynb"
MODULES = [module.name for module in pkgutil.iter_modules(pomona.__path__) if module.name not in ("_native", "__main__")]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    module = importlib.import_module(f"pomona.{name}")
    con = pomona.connect(weights="fruits")
    con.images("pomona-demo/images", name="images")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, globs={**vars(module), "pomona": pomona, "con": con}):
        runner.run(test)
    assert runner.summarize().failed == 0


def test_docstring_of_the_package(copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    assert doctest.testmod(pomona).failed == 0


def test_public_names_are_documented():
    for name in pomona.__all__:
        if name != "__version__":
            assert (getattr(pomona, name).__doc__ or "").strip(), name


def blocks(page):
    """The Python of a page that is Pomona's: Spark's, beside it, is `py`."""
    text = (BOOK / page).read_text()
    # Without a network the weights are those inside the package, and the bucket is the server's.
    for written, here in [
        ('weights="imagenet"', 'weights="fruits"'), ("s3://bucket/Training/", "s3://p8-data/Test1/"), ("s3://bucket/", "s3://p8-data/"),
        ("components=50", "components=10"),
    ]:
        text = text.replace(written, here)
    found = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize("page, least", [("python.md", 8), ("from-pyspark.md", 8), ("../../README.md", 1)])
def test_pages(page, least, s3, copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    monkeypatch.setenv("POMONA_WEIGHTS", "fruits")
    names = {}
    found = blocks(page)
    assert len(found) >= least
    for block in found:
        exec(compile(block, page, "exec"), names)


@pytest.fixture(scope="module")
def executed(demo, tmp_path_factory):
    """The notebook, run from its first cell to its last in a kernel of this Python."""
    import nbclient
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return notebook, folder


def outputs(notebook, kind):
    """The outputs of a type, of all cells."""
    data = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [one[kind] for one in data if kind in one]


def test_the_notebook_runs(executed):
    notebook, folder = executed
    tables = outputs(notebook, "text/html")
    assert sum('class="pomona"' in table for table in tables) >= 5
    assert any("data:image/jpeg;base64," in table for table in tables), "no thumbnail"
    assert any("<svg" in table and 'class="pomona"' in table for table in tables), "no curve"
    assert any("<iframe" in table and "map-of-images" in table for table in tables), "no report"
    # The scree plot, and the scatter with thumbnails.
    assert len(outputs(notebook, "image/png")) >= 3
    assert (folder / "results/manifest.json").is_file()
    printed = [output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert printed == []


def test_the_notebook_is_clean_and_in_two_languages():
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert len(texts) > 6 and all(re.search(r"^🇫🇷 ", text, re.MULTILINE) for text in texts)


def test_types(tmp_path):
    package = tmp_path / "pomona"
    shutil.copytree(REPOSITORY / "crates/pomona-python/python/pomona", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (tmp_path / "use.py").write_text(USE)
    configuration = REPOSITORY / "crates/pomona-python/tests/mypy.ini"
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", configuration, "--cache-dir", tmp_path / "cache", "pomona", "use.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
    )
    assert checked.returncode == 0, checked.stdout


# What an editor knows of the results.
USE = """
import numpy
import pomona

con: pomona.Connection = pomona.connect(weights="fruits")
relation: pomona.Relation = con.images("images")
rows: list[tuple[object, ...]] = con.sql("SELECT $1", [1]).fetchall()
run: pomona.Run = pomona.run(input="a", output="b", components=50)
x = run.features.to_numpy("features")
pca: pomona.PCA = pomona.PCA(50).fit(x).merge(pomona.PCA(50).partial_fit(x))
"""
