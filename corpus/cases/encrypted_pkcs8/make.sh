#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 and: openssl 3.0 with its legacy provider, certtool (GnuTLS), ssh-keygen.
set -euo pipefail
cd "$(dirname "$0")"
exec python3 ../../make/encrypted_pkcs8.py
