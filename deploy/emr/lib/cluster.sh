# Clusters: starting, finding, changing and ending them. They are found by name and tag; nothing is kept on this disk.
# shellcheck shell=bash

help_run() {
    printf 'Usage: emr run [OPTIONS] -- ARGUMENTS OF pomona run\n\n'
    printf 'Starts a cluster, runs the pipeline on it, and ends it. Without --output the results are in the bucket of the stack.\n\n'
    help_cluster_options
    printf '      --detach         Do not wait for the job\n'
}

cmd_run() {
    local detach=false option cluster problem
    parse_cluster "$@"
    for option in "${OPTIONS[@]}"; do
        case $option in
            --detach) detach=true ;;
            *) unknown_option "$option" ;;
        esac
    done
    read_outputs
    JOB=$(new_job_id)
    check_job
    problem=$(binary_problem)
    [[ -z $problem ]] || die "$problem"
    refuse_types
    bound_cost
    upload_artefacts
    upload_job "$(executors)"
    cluster=$(create_cluster)
    if $DRY_RUN; then
        printf '%s\n' "$cluster"
        return
    fi
    say "job $JOB on cluster $cluster, results in $OUTPUT"
    if $detach; then
        printf '%s\n' "$JOB"
        return
    fi
    follow "$cluster" "$JOB"
}

# Executors that a full cluster has: one on each node but the primary, or the primary's own.
executors() { printf '%d\n' "$NODES"; }

# Starts a cluster with the job as its first step and gives its identifier.
create_cluster() {
    local ending=(--auto-terminate) on_failure=TERMINATE_CLUSTER
    if $KEEP; then
        ending=(--no-auto-terminate --auto-termination-policy "IdleTimeout=$IDLE")
        on_failure=CONTINUE
    fi
    aws_write --output text emr create-cluster --query ClusterId \
        --name "$STACK/$JOB" \
        --release-label "$RELEASE" \
        --applications Name=Hadoop \
        --tags "pomona-stack=$STACK" "pomona-job=$JOB" for-use-with-amazon-emr-managed-policies=true \
        --service-role "${OUTPUTS[ServiceRole]}" \
        --security-configuration "${OUTPUTS[SecurityConfiguration]}" \
        --ec2-attributes "$(ec2_json)" \
        --instance-fleets "$(fleets_json)" \
        --configurations "$(cat "$HERE/hadoop.json")" \
        --bootstrap-actions "$(bootstrap_json)" \
        --log-uri "s3://${OUTPUTS[Bucket]}/logs/" \
        --ebs-root-volume-size 20 \
        --steps "$(step_json "$on_failure")" \
        "${ending[@]}"
}

ec2_json() {
    jq -cn --arg profile "${OUTPUTS[NodeProfile]}" --arg subnets "${OUTPUTS[Subnets]}" \
        --arg primary "${OUTPUTS[PrimaryGroup]}" --arg worker "${OUTPUTS[WorkerGroup]}" \
        '{InstanceProfile: $profile, SubnetIds: ($subnets | split(",")),
          EmrManagedMasterSecurityGroup: $primary, EmrManagedSlaveSecurityGroup: $worker}'
}

# What EMR runs on a node. The script comes from the bucket, where anything could lie by then, so what EMR runs is a
# shell that demands the script's digest, given with the cluster, before it runs the script.
bootstrap_json() {
    jq -cn --arg first "$FIRST_COMMAND" --arg script "$(bootstrap_url)" --arg digest "$BOOTSTRAP" --arg region "$REGION" \
        --arg artefacts "$ARTEFACTS" --arg list "$DIGEST" \
        --arg life "$LIFE" --arg nodes "$NODES" --arg logs "s3://${OUTPUTS[Bucket]}/logs" \
        '[{Name: "pomona", Path: "file:/bin/bash",
           Args: ["-c", $first, "pomona", $script, $digest, $region,
                  "--artefacts", $artefacts, "--sha256", $list, "--life", $life, "--nodes", $nodes, "--logs", $logs]}]'
}

# shellcheck disable=SC2016 # The node's shell expands it.
readonly FIRST_COMMAND='set -euo pipefail; f=$(mktemp); aws --region "$3" s3 cp --only-show-errors "$1" "$f"; '\
'echo "$2  $f" | sha256sum --check --strict --quiet || { echo "pomona: $1 is not the script that the cluster was started with" >&2; exit 1; }; '\
'shift 3; exec bash "$f" "$@"'

# The primary and one core node, which holds HDFS, on demand; the rest in a task fleet, which spot may take away.
fleets_json() {
    jq -cn --argjson nodes "$NODES" --argjson spot "$SPOT" "$FLEET"'
        [fleet("primary"; "MASTER"; 1; false; $ARGS.positional[:1])]
        + if $nodes > 1 then [fleet("core"; "CORE"; 1; false; $ARGS.positional[:1])] else [] end
        + if $nodes > 1 then [fleet("task"; "TASK"; $nodes - 1; $spot; $ARGS.positional)] else [] end' \
        --args -- "${TYPES[@]}"
}

# One fleet, in jq. A node counts one, whatever its type.
readonly FLEET='
    def disk: {EbsBlockDeviceConfigs: [{VolumeSpecification: {VolumeType: "gp3", SizeInGB: 64}, VolumesPerInstance: 1}]};
    def fleet(name; kind; count; spot; types):
        {Name: name, InstanceFleetType: kind,
         InstanceTypeConfigs: [types[] | {InstanceType: ., WeightedCapacity: 1, EbsConfiguration: disk}]}
        + if spot
          then {TargetSpotCapacity: count,
                LaunchSpecifications: {SpotSpecification: {TimeoutDurationMinutes: 10, TimeoutAction: "SWITCH_TO_ON_DEMAND",
                                                           AllocationStrategy: "price-capacity-optimized"}}}
          else {TargetOnDemandCapacity: count} end;'

# Clusters of this stack that are not over: identifier, name and state, in lines.
active_clusters() { clusters_in STARTING BOOTSTRAPPING RUNNING WAITING; }

# Clusters of this stack in some states, or in all, newest first.
clusters_in() {
    local states=()
    [[ $# -eq 0 ]] || states=(--cluster-states "$@")
    aws_read --output text emr list-clusters "${states[@]}" \
        --query "reverse(sort_by(Clusters[?starts_with(Name, '$STACK/')], &Status.Timeline.CreationDateTime))[].[Id,Name,Status.State]"
}

# Takes a cluster's or a job's identifier, or else the only cluster that runs. Refuses clusters of others.
choose_cluster() {
    local wanted=${1-} lines count
    case $wanted in
        j-*) ;;
        '')
            lines=$(active_clusters)
            count=$(grep -c . <<<"$lines" || true)
            [[ $count -gt 0 ]] || die "no cluster of the stack '$STACK' runs in $REGION"
            [[ $count -eq 1 ]] || die_usage "$(printf 'several clusters run, name one:\n%s' "$lines")"
            wanted=${lines%%$'\t'*}
            ;;
        *)
            wanted=$(clusters_in | awk -F '\t' -v name="$STACK/$wanted" '$2 == name { print $1; exit }')
            [[ -n $wanted ]] || die "no cluster was started for the job '$1'; emr status lists them"
            ;;
    esac
    owned "$wanted" || die "'$wanted' is not a cluster of the stack '$STACK' in $REGION"
    printf '%s\n' "$wanted"
}

# Whether a cluster carries the tag of this stack.
owned() {
    local tag
    tag=$(aws_text emr describe-cluster --cluster-id "$1" --query "Cluster.Tags[?Key=='pomona-stack'].Value | [0]" 2>/dev/null) || return
    [[ $tag == "$STACK" ]]
}

cluster_state() { aws_text emr describe-cluster --cluster-id "$1" --query Cluster.Status.State; }

help_submit() {
    cat <<'HELP'
Usage: emr submit [-c CLUSTER] [-l LIMIT] [--wait] -- ARGUMENTS OF pomona run

Runs the pipeline on a cluster that was started with run --keep. Prints the job's identifier.

  -c, --cluster CLUSTER  The cluster, or the job that it was started for [default: the only one]
  -l, --limit LIMIT      Stop the job after this long [default: 1h]
      --wait             Wait for the job; the exit status is the job's
HELP
}

cmd_submit() {
    local cluster='' wait=false
    LIMIT=3600
    while [[ $# -gt 0 ]]; do
        case $1 in
            -c | --cluster) need_value "$@" && cluster=$2 && shift ;;
            -l | --limit) need_value "$@" && LIMIT=$(seconds "$2") && shift ;;
            --wait) wait=true ;;
            --) shift && JOB_ARGUMENTS=("$@") && break ;;
            *) unknown_option "$1" ;;
        esac
        shift
    done
    read_outputs
    JOB=$(new_job_id)
    check_job
    cluster=$(choose_cluster "$cluster")
    # The cluster may be smaller than it was, so the job starts with whatever is there.
    upload_job 1
    aws_write emr add-steps --cluster-id "$cluster" --steps "$(step_json CONTINUE)" >&2
    $DRY_RUN && return
    say "job $JOB on cluster $cluster, results in $OUTPUT"
    if $wait; then
        follow "$cluster" "$JOB"
    else
        printf '%s\n' "$JOB"
    fi
}

help_resize() {
    cat <<'HELP'
Usage: emr resize -n NODES [CLUSTER]

Changes the number of nodes that compute. The core node stays, so NODES is 1 or more; a node that goes is drained first.
HELP
}

cmd_resize() {
    local wanted='' cluster='' fleets fleet market
    while [[ $# -gt 0 ]]; do
        case $1 in
            -n | --nodes) need_value "$@" && wanted=$(nodes "$2") && shift ;;
            -*) unknown_option "$1" ;;
            *) cluster=$1 ;;
        esac
        shift
    done
    [[ -n $wanted ]] || die_usage 'how many nodes? give -n NODES'
    cluster=$(choose_cluster "$cluster")
    fleets=$(aws_read --output json emr list-instance-fleets --cluster-id "$cluster" --query InstanceFleets)
    fleet=$(jq -r '.[] | select(.InstanceFleetType == "TASK") | .Id' <<<"$fleets")
    [[ -n $fleet ]] || die "'$cluster' has the primary alone, which computes itself: start a cluster with two nodes or more"
    market=$(jq -r '.[] | select(.InstanceFleetType == "TASK") | if .TargetSpotCapacity > 0 or .LaunchSpecifications.SpotSpecification then "Spot" else "OnDemand" end' <<<"$fleets")
    aws_write emr modify-instance-fleet --cluster-id "$cluster" \
        --instance-fleet "InstanceFleetId=$fleet,Target${market}Capacity=$((wanted - 1))"
    $DRY_RUN || say "$cluster goes to $wanted nodes"
}

help_down() {
    cat <<'HELP'
Usage: emr down CLUSTER | --all

Ends a cluster, named by its identifier or by the job that it was started for, or all clusters of the stack.

      --all  All of them
  -y, --yes  Do not ask
HELP
}

cmd_down() {
    local all=false yes=false wanted='' running clusters=()
    while [[ $# -gt 0 ]]; do
        case $1 in
            --all) all=true ;;
            -y | --yes) yes=true ;;
            -*) unknown_option "$1" ;;
            *) wanted=$1 ;;
        esac
        shift
    done
    if $all; then
        running=$(active_clusters)
        if [[ -z $running ]]; then
            say "No cluster of the stack '$STACK' runs in $REGION."
            return
        fi
        say "$running"
        $yes || $DRY_RUN || confirm 'End all of these?' || die 'nothing was ended'
        mapfile -t clusters < <(cut -f 1 <<<"$running")
    else
        [[ -n $wanted ]] || die_usage 'which cluster? give its identifier, or --all'
        clusters=("$(choose_cluster "$wanted")")
    fi
    local cluster
    for cluster in "${clusters[@]}"; do
        owned "$cluster" || continue
        aws_write emr terminate-clusters --cluster-ids "$cluster"
        $DRY_RUN || say "$cluster ends"
    done
}
