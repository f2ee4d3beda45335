"""Options and arguments: errors that name them as Python does, and files of settings."""

import numpy
import pytest
from conftest import command

import pomona


def refused(call, *arguments, **options):
    with pytest.raises(pomona.UsageError) as caught:
        call(*arguments, **options)
    said = str(caught.value)
    assert "--" not in said, said
    return said


def run(**options):
    return pomona.run(input="pomona-demo/images", output="nowhere/out", weights="fruits", progress=False, **options)


def test_options_of_a_run_are_named_as_they_were_passed():
    assert "run() has no option 'glob': a pattern is a part of input" in refused(run, glob="*.jpg")
    assert "Connection.images()" in refused(run, recursive=False)
    assert "did you mean 'max_pixels'?" in refused(run, max_pixel=5)
    assert "`pomona help run`" in refused(run, colour="red")
    assert "overwrite is True or False, and not 1" in refused(run, overwrite=1)
    assert "prune is True or False, and not 'yes'" in refused(run, prune="yes")
    assert "components has a value" in refused(run, components=True)
    assert "limit has a value" in refused(run, limit=False)
    assert "invalid value '0' for components" in refused(run, components=0)
    assert "invalid value '-1' for limit" in refused(run, limit=-1)
    assert "invalid value '5000' for partitions" in refused(run, partitions=5000)
    assert "max_error_rate" in refused(run, max_error_rate=2)
    assert "max_decode_bytes" in refused(run, max_decode_bytes="much")
    assert "format" in refused(run, format="xml")
    said = refused(pomona.run, input="pomona-demo/images", weights="fruits")
    assert said == "run() needs output, as an argument or in the file of config"
    assert "run() needs input and output" in refused(pomona.run)
    with pytest.raises(pomona.PomonaError, match="standalone|scheduler"):
        run(scheduler="df://127.0.0.1:1", standalone=True)


def test_truths_of_numpy_are_truths(tmp_path):
    first = pomona.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", components=2, weights="fruits", overwrite=numpy.False_)
    again = pomona.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", components=2, weights="fruits", overwrite=numpy.True_)
    assert first.changed and again.changed and again.counts["computed"] == 6


def test_ways_out_are_those_of_python(tmp_path):
    pomona.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", components=2, weights="fruits", progress=False)
    said = []
    with pytest.raises(pomona.OutputError, match="choose another output, or pass overwrite=True") as caught:
        pomona.run(input="pomona-demo/images/Kiwi", output=tmp_path / "out", weights="fruits", truncated="pad", progress=False)
    said.append(str(caught.value))
    with pytest.raises(pomona.OutputError, match="overwrite=True") as caught:
        pomona.run(input="pomona-demo/images/Lemon", output=tmp_path / "out", components=2, weights="fruits", progress=False)
    said.append(str(caught.value))
    with pytest.raises(pomona.UsageError, match="input '.*' and output '.*' are the same folder") as caught:
        pomona.run(input="pomona-demo/images", output="pomona-demo/images", weights="fruits")
    said.append(str(caught.value))
    with pytest.raises(pomona.OutputError, match="as output") as caught:
        pomona.open(tmp_path)
    said.append(str(caught.value))
    assert not any("--" in one for one in said), said
    events = []
    pomona.run(input="pomona-demo/images/Kiwi", filter="path LIKE '%0.jpg'", output=tmp_path / "out", components=2, weights="fruits", progress=events.append)
    notes = [event["message"] for event in events if event["event"] == "note"]
    assert any("prune=True drops them" in note for note in notes) and not any("--" in note for note in notes), notes
    # The command has its own names.
    done = command("run", "-i", "pomona-demo/images/Lemon", "-o", tmp_path / "out", "-k", "2", "--weights", "fruits", code=1)
    assert "--overwrite" in done.stderr


def test_whole_numbers_are_named(con, run_of_demo="pomona-demo/results"):
    rows = con.sql("SELECT * FROM images")
    for wrong in (-1, 2**70, 1.5, "3", True):
        assert "n is a whole number from 1" in refused(pomona.similar, "Kiwi/0.jpg", run_of_demo, wrong if wrong is not True else 0)
        assert "n is a whole number from 1" in refused(pomona.outliers, run_of_demo, wrong)
        assert "neighbours is a whole number from 1 to 1000" in refused(pomona.suspects, run_of_demo, neighbours=wrong)
        assert "partitions is a whole number from 1 to 1024" in refused(pomona.connect, partitions=wrong if wrong is not True else 2000)
        assert "rows is a whole number from 0" in refused(rows.head, wrong)
        assert "rows" in refused(rows.limit, wrong) and "max_rows" in refused(rows.show, wrong) and "max_rows" in refused(rows.to_html, wrong)
    assert rows.head(numpy.int64(2)).count() == 2 and pomona.outliers(run_of_demo, numpy.int32(2)).count() == 2
    assert "memory_limit" in refused(pomona.connect, memory_limit=-5)


@pytest.mark.parametrize("name, value, words", [
    ("datafusion.execution.batch_size", "many", "it is a whole number"),
    ("datafusion.execution.batch_size", -1, "it is a whole number"),
    ("datafusion.execution.coalesce_batches", "maybe", "true or false"),
    ("pomona.max_pixels", "x", "it is a whole number"),
    ("pomona.precision", "f16", "'f32' or 'bf16'"),
    ("pomona.wieghts", "fruits", "wieghts"),
])
def test_an_option_of_the_session_is_named(con, name, value, words):
    with pytest.raises(pomona.UsageError) as set_later:
        con.set(name, value)
    with pytest.raises(pomona.UsageError) as given:
        pomona.connect(settings={name: value})
    with pytest.raises(pomona.UsageError) as in_sql:
        con.sql(f"SET {name} = '{value}'")
    for caught in (set_later, given, in_sql):
        assert f"{name} cannot be '{value}'" in str(caught.value) and words in str(caught.value)


def test_a_file_that_is_none_is_named(con, tmp_path):
    (tmp_path / "corrupt.parquet").write_bytes(b"PAR1" + b"x" * 1000)
    for query in (f"SELECT * FROM '{tmp_path}/corrupt.parquet'", f"CREATE EXTERNAL TABLE corrupt STORED AS PARQUET LOCATION '{tmp_path}/corrupt.parquet'"):
        with pytest.raises(pomona.StorageError, match="corrupt.parquet' cannot be read: .*footer"):
            con.sql(query)
    con.sql(f"COPY (SELECT 1 AS n) TO '{tmp_path}/a.parquet'")
    with pytest.raises(pomona.StorageError, match="'corrupt.parquet' in '.*' cannot be read"):
        con.sql(f"SELECT * FROM '{tmp_path}/'")


# Files of settings.


@pytest.fixture
def settings(tmp_path):
    """A file of settings as the command reads it, beside images that it names."""
    file = tmp_path / "pomona.toml"
    file.write_text('weights = "fruits"\npartitions = 3\n[run]\noutput = "out"\ncomponents = 2\nmax-error-rate = 0.5\n')
    return file


def partitions(con):
    return con.sql("SELECT value FROM information_schema.df_settings WHERE name = 'datafusion.execution.target_partitions'").fetchone()[0]


def test_a_file_of_settings_is_read_where_it_is_named(settings, tmp_path, monkeypatch):
    con = pomona.connect(config=settings)
    assert partitions(con) == "3" and "fruits" in con.sql("SHOW pomona.weights").fetchone()
    # What is passed is stronger, and so is the environment.
    assert partitions(pomona.connect(config=settings, partitions=2)) == "2"
    monkeypatch.setenv("POMONA_PARTITIONS", "4")
    assert partitions(pomona.connect(config=settings)) == "4"
    monkeypatch.delenv("POMONA_PARTITIONS")
    run = pomona.run(input="pomona-demo/images/Kiwi", config=settings, progress=False)
    assert run.counts["components"] == 2 and run.output.rstrip("/").endswith(str(tmp_path / "out"))
    assert run.manifest["parameters"]["weights"] == "fruits"
    other = con.run(input="pomona-demo/images/Kiwi", output=tmp_path / "other", config=settings, components=3, progress=False)
    assert other.counts["components"] == 3


def test_a_file_that_nobody_names_is_not_read(settings, tmp_path, monkeypatch, demo):
    monkeypatch.chdir(tmp_path)
    with pomona.connect(weights="fruits") as con:
        assert partitions(con) != "3" and con.sql("SHOW pomona.weights").fetchone()
    said = refused(pomona.run, input=demo / "pomona-demo/images/Kiwi", weights="fruits")
    assert "output" in said and not (tmp_path / "out").exists()
    # The command reads it.
    assert "components = 2" in command("config", "show").stdout


def test_what_is_wrong_in_a_file_of_settings_is_said_with_its_line(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("\n[run]\ncomponets = 2\n")
    for call in (lambda: pomona.connect(config=file), lambda: pomona.run(input="a", output="b", config=file)):
        with pytest.raises(pomona.UsageError, match="mine.toml:3: 'run.componets' is not a setting; did you mean 'run.components'"):
            call()
    with pytest.raises(pomona.UsageError, match="nowhere.toml"):
        pomona.connect(config="nowhere.toml")
    file.write_text("[run]\ncomponents = 2\n")
    assert refused(pomona.run, input="a", config=file).endswith("were not provided: output")
