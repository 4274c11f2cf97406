#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3, php and: openssl 3.0, ssh-keygen, git, sed, cat, nl, pr, diff, strings, strace, gdb, tmux, script, groff, jq, awk.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../../make exec python3 -W ignore make.py
