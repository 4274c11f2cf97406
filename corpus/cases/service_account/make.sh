#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 with google-auth and cryptography, openssl 3.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../../make exec "${PYTHON:-python3}" -W ignore make.py
