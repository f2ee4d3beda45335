"""A cluster of processes with mutual TLS: queries, runs and interrupts of Python on it."""

import contextlib
import datetime
import ipaddress
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import PATIENCE, command, python
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import pomona

# Takes minutes, unless it is cancelled.
ENDLESS = "SELECT count(*) FROM generate_series(1, 100000000000) AS t(n) WHERE n % 7 = 3"


def certificates(folder):
    """Writes an authority, and a certificate of it for this machine, as server and as client."""
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", "localhost")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    made = []
    for name, key, is_authority in zip(names, keys, (True, False), strict=True):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.SubjectAlternativeName(here), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()))
    key = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    contents = {"ca": made[0].public_bytes(serialization.Encoding.PEM), "cert": made[1].public_bytes(serialization.Encoding.PEM), "key": key}
    files = {name: folder / f"{name}.pem" for name in contents}
    for name, file in files.items():
        file.write_bytes(contents[name])
    return files


@contextlib.contextmanager
def role(folder, *arguments):
    """A process of the command, and the file to which it writes."""
    said = folder / f"{arguments[0]}.log"
    with said.open("w") as log, subprocess.Popen([sys.executable, "-m", "pomona", *map(str, arguments)], stderr=log) as process:
        try:
            yield process, said
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                # The end of the block waits for it without a limit.
                process.kill()


def free_port():
    """A port that is free at the moment: an executor takes a number. It is none that the system gives to outgoing connections, which
    could take it before the executor does."""
    while True:
        port = random.randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port


def address(process, said):
    """Where a scheduler listens, when it does."""
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(r"listens on df://127\.0\.0\.1:(\d+)\n", said.read_text())):
        assert process.poll() is None and time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)
    return int(found[1])


@pytest.fixture(scope="module")
def cluster(demo, tmp_path_factory):
    """The URL and the certificates of a cluster of one executor."""
    folder = tmp_path_factory.mktemp("cluster")
    tls = certificates(folder)
    flags = [f"--tls-{name}={file}" for name, file in tls.items()]
    with role(folder, "scheduler", "--bind-port=0", *flags) as scheduler:
        port = address(*scheduler)
        executor = [f"--bind-port={free_port()}", f"--bind-grpc-port={free_port()}", "--external-host=127.0.0.1", "--vcores=2"]
        # A query waits until it is there.
        with role(folder, "executor", f"--scheduler-port={port}", f"--work-dir={folder / 'work'}", *executor, *flags):
            yield f"df://localhost:{port}", tls, flags


def jobs(cluster):
    """The jobs that the scheduler knows, the newest first."""
    url, _, flags = cluster
    return json.loads(command("jobs", f"--scheduler={url}", "--format=json", *flags).stdout)


def test_queries_and_runs_are_jobs_of_the_cluster(cluster, con, features, tmp_path):
    url, tls, _ = cluster
    with pomona.connect(url, tls=tls, weights="fruits") as there:
        assert url in repr(there._native)
        there.images("pomona-demo/images", name="images")
        rows = there.sql("SELECT label, count(*) FROM images WHERE label LIKE $1 GROUP BY label ORDER BY label", ["A%"]).fetchall()
        assert rows == [("Apple Green", 6), ("Apple Red", 6)]
        there.register("numbers", con.sql("SELECT n FROM generate_series(1, 5000) AS t(n)"))
        assert there.sql("SELECT sum(n) FROM numbers").fetchone() == (12502500,)
        run = there.run(input="pomona-demo/images", output=tmp_path / "out", components=5, progress=False)
        assert run.counts["features"] == 48
    assert len(jobs(cluster)) >= 4


def test_whoever_shows_no_certificate_is_refused(cluster, tmp_path):
    url, _, _ = cluster
    for tls in (None, certificates(tmp_path)):
        with pytest.raises(pomona.ClusterError, match="no scheduler answers"):
            pomona.connect(url, tls=tls).sql("SELECT 1").fetchall()


def test_an_interrupt_cancels_the_job(cluster):
    url, tls, flags = cluster
    code = f"""
import pomona
con = pomona.connect({url!r}, tls={ {name: str(file) for name, file in tls.items()} !r})
con.sql("SELECT 1").fetchall()
print("begun", flush=True)
try:
    con.sql({ENDLESS!r}).fetchall()
except KeyboardInterrupt:
    print("interrupted")
"""
    deadline = time.monotonic() + PATIENCE
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "begun\n"
            while (job := jobs(cluster)[0])["status"] != "Running":
                assert process.poll() is None and time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE)[0].strip() == "interrupted"
        finally:
            process.kill()
    while jobs(cluster)[0]["status"] == "Running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "cancelled" in command("jobs", f"--scheduler={url}", *flags, "show", job["job"]).stdout.lower()
