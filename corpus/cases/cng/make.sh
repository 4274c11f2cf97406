#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 with cryptography and: wine 8 (its bcrypt.dll), gcc-mingw-w64, and for what wine does not export python's cryptography.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../../make exec python3 -W ignore make.py
