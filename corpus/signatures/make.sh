#!/usr/bin/env bash
# Makes signatures.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 with cryptography, and openssl 3.0.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 exec python3 -W ignore make.py
