"""A wheel (PEP 427) that puts `pomona` and `pomona-driver` on the path: `wheel.py PROGRAM VERSION GLIBC FOLDER LICENCE...`, prints the file.

The name of the distribution is pomona-cli. The tag is manylinux (PEP 600): the program runs where glibc is this version
or newer. The same input gives the same bytes.
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

from elf import Program

METADATA = """Metadata-Version: 2.4
Name: pomona-cli
Version: {version}
Summary: Images in S3 or on a disk to MobileNetV2 features and PCA, in SQL; the command `pomona`
License-Expression: Apache-2.0
{licences}Requires-Python: >=3.8
"""

# A wheel has no links, and a second copy would double its size: the program knows by its name what it is called as.
DRIVER = """#!python
import os
import sys

program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pomona")
os.execv(program, ["pomona-driver", *sys.argv[1:]])
"""


def build(program, version, glibc, folder, licences):
    data = program.read_bytes()
    platform = f"manylinux_{glibc.replace('.', '_')}_{Program(data).machine}"
    info = f"pomona_cli-{version}.dist-info"
    names = "".join(f"License-File: {path.name}\n" for path in licences)
    files = {
        f"pomona_cli-{version}.data/scripts/pomona": (data, 0o755),
        f"pomona_cli-{version}.data/scripts/pomona-driver": (DRIVER.encode(), 0o755),
        **{f"{info}/licenses/{path.name}": (path.read_bytes(), 0o644) for path in licences},
        f"{info}/METADATA": (METADATA.format(version=version, licences=names).encode(), 0o644),
        f"{info}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: pomona\nRoot-Is-Purelib: false\nTag: py3-none-{platform}\n".encode(), 0o644),
    }
    record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, (content, _) in files.items())
    files[f"{info}/RECORD"] = (f"{record}{info}/RECORD,,\n".encode(), 0o644)
    path = folder / f"pomona_cli-{version}-py3-none-{platform}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as wheel:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.compress_type = (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
            wheel.writestr(entry, content)
    return path


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    program, version, glibc, folder, *licences = sys.argv[1:]
    print(build(Path(program), version, glibc, Path(folder), [Path(path) for path in licences]))
