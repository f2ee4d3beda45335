# What runs, what jobs said, and what they made.
# shellcheck shell=bash

help_status() {
    cat <<'HELP'
Usage: emr status

Prints the clusters of the stack that run, with their steps, and the ten newest jobs with their exit status.
HELP
}

cmd_status() {
    local id name state job code
    [[ $# -eq 0 ]] || unknown_option "$1"
    read_outputs
    while IFS=$'\t' read -r id name state; do
        [[ -n $id ]] || continue
        printf 'cluster %s %s %s, %s\n' "$id" "$name" "$state" "$(node_count "$id")"
        aws_read --output text emr list-steps --cluster-id "$id" --query 'reverse(Steps)[].[Name,Status.State]' |
            sed -E 's/^([^\t]*)\t(.*)$/  job \1 \2/'
    done < <(active_clusters)
    while read -r job; do
        JOB=$job
        code=$(job_field status.json .exit)
        if [[ -n $code ]]; then code="exit $code"; fi
        printf 'job %s %s\n' "$job" "${code:-has not ended}"
    done < <(newest_jobs)
}

node_count() {
    local count
    count=$(aws_text emr list-instances --cluster-id "$1" --query "length(Instances[?Status.State!='TERMINATED'])")
    printf '%s nodes' "${count:-0}"
}

help_logs() {
    cat <<'HELP'
Usage: emr logs [JOB | CLUSTER]

Prints what a job said [default: the newest], or the logs of the daemons on a cluster's nodes. The nodes send them
every minute. EMR's own logs, of bootstrap actions too, are below s3://BUCKET/logs/CLUSTER/ after some minutes.
HELP
}

cmd_logs() {
    local bucket
    [[ $# -le 1 ]] || unknown_option "$2"
    read_outputs
    bucket=${OUTPUTS[Bucket]}
    case ${1-} in
        j-*)
            owned "$1" || die "'$1' is not a cluster of the stack '$STACK' in $REGION"
            print_node_logs "s3://$bucket/logs/$1/pomona/"
            ;;
        *)
            choose_job "${1-}"
            aws_read s3 cp --quiet "$(job_url)/log.txt" - ||
                die "job $JOB has said nothing yet; emr status, and s3://$bucket/logs/ for the start of its nodes"
            ;;
    esac
}

print_node_logs() {
    local folder=$1 file
    while read -r file; do
        printf '==> %s\n' "${file#*/pomona/}"
        aws_read s3 cp --quiet "s3://${OUTPUTS[Bucket]}/$file" -
    done < <({ aws_read s3 ls --recursive "$folder" || true; } | awk '{ print $4 }')
}

help_get() {
    cat <<'HELP'
Usage: emr get [JOB [FOLDER]]

Downloads the results of a job [default: the newest] into a folder [default: the job's name] and looks whether every
file that manifest.json names is there with its length.
HELP
}

cmd_get() {
    local folder
    [[ $# -le 2 ]] || unknown_option "$3"
    read_outputs
    choose_job "${1-}"
    folder=${2:-$JOB}
    OUTPUT=$(job_field job.json .output)
    [[ -n $OUTPUT ]] || die "there is no job $JOB in s3://${OUTPUTS[Bucket]}/jobs/"
    aws_write s3 sync --only-show-errors --exclude '_temporary/*' "$OUTPUT" "$folder"
    $DRY_RUN || check_manifest "$folder"
}

# Compares a folder with its manifest.
check_manifest() {
    local folder=$1 bytes path found wrong=0 count=0
    [[ -f $folder/manifest.json ]] || die "$OUTPUT has no manifest.json: the run has not published its results; emr logs $JOB"
    while IFS=$'\t' read -r bytes path; do
        count=$((count + 1))
        found=$(stat -c %s -- "$folder/$path" 2>/dev/null) || found=no
        [[ $found == "$bytes" ]] && continue
        say "'$path' has $found bytes, and the manifest says $bytes"
        wrong=$((wrong + 1))
    done < <(jq -r '.files[] | "\(.bytes)\t\(.path)"' "$folder/manifest.json")
    [[ $wrong -eq 0 ]] || die "$wrong of $count files are not those of the manifest: emr get again, into an empty folder"
    [[ $count -gt 0 ]] || die "$folder/manifest.json names no files"
    say "$count files in $folder are those of the manifest"
}

help_ui() {
    cat <<'HELP'
Usage: emr ui [--port PORT] [CLUSTER]

Forwards a port of this machine to the scheduler's REST API through SSM, until Ctrl-C. No port of the cluster is open.
Needs the Session Manager plugin of the AWS CLI.

      --port PORT  The port on this machine [default: 50050]
HELP
}

cmd_ui() {
    local port=50050 cluster='' primary
    while [[ $# -gt 0 ]]; do
        case $1 in
            --port) need_value "$@" && port=$2 && shift ;;
            -*) unknown_option "$1" ;;
            *) cluster=$1 ;;
        esac
        shift
    done
    [[ $port =~ ^[0-9]{1,5}$ ]] || die_usage "'$port' is not a port"
    $DRY_RUN || command -v session-manager-plugin >/dev/null || die 'the Session Manager plugin of the AWS CLI is not installed'
    cluster=$(choose_cluster "$cluster")
    primary=$(aws_text emr list-instances --cluster-id "$cluster" --instance-fleet-type MASTER --query 'Instances[0].Ec2InstanceId')
    [[ -n $primary ]] || die "'$cluster' has no primary yet: emr status"
    $DRY_RUN || say "http://localhost:$port/, until Ctrl-C"
    aws_write ssm start-session --target "$primary" --document-name AWS-StartPortForwardingSession \
        --parameters "portNumber=50050,localPortNumber=$port"
}
