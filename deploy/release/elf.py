"""What programs and libraries for Linux ask of the system: `elf.py --glibc 2.28 FILE...` fails if it is more than that version has.

Reads the section of needed versions (SHT_GNU_verneed) and the list of needed libraries (DT_NEEDED) of the System V ABI and
the LSB, so that text in the program that only looks like a version counts for nothing.
"""

import argparse
import struct
import sys
from pathlib import Path

VERNEED, DYNAMIC, NEEDED = 0x6FFFFFFE, 6, 1
# What PEP 599 and its successors promise on every system, and glibc's own parts.
LIBRARIES = {"libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libgcc_s.so.1", "libutil.so.1",
             "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}


class NotElf(Exception):
    """The file is no 64-bit little-endian ELF program or library."""


class Program:
    """`machine`, `libraries`, and `versions`: the names of versions that it needs of each library."""

    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01":
            raise NotElf("is not a 64-bit little-endian program of Linux")
        self.data = data
        number, = struct.unpack_from("<H", data, 18)
        self.machine = MACHINES.get(number, f"machine {number}")
        offset, = struct.unpack_from("<Q", data, 40)
        size, count = struct.unpack_from("<HH", data, 58)
        if not offset or not count:
            raise NotElf("has no section headers: strip it with strip, which keeps them")
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + size * index) for index in range(count)]
        self.versions, self.libraries = {}, []
        for section in self.sections:
            if section[1] == VERNEED:
                self._versions(section)
            elif section[1] == DYNAMIC:
                self._libraries(section)

    def _text(self, strings, offset):
        start = strings[4] + offset
        return self.data[start : self.data.index(b"\0", start)].decode()

    def _versions(self, section):
        strings, at = self.sections[section[6]], section[4]
        while True:
            _, count, file, aux, following = struct.unpack_from("<HHIII", self.data, at)
            names, inner = self.versions.setdefault(self._text(strings, file), set()), at + aux
            for _ in range(count):
                _, _, _, name, step = struct.unpack_from("<IHHII", self.data, inner)
                names.add(self._text(strings, name))
                inner += step
            if not following:
                return
            at += following

    def _libraries(self, section):
        strings = self.sections[section[6]]
        for at in range(section[4], section[4] + section[5], 16):
            tag, value = struct.unpack_from("<qQ", self.data, at)
            if tag == NEEDED:
                self.libraries.append(self._text(strings, value))

    def glibc(self):
        """The newest version of glibc that is needed, as numbers; (0,) for a program without glibc."""
        names = (name.removeprefix("GLIBC_") for all in self.versions.values() for name in all if name.startswith("GLIBC_"))
        return max((numbers(name) for name in names if name[0].isdigit()), default=(0,))


def numbers(version):
    return tuple(int(part) for part in version.split("."))


def problems(program, glibc):
    """Says, in lines, what keeps the program from running where glibc has this version."""
    found = [
        f"needs {library}'s {name}, and glibc {glibc} is what the release promises: build it with deploy/release/build"
        for library, names in sorted(program.versions.items()) for name in sorted(names)
        if name.startswith("GLIBC_") and (not name[6].isdigit() or numbers(name[6:]) > numbers(glibc))
    ]
    return found + [f"needs the library {name}" for name in program.libraries if name not in LIBRARIES]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--glibc", default="2.28")
    parser.add_argument("files", type=Path, nargs="+")
    given = parser.parse_args()
    for path in given.files:
        try:
            program = Program(path.read_bytes())
        except NotElf as error:
            sys.exit(f"error: {path} {error}")
        if wrong := problems(program, given.glibc):
            sys.exit("\n".join(f"error: {path} {line}" for line in wrong))
        print(f"{path}: {program.machine}, glibc {'.'.join(map(str, program.glibc()))}")


if __name__ == "__main__":
    main()
