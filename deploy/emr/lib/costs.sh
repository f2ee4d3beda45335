# Money: what a run will cost, what it could cost at most, and what costs now. Prices come from deploy/prices.toml.
# shellcheck shell=bash

PRICES=${POMONA_EMR_PRICES:-$HERE/../prices.toml}

# A value of the price table: price SECTION KEY, empty where it has none.
price() {
    awk -v section="$1" -v key="$2" '
        /^\[/ { here = substr($0, 2, length($0) - 2); gsub(/"/, "", here) }
        here == section && $1 == key && $2 == "=" { sub(/^[^=]*= */, ""); gsub(/"/, ""); print; exit }' "$PRICES"
}

default_type() { price '' default_type; }

# The name in the table of a type's row for this Region, or of its row for another.
price_row() {
    if [[ -n $(price "types.$1@$REGION" vcpus) ]]; then
        printf '%s@%s\n' "$1" "$REGION"
    elif [[ -n $(price "types.$1" vcpus) ]]; then
        printf '%s\n' "$1"
    fi
}

# Dollars of a node for an hour, on demand: EC2 and EMR.
node_hour() {
    local row
    row=$(price_row "$1")
    [[ -n $row ]] || die "deploy/prices.toml has no type '$1': add it, or name your own table in POMONA_EMR_PRICES"
    printf '%s %s\n' "$(price "types.$row" ec2_usd_per_hour)" "$(price "types.$row" emr_usd_per_hour)"
}

# Nodes that are paid for: those that compute and the primary, or the primary alone.
paid_nodes() { printf '%d\n' $((NODES > 1 ? NODES + 1 : 1)); }

# Arithmetic and comparisons of numbers with a point. Without the parentheses, awk takes `>` for a file to write to.
reckon() { awk "BEGIN { printf \"%.${2:-2}f\", ($1) }"; }

# Euros that the cluster costs at most: all nodes, on demand, until the primary powers itself off.
most_euros() {
    local ec2 emr
    read -r ec2 emr < <(node_hour "${TYPES[0]}")
    [[ -n $ec2 ]] || exit 1
    reckon "$(paid_nodes) * ($ec2 + $emr) * $LIFE / 3600 / $(price exchange usd_per_eur)"
}

# Tells the bound before anything is started, and refuses what is above --max-cost.
bound_cost() {
    local most
    most=$(most_euros)
    say "at most $most EUR: $(paid_nodes) nodes until $((LIFE / 60)) minutes after their start; emr estimate tells what is likely"
    [[ -z $MAX_COST ]] || [[ $(reckon "$most > $MAX_COST" 0) == 0 ]] ||
        die "$most EUR is above --max-cost $MAX_COST: take fewer nodes, a shorter --limit or --life"
}

help_estimate() {
    printf 'Usage: emr estimate [OPTIONS] -- ARGUMENTS OF pomona run\n       emr estimate [OPTIONS] --images N [--rate R]\n\n'
    printf 'Tells euros and minutes of a run. The first form takes a sample of the images through the network, here, with\n'
    printf 'pomona estimate; the second reckons with a number of images. Starts nothing in AWS.\n\n'
    help_cluster_options
    printf '      --images N       Images\n'
    printf '      --rate R         Images a second and physical core [default: 200]\n'
}

cmd_estimate() {
    local images='' rate=200 minutes seconds
    parse_cluster "$@"
    set -- "${OPTIONS[@]}"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --images) need_value "$@" && images=$2 && shift ;;
            --rate) need_value "$@" && rate=$2 && shift ;;
            *) unknown_option "$1" ;;
        esac
        shift
    done
    node_hour "${TYPES[0]}" >/dev/null
    if [[ -n $images ]]; then
        [[ $images =~ ^[0-9]+$ && $rate =~ ^[0-9]+(\.[0-9]+)?$ && $rate != 0 ]] || die_usage '--images and --rate are numbers above zero'
        seconds="$images / ($rate * $NODES * $(price "types.$(price_row "${TYPES[0]}")" cores))"
        minutes=$(reckon "$(price cluster startup_minutes) + $seconds / 60" 1)
    else
        [[ ${#JOB_ARGUMENTS[@]} -gt 0 ]] || die_usage 'what run? its arguments follow --, or give --images N'
        minutes=$(sampled_minutes)
    fi
    print_estimate "$minutes"
}

# Minutes of a run on the cluster, from a sample of its images.
sampled_minutes() {
    local found option value sample=()
    # What pomona estimate takes of the arguments of pomona run.
    for option in --input --filter --limit --components --weights; do
        value=$(job_option "$option" "$(short_option "$option")")
        [[ -z $value ]] || sample+=("$option" "$value")
    done
    [[ -x $BINARY ]] || die "there is no program '$BINARY' to take a sample with: give --binary, or --images N"
    found=$("$BINARY" estimate --format json --prices "$PRICES" --nodes "$NODES" --type "$(price_row "${TYPES[0]}")" \
        "${sample[@]}") || die 'pomona estimate failed'
    reckon "$(jq .cluster.minutes <<<"$found")" 1
}

short_option() {
    case $1 in
        --input) printf -- '-i\n' ;;
        --components) printf -- '-k\n' ;;
        *) printf '%s\n' "$1" ;;
    esac
}

print_estimate() {
    local minutes=$1 type=${TYPES[0]} row ec2 emr rate paid spot_nodes=0 spot_price='' usd
    row=$(price_row "$type")
    read -r ec2 emr < <(node_hour "$type")
    rate=$(price exchange usd_per_eur)
    paid=$(paid_nodes)
    ! $SPOT || spot_nodes=$((NODES > 1 ? NODES - 1 : 0))
    [[ $spot_nodes -eq 0 ]] || spot_price=$(spot_hour "$type")
    usd="$minutes / 60 * ($paid * ($ec2 + $emr) - $spot_nodes * ($ec2 - ${spot_price:-$ec2}))"
    printf 'nodes     %s of %s, %s of them on spot\n' "$paid" "$type" "$spot_nodes"
    printf 'minutes   %s\n' "$minutes"
    printf 'likely    %s EUR\n' "$(reckon "$usd / $rate")"
    printf 'at most   %s EUR, should the job hang until its cluster is powered off\n' "$(most_euros)"
    if [[ -n $spot_price ]]; then
        printf 'spot      %s USD an hour now, %s on demand\n' "$spot_price" "$ec2"
    elif [[ $spot_nodes -gt 0 ]]; then
        printf 'spot      no price known, so reckoned as on demand\n'
    fi
    printf 'Prices of %s, %s, from memory of the %s: check them. Without VAT, disks, public addresses, requests and transfer.\n' \
        "$(price "types.$row" date)" "$(price "types.$row" region)" "$(price "types.$row" source)"
    [[ $row == *@* ]] || warn "the table has no row of $type for $REGION; these are the prices of $(price "types.$row" region)"
}

# Dollars of a spot node for an hour, now, or nothing. Asking costs nothing.
spot_hour() {
    aws_text ec2 describe-spot-price-history --instance-types "$1" --product-descriptions Linux/UNIX \
        --start-time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --query 'max(SpotPriceHistory[].SpotPrice)' 2>/dev/null || true
}

help_audit() {
    cat <<'HELP'
Usage: emr audit

Lists, in every allowed Region, the clusters of EMR that run, machines and disks that carry a tag of a Pomona stack or of
EMR, NAT gateways and elastic addresses of anybody, and the buckets of Pomona stacks with their size.
HELP
}

cmd_audit() {
    local region folder count thing
    [[ $# -eq 0 ]] || unknown_option "$1"
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # The folder of now is meant.
    trap "rm -rf '$folder'" EXIT
    # One after the other the Regions would take a minute.
    for region in "${ALLOWED_REGIONS[@]}"; do
        audit_region "$region" >"$folder/$region" &
    done
    wait
    for region in "${ALLOWED_REGIONS[@]}"; do
        while read -r thing; do printf '%-13s %s\n' "$region" "$thing"; done <"$folder/$region"
    done
    count=$(cat "$folder"/* | grep -vcE '^(nothing|not enabled)' || true)
    say "$count things cost"
}

# What a Region says in the list.
audit_region() {
    local found
    if ! is_enabled "$1"; then
        printf 'not enabled in this account\n'
        return
    fi
    found=$(costs_in "$1")
    printf '%s\n' "${found:-nothing}"
}

is_enabled() {
    local status
    status=$(aws_in "$REGION" --output text ec2 describe-regions --all-regions --region-names "$1" \
        --query 'Regions[0].OptInStatus') || return
    [[ $status != not-opted-in ]]
}

# What costs in a Region, one thing a line.
costs_in() {
    local region=$1 bucket
    audit_list "$region" cluster emr list-clusters --cluster-states STARTING BOOTSTRAPPING RUNNING WAITING TERMINATING \
        --query 'Clusters[].[Id,Name,Status.State]'
    audit_tagged "$region" machine describe-instances 'Reservations[].Instances[].[InstanceId,InstanceType,State.Name]' \
        Name=instance-state-name,Values=pending,running,stopping,stopped
    audit_tagged "$region" disk describe-volumes 'Volumes[].[VolumeId,Size,VolumeType,State]'
    audit_list "$region" 'NAT gateway' ec2 describe-nat-gateways --filter Name=state,Values=pending,available \
        --query 'NatGateways[].[NatGatewayId,VpcId]'
    audit_list "$region" 'elastic address' ec2 describe-addresses --query 'Addresses[].[PublicIp,AllocationId]'
    while read -r bucket; do
        [[ -z $bucket ]] || printf 'bucket %s %s\n' "$bucket" "$(bucket_summary "$region" "$bucket")"
    done < <(stack_buckets "$region")
}

audit_list() {
    local region=$1 what=$2
    shift 2
    { aws_in "$region" --output text "$@" || printf 'UNKNOWN, the call failed\n'; } | tr '\t' ' ' | sed -E "/^(None)?\$/d; s/^/$what /"
}

# Things with a tag of Pomona's or of EMR's, each once.
audit_tagged() {
    local region=$1 what=$2 call=$3 query=$4 tag
    shift 4
    for tag in pomona-stack aws:elasticmapreduce:job-flow-id; do
        audit_list "$region" "$what" ec2 "$call" --filters "Name=tag-key,Values=$tag" "$@" --query "$query"
    done | sort -u
}

# The buckets of Pomona's stacks in a Region.
stack_buckets() {
    aws_in "$1" --output text cloudformation describe-stacks \
        --query "Stacks[?Tags[?Key=='pomona-stack']].Outputs[] | [?OutputKey=='Bucket'].OutputValue" | tr '\t' '\n'
}
