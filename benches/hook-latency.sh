#!/usr/bin/env bash
# Measures how long the pre-commit hook takes: real commits of 50 files in a repository with 200,000 commits.
#
#   benches/hook-latency.sh [COMMITS [FILES [ROUNDS]]]      defaults: 200000 50 100
#
# Prints the median and p99, in milliseconds, of `git commit` without the hook, with the hook, of their difference per
# round, and of the hook itself (`keyradius hook pre-commit` with the same files staged). Needs bash 5, git and cargo.
# Writes to a temporary directory under TMPDIR and removes it.
set -euo pipefail
cd "$(dirname "$0")/.."
commits=${1:-200000} files=${2:-50} rounds=${3:-100}

cargo build --release --locked --quiet -p keyradius
bin=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH="$bin:$PATH" HOME="$work" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE

git init -q -b main "$work/repo"
# 2,000 files in 100 directories, and commits that change one file each.
awk -v commits="$commits" 'BEGIN {
    for (n = 0; n < commits; n++) {
        text = sprintf("fn part_%d() -> u64 {\n    %d\n}\n", n, n * 7919)
        printf "commit refs/heads/main\ncommitter a <a@example.org> %d +0000\ndata 1\nm\n", 1500000000 + n
        printf "M 644 inline src/%d/%d.rs\ndata %d\n%s\n", n % 100, n % 2000, length(text), text
    }
}' | git -C "$work/repo" fast-import --quiet
cd "$work/repo"
git config gc.auto 0
git config maintenance.auto false
git reset -q --hard main
git config core.hooksPath .git/hooks

# Text of a typical size (about 8 KB), different in each round.
stage() {
    local n
    for n in $(seq "$files"); do
        { echo "round $1 file $n $RANDOM"; cat "$work/text"; } >"src/$n/staged.rs"
    done
    git add src
}
awk 'BEGIN { for (n = 0; n < 200; n++) printf "    let value_%d = compute(%d, \"some text\");\n", n, n * 31 }' >"$work/text"

now() { local t=${EPOCHREALTIME/[.,]/}; echo "$t"; }
# Sets `took` to the microseconds that a command takes.
clock() { local start; start=$(now); "$@"; took=$(($(now) - start)); }

for round in $(seq "$rounds"); do
    stage "$round-a"
    clock git commit -q -m without
    without=$took
    stage "$round-b"
    clock keyradius hook pre-commit
    hook=$took
    keyradius hook install >/dev/null
    clock git commit -q -m with
    keyradius hook uninstall >/dev/null
    echo "$without $took $((took - without)) $hook"
done >"$work/times"

report() {
    sort -n -k"$1,$1" "$work/times" | awk -v column="$1" -v name="$2" '
        { value[NR] = $column / 1000 }
        END { printf "%-28s p50 %7.1f ms   p99 %7.1f ms\n", name, value[int((NR + 1) / 2)], value[int(NR * 0.99 + 0.5)] }'
}
echo "$rounds rounds, $files staged files, $(git rev-list --count "HEAD~$((2 * rounds))") commits before, $(git --version)"
report 1 "git commit without the hook"
report 2 "git commit with the hook"
report 3 "difference"
report 4 "the hook itself"
