#!/usr/bin/env bash
# A step of action.yml: writes the comment on the pull request, or updates it.
# If this fails, it prints a warning; the report is also in the summary and in the artifact.
set -uo pipefail
shopt -s nullglob

export QCONV_MARKER="<!-- qconv: ${QCONV_NAME//[^A-Za-z0-9.]/_} -->"
run="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
body=$RUNNER_TEMP/qconv-comment.md
report=$RUNNER_TEMP/qconv-report.md
most=60000 # bytes; GitHub takes 65,536 characters

case $QCONV_CODE in
    0 | 1) # with any other code, the reports in the folder are from an earlier run
        told="The page and the model are artifacts of [the run]($run)."
        for file in "$QCONV_OUTPUT"/*.report.md; do
            cat "$file"
            echo
        done >"$report"
        if [ "$(wc -c <"$report")" -gt "$most" ]; then
            told="$told This is the beginning of the summary."
        fi
        ;;
    *)
        told="**qconv ended with exit code $QCONV_CODE**, without a report: see [the run]($run)."
        : >"$report"
        ;;
esac
{
    printf '%s\n%s\n\n' "$QCONV_MARKER" "$told"
    LC_ALL=C awk -v most="$most" '(size += length($0) + 1) > most { exit } { print }' "$report"
} >"$body"

# These are GraphQL and jq, not shell: gh fills in $owner and the other variables.
# shellcheck disable=SC2016
find='query($owner: String!, $name: String!, $number: Int!, $endCursor: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    comments(first: 100, after: $endCursor) {
      nodes { id body viewerDidAuthor } pageInfo { hasNextPage endCursor } } } } }'
own='.data.repository.pullRequest.comments.nodes[]
  | select(.viewerDidAuthor and (.body | startswith(env.QCONV_MARKER))) | .id'
# shellcheck disable=SC2016
update='mutation($id: ID!, $body: String!) {
  updateIssueComment(input: {id: $id, body: $body}) { clientMutationId } }'

comment() {
    local found
    found=$(gh api graphql --paginate -f query="$find" -f owner="${GITHUB_REPOSITORY%/*}" \
        -f name="${GITHUB_REPOSITORY#*/}" -F number="$QCONV_PULL_REQUEST" --jq "$own") || return
    if [ -n "$found" ]; then
        gh api graphql --silent -f query="$update" -f id="${found%%$'\n'*}" -F body="@$body"
    else
        gh api --silent -F body="@$body" \
            "repos/$GITHUB_REPOSITORY/issues/$QCONV_PULL_REQUEST/comments"
    fi
}

if ! comment; then
    echo '::warning title=qconv made no comment::The token may need pull-requests: write,' \
        'which a pull request from a fork never has. The report is in the summary.'
fi
