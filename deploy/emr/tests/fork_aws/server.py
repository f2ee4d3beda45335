"""The AWS CLI, loaded once: a call runs its code in a fork, instead of starting Python and reading service models again.

Usage: server.py SOCKET. A call of the CLI takes half a second of processor time before it sends anything, and these tests
make hundreds. The client (`aws` beside this file) sends its arguments, environment, folder and standard streams; the
fork answers with its exit status.
"""

import contextlib
import functools
import gc
import json
import os
import signal
import socket
import sys
import traceback

from awscli import clidriver
from awscli.botocore.loaders import JSONFileLoader

# One call of each service that `emr` uses, so that models and modules are read before the first fork. Nobody listens there.
NOWHERE = ["--endpoint-url", "http://127.0.0.1:9", "--region", "eu-west-3", "--cli-connect-timeout", "1"]
WARM = [
    ["cloudformation", "describe-stacks"],
    ["ec2", "describe-instances"],
    ["emr", "list-clusters"],
    ["iam", "get-role", "--role-name", "x"],
    ["s3", "ls"],
    ["s3api", "head-bucket", "--bucket", "x"],
    ["ssm", "describe-sessions", "--state", "Active"],
    ["sts", "get-caller-identity"],
]


def warm():
    """Reads what calls have in common. Each fork has copies of its own of all that it then changes."""
    read = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
    JSONFileLoader.load_file = lambda _, path: read(path)
    mine = dict(os.environ)
    os.environ.update(
        AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_MAX_ATTEMPTS="1",
        AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    )
    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing), contextlib.redirect_stdout(nothing):
        for call in WARM:
            sys.argv = ["aws", *NOWHERE, *call]
            clidriver.main()
    os.environ.clear()
    os.environ.update(mine)
    gc.freeze()


def receive(connection):
    """One request: a length, then JSON; the streams come with the length."""
    head, streams, _, _ = socket.recv_fds(connection, 4, 3)
    length = int.from_bytes(head, "big")
    text = b""
    while len(text) < length:
        part = connection.recv(length - len(text))
        if not part:
            raise EOFError("the client has gone")
        text += part
    return json.loads(text), streams


def call(connection):
    """In the fork: becomes the client's call."""
    status = 255
    try:
        request, streams = receive(connection)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # The CLI writes where its own models are into its environment when it is loaded.
        models = os.environ["AWS_DATA_PATH"]
        os.environ.clear()
        os.environ.update(request["environment"], AWS_DATA_PATH=models)
        os.chdir(request["folder"])
        sys.argv = ["aws", *request["arguments"]]
        status = clidriver.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(str(status or 0).encode())
        os._exit(0)


def main(path):
    warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{path}.new")
        server.listen(64)
        # The name is there once calls are answered.
        os.rename(f"{path}.new", path)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                server.close()
                call(connection)
            connection.close()


main(sys.argv[1])
