"""The image table over a million files, by two binaries of Pomona in turn.

usage: listing.py BEFORE AFTER FOLDER [ROUNDS]

Makes 1,000 folders of 1,000 hard links to small files below FOLDER, unless they are there, and runs
the same statements with both binaries, in turn in every round. Prints the median of the seconds
and of the processor seconds of each, and the largest resident memory of any run.
"""

import os
import statistics
import subprocess
import sys
import time

FOLDERS, FILES = 1000, 1000
LINKS = 50_000  # of one file; ext4 allows 65,000

STATEMENTS = {
    "LIMIT 3": "SELECT path, length FROM images LIMIT 3",
    "count(*)": "SELECT count(*) FROM images",
    "one label": "SELECT count(*), sum(length) FROM images WHERE label = 'class 0500'",
    "one prefix": "SELECT count(*), sum(length) FROM images WHERE path LIKE '{folder}/class 0500/%'",
    "labels": "SELECT count(DISTINCT label), sum(length) FROM images",
}


def make(folder):
    if os.path.exists(f"{folder}/complete"):
        return
    os.makedirs(f"{folder}/sources")
    os.makedirs(f"{folder}/images")
    for label in range(FOLDERS):
        os.makedirs(f"{folder}/images/class {label:04}")
        for number in range(FILES):
            position = label * FILES + number
            source = f"{folder}/sources/{position // LINKS}"
            if position % LINKS == 0:
                with open(source, "wb") as file:
                    file.write(b"x" * (100 + position // LINKS))
            os.link(source, f"{folder}/images/class {label:04}/{number:04}.jpg")
    open(f"{folder}/complete", "w").close()


def measure(binary, folder, statement):
    """Seconds, processor seconds, megabytes, and what was printed."""
    images = f"{folder}/images"
    create = f"CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{images}/';"
    sql = create + statement.format(folder=f"file://{images}")
    begin = time.monotonic()
    process = subprocess.Popen(
        [binary, "sql", "-q", "--format", "csv", "-c", sql], stdout=subprocess.PIPE
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        sys.exit(f"{binary} fails at: {sql}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed


def main():
    before, after, folder = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    make(folder)
    print("| statement | | seconds | processor seconds | MB |")
    print("|---|---|---|---|---|")
    for name, statement in STATEMENTS.items():
        runs = {before: [], after: []}
        for _ in range(rounds):
            for binary in runs:
                runs[binary].append(measure(binary, folder, statement))
        if name != "LIMIT 3" and len({run[3] for some in runs.values() for run in some}) > 1:
            sys.exit(f"the binaries print different rows for: {statement}")
        for what, binary in (("before", before), ("after", after)):
            wall, cpu, memory, _ = zip(*runs[binary])
            print(
                f"| {name} | {what} | {statistics.median(wall):.2f}"
                f" | {statistics.median(cpu):.2f} | {max(memory):.0f} |"
            )


main()
