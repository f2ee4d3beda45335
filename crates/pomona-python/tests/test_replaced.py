"""Results that are removed or replaced while somebody has them open, and outputs of runs that fail."""

import os
import shutil
import signal

import pytest
from conftest import command, python

import pomona


@pytest.fixture
def results(tmp_path):
    """A finished run of the six kiwis, of features, components, statistics and a report."""
    run = pomona.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", components=2, weights="fruits", progress=False)
    assert run.features.count() == 6
    return run


def opened(run):
    """The relations of a run, and what asks it."""
    return {name: getattr(run, name) for name in ("features", "pca", "model", "moments", "metadata", "stats")}


ASKED = [
    lambda run: run.features.fetchall(), lambda run: run.stats.count(), lambda run: run.pca.to_numpy("pca"), lambda run: run.report,
    lambda run: run.similar("0.jpg"), lambda run: run.outliers(), lambda run: run.suspects(), lambda run: run.write_report(),
    lambda run: pomona.similar("0.jpg", run),
]


def test_results_that_were_removed_are_no_rows_but_an_error(results):
    before = opened(results)
    shutil.rmtree(results.output)
    for name, relation in before.items():
        for read in (relation.fetchall, relation.count, relation.to_arrow, lambda relation=relation: repr(relation), lambda relation=relation: list(relation)):
            with pytest.raises(pomona.OutputError, match="Open them again") as caught:
                read()
            assert str(results.output) in str(caught.value) and "pomona.open(" in str(caught.value), name
    for ask in ASKED:
        with pytest.raises(pomona.OutputError, match="no manifest.json any more"):
            ask(results)


def test_results_that_a_later_run_replaced_are_not_mixed_with_its_own(results):
    before = opened(results)
    kept = results.pca.collect()
    later = pomona.run(
        input="pomona-demo/images/Lemon", output=results.output, components=3, weights="fruits", overwrite=True, progress=False
    )
    assert later.manifest["run"] != results.manifest["run"]
    for name, relation in before.items():
        with pytest.raises(pomona.OutputError, match=results.manifest["run"]) as caught:
            relation.fetchall()
        assert later.manifest["run"] in str(caught.value) and "pomona.open(" in str(caught.value), name
    for ask in ASKED:
        with pytest.raises(pomona.OutputError, match=later.manifest["run"]):
            ask(results)
    # What was collected is in memory, and the folder has the later one.
    assert kept.to_numpy("pca").shape == (6, 2)
    now = pomona.open(results.output)
    assert {label for label, in now.features.select("label")} == {"Lemon"} and now.pca.to_numpy("pca").shape[1] == 3
    assert now.report.html and now.similar("0.jpg", 1).count() == 1


def test_files_that_a_later_run_kept_are_read_on(results, tmp_path):
    features, stats = results.features, results.stats
    again = pomona.run(input="pomona-demo/images/Kiwi", output=results.output, components=2, weights="fruits", progress=False)
    assert not again.changed and features.count() == stats.select("images").fetchone()[0] == 6
    # Another report is no other run.
    results.write_report("fr")
    assert features.count() == 6 and 'lang="fr"' in results.report.html
    shutil.copytree("pomona-demo/images", tmp_path / "more")
    shutil.copy("pomona-demo/images/Kiwi/0.jpg", "pomona-demo/images/Kiwi/7.jpg")
    try:
        more = pomona.run(input="pomona-demo/images/Kiwi", output=results.output, components=2, weights="fruits", progress=False)
    finally:
        os.remove("pomona-demo/images/Kiwi/7.jpg")
    assert more.counts["images"] == 7
    # Its features are in a file of their own, or the file was replaced: never a part of both.
    try:
        assert features.count() == 6
    except pomona.OutputError as error:
        assert "Open them again" in str(error)
    with pytest.raises(pomona.OutputError, match="stats.parquet"):
        stats.fetchall()


def test_a_table_of_results_in_sql_says_it_too(results):
    con = pomona.connect()
    con.execute(f"CREATE EXTERNAL TABLE pca STORED AS RESULTS LOCATION '{results.output}/pca/parquet/'")
    assert con.table("pca").count() == 6
    shutil.rmtree(results.output)
    with pytest.raises(pomona.OutputError, match="CREATE OR REPLACE EXTERNAL TABLE"):
        con.table("pca").count()


def test_a_run_that_fails_leaves_no_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    output = tmp_path / "new/out"
    failing = [
        {"input": tmp_path / "empty"}, {"input": tmp_path / "nowhere"}, {"input": "pomona-demo/images", "filter": "nothing = 1"},
        {"input": "pomona-demo/images", "components": 100}, {"input": "pomona-demo/images", "colour": "red"},
    ]
    for options in failing:
        with pytest.raises(pomona.PomonaError):
            pomona.run(output=output, weights="fruits", progress=False, **options)
        assert not (tmp_path / "new").exists(), options
    command("run", "-i", tmp_path / "empty", "-o", output, "--weights", "fruits", code=1)
    assert not (tmp_path / "new").exists()
    # One that was there stays.
    output.mkdir(parents=True)
    with pytest.raises(pomona.StorageError):
        pomona.run(input=tmp_path / "empty", output=output, weights="fruits", progress=False)
    assert list(output.iterdir()) == []


def test_a_run_that_is_cancelled_leaves_no_folder(tmp_path):
    def interrupt(event):
        if event["event"] == "started":
            os.kill(os.getpid(), signal.SIGINT)

    def fail(event):
        if event["event"] == "started":
            raise LookupError("mine")

    for progress, error in ((interrupt, KeyboardInterrupt), (fail, LookupError)):
        with pytest.raises(error):
            pomona.run(input="pomona-demo/images", output=tmp_path / "new/out", weights="fruits", progress=progress)
        assert not (tmp_path / "new").exists()


def test_an_interrupt_of_a_process_leaves_no_folder(tmp_path):
    code = """
import os, signal, sys
import pomona
def interrupt(event):
    if event["event"] == "started":
        os.kill(os.getpid(), signal.SIGINT)
try:
    pomona.run(input="pomona-demo/images", output=sys.argv[1], weights="fruits", progress=interrupt)
except KeyboardInterrupt:
    print("cancelled", os.path.exists(sys.argv[1]))
"""
    assert python(code, tmp_path / "out").stdout.split() == ["cancelled", "False"]
