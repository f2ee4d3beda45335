#!/usr/bin/env python3
"""Measures the pages of a scheduler: how large they are and how long they take, and what 400 open ones cost a job.

    python3 docs/benchmarks/console.py [--pomona target/debug/pomona] [--jobs 1000] [--tasks 10000] [--pages 400]
        [--rounds 5] [--seconds 20] [--only cost|sizes]

Starts the binary's own scheduler and two executors on loopback. `cost`: a job is run with and without open pages of it,
in turn; the processor time of the scheduler and of the executors is that of the whole process over the job. `sizes`:
pages of many jobs that have ended, of a job with many tasks while it runs, and of the jobs that the history of a
scheduler that was started again has. Nothing but Python's standard library is needed.
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
        self.pomona, self.folder, self.port, self.processes, self.files = pomona, folder, free_port(), [], 0
        self.log = open(f"{folder}/log", "w")
        self.scheduler = ["scheduler", f"--bind-port={self.port}", f"--finished-job-state-max-jobs={jobs + 10}",
                          "--finished-job-state-max-size=8g", "--finished-job-state-clean-up-interval-seconds=0",
                          f"--history-dir={folder}/history", f"--history-max-jobs={jobs}"]
        self.processes.append(self.start(self.scheduler))
        for number in range(2):
            self.processes.append(self.start([
                "executor", f"--bind-port={free_port()}", f"--bind-grpc-port={free_port()}", "--external-host=127.0.0.1",
                "--scheduler-host=127.0.0.1", f"--scheduler-port={self.port}", "--vcores=1",
                f"--work-dir={folder}/work-{number}"]))
        self.wait(lambda: len(json.loads(self.get("/api/executors"))) == 2)

    def start(self, arguments):
        return subprocess.Popen([self.pomona, *arguments], stdout=self.log, stderr=self.log)

    def restart_scheduler(self):
        self.processes[0].kill()
        self.processes[0].wait()
        self.processes[0] = self.start(self.scheduler)
        self.wait(lambda: self.get("/healthz") == "")

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
        self.files += 1
        file = pathlib.Path(self.folder, f"{self.files}.sql")
        file.write_text(text)
        command = [self.pomona, "sql", "-q", "--scheduler", f"df://127.0.0.1:{self.port}", "-f", str(file)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log)

    def running(self):
        """The job that runs, once there is one."""
        self.wait(lambda: any(job["status"] == "Running" for job in self.jobs()))
        return next(job["job_id"] for job in self.jobs() if job["status"] == "Running")

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


def sizes(cluster, jobs, tasks, seconds):
    began = time.monotonic()
    cluster.sql("SELECT count(*) FROM generate_series(1, 2);" * jobs).wait()
    print(f"{jobs} jobs that have ended, made in {time.monotonic() - began:.0f} s:")
    for path in ("/", f"/?page={jobs // 50}", "/?sort=-duration", "/metrics"):
        look(cluster, path)

    query = cluster.sql(f"SET datafusion.execution.target_partitions = {tasks}; SET ballista.job.name = 'many';"
                        f"SELECT value % {10 * tasks} AS k, count(*) FROM generate_series(1, 1000) GROUP BY k")
    job = cluster.running()
    stages = lambda: json.loads(cluster.get(f"/api/job/{job}/stages"))["stages"]
    cluster.wait(lambda: max(len(stage["tasks"]) for stage in stages()) > 1)
    # It has a stage of so many partitions, whose tasks start as slots are free.
    end = time.monotonic() + seconds
    while time.monotonic() < end and query.poll() is None:
        time.sleep(0.5)
    most = max(stages(), key=lambda stage: len(stage["tasks"]))
    print(f"a job of {tasks} tasks that runs, {len(most['tasks'])} of them have started after {seconds} s:")
    for path in ("/", f"/job/{job}", f"/job/{job}/stage/{most['stage_id']}",
                 f"/job/{job}/stage/{most['stage_id']}?sort=-duration"):
        look(cluster, path)
    query.kill()
    query.wait()
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{cluster.port}/api/job/{job}", method="PATCH"))

    cluster.wait(lambda: any(job in name for name in os.listdir(f"{cluster.folder}/history")))
    began = time.monotonic()
    cluster.restart_scheduler()
    print(f"a scheduler with {jobs} jobs in its history, started in {time.monotonic() - began:.1f} s:")
    for path in ("/", f"/?page={jobs // 50}", f"/job/{job}"):
        look(cluster, path)


def cost(cluster, pages, rounds):
    # Its second stage, which takes all the time, has tasks for both executors.
    series = lambda rows: f"(SELECT value, value % 64 AS k FROM generate_series(1, {rows}))"
    sql = ("SET datafusion.execution.target_partitions = 32; SET ballista.job.name = 'watched';"
           f"SELECT sum(a.value * b.value % 7) FROM {series(48000)} a JOIN {series(480000)} b ON a.k = b.k")
    seconds = {0: [], pages: []}
    for _ in range(rounds):
        for count in seconds:
            before, began = cluster.processor_seconds(), time.monotonic()
            query = cluster.sql(sql)
            job = cluster.running()
            opened = Pages(cluster.port, f"/live/job/{job}", count)
            query.wait()
            took, after = time.monotonic() - began, cluster.processor_seconds()
            opened.close()
            scheduler, executors = (b - a for a, b in zip(before, after))
            seconds[count].append((took, scheduler, executors))
            print(f"  {count:3} pages: {took:.2f} s; processor seconds: scheduler {scheduler:.2f}, executors {executors:.2f}; "
                  f"{opened.bytes / 1024:.0f} KiB sent")
    median = lambda count, at: statistics.median(round[at] for round in seconds[count])
    ratios = [after[0] / before[0] for before, after in zip(seconds[0], seconds[pages])]
    print("elapsed, round by round: " + ", ".join(f"{ratio:.4f}" for ratio in ratios))
    print(f"with {pages} pages to without: elapsed {median(pages, 0) / median(0, 0):.4f}, of the executors' processor time "
          f"{median(pages, 2) / median(0, 2):.4f}; the scheduler takes {median(pages, 1) - median(0, 1):+.2f} s, "
          f"{100 * (median(pages, 1) - median(0, 1)) / median(0, 2):.2f}% of the job's processor time")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pomona", default="target/debug/pomona")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=10000)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20, help="how long the job of many tasks runs")
    parser.add_argument("--only", choices=["cost", "sizes"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(given.pomona, folder, given.jobs)
        try:
            if given.only != "sizes":
                cost(cluster, given.pages, given.rounds)
            if given.only != "cost":
                sizes(cluster, given.jobs, given.tasks, given.seconds)
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
