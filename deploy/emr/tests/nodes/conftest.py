"""The nodes' fixtures: S3 (moto) on the bridge, the artefacts as `emr` uploads them, and the nodes."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from node import REGION, Network, Node
from images import upload

DEPLOY = Path(__file__).parents[2]
ACCOUNT = "123456789012"
BUCKET = "pomona-123456789012-eu-west-3"


# Whoever ends the tests, as `timeout` does, ends their nodes too.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--binary", help="the program; without it a stand-in shows that the scripts work")


@pytest.fixture(scope="session")
def binary(request):
    path = request.config.getoption("--binary")
    return Path(path).resolve() if path else None


@pytest.fixture(scope="session")
def real(binary):
    """Passes over what only the program can show."""
    if binary is None:
        pytest.skip("needs the program: --binary PATH")
    return binary


@pytest.fixture(scope="session")
def network():
    network = Network()
    yield network
    network.close()


@pytest.fixture(scope="session")
def storage(network, binary):
    """S3 where the nodes reach it: its address, and a client with the bucket and the images."""
    server = ThreadedMotoServer(ip_address=network.address, port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", region_name=REGION, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    for bucket in (BUCKET, "images"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    upload(lambda key, body: s3_backends[ACCOUNT]["aws"].put_object("images", key, body), slow=2000 if binary else 1)
    client.url = url
    yield client
    server.stop()


class Artefacts:
    """What `emr` puts into the bucket, below the digest of its list."""

    def __init__(self, storage, folder, program):
        shutil.copy(program, folder / "pomona")
        for file in (DEPLOY / "node").iterdir():
            shutil.copy(file, folder)
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()
        self.digest = hashlib.sha256(sums).hexdigest()
        self.storage = storage
        self.url = f"s3://{BUCKET}/artefacts/{self.digest}"
        script = (DEPLOY / "bootstrap.sh").read_bytes()
        self.script = f"artefacts/bootstrap/{hashlib.sha256(script).hexdigest()}.sh"
        self.objects = {f"artefacts/{self.digest}/{name}": data for name, data in files.items()}
        self.objects |= {f"artefacts/{self.digest}/SHA256SUMS": sums, self.script: script}
        for key, data in self.objects.items():
            self.put(key, data)

    def key(self, name):
        """The key of an artefact, or of the bootstrap script."""
        return self.script if name == "bootstrap.sh" else f"artefacts/{self.digest}/{name}"

    def put(self, key, data):
        self.storage.put_object(Bucket=BUCKET, Key=key, Body=data)

    def bootstrap(self, nodes=3):
        """The bootstrap action as EMR calls it: the command that `emr` itself puts into its request."""
        digest = self.script.rsplit("/", 1)[1].removesuffix(".sh")
        done = subprocess.run(
            ["bash", "-euc", """
                . "$1/lib/cluster.sh"; . "$1/lib/artefacts.sh"
                declare -A OUTPUTS=([Bucket]=$2)
                ARTEFACTS=$3 DIGEST=$4 BOOTSTRAP=$5 NODES=$6 LIFE=5400 REGION=$7
                bootstrap_json""",
             "harness", DEPLOY, BUCKET, self.url, self.digest, digest, str(nodes), REGION],
            check=True, capture_output=True, text=True,
        )
        [action] = json.loads(done.stdout)
        return [action["Path"].removeprefix("file:"), *action["Args"]]


@pytest.fixture(scope="session")
def artefacts(storage, binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts")
    if binary is not None:
        # A debug build is hundreds of megabytes of symbols, which every node would fetch.
        program = tmp_path_factory.mktemp("program") / "pomona"
        subprocess.run(["strip", "-o", program, binary] if shutil.which("strip") else ["cp", binary, program], check=True)
    else:
        program = tmp_path_factory.mktemp("stand-in") / "pomona"
        python = os.path.realpath(sys.executable)
        program.write_text(f'#!/bin/bash\nexec {python} {Path(__file__).parent}/stand_in.py "$@"\n')
        program.chmod(0o755)
    return Artefacts(storage, folder, program)


@pytest.fixture(scope="session")
def machine(network, storage, tmp_path_factory):
    """Starts nodes by number, and ends them all."""
    nodes = []

    def start(number):
        node = Node(network, number, tmp_path_factory.mktemp(f"node{number}"), storage.url)
        nodes.append(node)
        node.boot()
        return node

    yield start
    for node in reversed(nodes):
        node.close()


@pytest.fixture(scope="session")
def cluster():
    """The nodes that tests share, by number, in the order in which they join."""
    return {}
