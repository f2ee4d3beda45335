"""Stands in for `pomona` where no program is given: its roles as the scripts of a node see them, and no engine.

It shows that the scripts, units and exit statuses work together, and nothing about the engine. What `run` does follows
from the last folder of --input: `bad` has too many bad images, `slow` does not end by itself.
"""

import json
import signal
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def options(arguments):
    return {name: value for name, value in zip(arguments, arguments[1:]) if name.startswith("--")}


def scheduler(given):
    seen = {}

    class Api(BaseHTTPRequestHandler):
        def do_POST(self):
            name = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen[name] = time.monotonic()
            self.say([])

        def do_GET(self):
            self.say([{"host": name} for name, last in seen.items() if time.monotonic() - last < 3])

        def say(self, value):
            text = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    address = given["--bind-host"], int(given["--bind-port"])
    server = ThreadingHTTPServer(address, Api)
    print(f"pomona scheduler listens on df://{address[0]}:{address[1]}", flush=True)
    server.serve_forever()


def executor(given):
    assert int(given["--vcores"]) > 0 and given["--work-dir"] == "/mnt/pomona/work/executor/data"
    drained = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: drained.set())
    url = f"http://{given['--scheduler-host']}:{given['--scheduler-port']}/api/executors"
    while not drained.is_set():
        urllib.request.urlopen(url, given["--external-host"].encode(), timeout=5)
        drained.wait(0.5)
    print("drained", flush=True)


def run(given, arguments):
    print(json.dumps(arguments), flush=True)
    folder = given["--input"].rstrip("/").rsplit("/", 1)[1]
    if folder == "slow":
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        time.sleep(600)
    sys.exit(3 if folder == "bad" else 0)


role, arguments = sys.argv[1], sys.argv[2:]
if role == "scheduler":
    scheduler(options(arguments))
elif role == "executor":
    executor(options(arguments))
elif role == "run":
    run(options(arguments), arguments)
