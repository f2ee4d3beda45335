"""The commands `pomona` and `pomona-driver`: `python -m pomona run --help` is `pomona run --help`."""

from __future__ import annotations

import sys

from pomona._native import main


def pomona() -> int:
    """Runs `pomona` with the arguments of this process, and returns its exit code."""
    return main(["pomona", *sys.argv[1:]])


def driver() -> int:
    """Runs `pomona-driver` with the arguments of this process, and returns its exit code."""
    return main(["pomona-driver", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(pomona())
