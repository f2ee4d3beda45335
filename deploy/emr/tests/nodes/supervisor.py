"""Init of a test's node: does with unit files what systemd does, as far as Pomona's units ask for it.

Read from the unit: ExecStart, Type, User, EnvironmentFile, StandardOutput=append:, Restart, RestartSec, KillSignal,
TimeoutStopSec. ExecStartPost, which waits for a daemon's probe, is passed over. Timers are known and never fire. `systemctl` (systemctl.py) talks to it through a socket.
"""

import os
import pwd
import selectors
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

SOCKET = "/run/supervisor.socket"
UNITS = Path("/etc/systemd/system")


class Unit:
    """One unit and the process that it has now."""

    def __init__(self, name):
        self.name = name
        self.settings = {}
        for line in (UNITS / name).read_text().splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith(("#", "[")):
                self.settings[key.strip()] = value.strip()
        self.process = None
        self.wanted = False
        self.restart_at = None
        self.starts = 0
        self.status = None

    def setting(self, key, default=""):
        return self.settings.get(key, default)

    @property
    def is_timer(self):
        return self.name.endswith(".timer")

    def start(self):
        self.wanted, self.restart_at = True, None
        if self.is_timer or self.process is not None:
            return
        environment = dict(os.environ)
        if file := self.setting("EnvironmentFile"):
            lines = Path(file).read_text().splitlines()
            environment.update(line.split("=", 1) for line in lines if line)
        account = pwd.getpwnam(self.setting("User", "root"))
        output = self.setting("StandardOutput")
        log = open(output.removeprefix("append:"), "ab") if output.startswith("append:") else subprocess.DEVNULL
        self.process = subprocess.Popen(
            shlex.split(self.setting("ExecStart")), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env=environment | {"HOME": account.pw_dir, "USER": account.pw_name},
            user=account.pw_uid, group=account.pw_gid, extra_groups=[], start_new_session=True, cwd="/",
        )
        self.starts += 1

    def ended(self, status):
        """The process is gone: what Restart says happens next."""
        self.process, self.status = None, status
        policy = self.setting("Restart", "no")
        if self.wanted and (policy == "always" or (policy == "on-failure" and status != 0)):
            self.restart_at = time.monotonic() + float(self.setting("RestartSec", "0.1"))
        else:
            self.wanted = False

    def signal(self, number):
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass


class Supervisor:
    def __init__(self):
        self.units = {}
        self.waiting = []
        self.selector = selectors.DefaultSelector()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(SOCKET)
        os.chmod(SOCKET, 0o666)
        self.server.listen()
        self.selector.register(self.server, selectors.EVENT_READ)

    def run(self):
        while True:
            for key, _ in self.selector.select(0.05):
                if key.fileobj is self.server:
                    connection, _ = self.server.accept()
                    self.answer(connection, connection.recv(65536).decode().split())
            self.reap()
            for unit in self.units.values():
                if unit.restart_at is not None and time.monotonic() >= unit.restart_at:
                    unit.start()
            self.waiting = [wait for wait in self.waiting if not wait()]

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for unit in self.units.values():
                if unit.process is not None and unit.process.pid == pid:
                    unit.process.returncode = os.waitstatus_to_exitcode(status)
                    unit.ended(unit.process.returncode)

    def unit(self, name):
        name = name if "." in name else f"{name}.service"
        if name not in self.units:
            self.units[name] = Unit(name)
        return self.units[name]

    def answer(self, connection, words):
        names = [word for word in words[1:] if not word.startswith("-")]
        try:
            if words[0] == "start" or (words[0] == "enable" and "--now" in words):
                units = [self.unit(name) for name in names]
                for unit in units:
                    unit.start()
                # A oneshot unit is started when it has ended.
                once = [unit for unit in units if unit.setting("Type") == "oneshot"]
                self.reply_when(connection, lambda: all(unit.process is None for unit in once), lambda: "0\n")
            elif words[0] == "stop":
                self.stop([self.unit(name) for name in names], connection)
            elif words[0] == "show":
                unit = self.unit(names[0])
                pid = unit.process.pid if unit.process else 0
                active = "active" if unit.process or (unit.is_timer and unit.wanted) else "inactive"
                self.reply(connection, f"0\n{active} {pid} {unit.starts} {unit.status}")
            elif words[0] in ("daemon-reload", "enable"):
                self.reply(connection, "0\n")
            else:
                self.reply(connection, f"1\nthe supervisor has no '{words[0]}'")
        except (OSError, KeyError) as error:
            self.reply(connection, f"1\n{error}")

    def stop(self, units, connection):
        for unit in units:
            unit.wanted, unit.restart_at = False, None
            unit.signal(getattr(signal, unit.setting("KillSignal", "SIGTERM")))
        deadline = time.monotonic() + max(float(unit.setting("TimeoutStopSec", "90")) for unit in units)

        def are_gone():
            if time.monotonic() > deadline:
                for unit in units:
                    unit.signal(signal.SIGKILL)
            return all(unit.process is None for unit in units)

        self.reply_when(connection, are_gone, lambda: "0\n")

    def reply_when(self, connection, is_ready, text):
        def wait():
            if not is_ready():
                return False
            self.reply(connection, text())
            return True

        self.waiting.append(wait)

    @staticmethod
    def reply(connection, text):
        try:
            connection.sendall(text.encode())
        except BrokenPipeError:
            pass
        connection.close()


if __name__ == "__main__":
    Supervisor().run()
