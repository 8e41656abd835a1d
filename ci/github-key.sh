#!/usr/bin/env bash
# A step of action.yml: computes two hashes for the cache key. The output asked is the hash of the
# recipe and of the inputs that decide which files are made. The output content is the hash of
# models and data. A cache miss only costs time: qconv run knows what each file depends on.
set -euo pipefail

hash() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-32
}

# Read paths from stdin, one per line, and print the contents of these files and folders.
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
