"""The bill of materials in CycloneDX 1.5 (ECMA-424): `sbom.py TARGET CRATE FILE TIME >pomona.cdx.json`, FILE made of CRATE.

The same input gives the same bytes.
"""

import hashlib
import json
import sys
import tomllib
import uuid
from pathlib import Path

from crates import REPOSITORY, Crates


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums, kind="library"):
    made = {
        "type": kind, "bom-ref": reference(package), "name": package["name"], "version": package["version"],
        "purl": reference(package), "scope": "required",
    }
    if package["license"]:
        # Old manifests write / for OR, which SPDX does not know.
        made["licenses"] = [{"expression": " OR ".join(part.strip() for part in package["license"].split("/"))}]
    if checksum := sums.get((package["name"], package["version"])):
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def bill(crates, file, time):
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
    sums = {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}
    kind = "library" if "cdylib" in crates.root["targets"][0]["crate_types"] else "application"
    root = component(crates.root, sums, kind)
    root["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(Path(file).read_bytes()).hexdigest()}]
    rest = [component(package, sums) for id, package in crates.packages.items() if id != crates.root["id"]]
    edges = [
        {"ref": reference(package), "dependsOn": sorted(reference(crates.packages[used]) for used in crates.uses[id])}
        for id, package in crates.packages.items()
    ]
    made = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": time, "component": root}, "components": rest, "dependencies": edges,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made, sort_keys=True))
    return {"serialNumber": f"urn:uuid:{serial}", **made}


if __name__ == "__main__":
    target, crate, file, time = sys.argv[1:]
    json.dump(bill(Crates(target, crate), file, time), sys.stdout, indent=1, sort_keys=True)
    print()
