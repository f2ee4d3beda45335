"""The files of a release beside the wheel: what they name is there."""

import hashlib
import json
import tarfile
import tomllib
from pathlib import Path

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
