# The Python environments of the tests, below target/, made anew when the pinned versions change.
# shellcheck shell=bash

ENVIRONMENTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/target/deploy-emr

# Makes an environment from a file of requirements: environment NAME FILE.
environment() {
    local folder=$ENVIRONMENTS/$1 requirements=$2
    cmp -s "$requirements" "$folder/requirements.txt" && return
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$folder/requirements.txt"
}
