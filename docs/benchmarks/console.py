#!/usr/bin/env python3
"""Measures the pages of a scheduler: how large they are and how long they take, and what 400 open ones cost a job.

    python3 docs/benchmarks/console.py [--pomona target/debug/pomona] [--jobs 1000] [--tasks 10000] [--pages 400]
        [--rounds 5]

Starts the binary's own scheduler and two executors on loopback. A job is run with and without open pages of it, in turn;
the processor time of the scheduler and of the executors is that of the whole process over the job. Nothing but Python's
standard library is needed.
"""

import argparse
import json
import os
import pathlib
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from cluster import free_port

TICKS = os.sysconf("SC_CLK_TCK")


class Cluster:
    def __init__(self, pomona, folder, jobs):
        self.pomona, self.port, self.processes = pomona, free_port(), []
        log = open(f"{folder}/log", "w")
        start = lambda arguments: self.processes.append(subprocess.Popen([pomona, *arguments], stdout=log, stderr=log))
        start(["scheduler", f"--bind-port={self.port}", f"--finished-job-state-max-jobs={jobs + 10}",
               "--finished-job-state-max-size=8g"])
        for number in range(2):
            start(["executor", f"--bind-port={free_port()}", f"--bind-grpc-port={free_port()}", "--external-host=127.0.0.1",
                   "--scheduler-host=127.0.0.1", f"--scheduler-port={self.port}", "--vcores=1",
                   f"--work-dir={folder}/work-{number}"])
        self.wait(lambda: len(json.loads(self.get("/api/executors"))) == 2)

    def wait(self, condition):
        end = time.monotonic() + 120
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                sys.exit("the cluster does not become ready")
            time.sleep(0.02)

    def get(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}").read().decode()

    def jobs(self):
        return json.loads(self.get("/api/jobs"))

    def sql(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(text)
            file.flush()
            command = [self.pomona, "sql", "-q", "--scheduler", f"df://127.0.0.1:{self.port}", "-f", file.name]
            return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def processor_seconds(self):
        """Of the scheduler, and of all executors."""
        def of(process):
            fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / TICKS
        scheduler, *executors = map(of, self.processes)
        return scheduler, sum(executors)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Pages:
    """Open pages that read what they are sent."""

    def __init__(self, port, path, count):
        self.selector, self.bytes, self.open = selectors.DefaultSelector(), 0, True
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            self.selector.register(connection, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while self.open:
            for key, _ in self.selector.select(0.1):
                self.bytes += len(key.fileobj.recv(1 << 20))

    def close(self):
        self.open = False
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


def look(cluster, path):
    times = []
    for _ in range(5):
        began = time.monotonic()
        page = cluster.get(path)
        times.append(time.monotonic() - began)
    print(f"  {path}: {len(page) / 1024:.0f} KiB, {1000 * statistics.median(times):.0f} ms")


def sizes(cluster, jobs, tasks, folder):
    began = time.monotonic()
    cluster.sql("SELECT count(*) FROM generate_series(1, 2);" * jobs).wait()
    print(f"{jobs} jobs, {time.monotonic() - began:.0f} s")
    look(cluster, "/")
    look(cluster, f"/?page={jobs // 50}")
    files = pathlib.Path(folder, "files")
    files.mkdir()
    for number in range(tasks):
        (files / f"{number:05}.csv").write_text(f"n\n{number}\n")
    began = time.monotonic()
    cluster.sql(f"SET datafusion.execution.target_partitions = {tasks}; SET datafusion.optimizer.repartition_file_min_size = 0;"
                f"SET ballista.job.name = 'many'; SELECT count(n) FROM '{files}/*.csv'").wait()
    job = next(job["job_id"] for job in cluster.jobs() if job["job_name"] == "many")
    stages = json.loads(cluster.get(f"/api/job/{job}/stages"))["stages"]
    most = max(stages, key=lambda stage: len(stage["tasks"]))
    print(f"a job of {len(most['tasks'])} tasks in a stage, {time.monotonic() - began:.0f} s")
    look(cluster, "/")
    look(cluster, f"/job/{job}")
    look(cluster, f"/job/{job}/stage/{most['stage_id']}")
    look(cluster, f"/job/{job}/stage/{most['stage_id']}?page=100")


def cost(cluster, pages, rounds):
    sql = ("SET datafusion.execution.target_partitions = 32; SET ballista.job.name = 'watched';"
           "SELECT sum(a.value * b.value % 7) FROM generate_series(1, 16000) a, generate_series(1, 16000) b")
    seconds = {0: [], pages: []}
    for _ in range(rounds):
        for count in seconds:
            before, began = cluster.processor_seconds(), time.monotonic()
            query = cluster.sql(sql)
            cluster.wait(lambda: any(job["status"] == "Running" for job in cluster.jobs()))
            job = next(job["job_id"] for job in cluster.jobs() if job["status"] == "Running")
            opened = Pages(cluster.port, f"/live/job/{job}", count)
            query.wait()
            took, after = time.monotonic() - began, cluster.processor_seconds()
            opened.close()
            scheduler, executors = (b - a for a, b in zip(before, after))
            seconds[count].append((took, scheduler, executors))
            print(f"  {count:3} pages: {took:.2f} s; processor seconds: scheduler {scheduler:.2f}, executors {executors:.2f}; "
                  f"{opened.bytes / 1024:.0f} KiB sent")
    median = lambda count, at: statistics.median(round[at] for round in seconds[count])
    print(f"elapsed {median(pages, 0) / median(0, 0):.4f}, of the executors' processor time "
          f"{median(pages, 2) / median(0, 2):.4f}; the scheduler takes {median(pages, 1) - median(0, 1):+.2f} s, "
          f"{100 * (median(pages, 1) - median(0, 1)) / median(0, 2):.2f}% of the job's processor time")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pomona", default="target/debug/pomona")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=10000)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(given.pomona, folder, given.jobs)
        try:
            cost(cluster, given.pages, given.rounds)
            sizes(cluster, given.jobs, given.tasks, folder)
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
