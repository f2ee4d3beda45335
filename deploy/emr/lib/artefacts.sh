# What nodes install: the program and its scripts, below a name that is the digest of them all.
# shellcheck shell=bash

# The address of the artefacts and the digest that bootstrap.sh demands of their list.
ARTEFACTS=
DIGEST=
# The digest of bootstrap.sh, which is in its name, and which the first command on a node demands.
BOOTSTRAP=

# Uploads the program and the scripts, except what is there.
upload_artefacts() {
    local bucket=${OUTPUTS[Bucket]} folder
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # The folder of now is meant.
    trap "rm -rf '$folder'" EXIT
    collect_artefacts "$folder"
    DIGEST=$(sha256sum "$folder/SHA256SUMS" | cut -d ' ' -f 1)
    BOOTSTRAP=$(sha256sum "$HERE/bootstrap.sh" | cut -d ' ' -f 1)
    ARTEFACTS=s3://$bucket/artefacts/$DIGEST
    upload_missing "$folder" "artefacts/$DIGEST"
    mkdir "$folder/bootstrap"
    cp "$HERE/bootstrap.sh" "$folder/bootstrap/$BOOTSTRAP.sh"
    upload_missing "$folder/bootstrap" artefacts/bootstrap
}

bootstrap_url() { printf 's3://%s/artefacts/bootstrap/%s.sh\n' "${OUTPUTS[Bucket]}" "$BOOTSTRAP"; }

# Uploads the files of a folder that the bucket has not, or has with another length: the bucket forgets old ones one by one.
upload_missing() {
    local folder=$1 prefix=$2 there path name
    # shellcheck disable=SC2016 # The backticks are JMESPath's.
    there=$(aws_read --output text s3api list-objects-v2 --bucket "${OUTPUTS[Bucket]}" --prefix "$prefix/" \
        --query '(Contents || `[]`)[].[Size,Key]')
    for path in "$folder"/*; do
        [[ -f $path ]] || continue
        name=$prefix/${path##*/}
        grep -qxF "$(stat -c %s "$path")"$'\t'"$name" <<<"$there" ||
            aws_write s3 cp --only-show-errors "$path" "s3://${OUTPUTS[Bucket]}/$name"
    done
}

# Puts the files and their list into a folder.
collect_artefacts() {
    local folder=$1 files
    cp "$BINARY" "$folder/pomona"
    cp "$HERE"/node/* "$folder"
    mapfile -t files < <(cd "$folder" && printf '%s\n' * | LC_ALL=C sort)
    (cd "$folder" && sha256sum -- "${files[@]}" >SHA256SUMS)
}

# The newest version of glibc that a program asks for, or nothing.
glibc_of() {
    { grep -aoE 'GLIBC_2\.[0-9]+' "$1" || true; } | sort -uV | tail -n 1 | cut -d _ -f 2
}

# The architecture of a program, in AWS's words.
architecture_of() {
    case $(od -An -tx1 -j 18 -N 1 "$1") in
        *3e) printf 'x86_64\n' ;;
        *b7) printf 'arm64\n' ;;
        *) printf 'unknown\n' ;;
    esac
}

# The architecture of a type of nodes: Graviton's types have a g after their generation.
architecture_of_type() {
    if [[ $1 =~ ^[a-z]+[0-9]+g ]]; then printf 'arm64\n'; else printf 'x86_64\n'; fi
}

readonly NEWEST_GLIBC=2.34

# Says what keeps a program from running on nodes of the types, or nothing.
binary_problem() {
    local glibc type
    if [[ ! -f $BINARY ]]; then
        printf "there is no program '%s': emr build makes it, or give --binary" "$BINARY"
        return
    fi
    if [[ $(head -c 4 "$BINARY" | od -An -tx1) != *'7f 45 4c 46'* ]]; then
        printf "'%s' is not a Linux program" "$BINARY"
        return
    fi
    for type in "${TYPES[@]}"; do
        if [[ $(architecture_of "$BINARY") != "$(architecture_of_type "$type")" ]]; then
            printf "'%s' is built for %s, and %s is %s" "$BINARY" "$(architecture_of "$BINARY")" "$type" "$(architecture_of_type "$type")"
            return
        fi
    done
    glibc=$(glibc_of "$BINARY")
    if [[ -n $glibc && $(printf '%s\n' "$glibc" "$NEWEST_GLIBC" | sort -V | tail -n 1) != "$NEWEST_GLIBC" ]]; then
        printf "'%s' needs glibc %s, and Amazon Linux 2023 has %s: emr build makes one" "$BINARY" "$glibc" "$NEWEST_GLIBC"
    fi
}
