"""`emr build`: the program that nodes run, which is checked before anything reads it."""

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import pytest


def tarball(folder, program):
    """A release as deploy/release/build packs it."""
    path = folder / "pomona-9.9.9-x86_64-unknown-linux-gnu.tar.gz"
    data = Path(program).read_bytes()
    with tarfile.open(path, "w:gz") as tar:
        for name, content in (("pomona", data), ("LICENSE", b"text")):
            entry = tarfile.TarInfo(f"pomona-9.9.9/{name}")
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {path.name}\n")
    return path, digest


@pytest.fixture
def copy(emr, tmp_path):
    """`emr` from a copy of its folder, so that what it makes is in the test's own."""
    shutil.copytree(Path(__file__).parents[2], tmp_path / "deploy", ignore=shutil.ignore_patterns("tests", "container"))
    made = tmp_path / "target/emr/pomona"

    def build(*arguments, code=0, environment=None):
        return emr("build", *arguments, code=code, region=None, environment=environment, program=tmp_path / "deploy/emr/emr"), made

    return build


def test_the_release_that_is_here_is_taken_by_its_digest(copy, program, tmp_path):
    (tmp_path / "dist").mkdir()
    path, _ = tarball(tmp_path / "dist", program)
    here = {"POMONA_EMR_DIST": str(tmp_path / "dist")}
    _, made = copy(environment=here)
    assert made.read_bytes() == Path(program).read_bytes() and made.stat().st_mode & 0o111
    path.write_bytes(path.read_bytes() + b"x")
    made.unlink()
    done, made = copy(environment=here, code=1)
    assert "it is damaged or another file" in done.stderr and not made.exists()


def test_a_file_is_taken_with_or_without_a_digest(copy, program, tmp_path):
    path, digest = tarball(tmp_path, program)
    for arguments in (["--from", str(path)], ["--from", str(path), "--sha256", digest], ["--from", program]):
        _, made = copy(*arguments)
        assert made.read_bytes() == Path(program).read_bytes()
        made.unlink()


@pytest.mark.parametrize("url", ["https://example.org/pomona.tar.gz", "s3://bucket/pomona"])
def test_an_address_needs_a_digest(copy, url):
    done, made = copy("--from", url, code=2)
    assert "needs --sha256" in done.stderr and not made.exists()


def test_an_object_is_taken_by_its_digest(copy, emr, stack, program):
    data = Path(program).read_bytes()
    emr.client("s3").put_object(Bucket=stack["Bucket"], Key="artefacts/mine", Body=data)
    url, there = f"s3://{stack['Bucket']}/artefacts/mine", {"AWS_REGION": "eu-west-3"}
    _, made = copy("--from", url, "--sha256", hashlib.sha256(data).hexdigest(), environment=there)
    assert made.read_bytes() == data
    made.unlink()
    done, made = copy("--from", url, "--sha256", "0" * 64, code=1, environment=there)
    assert "damaged or another file" in done.stderr and not made.exists()


def test_what_nodes_could_not_run_is_not_taken(copy, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    done, made = copy("--from", str(script), code=1)
    assert f"'{script}' is not a Linux program" in done.stderr and not made.exists()
    assert "http://" in copy("--from", "http://x/y", code=2)[0].stderr
    assert "is not a digest" in copy("--from", str(script), "--sha256", "abc", code=2)[0].stderr
