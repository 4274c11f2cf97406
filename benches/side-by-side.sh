#!/usr/bin/env bash
# Speed next to other tools on one tree, in one run: CPU and wall time measured by hyperfine, and the ratios.
#
#   benches/side-by-side.sh TREE
#
# Needs hyperfine, and measures those of these tools that are installed: rg (ripgrep), kingfisher, gitleaks, trufflehog.
# A public tree for comparison: the Debian package linux-source-6.1, unpacked (78,579 files, 1.3 GB).
set -euo pipefail
tree=${1:?usage: $0 TREE}
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet
keyradius=$PWD/target/release/keyradius
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Runs everything once, so that the tree is in the cache for all tools.
find "$tree" -type f -exec cat {} + > /dev/null

commands=(-n keyradius "$keyradius scan $tree --no-config --exit-zero -o $out/report.txt")
has() { command -v "$1" > /dev/null; }
if has rg; then commands+=(-n "rg -c 'PRIVATE KEY'" "rg -uuu -a -c 'PRIVATE KEY' $tree > $out/rg.txt || true"); fi
if has kingfisher; then # its one rule for private keys
  commands+=(-n kingfisher "kingfisher scan $tree --rule betterleaks.private-key --no-validate --git-history none --no-update-check > $out/kf.txt || true")
fi
if has gitleaks; then commands+=(-n gitleaks "gitleaks dir $tree --no-banner -r $out/gl.json || true"); fi
if has trufflehog; then commands+=(-n trufflehog "trufflehog filesystem $tree --no-verification --include-detectors PrivateKey --json > $out/th.json || true"); fi

hyperfine --warmup 1 --runs "${RUNS:-5}" --ignore-failure --export-json "$out/times.json" "${commands[@]}" >&2
python3 - "$out/times.json" <<'PY'
import json, sys
rows = json.load(open(sys.argv[1]))["results"]
cpu = lambda r: r["user"] + r["system"]
base = rows[0]
print(f'{"tool":24} {"CPU s":>8} {"wall s":>8} {"CPU of keyradius":>18}')
for r in rows:
    print(f'{r["command"][:24]:24} {cpu(r):8.2f} {r["median"]:8.2f} {cpu(base) / cpu(r):17.2f}x')
PY
