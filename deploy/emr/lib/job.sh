# A job: the arguments of `pomona run` in an object of their own, so that no shell and no service ever splits them.
# shellcheck shell=bash

JOB=
OUTPUT=

new_job_id() { printf '%s-%04x\n' "$(date -u +%Y%m%dT%H%M%SZ)" $((RANDOM * 2 % 65536)); }

# The value of an option in JOB_ARGUMENTS, given as --name VALUE, -x VALUE or --name=VALUE.
job_option() {
    local long=$1 short=$2 i
    for ((i = 0; i < ${#JOB_ARGUMENTS[@]}; i++)); do
        case ${JOB_ARGUMENTS[i]} in
            "$long" | "$short") printf '%s\n' "${JOB_ARGUMENTS[i + 1]-}" && return ;;
            "$long"=*) printf '%s\n' "${JOB_ARGUMENTS[i]#*=}" && return ;;
        esac
    done
}

# Refuses arguments with which the job could only fail, and adds the output where there is none.
check_job() {
    local input weights
    [[ ${#JOB_ARGUMENTS[@]} -gt 0 ]] || die_usage 'no job: the arguments of pomona run follow --'
    input=$(job_option --input -i)
    [[ $input == s3://* ]] ||
        die_usage "--input '$input': nodes see S3 alone; aws s3 sync FOLDER s3://BUCKET/ uploads images"
    [[ -z $(job_option --scheduler --scheduler) ]] || die_usage '--scheduler is what emr gives itself'
    weights=$(job_option --weights -w)
    case $weights in
        '' | fruits | imagenet | s3://*) ;;
        *) die_usage "--weights '$weights': nodes see S3 alone; upload the file, or take fruits" ;;
    esac
    OUTPUT=$(job_option --output -o)
    if [[ -z $OUTPUT ]]; then
        OUTPUT=s3://${OUTPUTS[Bucket]}/results/$JOB/
        JOB_ARGUMENTS+=(--output "$OUTPUT")
    fi
    [[ $OUTPUT != "s3://${OUTPUTS[Bucket]}"/* && $OUTPUT != "s3://${OUTPUTS[Bucket]}" || $OUTPUT == "s3://${OUTPUTS[Bucket]}/results/"?* ]] ||
        die_usage "--output '$OUTPUT': nodes may write below s3://${OUTPUTS[Bucket]}/results/ alone; give a folder there"
    [[ $OUTPUT == s3://* ]] || die_usage "--output '$OUTPUT': nodes vanish with what is on their disks; give s3://BUCKET/FOLDER/"
}

# Writes the job to the bucket, where the primary reads it.
upload_job() {
    local executors=$1 file
    file=$(mktemp)
    jq -n --arg id "$JOB" --arg output "$OUTPUT" --argjson limit "$LIMIT" --argjson executors "$executors" \
        '{id: $id, output: $output, limit: $limit, executors: $executors, arguments: $ARGS.positional}' \
        --args -- "${JOB_ARGUMENTS[@]}" >"$file"
    $DRY_RUN && say "$(cat "$file")"
    aws_write s3 cp --only-show-errors "$file" "$(job_url)/job.json"
    rm -f "$file"
}

job_url() { printf 's3://%s/jobs/%s\n' "${OUTPUTS[Bucket]}" "$JOB"; }

# The step as EMR wants it. Its only argument is the job's address.
step_json() {
    local on_failure=$1
    jq -cn --arg name "$JOB" --arg on "$on_failure" --arg job "$(job_url)" \
        '[{Type: "CUSTOM_JAR", Name: $name, ActionOnFailure: $on, Jar: "command-runner.jar",
           Args: ["/opt/pomona/bin/pomona-job", $job]}]'
}

# The ten newest jobs in the bucket, the newest first.
newest_jobs() {
    # shellcheck disable=SC2016 # The backticks are JMESPath's.
    aws_text s3api list-objects-v2 --bucket "${OUTPUTS[Bucket]}" --prefix jobs/ --delimiter / \
        --query 'reverse(sort(CommonPrefixes[].Prefix || `[]`))[:10]' | tr '\t' '\n' | sed -nE 's,^jobs/(.*)/$,\1,p'
}

# Takes a job's identifier, or the newest job.
choose_job() {
    JOB=${1-}
    [[ -n $JOB ]] || JOB=$(newest_jobs | sed 1q)
    [[ -n $JOB ]] || die 'there is no job in the bucket yet'
    [[ $JOB =~ ^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}$ ]] || die_usage "'$JOB' is not a job; emr status lists them"
}

# One field of the job or of its status, empty where it is not there.
job_field() {
    local file=$1 field=$2 text
    text=$(aws_read s3 cp --quiet "$(job_url)/$file" - 2>/dev/null) || return 0
    jq -r "$field // empty" <<<"$text"
}
