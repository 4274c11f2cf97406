#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 and: pip (securesystemslib 0.31 and tuf 6 in an environment of their own), notary 0.7, openssl.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../../make exec python3 -W ignore make.py
