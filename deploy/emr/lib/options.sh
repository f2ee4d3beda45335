# Options: those that all commands share, and the values that several take.
# shellcheck shell=bash

GLOBAL_REGION=
GLOBAL_PROFILE=
GLOBAL_ENDPOINT=
STACK=${POMONA_EMR_STACK:-pomona}
DRY_RUN=false
HELP=false
REST=()

# Takes the global options out of the arguments, wherever they stand before --, and leaves the others in REST.
parse_global() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --region) need_value "$@" && GLOBAL_REGION=$2 && shift ;;
            --region=*) GLOBAL_REGION=${1#*=} ;;
            --profile) need_value "$@" && GLOBAL_PROFILE=$2 && shift ;;
            --profile=*) GLOBAL_PROFILE=${1#*=} ;;
            --endpoint-url) need_value "$@" && GLOBAL_ENDPOINT=$2 && shift ;;
            --endpoint-url=*) GLOBAL_ENDPOINT=${1#*=} ;;
            --stack) need_value "$@" && STACK=$2 && shift ;;
            --stack=*) STACK=${1#*=} ;;
            --dry-run) DRY_RUN=true ;;
            -h | --help) HELP=true ;;
            --) REST+=("$@") && break ;;
            *) REST+=("$1") ;;
        esac
        shift
    done
    [[ $STACK =~ ^[a-z][a-z0-9-]{0,27}$ ]] ||
        die_usage "--stack '$STACK': the bucket and the roles are called after it, so it has at most 28 small letters, digits and hyphens"
}

need_value() { [[ $# -gt 1 ]] || die_usage "$1 needs a value"; }

unknown_option() { die_usage "'$1' is not an option of this command; emr ${FUNCNAME[1]#cmd_} --help lists them"; }

# Seconds of a duration: 90, 90s, 45m, 2h.
seconds() {
    local number=${1%[smh]}
    [[ $number =~ ^[1-9][0-9]{0,6}$ ]] || die_usage "'$1' is not a duration: give 90s, 45m or 2h"
    case $1 in
        *m) number=$((number * 60)) ;;
        *h) number=$((number * 3600)) ;;
    esac
    printf '%d\n' "$number"
}

# A number of nodes.
nodes() {
    [[ $1 =~ ^[1-9][0-9]{0,2}$ ]] || die_usage "'$1' is not a number of nodes: give 1 to 999"
    printf '%d\n' "$1"
}

# The options that describe a cluster; estimate and check take them too, so that the same line can be tried first.
NODES=3
TYPES=()
SPOT=false
KEEP=false
LIMIT=3600
LIFE=
IDLE=3600
RELEASE='emr-7.13.0'
BINARY=${POMONA_EMR_BINARY:-$HERE/../../target/emr/pomona}
MAX_COST=
JOB_ARGUMENTS=()
OPTIONS=()

help_cluster_options() {
    cat <<HELP
  -n, --nodes NODES    Nodes that compute, besides the primary [default: 3]; with 1 the primary does it alone
  -t, --type TYPES     Their type, or several for the spot nodes: c7i.2xlarge,m5.2xlarge [default: the price table's]
  -s, --spot           All but the first two nodes on spot; on demand where there is none within 10 minutes
  -k, --keep           Keep the cluster after the job, for submit; it ends after an hour without a job
  -l, --limit LIMIT    Stop the job after this long, exit status 124 [default: 1h]
      --life LIFE      Power the primary off after this long, whatever happens [default: LIMIT and 30m; 8h with -k]
      --release LABEL  The release of EMR [default: $RELEASE]
      --binary FILE    The program [default: POMONA_EMR_BINARY, or what emr build made]
      --max-cost EUR   Refuse if the cluster could cost more than this at on-demand prices until LIFE
HELP
}

# Parses the options of a cluster. What follows -- goes to JOB_ARGUMENTS, everything else to OPTIONS.
parse_cluster() {
    local limit=1h life=
    while [[ $# -gt 0 ]]; do
        case $1 in
            -n | --nodes) need_value "$@" && NODES=$2 && shift ;;
            -t | --type) need_value "$@" && IFS=, read -r -a TYPES <<<"$2" && shift ;;
            -s | --spot) SPOT=true ;;
            -k | --keep) KEEP=true ;;
            -l | --limit) need_value "$@" && limit=$2 && shift ;;
            --life) need_value "$@" && life=$2 && shift ;;
            --release) need_value "$@" && RELEASE=$2 && shift ;;
            --binary) need_value "$@" && BINARY=$2 && shift ;;
            --max-cost) need_value "$@" && MAX_COST=$2 && shift ;;
            --) shift && JOB_ARGUMENTS=("$@") && break ;;
            *) OPTIONS+=("$1") ;;
        esac
        shift
    done
    NODES=$(nodes "$NODES")
    LIMIT=$(seconds "$limit")
    LIFE=$(life_seconds "$life")
    [[ $LIFE -gt $LIMIT ]] || die_usage "--life must be longer than --limit, or the primary is gone before the job"
    [[ ${#TYPES[@]} -gt 0 ]] || TYPES=("$(default_type)")
    [[ -z $MAX_COST || $MAX_COST =~ ^[0-9]+(\.[0-9]+)?$ ]] || die_usage "--max-cost '$MAX_COST' is not an amount in euros"
}

life_seconds() {
    if [[ -n $1 ]]; then
        seconds "$1"
    elif $KEEP && [[ $LIMIT -lt 27000 ]]; then
        printf '28800\n'
    else
        printf '%d\n' $((LIMIT + 1800))
    fi
}
