"""A cluster of network namespaces on this machine: each node has its own network, files, processes and metadata."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[3]
REGION = "eu-west-3"
CLUSTER = "j-NAMESPACES"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def wait_until(is_so, what, seconds=300):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"not within {seconds} s: {what}")


class Network:
    """A bridge on which the nodes and this machine see one another."""

    def __init__(self):
        number = os.getpid() % 250
        self.bridge = f"pomona{os.getpid() % 10**8}"
        self.prefix = f"10.213.{number}"
        self.address = f"{self.prefix}.1"
        ip("link", "add", self.bridge, "type", "bridge")
        ip("address", "add", f"{self.address}/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")

    def close(self):
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True)


class Node:
    """One node: `number` 1 is the primary."""

    def __init__(self, network, number, folder, storage, environment=None):
        self.network, self.number, self.folder = network, number, folder
        self.name = f"ip-{network.prefix.replace('.', '-')}-{number + 10}.{REGION}.compute.internal"
        self.primary = self.name if number == 1 else None
        self.address = f"{network.prefix}.{number + 10}"
        self.namespace = f"{network.bridge}-{number}"
        self.instance = f"i-{number:017x}"
        self.storage = storage
        self.environment = environment or {}
        self.init = None
        self.metadata = None

    def boot(self):
        """Everything that a machine of EMR has before its bootstrap actions run."""
        self._files()
        ip("netns", "add", self.namespace)
        link = f"{self.network.bridge[-8:]}v{self.number}"
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        ip("link", "set", link, "master", self.network.bridge, "up")
        for command in (f"address add {self.address}/24 dev eth0", "link set eth0 up", "link set lo up",
                        "address add 169.254.169.254/32 dev lo"):
            ip("-n", self.namespace, *command.split())
        self.init = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, "unshare", "--mount", "--pid", "--fork", "--kill-child",
             "bash", "-euc", self._mounts()],
            env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=open(self.folder / "init.log", "wb"), stderr=subprocess.STDOUT,
        )
        wait_until(lambda: (self.root / "run/supervisor.socket").exists() or self.init.poll() is not None, "the supervisor")
        assert self.init.poll() is None, (self.folder / "init.log").read_text()
        self.metadata = self.start([sys.executable, HERE / "imds.py", self.address, self.instance, REGION])
        wait_until(lambda: self.run("curl -s -o /dev/null http://169.254.169.254/", check=False).returncode == 0, "metadata")

    @property
    def root(self):
        """The node's own files, as far as it has changed them."""
        return self.folder / "upper"

    def _files(self):
        root = self.root
        for place in ("mnt/var/lib/info", "mnt/var/log", "emr/metricscollector", "run", "tmp", "usr/local/sbin", "root", "etc"):
            (root / place).mkdir(parents=True, exist_ok=True)
        for place in ("work", "root"):
            (self.folder / place).mkdir(exist_ok=True)
        (root / "tmp").chmod(0o1777)
        (root / "root").chmod(0o711)
        (root / "emr/metricscollector").chmod(0o777)
        info = root / "mnt/var/lib/info"
        (info / "instance.json").write_text(json.dumps({"isMaster": self.number == 1, "instanceRole": "x"}))
        primary = self.name.replace(f"-{self.number + 10}.", "-11.")
        (info / "job-flow.json").write_text(json.dumps({"jobFlowId": CLUSTER, "masterPrivateDnsName": primary}))
        (root / "etc/passwd").write_text(Path("/etc/passwd").read_text() + "hadoop:x:4998:4998::/tmp:/bin/bash\n")
        (root / "etc/group").write_text(Path("/etc/group").read_text() + "hadoop:x:4998:\n")
        names = "".join(f"{self.network.prefix}.{number + 10} {self._name(number)}\n" for number in range(1, 10))
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{names}")
        python = os.path.realpath(sys.executable)
        sbin = root / "usr/local/sbin"
        self._program(sbin / "systemctl", f'exec {shlex.quote(python)} {HERE}/systemctl.py "$@"')
        # The daemons get their user from the supervisor, and the test is root already.
        self._program(sbin / "sudo", 'exec "$@"')
        self._program(sbin / "python3", f'exec {shlex.quote(python)} "$@"')
        self._program(sbin / "aws", f'exec {Path(sys.executable).parent}/aws "$@"')

    def _name(self, number):
        return self.name.replace(f"-{self.number + 10}.", f"-{number + 10}.")

    @staticmethod
    def _program(path, text):
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def _mounts(self):
        folder, root = self.folder, self.folder / "root"
        return f"""
            mount --make-rprivate /
            mount -t overlay overlay -o lowerdir=/,upperdir={folder}/upper,workdir={folder}/work {root}
            mount --bind {REPOSITORY} {root}{REPOSITORY}
            mount --rbind /dev {root}/dev
            mount -t proc proc {root}/proc
            mount -t sysfs -o ro sysfs {root}/sys
            exec chroot {root} {os.path.realpath(sys.executable)} {HERE}/supervisor.py
        """

    def _environment(self):
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            # The one thing that is not as on EC2: S3 and its credentials are moto's.
            "AWS_ENDPOINT_URL": self.storage, "AWS_ALLOW_HTTP": "true",
        } | self.environment

    def _inside(self, command):
        if isinstance(command, str):
            command = ["bash", "-c", command]
        # The child of `unshare` is the first process of the node.
        return ["nsenter", "--target", str(self._first()), "--mount", "--pid", "--net", "--root", "--wd",
                *map(str, command)]

    def _first(self):
        children = Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split()
        return int(children[0])

    def run(self, command, check=True, timeout=600, user=None):
        """Runs a command on the node, as root or as a user."""
        if user:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        done = subprocess.run(
            self._inside(command), env=self._environment(), capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def write(self, path, text):
        """Writes a file from inside: the node does not see what is put below its files from outside."""
        subprocess.run(self._inside(["tee", path]), input=text.encode(), check=True, stdout=subprocess.DEVNULL)

    def start(self, command):
        return subprocess.Popen(
            self._inside(command), env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.folder / "background.log", "ab"),
        )

    def unit(self, name):
        """Whether a unit is active, its process, how often it was started, and how it ended last."""
        active, pid, starts, status = self.run(["systemctl", "show", name]).stdout.split()
        return active == "active", int(pid), int(starts), status

    def log(self, name):
        path = self.root / "mnt/var/log/pomona" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        for process in (self.metadata, self.init):
            if process is not None and process.poll() is None:
                process.terminate() if process is self.metadata else process.kill()
                process.wait(20)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True)
        shutil.rmtree(self.folder / "upper", ignore_errors=True)
