"""The container and the cluster of containers, as far as they can be tried without an engine that runs any."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from crates import REPOSITORY
from test_release import VERSION, one

CONTAINER = REPOSITORY / "deploy" / "container"
COMPOSE = yaml.safe_load((CONTAINER / "compose.yaml").read_text())


def test_the_containerfile_is_sound():
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([hadolint, CONTAINER / "Containerfile"], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_container_is_made_of_files_of_the_release(dist):
    text = (CONTAINER / "Containerfile").read_text()
    target = re.search("^ARG TARGET=(.+)$", text, re.MULTILINE)[1]
    archive = f"pomona-{VERSION}-{target}.tar.gz"
    [of_the_context] = re.findall("^COPY (?!--from)(.+) ./$", text, re.MULTILINE)
    assert of_the_context.replace("${VERSION}", VERSION).replace("${TARGET}", target).split() == ["SHA256SUMS", archive]
    # The version as the comment of both files finds it.
    found = ["bash", "-c", "basename *.cdx.json | cut --delimiter=- --fields=2"]
    assert subprocess.run(found, cwd=dist, check=True, capture_output=True, text=True).stdout == f"{VERSION}\n"
    with tarfile.open(one(dist, archive)) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    lines = re.findall("^COPY --from=program (.+) [^ ]+$", text, re.MULTILINE)
    copied = {Path(path).name for line in lines for path in line.split()}
    assert {"pomona", "LICENSE"} < copied <= packed


@pytest.mark.parametrize("service", [name for name in COMPOSE["services"] if name not in ("client", "s3")])
def test_the_program_knows_what_a_service_is_started_with(request, service):
    binary = request.config.getoption("--binary")
    if binary is None:
        pytest.skip("needs the program: --binary PATH")
    role, *flags = COMPOSE["services"][service]["command"].split()
    known = subprocess.run([binary, role, "--help"], check=True, capture_output=True, text=True).stdout
    named = {flag for flag in flags if flag.startswith("--")}
    assert named and {flag for flag in named if not re.search(rf"{flag}\b", known)} == set()
    hosts = [value for flag, value in zip(flags, flags[1:]) if flag in ("--external-host", "--scheduler-host")]
    assert service in hosts and set(hosts) <= set(COMPOSE["services"])


def test_what_the_services_refer_to_is_there():
    services = COMPOSE["services"]
    volumes = {mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])}
    assert volumes == set(COMPOSE["volumes"])
    awaited = {name for service in services.values() for name in service.get("depends_on", {})}
    assert awaited and awaited <= set(services)
    build = services["scheduler"]["build"]
    assert (CONTAINER / build["context"]).resolve() == REPOSITORY / "target" / "dist"
    assert (REPOSITORY / "target" / "dist" / build["dockerfile"]).resolve() == CONTAINER / "Containerfile"
    # Nothing listens outside this machine.
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
