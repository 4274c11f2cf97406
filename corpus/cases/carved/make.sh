#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 and: openssl 3.0, tar, gzip, bzip2, xz, zstd, lz4, lzip, lzop, zip, 7-Zip 22, squashfs-tools 4.5, mtd-utils 2.1, mkimage 2023, makeself 2.4, JDK 17.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../../make exec python3 -W ignore make.py
