"""The release as `deploy/release/build` makes it of a program that is there."""

import subprocess
import sys
from pathlib import Path

import pytest

RELEASE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(RELEASE))


def pytest_addoption(parser):
    parser.addoption("--binary", help="the program; without it what packs and installs one is passed over")


@pytest.fixture(scope="session")
def dist(request, tmp_path_factory):
    """The folder of a release. The program is this machine's, so that its glibc is the one that is promised."""
    import elf

    binary = request.config.getoption("--binary")
    if binary is None:
        pytest.skip("needs the program: --binary PATH")
    glibc = ".".join(map(str, elf.Program(Path(binary).read_bytes()).glibc()))
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([RELEASE / "build", "--binary", binary, "--glibc", glibc, "--out", out], check=True)
    return out
