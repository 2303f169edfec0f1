#!/bin/bash
# What the workflows run that needs no build: a tag that is not the version is refused, a release is made once and its
# files are replaced, and the workflows have no shell of their own. tests/system/run.sh runs the builds.
set -euo pipefail

cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
    echo "not ok: $*" >&2
    exit 1
}

if .ci/release source v99.0.0 "$scratch/source" 2>"$scratch/said"; then
    fail "a tag of another version makes a source package"
fi
grep -q '^the tag v99.0.0 is not the version: ' "$scratch/said" || fail "$(cat "$scratch/said")"
[ ! -e "$scratch/source" ] || fail "it made something"

# The forge: it knows a release from its creation on, and writes down what it is asked for.
cat >"$scratch/gh" <<'SCRIPT'
#!/bin/sh
echo "$*" >>"$FORGE/asked"
case $2 in
view) [ -e "$FORGE/$3" ] ;;
create) : >"$FORGE/$3" ;;
upload) [ -e "$FORGE/$3" ] ;;
esac
SCRIPT
chmod +x "$scratch/gh"
publish() {
    env PATH="$scratch:$PATH" FORGE="$scratch" GITHUB_REPOSITORY=us/autora .ci/release publish v1.0.0 "$@"
}
publish a.deb b.dsc
publish a.deb b.dsc
diff - "$scratch/asked" <<'ASKED' || fail "the forge was asked for something else"
release view v1.0.0 --repo us/autora
release create v1.0.0 --repo us/autora --verify-tag --generate-notes
release upload v1.0.0 --repo us/autora --clobber a.deb b.dsc
release view v1.0.0 --repo us/autora
release upload v1.0.0 --repo us/autora --clobber a.deb b.dsc
ASKED

# The checkout needs git, and the packages are the machine's; all else is in files that exist.
while read -r command rest; do
    case $command in
    apt-get) ;;
    .ci/* | tests/*) [ -x "$command" ] || fail "there is no program $command" ;;
    *) fail "a workflow has shell of its own: $command $rest" ;;
    esac
done < <(sed -n 's/^ *\(- \)\?run: *//p' .github/workflows/*.yml)
