#!/usr/bin/env bash
# A step of action.yml: runs `qconv run` with the inputs, one value per line. Each line becomes one
# argument, --name=value, which no shell reads as code.
# The step always ends with 0, and the output exit-code is the exit code of qconv. The job ends with
# that code after the artifact and the comment.
set -uo pipefail

arguments=(run "--output=$QCONV_OUTPUT" --force)

each_line() {
    local line
    while read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        if [ -n "$line" ]; then
            arguments+=("$1=$line")
        fi
    done <<<"$2"
}

each_line --recipe "$QCONV_RECIPE"
each_line --model "$QCONV_MODEL"
each_line --data "$QCONV_DATA"
each_line --test-data "$QCONV_TEST_DATA"
each_line --dtype "$QCONV_DTYPE"
each_line --fail-if "$QCONV_GATES"

# Other options have no value, or are followed by one: --no-latency, --effort best, --effort=best.
while read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    name=${line%% *}
    case $name in
        '') ;;
        "$line" | *=*) arguments+=("$line") ;;
        *) arguments+=("$name=${line#* }") ;;
    esac
done <<<"$QCONV_OPTIONS"

before=$(mktemp)
code=0
qconv "${arguments[@]}" || code=$?
echo "exit-code=$code" >>"$GITHUB_OUTPUT"

made=$(find "$QCONV_OUTPUT" -type f -newer "$before" ! -name qconv-run.json 2>/dev/null | head -n 1)
if [ -n "$made" ]; then
    echo "made=true" >>"$GITHUB_OUTPUT" # the cache needs an update
fi

if [ "$code" -gt 1 ]; then
    echo "**qconv ended with exit code $code**, without a report. The log of the step shows why." \
        >>"$GITHUB_STEP_SUMMARY"
fi
