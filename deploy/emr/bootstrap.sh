#!/usr/bin/env bash
# EMR's bootstrap action, on every node, later ones too: installs Pomona from S3 and starts the node's daemons.
set -euo pipefail

readonly INFO=/mnt/var/lib/info
readonly IMDS=http://169.254.169.254/latest

main() {
    local artefacts='' digest='' life='' nodes='' logs=''
    while [[ $# -gt 0 ]]; do
        case $1 in
            --artefacts) artefacts=$2 ;;
            --sha256) digest=$2 ;;
            --life) life=$2 ;;
            --nodes) nodes=$2 ;;
            --logs) logs=$2 ;;
            *) fail "'$1' is not an option of bootstrap.sh" ;;
        esac
        shift 2
    done
    [[ -n $artefacts && -n $digest && -n $life && -n $nodes && -n $logs ]] || fail 'an option is missing'
    AWS_REGION=$(metadata placement/region)
    export AWS_REGION
    local folder
    folder=$(mktemp -d)
    download "$artefacts" "$digest" "$folder"
    install_files "$folder" "$life"
    rm -rf "$folder"
    write_environment "$logs"
    sudo systemctl daemon-reload
    # shellcheck disable=SC2046 # The units are words.
    sudo systemctl enable --now $(units "$nodes" | grep -v executor)
    # An executor's unit is active once the executor has found the scheduler, whose node may come later.
    if [[ $(units "$nodes") == *executor* ]]; then
        sudo systemctl enable --now --no-block pomona-executor.service
    fi
    echo "pomona: $(role) with $(units "$nodes" | tr '\n' ' ')"
}

fail() {
    echo "pomona: $*" >&2
    exit 1
}

# Instance metadata, by version 2 of its service alone.
metadata() {
    local token
    token=$(curl -sf --retry 5 --max-time 5 -X PUT "$IMDS/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 300')
    curl -sf --retry 5 --max-time 5 -H "X-aws-ec2-metadata-token: $token" "$IMDS/meta-data/$1"
}

# A value of one of EMR's files about the node and its cluster.
info() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$INFO/$1" "$2"
}

role() {
    if [[ $(info instance.json isMaster) == True ]]; then echo primary; else echo worker; fi
}

# Fetches the list, demands its digest, fetches what it names, and demands theirs.
download() {
    local artefacts=$1 digest=$2 folder=$3 file
    aws s3 cp --only-show-errors "$artefacts/SHA256SUMS" "$folder/SHA256SUMS"
    [[ $(sha256sum "$folder/SHA256SUMS" | cut -d ' ' -f 1) == "$digest" ]] ||
        fail "$artefacts/SHA256SUMS is not the list that the cluster was started with"
    while read -r _ file; do
        [[ $file =~ ^[A-Za-z0-9._-]+$ ]] || fail "'$file' is no name for a file"
        aws s3 cp --only-show-errors "$artefacts/$file" "$folder/$file"
    done <"$folder/SHA256SUMS"
    (cd "$folder" && sha256sum --check --strict --quiet SHA256SUMS) || fail "$artefacts is damaged"
}

install_files() {
    local folder=$1 life=$2
    sudo install -D -m 755 -t /opt/pomona/bin "$folder/pomona" "$folder/pomona-node" "$folder/pomona-job"
    sed -i "s/@LIFE@/$life/" "$folder/pomona-life.timer"
    sudo install -D -m 644 -t /etc/systemd/system "$folder"/*.service "$folder"/*.timer
    # Data of executors is large and logs grow: both belong on the node's data disk.
    sudo install -d -o hadoop -g hadoop /mnt/pomona /mnt/pomona/work /mnt/var/log/pomona
}

# What the daemons and the job know of their node.
write_environment() {
    local logs=$1 cluster scheduler
    cluster=$(info job-flow.json jobFlowId)
    scheduler=$(info job-flow.json masterPrivateDnsName)
    [[ -n $scheduler ]] || fail "$INFO/job-flow.json does not name the primary"
    sudo install -d /etc/pomona
    sudo tee /etc/pomona/node.env >/dev/null <<ENV
NODE_ROLE=$(role)
NODE_ADDRESS=$(metadata local-ipv4)
NODE_SCHEDULER=$scheduler
NODE_LOGS=$logs/$cluster/pomona/$(metadata instance-id)
AWS_REGION=$AWS_REGION
ENV
}

# The units of this node. A primary without other nodes computes itself.
units() {
    echo pomona-logs.timer
    if [[ $(role) == primary ]]; then
        echo pomona-life.timer
        echo pomona-scheduler.service
        [[ $1 -gt 1 ]] || echo pomona-executor.service
    else
        echo pomona-executor.service
        echo pomona-spot.service
    fi
}

main "$@"
