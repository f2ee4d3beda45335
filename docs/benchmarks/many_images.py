"""Runs over many files, by two binaries of Pomona in turn: their memory and time.

usage: many_images.py BEFORE AFTER FOLDER [FILES ...]

For each number of files (300,000 and 1,000,000 unless said) makes folders of 1,000 hard links to
files of one byte below FOLDER, unless they are there, and 60 small images. Runs `pomona run` over
them with both binaries, and once more on the same output, where the row of every image is there and
the bad ones are tried again. Prints the seconds, the processor seconds, the resident memory at its
highest (VmHWM), both for a million files more, and the highest memory (VmRSS) of each stage, where what
comes before the first chunk of features is complete counts as a stage. "-" in place of BEFORE leaves it out.
"""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib

FILES = 1000  # of a folder
LINKS = 50_000  # of one file; ext4 allows 65,000
GOOD = 60
BAD_IMAGES = 3  # the exit code where some images are bad


def png(seed):
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(3 * 16) for _ in range(16))

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def make(folder, files):
    if os.path.exists(f"{folder}/complete"):
        return
    os.makedirs(f"{folder}/sources")
    os.makedirs(f"{folder}/images/good")
    for number in range(GOOD):
        with open(f"{folder}/images/good/{number}.png", "wb") as file:
            file.write(png(number))
    for position in range(files):
        label, number = divmod(position, FILES)
        source = f"{folder}/sources/{position // LINKS}"
        if position % LINKS == 0:
            with open(source, "wb") as file:
                file.write(b"x")
        if number == 0:
            os.makedirs(f"{folder}/images/class {label:04}")
        os.link(source, f"{folder}/images/class {label:04}/{number:04}.jpg")
    open(f"{folder}/complete", "w").close()


def memory(pid):
    """VmHWM and VmRSS of a process in megabytes; 0 once it has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            lines = {line.split(":")[0]: line for line in status if line.startswith("Vm")}
    except OSError:
        return 0, 0
    return [int(lines[key].split()[1]) / 1024 if key in lines else 0 for key in ("VmHWM", "VmRSS")]


def measure(binary, folder, output):
    """Seconds, processor seconds and megabytes of a run, and megabytes by stage."""
    command = [binary, "run", "--weights", "fruits", "-k", "3", "-i", f"{folder}/images", "-o", output]
    begin, before = time.monotonic(), os.times()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    ended, said = [], []

    def listen():
        for line in process.stderr:
            said.append(line)
            if line.startswith("{"):
                progress = json.loads(line)
                if progress["done"] == progress["total"]:
                    ended.append((time.monotonic(), progress["phase"]))

    listener = threading.Thread(target=listen)
    listener.start()
    most, samples = 0, []
    while process.poll() is None:
        highest, now = memory(process.pid)
        most = max(most, highest)
        samples.append((time.monotonic(), now))
        time.sleep(0.02)
    seconds, after = time.monotonic() - begin, os.times()
    listener.join()
    if process.returncode != BAD_IMAGES:
        sys.exit(f"{binary} ends with {process.returncode}: {''.join(said)}")
    cpu = after.children_user + after.children_system
    stages, position = {}, 0
    for at, now in samples:
        while position < len(ended) and ended[position][0] < at:
            position += 1
        stage = ended[position][1] if position < len(ended) else "publication"
        stage = "listing, first chunk" if position == 0 else stage
        stages[stage] = max(stages.get(stage, 0), now)
    return seconds, cpu - before.children_user - before.children_system, most, stages


def counts(output):
    with open(f"{output}/manifest.json") as manifest:
        counts = json.load(manifest)["counts"]
    return counts["images"], counts["features"]


def main():
    before, after, folder = sys.argv[1:4]
    sizes = [int(size) for size in sys.argv[4:]] or [300_000, 1_000_000]
    binaries = {"before": before, "after": after}
    if before == "-":
        del binaries["before"]
    print("| files | | run | seconds | processor seconds | MB |")
    print("|---|---|---|---|---|---|")
    found, by_stage = {}, {}
    for files in sizes:
        place = f"{folder}/{files}"
        make(place, files)
        for name, binary in binaries.items():
            output = f"{place}/out"
            shutil.rmtree(output, ignore_errors=True)
            for run in ("first", "again"):
                wall, cpu, most, stages = measure(binary, place, output)
                found[files, name, run] = (cpu, most)
                by_stage[files, name, run] = stages
                print(f"| {files:,} | {name} | {run} | {wall:.1f} | {cpu:.1f} | {most:.0f} |", flush=True)
            if counts(output) != (files + GOOD, GOOD):
                sys.exit(f"{binary} has other rows: {counts(output)}")
            shutil.rmtree(output)
    if len(sizes) > 1:
        least, most = min(sizes), max(sizes)
        for name in binaries:
            for run in ("first", "again"):
                pairs = zip(found[least, name, run], found[most, name, run])
                cpu, megabytes = [(b - a) / (most - least) * 1e6 for a, b in pairs]
                print(f"{name}, {run}: a million files more take {cpu:.0f} s of processor time and {megabytes:.0f} MB")
    for (files, name, run), stages in by_stage.items():
        print(f"{files:,}, {name}, {run}: " + ", ".join(f"{stage} {mb:.0f}" for stage, mb in stages.items()))


main()
