"""A cluster's life on three nodes, in the order of the file: each test starts from what the one before has left."""

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import BUCKET
from node import CLUSTER, REGION, wait_until

JOBS = f"s3://{BUCKET}/jobs"


def executors(node):
    """How many executors the scheduler knows."""
    found = node.run("curl -sf --max-time 5 http://$(sed -n 's/^NODE_SCHEDULER=//p' /etc/pomona/node.env):50050/api/executors",
                     check=False)
    return len(json.loads(found.stdout)) if found.returncode == 0 else None


def object_of(storage, key):
    try:
        return storage.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    except storage.exceptions.NoSuchKey:
        return None


@pytest.mark.parametrize("name", ["bootstrap.sh", "pomona", "SHA256SUMS", "pomona-executor.service"])
def test_a_damaged_artefact_is_refused(machine, artefacts, cluster, name):
    if 9 not in cluster:
        cluster[9] = machine(9)
    node = cluster[9]
    key = artefacts.key(name)
    artefacts.put(key, artefacts.objects[key] + b"\n")
    try:
        done = node.run(artefacts.bootstrap(), check=False)
    finally:
        artefacts.put(key, artefacts.objects[key])
    assert done.returncode != 0
    reasons = {"bootstrap.sh": "is not the script", "SHA256SUMS": "is not the list"}
    assert reasons.get(name, "is damaged") in done.stderr
    assert not (node.root / "opt/pomona").exists() and not (node.root / "etc/pomona").exists()


def test_an_executor_waits_for_its_scheduler(machine, artefacts, cluster, binary):
    worker = cluster[2] = machine(2)
    assert "worker" in worker.run(artefacts.bootstrap()).stdout
    assert not (worker.root / "etc/systemd/system/multi-user.target.wants").exists()
    if binary is None:
        # The stand-in ends at once; the program itself tries for a while before it does.
        wait_until(lambda: worker.unit("pomona-executor.service")[2] >= 2, "the executor is started again")
    wait_until(lambda: worker.unit("pomona-executor.service")[0], "the executor runs")

    primary = cluster[1] = machine(1)
    assert "primary" in primary.run(artefacts.bootstrap()).stdout
    wait_until(lambda: executors(primary) == 1, "one executor is registered")


def test_roles_and_places_are_those_of_the_node(cluster):
    primary, worker = cluster[1], cluster[2]
    assert primary.unit("pomona-scheduler.service")[0] and primary.unit("pomona-life.timer")[0]
    assert not (primary.root / "mnt/var/log/pomona/executor.log").exists()
    assert worker.unit("pomona-executor.service")[0] and worker.unit("pomona-spot.service")[0]
    environment = dict(line.split("=", 1) for line in (worker.root / "etc/pomona/node.env").read_text().splitlines())
    assert environment == {
        "NODE_ROLE": "worker", "NODE_ADDRESS": worker.address, "NODE_SCHEDULER": primary.name,
        "NODE_LOGS": f"s3://{BUCKET}/logs/{CLUSTER}/pomona/{worker.instance}", "AWS_REGION": REGION,
    }
    assert worker.run("stat -c %U /mnt/pomona/work /mnt/var/log/pomona").stdout.split() == ["hadoop", "hadoop"]
    pid = worker.unit("pomona-executor.service")[1]
    assert worker.run(f"stat -c %U /proc/{pid}").stdout.strip() == "hadoop"
    assert "OnActiveSec=5400" in (primary.root / "etc/systemd/system/pomona-life.timer").read_text()


def test_a_late_node_joins(machine, artefacts, cluster):
    late = cluster[3] = machine(3)
    late.run(artefacts.bootstrap())
    wait_until(lambda: executors(cluster[1]) == 2, "two executors are registered")


# The scheduler that knows the killed executor is killed below, so that no job waits for one that is gone.
def test_what_a_killed_executor_left_is_removed_and_nothing_else(cluster):
    node, unit, work = cluster[2], "pomona-executor.service", "/mnt/pomona/work"
    node.run(["touch", f"{work}/of-somebody-else", f"{work}/executor/data/left-behind"])
    _, pid, starts, _ = node.unit(unit)
    # The folder itself is gone for a moment.
    left = ["test", "-e", f"{work}/executor/data/left-behind"]
    assert node.run(left, check=False).returncode == 0
    node.run(f"kill -9 {pid}")
    wait_until(lambda: node.unit(unit)[2] > starts, "the executor is started again")
    wait_until(lambda: node.run(left, check=False).returncode == 1, "its data is gone")
    assert "of-somebody-else" in node.run(f"ls {work}").stdout


@pytest.mark.parametrize("number, unit", [(2, "pomona-executor.service"), (1, "pomona-scheduler.service")])
def test_a_killed_daemon_comes_back(cluster, number, unit):
    node = cluster[number]
    _, pid, starts, _ = node.unit(unit)
    node.run(f"kill -9 {pid}")
    wait_until(lambda: node.unit(unit)[2] > starts and node.unit(unit)[0], "the daemon is started again")
    wait_until(lambda: executors(cluster[1]) == 2, "two executors are registered")


def start_job(storage, cluster, name, arguments, limit=300, executors=2):
    """Runs the step as EMR does: as hadoop on the primary, with an output that it waits for."""
    job = {"id": name, "output": "", "limit": limit, "executors": executors, "arguments": arguments, "wait": 30}
    storage.put_object(Bucket=BUCKET, Key=f"jobs/{name}/job.json", Body=json.dumps(job).encode())
    return cluster[1].run(["/opt/pomona/bin/pomona-job", f"{JOBS}/{name}"], check=False, timeout=limit + 600, user="hadoop")


def pipeline(folder, output):
    return ["--input", f"s3://images/{folder}/", "--output", output, "--weights", "fruits", "--components", "5"]


@pytest.mark.parametrize("folder, limit, code", [("good", 300, 0), ("bad", 300, 3), ("slow", 1, 124)])
def test_the_step_has_the_exit_status_of_the_job(storage, cluster, folder, limit, code):
    name = f"20200101T000000Z-{code:04x}"
    done = start_job(storage, cluster, name, pipeline(folder, f"s3://{BUCKET}/results/{folder}/"), limit)
    assert done.returncode == code, done.stdout + done.stderr
    status = json.loads(object_of(storage, f"jobs/{name}/status.json"))
    assert status["exit"] == code and status["started"] <= status["ended"]
    log = object_of(storage, f"jobs/{name}/log.txt")
    assert "2 of 2 executors" in log and ("stopped at its limit" in log) == (code == 124)
    assert not (cluster[1].root / "emr/metricscollector/isbusy").exists()


def test_arguments_reach_the_program_unchanged(storage, cluster, binary):
    if binary:
        pytest.skip("the stand-in shows it, by printing them")
    nasty = ["--input", "s3://images/good/", "a b", "", "$HOME `x` \\", "'\"", "line\nbreak", "é漢", "--", "*"]
    start_job(storage, cluster, "20200101T000000Z-aaaa", nasty)
    printed = [line for line in object_of(storage, "jobs/20200101T000000Z-aaaa/log.txt").splitlines() if line.startswith("[")]
    assert json.loads(printed[0]) == ["--scheduler", f"df://{cluster[1].name}:50050", *nasty]


def test_emr_is_told_that_the_cluster_works_and_does_not_wait_for_the_output(storage, cluster):
    name = "20200101T000000Z-bbbb"
    job = {"limit": 8, "executors": 2, "arguments": pipeline("slow", f"s3://{BUCKET}/results/busy/"), "wait": 30}
    storage.put_object(Bucket=BUCKET, Key=f"jobs/{name}/job.json", Body=json.dumps(job).encode())
    primary = cluster[1]
    step = subprocess.Popen(
        primary._inside(["setpriv", "--reuid=hadoop", "--regid=hadoop", "--clear-groups",
                         "/opt/pomona/bin/pomona-job", f"{JOBS}/{name}"]),
        env=primary._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )
    wait_until(lambda: (primary.root / "emr/metricscollector/isbusy").exists(), "the cluster is busy")
    step.wait(600)
    ended = time.monotonic()
    step.stdout.read()
    # Who holds it does so for a minute, until the next sign of life.
    assert time.monotonic() - ended < 20, "something holds the step's output"
    assert not (primary.root / "emr/metricscollector/isbusy").exists()


def test_a_job_without_executors_fails_and_says_so(storage, cluster):
    for number in (2, 3):
        cluster[number].run(["systemctl", "stop", "pomona-executor.service"])
    wait_until(lambda: executors(cluster[1]) == 0, "no executor is registered")
    script = (cluster[1].root / "opt/pomona/bin/pomona-job").read_text()
    # Nobody waits seven minutes in a test.
    cluster[1].write("/tmp/pomona-job", script.replace("patience + 420", "patience + 1"))
    job = {"limit": 5, "executors": 2, "arguments": [], "wait": 2}
    storage.put_object(Bucket=BUCKET, Key="jobs/20200101T000000Z-cccc/job.json", Body=json.dumps(job).encode())
    done = cluster[1].run(["bash", "/tmp/pomona-job", f"{JOBS}/20200101T000000Z-cccc"], check=False)
    assert done.returncode == 1
    assert "no executor has registered" in object_of(storage, "jobs/20200101T000000Z-cccc/status.json")
    for number in (2, 3):
        cluster[number].run(["systemctl", "start", "pomona-executor.service"])
    wait_until(lambda: executors(cluster[1]) == 2, "two executors are registered")


def test_the_result_is_that_of_a_local_run(real, storage, cluster, tmp_path):
    environment = {
        "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": storage.url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
    }
    here = tmp_path / "here"
    subprocess.run([real, "run", *pipeline("good", str(here)), "--quiet"], env=environment, check=True, timeout=600)
    there = tmp_path / "there"
    for item in storage.list_objects_v2(Bucket=BUCKET, Prefix="results/good/")["Contents"]:
        path = there / item["Key"].removeprefix("results/good/")
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.download_file(BUCKET, item["Key"], str(path))
    counts = [json.loads((folder / "manifest.json").read_text())["counts"] for folder in (here, there)]
    assert counts[0]["features"] == counts[1]["features"] == 120 and counts[1]["errors"] == 0
    done = subprocess.run([real, "verify", there, "--against", here], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_spot_notice_drains_the_executor(storage, cluster):
    node = cluster[3]
    _, _, starts, _ = node.unit("pomona-executor.service")
    notice = {"action": "terminate", "time": "2030-01-01T00:00:00Z"}
    node.write("/run/spot-notice.json", json.dumps(notice))
    wait_until(lambda: not node.unit("pomona-spot.service")[0], "the watch is over")
    active, _, now, status = node.unit("pomona-executor.service")
    assert not active and now == starts
    # It ended by itself: whoever does not drain is killed, which is -9.
    assert status == "0"
    assert "spot notice" in node.log("spot.log")
    wait_until(lambda: executors(cluster[1]) == 1, "one executor is left")
    assert object_of(storage, f"logs/{CLUSTER}/pomona/{node.instance}/executor.log")
