"""The crates that a program or a library is made of: what `cargo metadata` resolves for its target, without tests and build scripts."""

import json
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class Crates:
    """`root`, `packages` by identifier, in the order of their names, and `uses`: the edges between them."""

    def __init__(self, target, root):
        command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
        done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        packages = {package["id"]: package for package in found["packages"]}
        nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
        self.root = next(package for package in packages.values() if package["name"] == root)
        self.uses, waiting = {}, [self.root["id"]]
        while waiting:
            name = waiting.pop()
            if name in self.uses:
                continue
            edges = nodes[name]["deps"]
            self.uses[name] = sorted({edge["pkg"] for edge in edges if any(kind["kind"] is None for kind in edge["dep_kinds"])})
            waiting += self.uses[name]
        self.packages = {
            name: packages[name] for name in sorted(self.uses, key=lambda id: (packages[id]["name"], packages[id]["version"]))
        }

    def foreign(self):
        """Those that are not Pomona's own."""
        return [package for package in self.packages.values() if package["source"] is not None]
