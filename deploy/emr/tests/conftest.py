"""A server that speaks AWS on loopback (moto), the real AWS CLI, and `emr` itself as people run it."""

import os
# moto drops policies of AWS from a role unless it is told to know them.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import moto_gaps
import pytest
from cluster import Player
from moto.server import ThreadedMotoServer

EMR = Path(__file__).parent.parent / "emr"
REGION = "eu-west-3"
PROGRAMS = Path(sys.executable).parent
FORK_AWS = Path(__file__).parent / "fork_aws"
# Long enough for a machine that compiles beside the tests; nothing waits for its end.
PATIENCE = 600

moto_gaps.fill()


class Command:
    """`emr` with the server's address. `tools` is the folder of the `aws` that it finds first."""

    def __init__(self, url, tools):
        self.url = url
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "POMONA_"))
        } | {
            "PATH": f"{tools}:{PROGRAMS}:{os.environ['PATH']}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "POMONA_EMR_POLL": "0.1",
        }

    def __call__(self, *arguments, code=0, region=REGION, answer="", environment=None, cwd=None, program=EMR):
        done = subprocess.run(
            [program, "--endpoint-url", self.url, *(["--region", region] if region else []), *arguments],
            env=self.environment | (environment or {}),
            input=answer, capture_output=True, text=True, timeout=PATIENCE, cwd=cwd,
        )
        assert done.returncode == code, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def client(self, service, region=REGION):
        return boto3.client(
            service, region_name=region, endpoint_url=self.url,
            aws_access_key_id="testing", aws_secret_access_key="testing",
        )


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """A folder with an `aws` that does not start Python and read its models for each call."""
    folder = tmp_path_factory.mktemp("tools")
    # The path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pomona-aws-") as place:
        name = f"{place}/socket"
        server = subprocess.Popen([sys.executable, FORK_AWS / "server.py", name], stdin=subprocess.DEVNULL)
        program = folder / "aws"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {FORK_AWS}/client.py {name} "$@"\n')
        program.chmod(0o755)
        deadline = time.monotonic() + PATIENCE
        while not Path(name).exists():
            assert server.poll() is None and time.monotonic() < deadline, "the server of the AWS CLI did not start"
            time.sleep(0.05)
        yield folder
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def emr(tools):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    command = Command(f"http://{host}:{port}", tools)
    # A new account has EMR's block of public access on and the encryption of disks off; moto has both off.
    command.client("emr").put_block_public_access_configuration(
        BlockPublicAccessConfiguration={"BlockPublicSecurityGroupRules": True}
    )
    yield command
    server.stop()


@pytest.fixture(scope="session")
def stack(emr):
    """What the stack that most tests share made."""
    emr("setup")
    outputs = emr.client("cloudformation").describe_stacks(StackName="pomona")["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """A Linux program for x86-64 that asks for no new glibc: nothing here runs it."""
    path = tmp_path_factory.mktemp("program") / "pomona"
    shutil.copy("/bin/true", path)
    return str(path)


@pytest.fixture
def player(emr, stack):
    """Plays the part of EMR and of the nodes, and ends what a test leaves running."""
    with Player(emr, stack) as player:
        yield player
