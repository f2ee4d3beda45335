"""`systemctl` of a test's node: asks the supervisor."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect("/run/supervisor.socket")
    connection.sendall(" ".join(sys.argv[1:]).encode())
    answer = b""
    while part := connection.recv(65536):
        answer += part
code, _, text = answer.decode().partition("\n")
if text:
    print(text)
sys.exit(int(code or 1))
