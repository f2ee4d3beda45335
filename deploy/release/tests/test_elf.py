"""Programs that ask for more than the promised glibc are refused."""

import re
import subprocess
import sys

import elf
import pytest
from conftest import RELEASE

TRUE = open("/bin/true", "rb").read()
NEEDED = elf.Program(TRUE).glibc()


def check(path, glibc):
    command = [sys.executable, RELEASE / "elf.py", "--glibc", glibc, path]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_version_that_is_needed_is_found():
    objdump = subprocess.run(["objdump", "-T", "/bin/true"], capture_output=True, text=True, check=True).stdout
    found = {elf.numbers(version) for version in re.findall(r"GLIBC_([0-9.]+)", objdump)}
    assert NEEDED == max(found) and "libc.so.6" in elf.Program(TRUE).libraries


def test_a_newer_glibc_than_promised_is_refused_by_name():
    newest = ".".join(map(str, NEEDED))
    assert check("/bin/true", newest).returncode == 0
    older = f"2.{NEEDED[1] - 1}"
    done = check("/bin/true", older)
    assert done.returncode == 1 and f"GLIBC_{newest}" in done.stderr and f"glibc {older}" in done.stderr


def test_text_that_only_looks_like_a_version_counts_for_nothing(tmp_path):
    path = tmp_path / "program"
    path.write_bytes(TRUE + b"\0GLIBC_2.99\0")
    assert check(path, ".".join(map(str, NEEDED))).returncode == 0


def test_a_changed_table_of_versions_is_refused(tmp_path):
    newest = ".".join(map(str, NEEDED))
    changed = TRUE.replace(f"GLIBC_{newest}\0".encode(), f"GLIBC_{'9' * len(newest)}\0".encode()[: len(newest) + 6] + b"\0")
    assert changed != TRUE and len(changed) == len(TRUE)
    path = tmp_path / "program"
    path.write_bytes(changed)
    assert check(path, newest).returncode == 1


def test_a_library_that_systems_need_not_have_is_refused(tmp_path):
    path = tmp_path / "program"
    path.write_bytes(TRUE.replace(b"libc.so.6\0", b"libd.so.6\0"))
    assert "needs the library libd.so.6" in check(path, "2.99").stderr


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + b"\0" * 99])
def test_what_is_no_program_is_refused(tmp_path, content):
    path = tmp_path / "program"
    path.write_bytes(content)
    done = check(path, "2.28")
    assert done.returncode == 1 and "is not a 64-bit" in done.stderr
