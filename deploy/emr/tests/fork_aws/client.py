"""`aws` of the tests: hands a call to the server (`server.py`) and ends with its exit status. Usage: client.py SOCKET ARGUMENTS."""

import json
import os
import socket
import sys

request = json.dumps({"arguments": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()}).encode()
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    socket.send_fds(connection, [len(request).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(request)
    answer = b""
    while part := connection.recv(16):
        answer += part
sys.exit(int(answer) if answer else "the AWS CLI died")
