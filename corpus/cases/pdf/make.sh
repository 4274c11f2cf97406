#!/usr/bin/env bash
# Makes samples.pack and expect.toml beside it again, from nothing, with new keys.
# Needs python3 and: openssl 3.0, reportlab 4, fpdf2 2, poppler-utils 22, qpdf 11.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=../../make exec python3 -W ignore make.py
