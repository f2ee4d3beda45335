"""Instance metadata of a test's node, by version 2 of the service alone: a request without a token is refused.

Usage: imds.py ADDRESS INSTANCE_ID REGION. A spot notice is whatever /run/spot-notice.json holds.
"""

import datetime
import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS, INSTANCE, REGION = sys.argv[1:]
TOKENS = set()
ROLE = "pomona-node"


def credentials():
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
    return json.dumps({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIATESTING", "SecretAccessKey": "testing", "Token": "testing",
        "LastUpdated": "2020-01-01T00:00:00Z", "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    })


class Metadata(BaseHTTPRequestHandler):
    def do_PUT(self):
        if self.path != "/latest/api/token" or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
            return self.say(400)
        token = secrets.token_hex(16)
        TOKENS.add(token)
        self.say(200, token, {"X-aws-ec2-metadata-token-ttl-seconds": self.headers["X-aws-ec2-metadata-token-ttl-seconds"]})

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") not in TOKENS:
            return self.say(401)
        notice = Path("/run/spot-notice.json")
        found = {
            "local-ipv4": ADDRESS,
            "instance-id": INSTANCE,
            "placement/region": REGION,
            "placement/availability-zone": f"{REGION}a",
            "iam/security-credentials/": ROLE,
            f"iam/security-credentials/{ROLE}": credentials(),
            "spot/instance-action": notice.read_text() if notice.exists() else None,
        }.get(self.path.removeprefix("/latest/meta-data/"))
        self.say(200, found) if found is not None else self.say(404)

    def say(self, code, text="", headers=()):
        self.send_response(code)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("169.254.169.254", 80), Metadata).serve_forever()
