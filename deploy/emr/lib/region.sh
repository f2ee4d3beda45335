# The Regions that are allowed: those inside the European Union.
# shellcheck shell=bash

readonly -a ALLOWED_REGIONS=(eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-3)
REGION=

# Sets REGION in the AWS CLI's order: the option, AWS_REGION, AWS_DEFAULT_REGION, the profile.
choose_region() {
    REGION=${GLOBAL_REGION:-${AWS_REGION:-${AWS_DEFAULT_REGION:-}}}
    if [[ -z $REGION ]]; then
        REGION=$(aws ${GLOBAL_PROFILE:+--profile "$GLOBAL_PROFILE"} configure get region) || true
    fi
    [[ -n $REGION ]] || die_usage "no Region: give --region or set AWS_REGION; allowed are ${ALLOWED_REGIONS[*]}"
    is_allowed "$REGION" || die_usage "$(refusal "$REGION")"
}

is_allowed() {
    local region
    for region in "${ALLOWED_REGIONS[@]}"; do
        [[ $region == "$1" ]] && return
    done
    return 1
}

refusal() {
    local why='outside the European Union'
    case $1 in
        eu-west-2) why='London, outside the European Union' ;;
        eu-central-2) why='Zurich, outside the European Union' ;;
    esac
    printf "Region '%s' is refused (%s); allowed are %s" "$1" "$why" "${ALLOWED_REGIONS[*]}"
}
