"""The wheel: what is in it, and what is installed from it, in clean environments without Rust and without a network."""

import base64
import csv
import hashlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from conftest import RELEASE
from crates import REPOSITORY

VERSION = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]["version"]
INFO = f"pomona-{VERSION}.dist-info"
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def wheel(dist):
    [path] = dist.glob("*.whl")
    return path


def pythons():
    """The interpreters of this machine that the wheel is for. A name may be there without an interpreter behind it."""
    names = [sys.executable, *(f"python3.{minor}" for minor in range(10, 15))]
    names += map(str, sorted(Path.home().glob(".pyenv/versions/3.1[0-9].*/bin/python3")))
    found = {}
    for path in filter(None, map(shutil.which, names)):
        said = subprocess.run([path, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        if said.returncode == 0:
            found.setdefault(said.stdout.strip(), path)
    return list(found.values())


class Environment:
    """A virtual environment that has the wheel and pip alone: each Python its own pip, because an older one fails on a newer Python."""

    def __init__(self, python, wheel, home):
        self.home, self.programs = home, home / "venv/bin"
        subprocess.run([python, "-m", "venv", home / "venv"], check=True)
        install = [self.programs / "python", "-m", "pip", "--disable-pip-version-check", "install", "--no-index", wheel]
        done = subprocess.run(install, capture_output=True, text=True)
        assert done.returncode == 0, f"{python}: {done.stdout}{done.stderr}"

    def run(self, program, *arguments, alone=ALONE):
        environment = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(self.home)}
        done = subprocess.run([*alone, self.programs / program, *arguments], env=environment, cwd=self.home,
                              capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return Environment(sys.executable, wheel, tmp_path_factory.mktemp("installed"))


def test_its_tag_is_of_the_oldest_python_and_of_glibc(wheel):
    name, version, *tag = wheel.name.removesuffix(".whl").split("-")
    assert (name, version, tag[:2]) == ("pomona", VERSION, ["cp310", "abi3"]) and tag[2].startswith("manylinux_2_"), wheel
    with zipfile.ZipFile(wheel) as archive:
        assert f"Tag: {'-'.join(tag)}" in archive.read(f"{INFO}/WHEEL").decode().splitlines()


def test_every_file_is_recorded_with_its_digest(wheel):
    with zipfile.ZipFile(wheel) as archive:
        rows = list(csv.reader(io.StringIO(archive.read(f"{INFO}/RECORD").decode())))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, length in rows:
            if name == f"{INFO}/RECORD":
                assert digest == length == ""
                continue
            content = archive.read(name)
            found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, int(length)) == (f"sha256={found}", len(content)), name


def test_it_has_one_library_and_no_program(wheel):
    with zipfile.ZipFile(wheel) as archive:
        programs = [name for name in archive.namelist() if archive.read(name)[:4] == b"\x7fELF"]
        names = set(archive.namelist())
    assert programs == ["pomona/_native.abi3.so"]
    assert {"pomona/__init__.py", "pomona/_native.pyi", "pomona/py.typed", f"{INFO}/entry_points.txt"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_it_has_every_licence_and_its_bill_of_materials(wheel):
    with zipfile.ZipFile(wheel) as archive:
        about = Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())
        licences = {name: archive.read(f"{INFO}/licenses/{name}").decode() for name in about.get_all("License-File")}
        bill = json.loads(archive.read(f"{INFO}/sboms/pomona.cdx.json"))
        library = hashlib.sha256(archive.read("pomona/_native.abi3.so")).hexdigest()
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("pomona", VERSION, ">=3.10")
    assert about["License-Expression"] == "Apache-2.0" and "all" in about.get_all("Provides-Extra")
    assert "import pomona" in about.get_payload()
    assert set(licences) == {"LICENSE", "THIRD-PARTY-LICENCES.txt"}
    components = {one["name"] for one in bill["components"]}
    assert {"pyo3", "datafusion-ffi", "datafusion", "pomona-cli"} <= components
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": library}]
    listed = licences["THIRD-PARTY-LICENCES.txt"].split("=" * 100)[0]
    for component in bill["components"]:
        if not component["name"].startswith("pomona-"):
            assert f"{component['name']} {component['version']}: " in listed


def test_the_commands_work_without_rust_and_without_a_network(installed):
    assert installed.run("pomona", "--version").split() == ["pomona", VERSION]
    assert installed.run("pomona-driver", "--version").split() == ["pomona-driver", VERSION]
    installed.run("pomona", "demo")
    results = installed.home / "pomona-demo/results"
    manifest = json.loads((results / "manifest.json").read_text())
    assert manifest["counts"]["images"] == 48, manifest["counts"]
    (installed.home / "count.sql").write_text("SELECT count(*) AS n FROM '${results}/features/';")
    rows = installed.run("pomona-driver", "count.sql", "-d", f"results={results}")
    assert "48" in rows, rows
    # A cluster inside the process talks to itself over loopback, which a process without a network does not have.
    query = f"SELECT count(*) AS n FROM '{results}/features/' WHERE features IS NOT NULL"
    assert "48" in installed.run("pomona", "sql", "--standalone", "-c", query, alone=[])


def test_the_command_fails_with_the_codes_of_the_program(installed):
    for arguments, code in ([["run", "--no-such-option"], 2], [["sql", "-c", "SELECT nothing"], 1]):
        done = subprocess.run([installed.programs / "pomona", *arguments], capture_output=True, text=True, cwd=installed.home)
        assert done.returncode == code and done.stderr and "Traceback" not in done.stderr, done


@pytest.mark.parametrize("python", pythons())
def test_the_module_works_in_every_python(python, wheel, tmp_path):
    environment = Environment(python, wheel, tmp_path)
    code = f"""
import sys, pomona
assert pomona.__version__ == {VERSION!r}
assert not {{"numpy", "pandas", "pyarrow", "polars", "sklearn"}} & set(sys.modules)
con = pomona.connect(weights="fruits")
print(con.sql("SELECT 6 * 7 AS answer"))
try:
    con.sql("SELECT nothing")
except pomona.SqlError as error:
    print(error)
"""
    said = environment.run("python", "-c", code)
    assert "42" in said and "nothing" in said, said


def test_the_command_starts_in_little_more_time_than_the_program(installed, request, record_property):
    def processor_seconds():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def shortest(program):
        times = []
        for _ in range(7):
            begun = processor_seconds()
            subprocess.run([program, "--version"], check=True, capture_output=True, timeout=60)
            times.append(processor_seconds() - begun)
        return min(times)

    program, command = shortest(request.config.getoption("--binary")), shortest(installed.programs / "pomona")
    record_property("seconds", f"program {program:.3f}, command {command:.3f}")
    print(f"pomona --version: program {program:.3f} s, wheel {command:.3f} s")
    # An interpreter and the module, in seconds of a processor: on a busy machine they take longer.
    assert command < program + 1, (program, command)


def test_the_same_library_gives_the_same_bytes(tmp_path):
    import elf
    import wheel

    library, bill = tmp_path / "library", tmp_path / "bill.json"
    library.write_bytes(Path("/bin/true").read_bytes())
    bill.write_text("{}")
    glibc = ".".join(map(str, elf.Program(library.read_bytes()).glibc()))
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(wheel.build(library, VERSION, glibc, tmp_path / name, bill, [RELEASE.parents[1] / "LICENSE"]))
    assert made[0].read_bytes() == made[1].read_bytes() and made[0].name.startswith(f"pomona-{VERSION}-cp310-abi3-manylinux_")


def test_a_program_without_a_library_is_refused(tmp_path):
    done = subprocess.run([RELEASE / "build", "--binary", "/bin/true", "--out", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 2 and "--library" in done.stderr and not (tmp_path / "out").exists()
