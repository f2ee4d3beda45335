# What people are told: progress and errors go to standard error, answers to standard output.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

warn() { printf 'warning: %s\n' "$*" >&2; }

# An error that names the thing and the way out.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# An error in the arguments.
die_usage() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# Asks, and takes anything but y as no. Without a terminal the answer is no.
confirm() {
    local answer=
    printf '%s [y/N] ' "$1" >&2
    read -r answer || say ''
    [[ $answer == [yY] || $answer == [yY]es ]]
}

require_tools() {
    local tool
    for tool in aws jq; do
        command -v "$tool" >/dev/null || die "'$tool' is not installed: emr needs the AWS CLI (version 1 or 2) and jq"
    done
}
