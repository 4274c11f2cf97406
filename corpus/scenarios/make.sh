#!/usr/bin/env bash
# Makes scenarios.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 with cryptography and: openssl 3.0, gpg 2.2, ssh-keygen, keytool 17.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../make exec python3 -W ignore make.py
