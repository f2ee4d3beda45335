# The program that nodes run: from a release that was built here, or from a file or an address with its digest.
# shellcheck shell=bash

readonly PROGRAM=$HERE/../../target/emr/pomona
readonly DIST=${POMONA_EMR_DIST:-$HERE/../../target/dist}

help_build() {
    cat <<'HELP'
Usage: emr build [--from FILE|URL] [--sha256 DIGEST]

Puts the program where run, check and estimate look for it. Without --from it is that of the release in target/dist, which
deploy/release/build makes where it is not there. Asks nothing of AWS, except for an s3:// address.

      --from FILE|URL   A tarball of a release, or a program; https:// and s3:// need --sha256
      --sha256 DIGEST   What SHA256SUMS of the release says of it
HELP
}

cmd_build() {
    local from='' digest='' folder
    while [[ $# -gt 0 ]]; do
        case $1 in
            --from) need_value "$@" && from=$2 && shift ;;
            --sha256) need_value "$@" && digest=$2 && shift ;;
            *) unknown_option "$1" ;;
        esac
        shift
    done
    [[ -z $digest || $digest =~ ^[0-9a-f]{64}$ ]] || die_usage "--sha256 '$digest' is not a digest: it has 64 digits, 0 to 9 and a to f"
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # The folder of now is meant.
    trap "rm -rf '$folder'" EXIT
    if [[ -z $from ]]; then
        from=$(release_here)
        digest=$(awk -v name="${from##*/}" '$2 == name { print $1 }' "$DIST/SHA256SUMS")
        [[ -n $digest ]] || die "$DIST/SHA256SUMS does not name ${from##*/}: deploy/release/build makes both"
    fi
    fetch_program "$from" "$digest" "$folder/fetched"
    unpack_program "$folder"
    BINARY=$folder/pomona
    TYPES=("$(default_type)")
    refuse_binary "$from"
    mkdir -p "${PROGRAM%/*}"
    # Renamed, so that a run that starts now reads one program or the other.
    install -m 755 "$BINARY" "$PROGRAM.new"
    mv "$PROGRAM.new" "$PROGRAM"
    printf '%s\n' "$PROGRAM"
}

# The tarball of the release that is built here, which is built if need be.
release_here() {
    local found
    found=$(find "$DIST" -maxdepth 1 -name 'pomona-*-x86_64-unknown-linux-gnu.tar.gz' 2>/dev/null | sort -V | tail -n 1)
    if [[ -z $found ]]; then
        say 'there is no release in target/dist: building it'
        "$HERE/../release/build" --out "$DIST" >&2 || die 'deploy/release/build failed'
        found=$(find "$DIST" -maxdepth 1 -name 'pomona-*-x86_64-unknown-linux-gnu.tar.gz' | sort -V | tail -n 1)
    fi
    printf '%s\n' "$found"
}

# Copies what was named, and demands its digest before anything reads it.
fetch_program() {
    local from=$1 digest=$2 to=$3 found
    case $from in
        https://* | s3://*)
            [[ -n $digest ]] || die_usage "--from '$from' needs --sha256: whoever can write there could give nodes another program"
            ;;
        *://*) die_usage "--from '$from': give a file, https:// or s3://" ;;
    esac
    case $from in
        https://*) curl --fail --silent --show-error --location --proto '=https' --output "$to" "$from" || die "'$from' could not be fetched" ;;
        s3://*)
            choose_region
            aws_read s3 cp --only-show-errors "$from" "$to" || die "'$from' could not be fetched"
            ;;
        *) cp -- "$from" "$to" 2>/dev/null || die "there is no file '$from'" ;;
    esac
    [[ -n $digest ]] || return 0
    found=$(sha256sum "$to" | cut -d ' ' -f 1)
    [[ $found == "$digest" ]] || die "'$from' has the digest $found, not $digest: it is damaged or another file"
}

# The program itself: the one of a tarball, or what was fetched.
unpack_program() {
    local folder=$1 name
    if ! name=$(tar -tzf "$folder/fetched" 2>/dev/null | grep -E '^[^/]+/pomona$'); then
        mv "$folder/fetched" "$folder/pomona"
        return
    fi
    tar -xzf "$folder/fetched" -C "$folder" --strip-components=1 --no-same-owner "$name"
}

# Ends with an error where nodes could not run the program, which is named as people named it.
refuse_binary() {
    local problem
    problem=$(binary_problem)
    [[ -z $problem ]] || die "${problem//"$BINARY"/$1}"
}
