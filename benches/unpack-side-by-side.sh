#!/usr/bin/env bash
# What a scan of an archive costs, beside the tool that only unpacks it: CPU seconds on one core, least of five, alternating.
#
#   cargo build --release && benches/unpack-side-by-side.sh FOLDER
#
# FOLDER is packed (tar, tar.gz, tar.zst, tar.xz, tar.bz2, zip) into a temporary folder of some two times its size. Both read the
# same bytes from memory. The last column is how fast the scan is compared to the tool: 1.0 means that looking for keys in
# everything costs nothing beside unpacking it.
#
# Wanted: tar, gzip, zstd, xz, bzip2, zip, unzip, /usr/bin/time.
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
# The tools write into a pipe that somebody reads, as they do in use: into /dev/null some of them do not even read.
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
