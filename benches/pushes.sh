#!/usr/bin/env bash
# Pushes at random against real servers with the pre-receive hook (cli/tests/it/hostile/pushes.rs): after each push, whatever
# git says is reachable has been searched. `cargo test` plays a few sequences; this plays as many as are asked for.
#
#   benches/pushes.sh [SEQUENCES [FIRST]]      defaults: 2000 0
#
# Prints how often each kind of push and of server came up, and fails with the seeds of the sequences that broke a law.
# KEYRADIUS_PUSH_SEED=N cargo test -p keyradius --test it hostile::pushes plays one of them again. Needs git and cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
export KEYRADIUS_PUSH_SEQUENCES=${1:-2000} KEYRADIUS_LAB_SEED=${2:-0}
time cargo test --locked -p keyradius --test it hostile::pushes::whatever -- --nocapture
