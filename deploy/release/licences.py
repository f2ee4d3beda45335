"""The licence texts of all crates that a crate is made of, each text once: `licences.py TARGET CRATE >THIRD-PARTY-LICENCES.txt`."""

import sys
from pathlib import Path

from crates import Crates

NAMES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE", "PATENTS")


def texts(package):
    """The files of a crate that are licences: beside its Cargo.toml, of the C code in its `vendor`, and the one that it names."""
    folder = Path(package["manifest_path"]).parent
    found = set()
    for place in (folder, folder / "vendor"):
        if place.is_dir():
            found |= {path for path in place.iterdir() if path.is_file() and path.name.upper().startswith(NAMES)}
    for place in ("LICENSES", "license", "licenses"):
        if (folder / place).is_dir():
            found |= {path for path in (folder / place).rglob("*") if path.is_file()}
    if package["license_file"] and (folder / package["license_file"]).is_file():
        found.add(folder / package["license_file"])
    return [path.read_text(errors="replace").strip() for path in sorted(found)]


def document(packages):
    """The text of the file: a list of the crates, then each licence with the crates that it is of."""
    by_text, lines = {}, ["Pomona contains these crates, under these licences.", ""]
    for package in packages:
        name, found = f"{package['name']} {package['version']}", texts(package)
        authors = "; ".join(package["authors"]) or package["repository"] or "the authors of the crate"
        note = "" if found else f" (ships no text; by {authors})"
        lines.append(f"{name}: {package['license'] or package['license_file']}{note}")
        for text in found:
            by_text.setdefault(text, []).append(name)
    for text, names in by_text.items():
        lines += ["", "=" * 100, ", ".join(names), "-" * 100, text]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document(Crates(*sys.argv[1:]).foreign()))
