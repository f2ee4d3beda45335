"""A bucket and a hub on loopback."""

import hashlib
import http.server
import threading

import numpy
import pytest
from conftest import TEST_DATA, python

import pomona

COMMIT = "0123456789abcdef0123456789abcdef01234567"
IMAGENET = TEST_DATA / "models/mobilenet_v2_1.0_224.safetensors"


def test_a_run_from_bucket_to_bucket(s3, features):
    con = pomona.connect(weights="fruits")
    images = con.images("s3://p8-data/Test1/", name="images")
    assert images.count() == 48 and images.head(1).fetchone()[0].startswith("s3://p8-data/Test1/")
    found = con.sql("SELECT mobilenet_v2(content) AS features FROM images ORDER BY path").to_numpy()
    assert numpy.array_equal(found, features)

    run = con.run(input="s3://p8-data/Test1/", output="s3://p8-data/Results/", components=5)
    assert run.counts["images"] == 48 and run.pca.count() == 48
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket="p8-data", Prefix="Results/")["Contents"]}
    assert {"Results/manifest.json", "Results/report.html"} <= keys
    again = pomona.open("s3://p8-data/Results")
    assert again.manifest == run.manifest and "<svg" in again.report.html
    assert again.report.path == "s3://p8-data/Results/report.html"
    assert again.similar("Kiwi/0.jpg", 3).count() == 3
    assert not con.run(input="s3://p8-data/Test1/", output="s3://p8-data/Results/", components=5).changed


def test_a_bucket_that_is_not_there(s3):
    con = pomona.connect()
    with pytest.raises(pomona.StorageError, match="nobodys-bucket"):
        con.images("s3://nobodys-bucket/", name="images").count()
    with pytest.raises(pomona.PomonaError) as caught:
        con.images("s3://KEY:SECRET@p8-data/", name="images").count()
    assert "KEY:" not in str(caught.value) and "SECRET@" not in str(caught.value)


class Hub(http.server.ThreadingHTTPServer):
    """The addresses and headers with which the Hugging Face Hub serves large files."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.requests = files, []


class Answer(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.requests.append(f"{self.command} {self.path}")
        if self.path.startswith("/store/"):
            return self.send(self.server.files.get(self.path.removeprefix("/store/")))
        name = self.path[1:].replace("/resolve/main/", "/", 1)
        content = self.server.files.get(name)
        if content is None:
            return self.send(None)
        host, port = self.server.server_address
        self.send_response(302)
        self.send_header("Location", f"http://{host}:{port}/store/{name}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, content):
        self.send_response(404 if content is None else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Starts a hub with these files."""
    servers = []

    def start(files):
        server = Hub(files)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", "http://{}:{}".format(*server.server_address))
        monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# In processes of their own: one that has loaded weights by name does not look for them again.
TRANSFORM = """
import sys
import numpy, pomona
network = pomona.MobileNetV2()
try:
    numpy.save(sys.argv[1], network.transform(sys.argv[2:]))
except pomona.WeightsError as error:
    print(error)
"""


def test_weights_come_from_the_hub_once(hub, demo, tmp_path):
    if not IMAGENET.exists():
        pytest.skip(f"needs {IMAGENET} (POMONA_TEST_DATA)")
    server = hub({"google/mobilenet_v2_1.0_224/model.safetensors": IMAGENET.read_bytes()})
    paths = sorted((demo / "pomona-demo/images").glob("*/*.jpg"))[:3]
    python(TRANSFORM, tmp_path / "found.npy", *paths)
    found = numpy.load(tmp_path / "found.npy")
    assert numpy.array_equal(found, pomona.MobileNetV2(IMAGENET).transform(paths))
    assert any(request.startswith("GET /store/") for request in server.requests)
    asked = len(server.requests)
    python(TRANSFORM, tmp_path / "again.npy", *paths)
    assert numpy.array_equal(numpy.load(tmp_path / "again.npy"), found) and len(server.requests) == asked


def test_a_hub_with_other_bytes_is_an_error(hub, tmp_path):
    server = hub({"google/mobilenet_v2_1.0_224/model.safetensors": b"no weights"})
    assert python(TRANSFORM, tmp_path / "found.npy", "pomona-demo/images/Kiwi/0.jpg").stdout.strip()
    assert server.requests and not (tmp_path / "found.npy").exists()


def test_a_hub_that_is_not_there_names_the_ways_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    said = python(TRANSFORM, tmp_path / "found.npy", "pomona-demo/images/Kiwi/0.jpg").stdout
    assert "127.0.0.1:1" in said and "fruits" in said
