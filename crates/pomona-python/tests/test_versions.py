"""One library for every Python from 3.10 on: it loads and computes in each that this machine has."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import PATIENCE

import pomona

# Without any other package: what a fresh environment has.
SMOKE = """
import sys, warnings
warnings.simplefilter("error")
import pomona
con = pomona.connect(weights="fruits")
con.images("pomona-demo/images")
rows = con.sql("SELECT label, mobilenet_v2(content) AS features FROM images WHERE label = $1", ["Kiwi"]).fetchall()
assert len(rows) == 6 and len(rows[0][1]) == 1280
try:
    con.sql("SELECT nothing")
except pomona.SqlError:
    pass
assert pomona.PCA(2).get_params()["n_components"] == 2
print(*sys.version_info[:2], pomona.__version__)
"""


def interpreter(version):
    """A Python of this version, on the path or of pyenv, or none."""
    candidates = [shutil.which(f"python{version}")]
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted(root.glob(f"versions/{version}.*/bin/python"))
    for candidate in filter(None, candidates):
        # A shim of pyenv is there for versions that are not chosen, and fails.
        asked = subprocess.run([candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], capture_output=True, text=True)
        if asked.stdout.strip() == version:
            return candidate
    return None


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_the_library_loads_in(version, tmp_path):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    wheel = os.environ.get("POMONA_TEST_WHEEL")
    if wheel:
        subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True, env=environment)
        python = tmp_path / "venv/bin/python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", wheel]
        subprocess.run(install, check=True, env=environment)
    else:
        environment["PYTHONPATH"] = str(Path(pomona.__file__).parents[1])
    done = subprocess.run([python, "-c", SMOKE], capture_output=True, text=True, env=environment, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*version.split("."), pomona.__version__]
