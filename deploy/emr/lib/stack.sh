# What outlives a cluster: making it, asking for it, deleting it.
# shellcheck shell=bash

help_setup() {
    cat <<'HELP'
Usage: emr setup [--input-bucket NAME]...

Makes or updates the CloudFormation stack: network, bucket, roles, security configuration. Nothing in it costs
anything but the bytes in the bucket. It can be run again at any time.

      --input-bucket NAME  A bucket, besides the stack's own, that nodes may read; give all of them each time
HELP
}

cmd_setup() {
    local buckets=()
    while [[ $# -gt 0 ]]; do
        case $1 in
            --input-bucket) need_value "$@" && buckets+=("${2#s3://}") && shift ;;
            *) unknown_option "$1" ;;
        esac
        shift
    done
    adopt_bucket
    ensure_spot_role
    aws_write cloudformation deploy --stack-name "$STACK" --template-file "$HERE/stack.yaml" \
        --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset \
        --parameter-overrides "InputBuckets=$(IFS=,; printf '%s' "${buckets[*]}")" \
        --tags "pomona-stack=$STACK" >&2
    $DRY_RUN || say "The stack '$STACK' is in $REGION. Next: emr check"
}

# A bucket outlives its stack where destroy was told to keep it, and no stack can make it a second time.
adopt_bucket() {
    local bucket
    [[ -z $(stack_status) ]] || return 0
    bucket=$(bucket_name)
    if aws_read s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; then
        die "the bucket '$bucket' is there and belongs to no stack: move what you need out of it and delete it, or take another --stack"
    fi
}

bucket_name() {
    local account
    account=$(account_id)
    printf '%s-%s-%s\n' "$STACK" "$account" "$REGION"
}

account_id() { aws_text sts get-caller-identity --query Account; }

# Spot requests need a role that an account gets with its first one from the console, but not from EMR.
ensure_spot_role() {
    local answer
    aws_read iam get-role --role-name AWSServiceRoleForEC2Spot >/dev/null 2>&1 && return
    answer=$(aws_write iam create-service-linked-role --aws-service-name spot.amazonaws.com 2>&1) || {
        [[ $answer == *taken* || $answer == *exists* ]] || warn "the role for spot nodes could not be made: $answer"
        return 0
    }
    ! $DRY_RUN || printf '%s\n' "$answer"
}

# The state of the stack, or nothing where there is none.
stack_status() {
    aws_text cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].StackStatus' 2>/dev/null || true
}

declare -A OUTPUTS=()

# Fills OUTPUTS with what the stack made.
read_outputs() {
    local key value lines
    lines=$(aws_read --output text cloudformation describe-stacks --stack-name "$STACK" \
        --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' 2>/dev/null) ||
        die "there is no stack '$STACK' in $REGION: run emr setup"
    while IFS=$'\t' read -r key value; do
        OUTPUTS[$key]=$value
    done <<<"$lines"
    [[ -n ${OUTPUTS[Bucket]-} ]] || die "the stack '$STACK' in $REGION is not complete: run emr setup"
}

help_destroy() {
    cat <<'HELP'
Usage: emr destroy [--force] [--yes]

Deletes what setup made. Refuses while a cluster runs, and while the bucket holds anything.

      --force  Delete the bucket with everything in it, results too
  -y, --yes    Do not ask
HELP
}

cmd_destroy() {
    local force=false yes=false
    while [[ $# -gt 0 ]]; do
        case $1 in
            --force) force=true ;;
            -y | --yes) yes=true ;;
            *) unknown_option "$1" ;;
        esac
        shift
    done
    if [[ -z $(stack_status) ]]; then
        say "There is no stack '$STACK' in $REGION."
        return
    fi
    read_outputs
    refuse_running
    refuse_full_bucket "$force"
    $yes || $DRY_RUN || confirm "Delete the stack '$STACK' in $REGION and its bucket '${OUTPUTS[Bucket]}'?" || die 'nothing was deleted'
    revoke_rules "${OUTPUTS[PrimaryGroup]}"
    revoke_rules "${OUTPUTS[WorkerGroup]}"
    aws_write cloudformation delete-stack --stack-name "$STACK"
    $DRY_RUN || aws_read cloudformation wait stack-delete-complete --stack-name "$STACK"
    ! $force || aws_write s3 rm --recursive --only-show-errors "s3://${OUTPUTS[Bucket]}"
    aws_write s3api delete-bucket --bucket "${OUTPUTS[Bucket]}"
    $DRY_RUN || say "The stack '$STACK' and its bucket are gone from $REGION."
}

refuse_running() {
    local running
    running=$(active_clusters)
    [[ -z $running ]] || die "$(printf 'clusters of this stack run; emr down --all ends them:\n%s' "$running")"
}

refuse_full_bucket() {
    local bucket=${OUTPUTS[Bucket]} summary
    ! $1 || return 0
    summary=$(bucket_summary "$REGION" "$bucket")
    [[ $summary == '0 objects'* ]] ||
        die "the bucket '$bucket' holds $summary: emr get and aws s3 cp fetch what you need, --force deletes it all"
}

# Objects and bytes of a bucket.
bucket_summary() {
    local region=$1 bucket=$2
    { aws_in "$region" s3 ls --recursive --summarize "s3://$bucket" || true; } |
        awk '/^ *Total Objects:/ { n = $3 } /^ *Total Size:/ { b = $3 } END { printf "%d objects of %.2f GB\n", n, b / 1e9 }'
}

# EMR's rules make the two groups name each other, and neither could be deleted.
revoke_rules() {
    local rules
    rules=$(aws_read --output json ec2 describe-security-groups --group-ids "$1" --query 'SecurityGroups[0].IpPermissions')
    [[ $rules == '[]' || $rules == null ]] && return
    aws_write ec2 revoke-security-group-ingress --group-id "$1" --ip-permissions "$rules" >/dev/null
}
