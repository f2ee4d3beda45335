"""Arguments: mistakes end with exit status 2 and the way out, and a job's arguments arrive as they were typed."""

import json

import pytest

NASTY = [
    "--filter", "label LIKE 'Apple%' AND path <> 'a \"b\" $HOME `x` \\ *'", "--components", "0.95", "--note=", "-k",
    "", " ", "é\u2028漢", "line\nbreak", "--", "--region", "us-east-1", "a,b=c", "{json}",
]


def test_a_jobs_arguments_are_not_changed(emr, stack, program, player):
    emr("run", "--detach", "--binary", program, "--", "--input", "s3://p/a b/", "--output", "s3://p/out put/", *NASTY)
    name = player.cluster.steps[0].name
    job = json.load(emr.client("s3").get_object(Bucket=stack["Bucket"], Key=f"jobs/{name}/job.json")["Body"])
    assert job["arguments"] == ["--input", "s3://p/a b/", "--output", "s3://p/out put/", *NASTY]
    assert job["output"] == "s3://p/out put/"


@pytest.mark.parametrize("arguments, says", [
    (["launch"], "'launch' is not a command"),
    (["run", "--nods", "3", "--", "--input", "s3://p/"], "'--nods' is not an option"),
    (["run", "-n", "0", "--", "--input", "s3://p/"], "'0' is not a number of nodes"),
    (["run", "-n", "many", "--", "--input", "s3://p/"], "'many' is not a number of nodes"),
    (["run", "-l", "soon", "--", "--input", "s3://p/"], "'soon' is not a duration"),
    (["run", "-l", "2h", "--life", "1h", "--", "--input", "s3://p/"], "--life must be longer"),
    (["run", "-t"], "-t needs a value"),
    (["run", "--max-cost", "much", "--", "--input", "s3://p/"], "'much' is not an amount"),
    (["setup", "--stack", "Under_score"], "28 small letters"),
    (["get", "../x"], "'../x' is not a job"),
    (["resize"], "how many nodes"),
    (["down"], "which cluster"),
])
def test_mistakes_tell_the_way_out(emr, stack, arguments, says):
    assert says in emr(*arguments, code=2).stderr


@pytest.mark.parametrize("job, says", [
    ([], "no job"),
    (["--input", "images/"], "aws s3 sync"),
    (["--input=images/"], "aws s3 sync"),
    (["--input", "s3://p/", "--output", "results"], "nodes vanish"),
    (["--input", "s3://p/", "--output", "s3://pomona-123456789012-eu-west-3/artefacts/x/"], "/results/ alone"),
    (["--input", "s3://p/", "--output", "s3://pomona-123456789012-eu-west-3"], "/results/ alone"),
    (["--input", "s3://p/", "--weights", "mine.safetensors"], "upload the file"),
    (["--input", "s3://p/", "--scheduler", "df://x:1"], "--scheduler is what emr gives"),
])
def test_jobs_that_could_only_fail_are_refused(emr, stack, program, player, job, says):
    assert says in emr("run", "--binary", program, "--", *job, code=2).stderr
    assert set(player.backend.clusters) == player.known


def test_without_a_stack_the_way_out_is_setup(emr, program):
    done = emr("run", "--stack", "nothing", "--binary", program, "--", "--input", "s3://p/", code=1)
    assert "run emr setup" in done.stderr


@pytest.mark.parametrize("command", [
    "build", "setup", "check", "estimate", "run", "submit", "status", "logs", "get", "ui", "resize", "down", "audit", "destroy",
])
def test_every_command_has_help_that_needs_no_region(emr, command):
    assert f"Usage: emr {command}" in emr(command, "--help", region=None).stdout
    assert f"  {command} " in emr(region=None).stdout
