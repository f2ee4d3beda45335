# Calls of the AWS CLI: those that read always run, those that change something are only printed with --dry-run.
# shellcheck shell=bash

# Runs the AWS CLI in a Region.
aws_in() {
    local region=$1
    shift
    AWS_PAGER='' aws --region "$region" \
        ${GLOBAL_PROFILE:+--profile "$GLOBAL_PROFILE"} \
        ${GLOBAL_ENDPOINT:+--endpoint-url "$GLOBAL_ENDPOINT"} \
        "$@"
}

# A call that changes nothing.
aws_read() { aws_in "$REGION" "$@"; }

# A call that changes something. With --dry-run it is printed, quoted so that it can be pasted, and gives nothing.
aws_write() {
    if $DRY_RUN; then
        printf 'aws --region %q' "$REGION"
        [[ -z $GLOBAL_PROFILE ]] || printf ' --profile %q' "$GLOBAL_PROFILE"
        [[ -z $GLOBAL_ENDPOINT ]] || printf ' --endpoint-url %q' "$GLOBAL_ENDPOINT"
        printf ' %q' "$@"
        printf '\n'
        return
    fi
    aws_in "$REGION" "$@"
}

# Text of a call, empty where it says None.
aws_text() {
    local text
    text=$(aws_read --output text "$@") || return
    [[ $text == None ]] || printf '%s\n' "$text"
}
