#!/usr/bin/env bash
# A step of action.yml: names what is to be made, for the key of the cache. The output asked is a
# hash of the recipe and of inputs that say which files come out; the output content is one of
# models and data. A miss costs time alone: qconv run knows what each file depends on.
set -euo pipefail

hash() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-32
}

# Print what files hold that are named one a line, and all files in folders that are.
contents() {
    local line
    while read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        case $line in
            '') continue ;;
            /*) ;;
            *) line=./$line ;;
        esac
        if [ -e "$line" ]; then
            find "$line" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat
        fi
    done
}

recipe=${QCONV_RECIPE:-qconv.toml}
asked=$({
    printf '%s\n' "$QCONV_RECIPE" "$QCONV_MODEL" "$QCONV_DTYPE" "$QCONV_OPTIONS" "$QCONV_OUTPUT"
    contents <<<"$recipe"
} | hash)
content=$(printf '%s\n' "$QCONV_MODEL" "$QCONV_DATA" "$QCONV_TEST_DATA" | contents | hash)
printf '%s\n' "asked=$asked" "content=$content" >>"$GITHUB_OUTPUT"
