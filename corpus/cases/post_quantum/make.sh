#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 and: python cryptography 50 or later, and a folder NODE_DIR where `npm install node@26 @noble/post-quantum` was
# run (that node has OpenSSL 3.5, which knows ML-DSA and SLH-DSA).
set -euo pipefail
cd "$(dirname "$0")"
: "${NODE_DIR:?a folder with node_modules/node and node_modules/@noble/post-quantum}"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="../../make${PYTHONPATH:+:$PYTHONPATH}" exec python3 -W ignore make.py
