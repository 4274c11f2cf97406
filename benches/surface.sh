#!/usr/bin/env bash
# Counts the public surface of our libraries, as rustdoc lists it: items, and their public methods, fields and variants.
# For each commit named (default: the work tree): benches/surface.sh [COMMIT...]
set -euo pipefail
cd "$(dirname "$0")/.."

count() { # in a checkout
    local packages=() libraries=()
    while read -r name; do
        packages+=(-p "$name")
        libraries+=("$(cargo metadata --no-deps --format-version 1 --manifest-path "$1/Cargo.toml" |
            python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if package["name"] == sys.argv[1] and "lib" in target["kind"]:
            print(target["name"].replace("-", "_"))' "$name")")
    done < <(cargo metadata --no-deps --format-version 1 --manifest-path "$1/Cargo.toml" | python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]:
    folder = package["manifest_path"].removeprefix(sys.argv[1] + "/").split("/")[0]
    if folder in ("scanner-core", "detectors"):
        print(package["name"])' "$1")
    (cd "$1" && cargo doc --quiet --no-deps --locked "${packages[@]}")
    python3 - "${CARGO_TARGET_DIR:-$1/target}/doc" "${libraries[@]}" <<'P'
import pathlib, re, sys
doc, libraries = pathlib.Path(sys.argv[1]), sys.argv[2:]
all_items = all_parts = 0
for library in libraries:
    folder = doc / library
    listed = re.findall(r'<li><a href="([^"#]+[.]html)"', (folder / "all.html").read_text())
    parts = 0
    for page in listed:
        text = (folder / page).read_text()
        # What the page says of the item itself ends where implementations of traits begin; many items have only those
        # that the compiler or the standard library gives to every type.
        own = re.split('id="(?:trait|synthetic|blanket)-implementations"', text)[0]
        parts += len(set(re.findall(r'id="((?:method|tymethod|structfield|variant|associatedconstant)\.[^"]+)"', own)))
    print(f"  {library}: {len(listed)} items, {parts} methods, fields and variants")
    all_items, all_parts = all_items + len(listed), all_parts + parts
print(f"  in all: {all_items} items, {all_parts} methods, fields and variants: {all_items + all_parts}")
P
}

if [ $# -eq 0 ]; then
    echo "work tree"
    count "$PWD"
fi
for commit in "$@"; do
    echo "$commit"
    place=$(mktemp -d)
    git worktree add --quiet --detach "$place" "$commit"
    (CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" && export CARGO_TARGET_DIR && count "$place")
    git worktree remove --force "$place"
done
