# The Python environments of the tests, below target/, made anew when the pinned versions change.
# shellcheck shell=bash

ENVIRONMENTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/target/deploy-emr

# Installs what the tests need of the system, if it is not there.
system_packages() {
    if ! command -v jq >/dev/null || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        apt-get update -q && apt-get install -y -q --no-install-recommends jq python3 python3-venv
    fi
}

# Makes an environment from a file of requirements: environment NAME FILE. Whoever else wants the same one waits for it.
environment() {
    local folder=$ENVIRONMENTS/$1 requirements=$2
    mkdir -p "$ENVIRONMENTS"
    (
        flock 9
        cmp -s "$requirements" "$folder/requirements.txt" && exit
        rm -rf "$folder"
        with_uv "$folder" "$requirements" || with_pip "$folder" "$requirements"
        cp "$requirements" "$folder/requirements.txt"
    ) 9>"$folder.lock"
}

with_uv() {
    local folder=$1 requirements=$2 uv python
    uv=$(command -v uv) || uv=$ENVIRONMENTS/uv/bin/uv
    [[ -x $uv ]] || return
    python=$(python3 -c 'import sys; print(sys.executable)')
    if "$uv" venv --quiet --python "$python" "$folder" &&
        "$uv" pip install --quiet --python "$folder/bin/python" --requirement "$requirements"; then
        return
    fi
    echo "uv could not make $folder; pip makes it" >&2
    rm -rf "$folder"
    return 1
}

with_pip() {
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
}

# uv itself, where the machine has none.
uv_environment() {
    command -v uv >/dev/null || environment uv "$ENVIRONMENTS/../../deploy/emr/tests/requirements-uv.txt"
}
