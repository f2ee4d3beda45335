"""`emr logs` and `emr get`."""

import json

JOB = "20200202T020202Z-0a0b"


def put_job(player, stack, files, manifest=None):
    player.leave(JOB, "job.json", json.dumps({"output": f"s3://{stack['Bucket']}/results/{JOB}/"}))
    for path, text in files.items():
        player.put(f"results/{JOB}/{path}", text)
    if manifest is not None:
        named = [{"path": path, "bytes": size} for path, size in manifest.items()]
        player.put(f"results/{JOB}/manifest.json", json.dumps({"files": named}))


def test_get_downloads_and_compares_with_the_manifest(emr, stack, player, tmp_path):
    files = {"features/a b.parquet": "12345", "pca/csv/é.csv": "1,2", "_temporary/lock.json": "{}"}
    put_job(player, stack, files, {"features/a b.parquet": 5, "pca/csv/é.csv": 3})
    done = emr("get", JOB, "out", cwd=tmp_path)
    assert "2 files in out are those of the manifest" in done.stderr
    assert (tmp_path / "out/features/a b.parquet").read_text() == "12345"
    assert not (tmp_path / "out/_temporary").exists()

    put_job(player, stack, {}, {"features/a b.parquet": 6, "pca/csv/é.csv": 3, "gone.csv": 1})
    done = emr("get", JOB, "out", cwd=tmp_path, code=1)
    assert "'features/a b.parquet' has 5 bytes, and the manifest says 6" in done.stderr
    assert "2 of 3 files are not those of the manifest" in done.stderr


def test_get_without_a_manifest_is_told(emr, stack, player, tmp_path):
    job = "20200303T030303Z-0001"
    player.leave(job, "job.json", json.dumps({"output": f"s3://{stack['Bucket']}/results/{job}/"}))
    assert "has not published" in emr("get", job, cwd=tmp_path, code=1).stderr
    assert "there is no job" in emr("get", "20200303T030303Z-ffff", cwd=tmp_path, code=1).stderr


def test_logs_of_a_job_and_of_nodes(emr, stack, program, player):
    player.leave(JOB, "log.txt", "phase features\n")
    assert emr("logs", JOB).stdout == "phase features\n"
    assert "has said nothing yet" in emr("logs", "20200404T040404Z-0001", code=1).stderr

    newest = emr("run", "--detach", "--binary", program, "--", "--input", "s3://p/").stdout.strip()
    player.leave(newest, "log.txt", "newest\n")
    assert emr("logs").stdout == "newest\n"
    cluster = player.cluster.id
    player.put(f"logs/{cluster}/pomona/i-1/executor.log", "ready\n")
    player.put(f"logs/{cluster}/pomona/i-2/scheduler.log", "listens\n")
    assert emr("logs", cluster).stdout == "==> i-1/executor.log\nready\n==> i-2/scheduler.log\nlistens\n"
