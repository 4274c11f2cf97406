#!/usr/bin/env bash
# Random pushes to real servers with the pre-receive hook (cli/tests/it/hostile/pushes.rs): after each push, everything
# that git reports as reachable has been searched. `cargo test` runs a few sequences; this script runs as many as you
# like.
#
#   benches/pushes.sh [SEQUENCES [FIRST]]      defaults: 2000 0
#
# Prints how often each kind of push and of server occurred, and fails with the seeds of the sequences that broke a
# rule. `KEYRADIUS_PUSH_SEED=N cargo test -p keyradius --test it hostile::pushes` repeats one of them. Needs git and
# cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
export KEYRADIUS_PUSH_SEQUENCES=${1:-2000} KEYRADIUS_LAB_SEED=${2:-0}
time cargo test --locked -p keyradius --test it hostile::pushes::whatever -- --nocapture
