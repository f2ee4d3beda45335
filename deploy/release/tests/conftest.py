"""The release as `deploy/release/build` makes it of a program and a library that are there."""

import subprocess
import sys
from pathlib import Path

import pytest

RELEASE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(RELEASE))


def pytest_addoption(parser):
    parser.addoption("--binary", help="the program; without it what packs and installs one is passed over")
    parser.addoption("--library", help="the library of the Python package, beside it")


@pytest.fixture(scope="session")
def dist(request, tmp_path_factory):
    """The folder of a release. Program and library are this machine's, so that the newer glibc of theirs is the one that is promised."""
    import elf

    given = [request.config.getoption(name) for name in ("--binary", "--library")]
    if None in given:
        pytest.skip("needs the program and the library: --binary PATH --library PATH")
    glibc = max(elf.Program(Path(path).read_bytes()).glibc() for path in given)
    out = tmp_path_factory.mktemp("dist")
    command = [RELEASE / "build", "--binary", given[0], "--library", given[1], "--out", out]
    subprocess.run([*command, "--glibc", ".".join(map(str, glibc))], check=True)
    return out
