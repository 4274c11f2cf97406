"""The tables: totals per kind, every carrier, and what was lost, said or dropped."""

import json

VERDICTS = ["found", "said", "lost", "failed", "dropped"]


def save(path, rows):
    """Writes the rows; rows of an earlier run of other carriers are kept."""
    old = json.loads(path.read_text()) if path.exists() else []
    names = {r["name"] for r in rows}
    path.write_text(json.dumps([r for r in old if r["name"] not in names] + rows, indent=1))


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(rows):
    kinds = list(dict.fromkeys(r["kind"] for r in rows))
    out = ["# Carriers", "", "| kind | " + " | ".join(VERDICTS) + " |", "|---|" + "---:|" * len(VERDICTS)]
    for kind in kinds + ["total"]:
        of = [r for r in rows if kind in ("total", r["kind"])]
        out.append(f"| {kind} | " + " | ".join(str(sum(r["verdict"] == v for r in of)) for v in VERDICTS) + " |")
    made = [r for r in rows if r["verdict"] != "dropped"]
    open_ones = [r for r in made if not r.get("locked")]
    found = sum(r["verdict"] == "found" for r in open_ones)
    share = 100 * found / max(1, len(open_ones))
    out += ["", f"{len(open_ones)} carriers hold readable keys; every key is found in {found} ({share:.1f} %)."]
    out += [
        f"{len(made) - len(open_ones)} more are locked with a password that is not beside them; said is right for"
        " these."
    ]
    for verdict, title in (("lost", "Lost"), ("failed", "No report"), ("said", "Said, but holds a readable key")):
        some = [r for r in rows if r["verdict"] == verdict and not (verdict == "said" and r.get("locked"))]
        if some:
            out += ["", f"## {title}", "", "| carrier | kind | missing | coverage | exit |", "|---|---|---|---|---|"]
            for r in some:
                what = f"{', '.join(r['missing'])} of {len(r['keys'])}"
                out.append(
                    f"| {r['name']} | {r['kind']} | {cell(what)} | {cell(r['coverage'][:160])} | {r['exit']} |"
                )
    slow = [r for r in rows if r.get("seconds", 0) > 60]
    if slow:
        out += ["", "## Scans over 60 s", ""] + [f"- {r['name']}: {r['seconds']} s, {r['bytes']} bytes" for r in slow]
    extra = [r for r in rows if r.get("extra")]
    if extra:
        out += ["", "## Keys reported beyond the expected", ""]
        out += [f"- {r['name']}: {', '.join(h[:16] for h in r['extra'][:6])}" for r in extra]
    dropped = [r for r in rows if r["verdict"] == "dropped"]
    if dropped:
        out += ["", "## Dropped: not made, or the key does not read back", ""]
        out += [f"- {r['name']} ({r['tool']}): {cell(r['why'][:160])}" for r in dropped]
    out += [
        "",
        "## Every carrier",
        "",
        "| carrier | kind | tool | read back by | keys | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for r in made:
        keys = "; ".join(f"{k} {h[:12]}" for k, h in zip(r["keys"], r["spki"]))
        proof = ", ".join(r["proof"])
        out.append(
            f"| {r['name']} | {r['kind']} | {cell(r['version'])} | {cell(proof)} | {cell(keys)} | {r['verdict']} |"
        )
    return "\n".join(out) + "\n"
