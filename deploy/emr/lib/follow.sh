# Following a job to its end, and its exit status.
# shellcheck shell=bash

# Waits for a job and ends with its exit status.
follow() {
    local cluster=$1 job=$2 poll=${POMONA_EMR_POLL:-15} deadline told='' states failures=0
    # The nodes take minutes to start, spot ones up to 10 more before EMR takes others; an hour is for all of that.
    deadline=$((SECONDS + LIMIT + 3600))
    trap 'say "The job goes on without this command: emr status, emr down '"$cluster"'"; exit 130' INT
    while [[ $SECONDS -lt $deadline ]]; do
        if states=$(states_of "$cluster" "$job"); then
            failures=0
            [[ $states == "$told" ]] || say "$(date -u +%H:%M:%S) $(tell_states "$states")"
            told=$states
            is_over "$states" && finish "$cluster" "$job" "$states"
        else
            failures=$((failures + 1))
            [[ $failures -lt 10 ]] || die "AWS has not answered ten times; the job may go on: emr status"
        fi
        sleep "$poll"
    done
    die "job $job is not over $((LIMIT + 3600)) s after its start; emr down $cluster ends its cluster"
}

# The state of the cluster and that of the job's step.
states_of() {
    local cluster step=PENDING
    cluster=$(cluster_state "$1") || return
    [[ $cluster == STARTING || $cluster == BOOTSTRAPPING ]] || step=$(aws_text emr list-steps --cluster-id "$1" --query "Steps[?Name=='$2'].Status.State | [0]") || return
    printf '%s %s\n' "$cluster" "${step:-PENDING}"
}

tell_states() {
    local cluster=${1% *} step=${1#* }
    case $cluster in
        STARTING) printf 'nodes start' ;;
        BOOTSTRAPPING) printf 'nodes install Pomona' ;;
        *) printf 'cluster %s, job %s' "$cluster" "$step" ;;
    esac
}

is_over() {
    case $1 in
        *' COMPLETED' | *' FAILED' | *' CANCELLED' | *' INTERRUPTED' | TERMINATED*) return 0 ;;
        *) return 1 ;;
    esac
}

# Ends with the job's exit status, which the primary left in the bucket.
finish() {
    local cluster=$1 job=$2 step=${3#* } code
    code=$(job_field status.json .exit)
    case $step/$code in
        COMPLETED/0) say "done; emr get $job downloads $OUTPUT" && exit 0 ;;
        FAILED/124) say "The time limit of $LIMIT s was hit. The same run goes on from its last checkpoint." && exit 124 ;;
        FAILED/3) say "done, with more bad images than allowed: emr get $job, errors/ has the reasons" && exit 3 ;;
        FAILED/[12])
            job_field status.json .last >&2
            say "failed; emr logs $job has it all"
            exit "$code"
            ;;
    esac
    say "$(failure_reason "$cluster")"
    die "job $job ended as $step${code:+, exit status $code}; emr logs $job"
}

failure_reason() {
    aws_text emr describe-cluster --cluster-id "$1" --query Cluster.Status.StateChangeReason.Message || true
}
