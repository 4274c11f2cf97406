#!/usr/bin/env bash
# Cost of scanning an archive compared to only unpacking it: CPU seconds on one core, minimum of five, alternating.
#
#   cargo build --release && benches/unpack-side-by-side.sh FOLDER
#
# FOLDER is packed (tar, tar.gz, tar.zst, tar.xz, tar.bz2, zip) into a temporary folder of about twice its size. Both
# read the same bytes from memory. The last column is the speed of the scan relative to the tool: 1.0 means that the
# search for keys adds nothing to the cost of unpacking.
#
# Needs tar, gzip, zstd, xz, bzip2, zip, unzip and /usr/bin/time.
set -euo pipefail
folder=${1:?"usage: benches/unpack-side-by-side.sh FOLDER"}
keyradius=${KEYRADIUS:-target/release/keyradius}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tar cf "$work/all.tar" -C "$folder" .
gzip -kq -6 "$work/all.tar"
zstd -kq -3 -T0 "$work/all.tar"
xz -kq -1 -T0 "$work/all.tar"
bzip2 -kq -9 "$work/all.tar"
(cd "$folder" && zip -qr -6 "$work/all.zip" .)

# CPU seconds of a command, user and system.
cpu() {
    taskset -c 0 /usr/bin/time -f '%U %S' -o "$work/time" "$@" > "$work/out.pipe" 2> /dev/null || true
    awk '{ print $1 + $2 }' "$work/time"
}
# The tools write into a pipe with a reader, as in real use: some of them skip the work for /dev/null.
mkfifo "$work/out.pipe"
printf '%-10s %10s %12s %10s %8s\n' archive bytes tool keyradius speed
for pair in "all.tar tar -xOf" "all.tar.gz gzip -dc" "all.tar.zst zstd -qdc" "all.tar.xz xz -qdc" "all.tar.bz2 bzip2 -qdc" "all.zip unzip -p"; do
    read -r file command <<< "$pair"
    tool=999 ours=999
    for _ in 1 2 3 4 5; do
        cat "$work/out.pipe" > /dev/null &
        # shellcheck disable=SC2086 # the command is several words
        one=$(cpu $command "$work/$file")
        wait
        tool=$(awk -v a="$tool" -v b="$one" 'BEGIN { print (b < a) ? b : a }')
        cat "$work/out.pipe" > /dev/null &
        one=$(cpu "$keyradius" scan --no-config --jobs 1 --format json --exit-zero "$work/$file")
        wait
        ours=$(awk -v a="$ours" -v b="$one" 'BEGIN { print (b < a) ? b : a }')
    done
    awk -v f="${file#all.}" -v s="$(stat -c %s "$work/$file")" -v t="$tool" -v o="$ours" \
        'BEGIN { printf "%-10s %10d %12.2f %10.2f %8.2f\n", f, s, t, o, t / o }'
done
