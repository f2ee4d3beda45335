"""The files of a release: what they name is there, and what is installed from them works without Rust and without a network."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

from conftest import RELEASE
from crates import REPOSITORY

VERSION = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def one(dist, pattern):
    [path] = dist.glob(pattern)
    return path


def test_every_file_has_its_digest(dist):
    lines = [line.split("  ") for line in (dist / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == {path.name for path in dist.iterdir()} - {"SHA256SUMS"} and len(lines) == 3
    for digest, name in lines:
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest


def test_the_tarball_has_the_program_and_every_licence(dist):
    with tarfile.open(one(dist, "*.tar.gz")) as tar:
        names = {Path(entry.name).name: entry for entry in tar.getmembers()}
        assert {"pomona", "LICENSE", "README.md", "THIRD-PARTY-LICENCES.txt"} <= set(names)
        assert names["pomona-driver"].linkname == "pomona"
        assert names["pomona"].mode == 0o755 and {entry.uid for entry in names.values()} == {0}
        text = tar.extractfile(names["THIRD-PARTY-LICENCES.txt"]).read().decode()
    assert "Independent JPEG Group" in text and "Mozilla Public License" in text and "Additional IP Rights Grant" in text
    listed = text.split("=" * 100)[0]
    for package in json.loads(one(dist, "*.cdx.json").read_text())["components"]:
        if not package["name"].startswith("pomona-"):
            assert f"{package['name']} {package['version']}: " in listed


def test_the_bill_of_materials_names_what_cargo_locked(dist):
    bill = json.loads(one(dist, "*.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["version"] == VERSION
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())["package"]
    locked = {(package["name"], package["version"]): package.get("checksum") for package in lock}
    named = {(one["name"], one["version"]): one for one in bill["components"]}
    assert {"datafusion", "mozjpeg-sys", "candle-core", "rustls"} <= {name for name, _ in named}
    assert not {"criterion", "proptest", "insta"} & {name for name, _ in named}
    for key, component in named.items():
        found = component.get("hashes", [{"content": None}])[0]["content"]
        assert found == locked[key]
    references = {component["bom-ref"] for component in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    for edge in bill["dependencies"]:
        assert edge["ref"] in references and set(edge["dependsOn"]) <= references


def test_the_wheel_works_without_rust_and_without_a_network(dist, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv/bin"
    command = [programs / "pip", "install", "--no-index", "--no-deps", "--disable-pip-version-check", one(dist, "*.whl")]
    subprocess.run(command, check=True, capture_output=True)
    alone = ["unshare", "--net"] if os.geteuid() == 0 else []
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(program, *arguments):
        return subprocess.run([*alone, programs / program, *arguments], env=environment, cwd=tmp_path, check=True,
                              capture_output=True, text=True, timeout=600).stdout

    assert run("pomona", "--version").split() == ["pomona", VERSION]
    assert run("pomona-driver", "--version").split() == ["pomona-driver", VERSION]
    run("pomona", "demo")
    manifest = json.loads((tmp_path / "pomona-demo/results/manifest.json").read_text())
    assert manifest["counts"]["images"] == 48, manifest["counts"]
    (tmp_path / "count.sql").write_text("SELECT count(*) AS n FROM '${results}/features/';")
    rows = run("pomona-driver", "count.sql", "-d", f"results={tmp_path}/pomona-demo/results")
    assert "48" in rows, rows


def test_the_same_program_gives_the_same_bytes(dist, request, tmp_path):
    import elf
    import wheel

    path = one(dist, "*.whl")
    program = tmp_path / "program"
    program.write_bytes(Path("/bin/true").read_bytes())
    glibc = ".".join(map(str, elf.Program(program.read_bytes()).glibc()))
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(wheel.build(program, VERSION, glibc, tmp_path / name, [RELEASE.parents[1] / "LICENSE"]).read_bytes())
    assert made[0] == made[1] and path.name.startswith(f"pomona_cli-{VERSION}-py3-none-manylinux_")
