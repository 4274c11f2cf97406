#!/usr/bin/env bash
# Measures how long the pre-receive hook delays a push: real pushes to a real bare repository, whose hook then refuses
# them, so that each can be repeated.
#
#   benches/receive-latency.sh [-r ROUNDS] [-o "HOOK OPTIONS"] [KEYRADIUS...]
#
# For each binary (default: a release build of this tree), prints the median and the maximum time of the hook, in
# milliseconds: for pushes of 10 and of 10,000 new objects to a server with 20,000 commits, and for a first push of a
# repository of git's size (8,000 commits, 300,000 objects). To compare with another version, build it and name both.
# Needs bash 5, git, awk, and a gigabyte in a temporary directory under TMPDIR, which is removed.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=10 options=""
while getopts r:o: flag; do
    case $flag in r) rounds=$OPTARG ;; o) options=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ]; then
    cargo build --release --locked --quiet -p keyradius
    set -- "$(cargo metadata --format-version 1 --no-deps --locked |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/keyradius"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME="$work" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE

# A history of COMMITS commits on BRANCH, from FROM on, that change FILES files each, of 8,000 files in 200 directories.
history() {
    awk -v commits="$1" -v files="$2" -v from="$3" -v branch="$4" -v seed="$5" 'BEGIN {
        for (n = 0; n < commits; n++) {
            printf "commit refs/heads/%s\ncommitter a <a@example.org> %d +0000\ndata 1\nm\n", branch, 1500000000 + seed * 1000000 + n
            if (n == 0 && from != "") printf "from %s\n", from
            for (k = 0; k < files; k++) {
                id = n * files + k
                text = sprintf("fn part_%d_%d() -> u64 {\n    %d\n}\n", seed, id, id * 7919)
                # The files of a commit are in the same directories, as in real work.
                printf "M 644 inline src/%d/%d.rs\ndata %d\n%s\n", n % 200, (id * 31) % 40, length(text), text
            }
        }
    }' | git -C "$work/repo" fast-import --quiet
}
git init -q -b main "$work/repo"
history 20000 1 "" main 1
history 1 7 refs/heads/main^0 small 2
# About 19 new objects per commit: 16 files, their directory, the root, the commit.
history 520 17 refs/heads/main^0 large 3
git init -q --bare -b main "$work/server.git"
git -C "$work/repo" push -q "$work/server.git" main
git init -q --bare -b main "$work/empty.git"
# 8,000 commits of 35 files.
history 8000 35 "" whole 4

hook() {
    cat >"$1/hooks/pre-receive" <<EOF
#!/usr/bin/env bash
start=\${EPOCHREALTIME/[.,]/}
"$2" hook pre-receive $options >&2
code=\$?
echo "\$((\${EPOCHREALTIME/[.,]/} - start)) \$code" >>"$work/times"
exit 1
EOF
    chmod +x "$1/hooks/pre-receive"
}
# Pushes BRANCH to SERVER with BINARY, ROUNDS times.
measure() {
    local name=$1 server=$2 branch=$3 binary=$4 rounds=$5
    local objects
    : >"$work/times"
    hook "$server" "$binary"
    if [ "$server" = "$work/empty.git" ]; then
        objects=$(git -C "$work/repo" rev-list --objects "$branch" | wc -l)
    else
        objects=$(git -C "$work/repo" rev-list --objects "$branch" ^main | wc -l)
    fi
    for _ in $(seq "$rounds"); do
        git -C "$work/repo" push -q "$server" "$branch:refs/heads/pushed" 2>/dev/null || true
    done
    sort -n "$work/times" | awk -v name="$name" -v objects="$objects" '
        { value[NR] = $1 / 1000; code = $2 }
        END { printf "  %-12s %7d objects   p50 %8.1f ms   worst %8.1f ms   exit %d\n",
              name, objects, value[int((NR + 1) / 2)], value[NR], code }'
}
for binary in "$@"; do
    echo "$binary ($(git --version), $(nproc) cores, load $(cut -d ' ' -f 1 /proc/loadavg))"
    measure "small push" "$work/server.git" small "$binary" "$rounds"
    measure "large push" "$work/server.git" large "$binary" "$rounds"
    measure "first push" "$work/empty.git" whole "$binary" 1
done
