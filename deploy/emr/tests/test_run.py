"""`emr run`: from the first call to the job's exit status."""

import hashlib
import json
import re
import subprocess

import pytest
from conftest import PATIENCE, PROGRAMS

RUN = ["run", "-n", "4", "-t", "c7i.2xlarge"]
JOB = ["--", "--input", "s3://images/Training/", "--weights", "fruits"]


def job_of(emr, stack, cluster):
    name = cluster.steps[0].name
    found = emr.client("s3").get_object(Bucket=stack["Bucket"], Key=f"jobs/{name}/job.json")
    return json.load(found["Body"])


def test_a_job_that_succeeds_ends_with_0_and_a_cluster_that_ends_itself(emr, stack, program, player):
    player.play("COMPLETED", {"exit": 0})
    done = emr(*RUN, "--binary", program, *JOB)
    cluster = player.cluster
    assert cluster.auto_terminate and not cluster.termination_protected
    assert cluster.name.startswith("pomona/") and cluster.release_label == "emr-7.13.0"
    assert cluster.service_role == stack["ServiceRole"] and cluster.role == stack["NodeProfile"]
    assert cluster.security_configuration == stack["SecurityConfiguration"]
    tags = {tag["Key"]: tag["Value"] for tag in cluster.tags}
    assert tags["for-use-with-amazon-emr-managed-policies"] == "true" and tags["pomona-stack"] == "pomona"
    assert cluster.log_uri == f"s3://{stack['Bucket']}/logs/"
    [step] = cluster.steps
    assert step.jar == "command-runner.jar" and step.action_on_failure == "TERMINATE_CLUSTER"
    assert step.args == ["/opt/pomona/bin/pomona-job", f"s3://{stack['Bucket']}/jobs/{step.name}"]
    job = job_of(emr, stack, cluster)
    assert job["limit"] == 3600 and job["executors"] == 4
    assert job["output"] == f"s3://{stack['Bucket']}/results/{step.name}/"
    assert "at most" in done.stderr and "done; emr get" in done.stderr


@pytest.mark.parametrize("code", [1, 3, 124])
def test_a_job_that_fails_gives_its_exit_status(emr, stack, program, player, code):
    player.play("FAILED", {"exit": code, "last": "it broke\n"})
    done = emr(*RUN, "--binary", program, *JOB, code=code)
    assert ("it broke" in done.stderr) == (code == 1)


def test_a_cluster_that_never_ran_the_job_is_a_failure(emr, stack, program, player):
    player.play("CANCELLED", None, "TERMINATED_WITH_ERRORS")
    assert "ended as CANCELLED" in emr(*RUN, "--binary", program, *JOB, code=1).stderr


def test_a_step_without_an_exit_status_is_no_success(emr, stack, program, player):
    player.play("COMPLETED", None)
    assert "ended as COMPLETED" in emr(*RUN, "--binary", program, *JOB, code=1).stderr


def test_the_fleets_are_on_demand_but_for_tasks_on_spot(emr, stack, program, player):
    emr(*RUN, "-t", "c7i.2xlarge,m5.2xlarge", "--spot", "--detach", "--binary", program, *JOB)
    primary, core, task = (fleet.asked for fleet in player.cluster.fleets)
    for fleet, kind in ((primary, "MASTER"), (core, "CORE")):
        assert fleet["instance_fleet_type"] == kind
        assert fleet["target_on_demand_capacity"] == 1 and "target_spot_capacity" not in fleet
    assert task["instance_fleet_type"] == "TASK" and task["target_spot_capacity"] == 3
    spot = task["launch_specifications"]["spot_specification"]
    assert spot["timeout_action"] == "SWITCH_TO_ON_DEMAND" and spot["timeout_duration_minutes"] == 10
    assert [kind["instance_type"] for kind in task["instance_type_configs"]] == ["c7i.2xlarge", "m5.2xlarge"]


def test_one_node_computes_itself(emr, stack, program, player):
    emr("run", "-n", "1", "--detach", "--binary", program, *JOB)
    [primary] = player.cluster.fleets
    assert primary.kind == "MASTER"
    [action] = player.cluster.bootstrap_actions
    assert action.args[action.args.index("--nodes") + 1] == "1"


def test_a_kept_cluster_stays_and_takes_more_jobs(emr, stack, program, player):
    player.play("COMPLETED", {"exit": 0}, "WAITING")
    emr(*RUN, "--keep", "--binary", program, *JOB)
    cluster = player.cluster
    assert not cluster.auto_terminate and cluster.steps[0].action_on_failure == "CONTINUE"

    player.play("FAILED", {"exit": 3}, "WAITING", steps=2)
    emr("submit", "--wait", "-l", "90s", *JOB, code=3)
    assert cluster.steps[1].action_on_failure == "CONTINUE"
    assert cluster.steps[1].args[1] != cluster.steps[0].args[1]


def test_artefacts_are_named_by_the_digest_that_nodes_demand(emr, stack, program, player):
    emr(*RUN, "--detach", "--binary", program, *JOB)
    [action] = player.cluster.bootstrap_actions
    digest = action.args[action.args.index("--sha256") + 1]
    assert action.script_path == "file:/bin/bash" and action.args[0] == "-c"
    script, known, region = action.args[3:6]
    assert (script, region) == (f"s3://{stack['Bucket']}/artefacts/bootstrap/{known}.sh", "eu-west-3")
    found = emr.client("s3").get_object(Bucket=stack["Bucket"], Key=f"artefacts/bootstrap/{known}.sh")["Body"].read()
    assert hashlib.sha256(found).hexdigest() == known
    found = emr.client("s3").list_objects_v2(Bucket=stack["Bucket"], Prefix=f"artefacts/{digest}/")["Contents"]
    names = {item["Key"].rsplit("/", 1)[1] for item in found}
    assert {"SHA256SUMS", "pomona", "pomona-node", "pomona-job", "pomona-executor.service"} <= names


def test_artefacts_that_the_bucket_has_lost_are_uploaded_again(emr, stack, program, player):
    emr(*RUN, "--detach", "--binary", program, *JOB)
    s3, bucket = emr.client("s3"), stack["Bucket"]

    def there():
        return {item["Key"]: item["Size"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="artefacts/")["Contents"]}

    before = there()
    lost = [key for key in before if key.endswith((".sh", "/pomona-node", "/SHA256SUMS"))]
    assert len(lost) >= 3
    for key in lost:
        s3.delete_object(Bucket=bucket, Key=key)
    [cut] = [key for key in before if key.endswith("/pomona-job")][:1]
    s3.put_object(Bucket=bucket, Key=cut, Body=b"")
    emr(*RUN, "--detach", "--binary", program, *JOB)
    assert there() == before


def test_what_could_cost_too_much_is_refused_before_anything_is_started(emr, stack, program, player, tmp_path):
    done = emr(*RUN, "--max-cost", "0.5", "--binary", program, *JOB, code=1, cwd=tmp_path)
    assert "above --max-cost 0.5" in done.stderr
    assert set(player.backend.clusters) == player.known

    [most] = re.findall(r"at most ([0-9.]+) EUR", done.stderr)
    emr(*RUN, "--max-cost", most, "--dry-run", "--binary", program, *JOB, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_dry_run_prints_commands_that_a_shell_takes(emr, stack, program, player):
    job = ["--", "--input", "s3://p/", "--filter", "label = 'it''s \"so\"'"]
    lines = emr(*RUN, "--keep", "--dry-run", "--binary", program, *job).stdout.splitlines()
    assert set(player.backend.clusters) == player.known
    [upload] = [line for line in lines if "/job.json" in line]
    [create] = [line for line in lines if " emr create-cluster " in line]
    assert " s3 cp " in upload and "--auto-termination-policy IdleTimeout=3600" in create
    # With the AWS CLI as it is installed, which the other calls of these tests fork (`fork_aws`).
    plain = emr.environment | {"PATH": f"{PROGRAMS}:{emr.environment['PATH']}"}
    subprocess.run(["bash", "-c", create], env=plain, check=True, capture_output=True, timeout=PATIENCE)
    [action] = player.cluster.bootstrap_actions
    assert action.args[action.args.index("--life") + 1] == "28800"
    assert [fleet.kind for fleet in player.cluster.fleets] == ["MASTER", "CORE", "TASK"]
