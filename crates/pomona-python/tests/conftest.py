"""Drawn fruit and a finished run of it, in the folder that all tests run in; a connection; servers on loopback."""

import logging
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import pomona

# Long enough for a machine that compiles beside the tests; nothing waits for its end.
PATIENCE = 300

REPOSITORY = Path(__file__).resolve().parents[3]
TEST_DATA = Path(os.environ.get("POMONA_TEST_DATA", REPOSITORY.parent / "shared"))

# What a person's environment may hold, and no test should depend on.
for _name in list(os.environ):
    if _name.startswith(("AWS_", "HF_", "POMONA_")) and not _name.startswith(("POMONA_TEST_", "POMONA_ISA")):
        del os.environ[_name]


def python(code, *arguments, code_of_exit=0, **options):
    """Runs a program of Python with the package in a process of its own, and returns what it did."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, **options
    )
    assert done.returncode == code_of_exit, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def command(*arguments, code=0, **options):
    """Runs the command `pomona`, and returns what it did."""
    done = subprocess.run(
        [sys.executable, "-m", "pomona", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, **options
    )
    assert done.returncode == code, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The folder with `pomona-demo`: 48 images of 8 labels, and a run of 10 components."""
    folder = tmp_path_factory.mktemp("work")
    command("demo", "--quiet", cwd=folder)
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(demo, monkeypatch):
    monkeypatch.chdir(demo)


@pytest.fixture(scope="session")
def con(demo):
    """A connection with the weights inside the program, and the table `images`."""
    con = pomona.connect(weights="fruits")
    con.images(demo / "pomona-demo/images", name="images")
    return con


@pytest.fixture(scope="session")
def features(con):
    """The features of the 48 images, in the order of their paths: [48, 1280] float32."""
    return con.sql("SELECT mobilenet_v2(content) AS features FROM images ORDER BY path").to_numpy()


@pytest.fixture
def run():
    """The finished run of the demo."""
    return pomona.open("pomona-demo/results")


@pytest.fixture
def s3(monkeypatch, demo):
    """A server that speaks S3 on loopback, in this process, with the fruit below `s3://p8-data/Test1/`; its client of boto3."""
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    # Its requests are a line each.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # All servers of a process have one state.
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST"), timeout=PATIENCE).close()
        settings = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-3",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", region_name="eu-west-3", endpoint_url=settings["AWS_ENDPOINT_URL"],
                              aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_bucket(Bucket="p8-data", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        images = demo / "pomona-demo/images"
        for path in images.glob("*/*.jpg"):
            client.upload_file(str(path), "p8-data", f"Test1/{path.relative_to(images)}")
        yield client
    finally:
        server.stop()


@pytest.fixture
def copied(demo, tmp_path):
    """The demo in a folder of its own, for tests that change it."""
    shutil.copytree(demo / "pomona-demo", tmp_path / "pomona-demo")
    return tmp_path / "pomona-demo"
