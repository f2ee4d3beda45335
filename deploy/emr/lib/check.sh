# Whether a run would work: everything that can be asked without starting a machine.
# shellcheck shell=bash

BAD=0

help_check() {
    printf 'Usage: emr check [OPTIONS OF run]\n\n'
    printf 'Looks whether a run with these options would work. Starts nothing. The exit status is 1 if something is wrong.\n\n'
    help_cluster_options
}

cmd_check() {
    local account
    parse_cluster "$@"
    [[ ${#OPTIONS[@]} -eq 0 ]] || unknown_option "${OPTIONS[0]}"
    account=$(account_id) || die 'AWS does not know who you are: aws configure, or --profile'
    good "account $account, Region $REGION"
    check_release
    check_types
    check_binary
    check_public_access
    check_disks
    if [[ -z $(stack_status) ]]; then
        bad "there is no stack '$STACK': emr setup"
    else
        read_outputs
        check_bucket
        check_roles
    fi
    [[ $BAD -eq 0 ]] || exit 1
}

good() { printf 'ok    %s\n' "$*"; }

bad() {
    printf 'wrong %s\n' "$*"
    BAD=$((BAD + 1))
}

note() { printf 'note  %s\n' "$*"; }

check_release() {
    if is_release_offered; then
        good "release $RELEASE"
    else
        bad "the release '$RELEASE' is not offered in $REGION; the newest is $(newest_release)"
    fi
}

is_release_offered() {
    [[ -n $(aws_text emr list-release-labels --query "ReleaseLabels[?@=='$RELEASE'] | [0]") ]]
}

newest_release() { aws_text emr list-release-labels --query 'ReleaseLabels[]' | tr '\t' '\n' | sort -V | tail -n 1; }

check_types() {
    local type problem
    for type in "${TYPES[@]}"; do
        problem=$(type_problem "$type")
        if [[ -n $problem ]]; then bad "$problem"; else good "type $type"; fi
    done
}

# Says why EMR would not start nodes of a type here, or nothing.
type_problem() {
    local type=$1 supported
    supported=$(aws_text emr list-supported-instance-types --release-label "$RELEASE" \
        --query "SupportedInstanceTypes[?Type=='$type'].Type | [0]")
    if [[ -n $supported ]]; then
        offer_problem "$type"
    else
        printf "EMR's %s does not know the type '%s'" "$RELEASE" "$type"
    fi
}

# Says that EC2 has no machines of a type here, or nothing.
offer_problem() {
    local offered
    offered=$(aws_text ec2 describe-instance-type-offerings --filters "Name=instance-type,Values=$1" \
        --query 'InstanceTypeOfferings[0].InstanceType')
    [[ -n $offered ]] || printf "the type '%s' is not offered in %s" "$1" "$REGION"
}

# Ends with an error where a cluster would fail only minutes after its start; what EMR itself does not know it refuses at once.
refuse_types() {
    local type problem
    for type in "${TYPES[@]}"; do
        problem=$(offer_problem "$type")
        [[ -z $problem ]] || die "$problem; emr check tells more"
    done
}

check_binary() {
    local problem glibc
    problem=$(binary_problem)
    if [[ -n $problem ]]; then
        bad "$problem"
        return
    fi
    glibc=$(glibc_of "$BINARY")
    good "program $BINARY, $(architecture_of "$BINARY"), ${glibc:+glibc $glibc}"
}

# EMR's own guard against groups that let the world in.
check_public_access() {
    local blocked
    blocked=$(aws_text emr get-block-public-access-configuration \
        --query BlockPublicAccessConfiguration.BlockPublicSecurityGroupRules)
    if [[ $blocked == True ]]; then
        good 'EMR blocks public access'
    else
        bad 'EMR does not block public access: aws emr put-block-public-access-configuration --block-public-access-configuration BlockPublicSecurityGroupRules=true'
    fi
}

check_disks() {
    if [[ $(aws_text ec2 get-ebs-encryption-by-default --query EbsEncryptionByDefault) == True ]]; then
        good 'new disks are encrypted'
    else
        bad 'new disks are not encrypted: aws ec2 enable-ebs-encryption-by-default'
    fi
}

check_bucket() {
    local bucket=${OUTPUTS[Bucket]} policy
    if ! aws_read s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; then
        bad "the bucket '$bucket' is gone or not yours: emr destroy, emr setup"
        return
    fi
    [[ $(aws_text s3api get-public-access-block --bucket "$bucket" \
        --query 'PublicAccessBlockConfiguration.*' 2>/dev/null) == $'True\tTrue\tTrue\tTrue' ]] ||
        bad "the bucket '$bucket' could be made public: emr setup"
    policy=$(aws_text s3api get-bucket-policy --bucket "$bucket" --query Policy 2>/dev/null) || true
    [[ $policy == *aws:SecureTransport* ]] || bad "the bucket '$bucket' can be read without TLS: emr setup"
    aws_read s3api get-bucket-encryption --bucket "$bucket" >/dev/null 2>&1 || bad "the bucket '$bucket' is not encrypted: emr setup"
    good "bucket $bucket"
}

check_roles() {
    local profile=${OUTPUTS[NodeProfile]} role
    for role in "${OUTPUTS[ServiceRole]}" "$profile"; do
        if aws_read iam get-role --role-name "$role" >/dev/null 2>&1; then
            good "role $role"
        else
            bad "the role '$role' is gone: emr destroy, emr setup"
        fi
    done
    role=$(aws_text iam get-instance-profile --instance-profile-name "$profile" --query 'InstanceProfile.Roles[0].RoleName' 2>/dev/null) || true
    [[ $role == "$profile" ]] || bad "the instance profile '$profile' holds no role of that name: emr setup"
    $SPOT || return 0
    aws_read iam get-role --role-name AWSServiceRoleForEC2Spot >/dev/null 2>&1 || note 'the role for spot nodes is not there: emr setup'
}
