"""The wheel (PEP 427) of the Python package: `wheel.py LIBRARY VERSION GLIBC FOLDER SBOM LICENCE...`, prints the file.

It has the module `pomona` with its native library, and the commands `pomona` and `pomona-driver`, which call that library. What
the wheel says of itself is the table [project] of crates/pomona-python/pyproject.toml. The tag is abi3 for the oldest Python
there and manylinux (PEP 600): the library loads where glibc is this version or newer. The same input gives the same bytes.
"""

import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from pathlib import Path

from crates import REPOSITORY
from elf import Program

PACKAGE = REPOSITORY / "crates/pomona-python"
LIBRARY = "pomona/_native.abi3.so"


def project():
    """The table [project]."""
    return tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]


def sources():
    """The files of the module without its library, by their names in the wheel."""
    folder = PACKAGE / "python"
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), 0o644)
        for path in paths
        if path.suffix != ".so" and "__pycache__" not in path.parts
    }


def metadata(about, version, licences):
    """The core metadata (version 2.4), with the README behind it."""
    lines = [
        "Metadata-Version: 2.4", f"Name: {about['name']}", f"Version: {version}", f"Summary: {about['description']}",
        f"Keywords: {','.join(about['keywords'])}",
        *(f"Classifier: {classifier}" for classifier in about["classifiers"]),
        f"License-Expression: {about['license']}",
        *(f"License-File: {path.name}" for path in licences),
        f"Requires-Python: {about['requires-python']}",
    ]
    for extra, packages in about["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {package}; extra == '{extra}'" for package in packages)]
    return "\n".join([*lines, "Description-Content-Type: text/markdown", "", (PACKAGE / about["readme"]).read_text()])


def build(library, version, glibc, folder, bill, licences):
    data, about = library.read_bytes(), project()
    oldest = re.fullmatch(r">=3\.(\d+)", about["requires-python"])[1]
    tag = f"cp3{oldest}-abi3-manylinux_{glibc.replace('.', '_')}_{Program(data).machine}"
    info = f"{about['name']}-{version}.dist-info"
    scripts = "".join(f"{name} = {function}\n" for name, function in about["scripts"].items())
    files = {
        **sources(),
        LIBRARY: (data, 0o755),
        **{f"{info}/licenses/{path.name}": (path.read_bytes(), 0o644) for path in licences},
        f"{info}/sboms/{about['name']}.cdx.json": (bill.read_bytes(), 0o644),
        f"{info}/entry_points.txt": (f"[console_scripts]\n{scripts}".encode(), 0o644),
        f"{info}/METADATA": (metadata(about, version, licences).encode(), 0o644),
        f"{info}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: pomona\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(), 0o644),
    }
    record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, (content, _) in files.items())
    files[f"{info}/RECORD"] = (f"{record}{info}/RECORD,,\n".encode(), 0o644)
    path = folder / f"{about['name']}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as wheel:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.compress_type = (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
            wheel.writestr(entry, content)
    return path


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    library, version, glibc, folder, bill, *licences = sys.argv[1:]
    print(build(Path(library), version, glibc, Path(folder), Path(bill), [Path(path) for path in licences]))
