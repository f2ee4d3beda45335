"""Runs: progress, results, the report, and look-ups that return what the command prints."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy
import pytest
from conftest import PATIENCE, command, python
from test_display import Page

import pomona
from pomona.progress import NotebookBar, TerminalLine, reporter


def test_a_run_writes_what_the_command_reads(tmp_path):
    run = pomona.run(input="pomona-demo/images", output=tmp_path / "out", components=0.9, weights="fruits")
    assert run.changed and run.counts["images"] == 48 and run.counts["errors"] == 0
    assert json.loads((tmp_path / "out/manifest.json").read_text()) == run.manifest
    printed = command("sql", "-q", "--format", "csv", "-c", f"SELECT count(*) FROM '{tmp_path}/out/features/'").stdout
    assert printed.split() == ["count(*)", "48"]
    again = pomona.run(input="pomona-demo/images", output=tmp_path / "out", components=0.9, weights="fruits")
    assert not again.changed and again.counts["reused"] == 48 and again.manifest["files"] == run.manifest["files"]


def test_a_run_reports_its_progress(tmp_path):
    # So many that a run of them takes longer than the time between two events.
    for number, path in enumerate(20 * sorted(Path("pomona-demo/images").glob("*/*.jpg"))):
        place = tmp_path / "images" / path.parent.name
        place.mkdir(parents=True, exist_ok=True)
        os.link(path, place / f"{number}.jpg")
    events, threads = [], set()

    def progress(event):
        events.append(event)
        threads.add(threading.get_ident())

    pomona.run(input=tmp_path / "images", output=tmp_path / "out", components=5, weights="fruits", progress=progress)
    kinds = [event["event"] for event in events]
    assert events[kinds.index("found")] == {"event": "found", "images": 960}
    begun = [event["stage"] for event in events if event["event"] == "started"]
    ended = {event["stage"]: event["seconds"] for event in events if event["event"] == "finished"}
    assert begun[0] == "features" and set(begun) >= set(ended) and all(seconds >= 0 for seconds in ended.values())
    advanced = [event["images"] for event in events if event["event"] == "advanced"]
    assert advanced and all(0 <= images <= 960 for images in advanced)
    assert threads == {threading.get_ident()}


def test_results_are_relations(run, features):
    assert repr(run) == "<run pomona-demo/results: 48 images, 48 with features, 0 bad; 10 components>"
    table = run.features.to_arrow().sort_by("path")
    assert table.num_rows == 48 and {"path", "label", "length", "width", "features", "error"} <= set(table.column_names)
    assert numpy.array_equal(numpy.stack(table["features"].to_numpy()), features)
    pca = run.pca.to_arrow().sort_by("path")
    mine = pomona.PCA(10).fit(features)
    theirs = numpy.stack(pca["pca"].to_numpy())
    assert theirs.shape == (48, 10) and numpy.abs(theirs - mine.transform(features)).max() < 1e-5
    model = run.model.fetchone()[0]
    assert model["n_samples"] == 48 and numpy.abs(numpy.array(model["components"]) - mine.components_).max() < 1e-7
    assert run.moments.fetchone()[0]["count"] == 48
    assert run.metadata.count() == 48 and run.errors.count() == 0
    assert run.stats.select("label", "images").fetchall()[:2] == [("Apple Green", 6), ("Apple Red", 6)]


def test_lookups_return_what_the_command_prints(run):
    def printed(*arguments):
        return json.loads(command(*arguments, "--in", "pomona-demo/results", "--format", "json").stdout)

    def rows(relation):
        return [dict(zip(relation.columns, row)) for row in relation.fetchall()]

    def same(mine, theirs):
        assert [list(one) for one in mine] == [list(one) for one in theirs] and len(mine) == len(theirs)
        for one, other in zip(mine, theirs):
            assert one == pytest.approx(other)

    same(rows(pomona.similar("Kiwi/0.jpg", in_=run, n=5)), printed("similar", "Kiwi/0.jpg", "-n", "5"))
    same(rows(run.similar("Kiwi/0.jpg", 3, by="pca")), printed("similar", "Kiwi/0.jpg", "-n", "3", "--by", "pca"))
    same(rows(pomona.outliers(run, n=4)), printed("outliers", "-n", "4"))
    same(rows(run.suspects(7, neighbours=3, by="features")), printed("suspects", "-n", "7", "--neighbours", "3", "--by", "features"))
    same(rows(pomona.outliers("pomona-demo/results", 4)), rows(run.outliers(4)))


def test_any_image_finds_its_likes(run, demo):
    kiwi = demo / "pomona-demo/images/Kiwi/3.jpg"
    # The same bytes elsewhere are an image of their own, and the nearest is the one of the run.
    nearest = pomona.similar(kiwi.read_bytes(), in_=run, n=1).fetchone()
    assert nearest[0].endswith("Kiwi/3.jpg") and nearest[2] == pytest.approx(1, abs=1e-6)
    assert pomona.similar(kiwi, in_="pomona-demo/results", n=1).fetchone()[0] != nearest[0]
    relation = pomona.similar(bytearray(kiwi.read_bytes()), in_=run, n=2)
    assert relation.fetchall() == relation.fetchall()
    with pytest.raises(pomona.ImageError):
        pomona.similar(b"no image", in_=run).fetchall()
    with pytest.raises(pomona.PomonaError, match="0.jpg"):
        pomona.similar("0.jpg", in_=run).fetchall()


def test_a_report_shows_its_charts(run):
    report = run.report
    assert report.path == "pomona-demo/results/report.html" and report.html == Path(report.path).read_text()
    page = Page(report.charts())
    assert len(page.all("svg")) >= 3 and page.all("script") == []
    assert "Content-Security-Policy" in report.charts()
    shown = Page(run._repr_html_())
    [frame] = shown.all("iframe")
    assert frame["srcdoc"] == report.charts() and frame["sandbox"] == "allow-same-origin"
    assert "pomona-demo/results" in shown.text and "48 images" in shown.text
    assert len(run._repr_html_()) < 1_000_000


def test_a_report_in_french(copied):
    run = pomona.open(copied / "results")
    assert 'lang="en"' in run.report.html
    assert 'lang="fr"' in run.write_report("fr").html and 'lang="fr"' in (copied / "results/report.html").read_text()


def test_a_run_without_a_report(tmp_path):
    run = pomona.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", components=2, weights="fruits", report=False)
    with pytest.raises(pomona.PomonaError, match="report"):
        run.report.html
    assert "iframe" not in run._repr_html_() and "6 images" in run._repr_html_()
    assert "<svg" in run.write_report().html


def test_bad_images_are_rows_and_a_warning(copied, tmp_path):
    (copied / "images/Kiwi/bad.jpg").write_bytes(b"no image")
    with pytest.warns(pomona.BadImagesWarning, match=r"1 of 49 images .* max_error_rate=0.01"):
        run = pomona.run(input=copied / "images", output=tmp_path / "out", components=3, weights="fruits")
    assert run.counts["errors"] == 1
    [(path, label, reason)] = run.errors.select("path", "label", "error").fetchall()
    assert path.endswith("Kiwi/bad.jpg") and label == "Kiwi" and reason
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pomona.run(input=copied / "images", output=tmp_path / "out", components=3, weights="fruits", max_error_rate=0.5)


def test_options_are_those_of_the_command(tmp_path):
    run = pomona.run(input="pomona-demo/images", output=tmp_path / "out", components=2, weights="fruits", filter="label LIKE 'Apple%'",
                     limit=8, format="parquet,csv", checkpoint=4)
    assert run.counts["images"] == 8 and (tmp_path / "out/features_csv").is_dir()
    with pytest.raises(pomona.UsageError, match="--colour|colour"):
        pomona.run(input="pomona-demo/images", output=tmp_path / "other", weights="fruits", colour="red")
    with pytest.raises(pomona.UsageError):
        pomona.run(input="pomona-demo/images", output=tmp_path / "other", weights="fruits", components=0)
    with pytest.raises(pomona.PomonaError, match="other weights|label"):
        pomona.run(input="pomona-demo/images", output=tmp_path / "out", weights="fruits", filter="label LIKE 'Apple%'; DROP TABLE images")
    assert not (tmp_path / "other/manifest.json").exists()


def test_a_connection_runs_with_its_own_options(con, tmp_path):
    run = con.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", components=2)
    assert run.connection is con and run.manifest["parameters"]["weights"] == "fruits"
    assert con.open(tmp_path / "out").counts == run.counts
    with pytest.raises(pomona.UsageError, match="connect"):
        pomona.run(input="a", output="b", weights="fruits", connection=con)


def test_an_output_of_others_is_refused(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features/mine.parquet").write_bytes(b"mine")
    with pytest.raises(pomona.OutputError, match="no run of Pomona wrote"):
        pomona.run(input="pomona-demo/images", output=tmp_path, weights="fruits")
    with pytest.raises(pomona.OutputError):
        pomona.open(tmp_path)


def test_an_error_of_the_progress_cancels_the_run(tmp_path):
    def fail(event):
        if event["event"] == "started":
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        pomona.run(input="pomona-demo/images", output=tmp_path / "out", weights="fruits", progress=fail)
    assert not (tmp_path / "out/manifest.json").exists()
    # The lock is gone: the next run goes on.
    assert pomona.run(input="pomona-demo/images", output=tmp_path / "out", weights="fruits").counts["images"] == 48


def test_an_interrupt_cancels_the_run(tmp_path):
    def interrupt(event):
        if event["event"] == "started":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        pomona.run(input="pomona-demo/images", output=tmp_path / "out", weights="fruits", progress=interrupt)
    assert not (tmp_path / "out/manifest.json").exists()
    assert pomona.run(input="pomona-demo/images", output=tmp_path / "out", weights="fruits").counts["images"] == 48


def test_where_nobody_looks_nothing_is_drawn(tmp_path):
    done = python("import pomona; pomona.run(input='pomona-demo/images', output='{}', weights='fruits')".format(tmp_path / "out"))
    assert done.stdout == done.stderr == ""


def test_a_terminal_of_its_own_shows_the_stages(tmp_path):
    code = f"import pomona; pomona.run(input='pomona-demo/images', output='{tmp_path / 'out'}', weights='fruits')"
    leader, follower = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    # A process that hangs would keep its terminal open.
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    # The system ends the reading of a terminal that nobody writes to any more with an error.
    with contextlib.suppress(OSError), os.fdopen(leader, "rb", buffering=0) as terminal:
        while part := terminal.read(4096):
            shown += part
    watch.cancel()
    assert process.wait(PATIENCE) == 0
    assert b"features" in shown and b"/48" in shown and shown.endswith(b"\r\x1b[K")


EVENTS = [
    {"event": "found", "images": 48},
    {"event": "started", "stage": "fea<b>tures", "images": 48},
    {"event": "advanced", "images": 12},
    {"event": "finished", "stage": "fea<b>tures", "seconds": 0.5, "images": 48},
]


def test_a_terminal_shows_a_line():
    class Terminal:
        text = ""

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    line = TerminalLine(Terminal())
    for event in EVENTS[:3]:
        line(event)
    line.draw()
    assert "12/48" in line._stream.text and "━" in line._stream.text and "\n" not in line._stream.text
    line.end()
    assert line._stream.text.endswith("\r\x1b[K")


def test_a_notebook_shows_a_bar():
    bar = NotebookBar.__new__(NotebookBar)
    shown = []
    bar.__init__()
    bar._display = lambda one, display_id: shown.append(one) or type("Handle", (), {"update": shown.append})
    for event in EVENTS[:3]:
        bar(event)
    page = Page(bar._repr_html_())
    assert page.all("progress")[0]["value"] == "0.2500" and "12/48" in page.text and page.all("b") == []
    bar(EVENTS[3])
    bar.end()
    assert shown[0] is bar and Page(bar._repr_html_()).all("progress") == [] and "0.50 s" in bar._repr_html_()


def test_warnings_go_to_the_log(caplog):
    with caplog.at_level(logging.INFO, "pomona"):
        reporter(True)({"event": "warned", "message": "the report failed"})
        reporter(False)({"event": "note", "message": "3 files are no images"})
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "the report failed"), ("INFO", "3 files are no images"),
    ]
