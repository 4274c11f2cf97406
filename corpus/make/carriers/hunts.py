"""Hunts in a carrier for each of its keys, by every form of target that the tools of its field print for it."""

import base64
import hashlib
import json
import pathlib
import subprocess

from . import core


def spki_of(key, work):
    """The DER of the public half, by openssl; `None` for keys that openssl does not read."""
    return core.run("openssl pkey -pubout -outform DER", work, key.pem) if key.pem else None


def names(key, work):
    """(form, target) for a key: names by openssl, ssh-keygen and Python, and files in the folder `work`."""
    work.mkdir(parents=True, exist_ok=True)
    if not key.password:
        (work / "key").write_bytes(key.data)
        yield "file: as it was made", "key"
    yield "SPKI SHA-256", key.spki
    spki = spki_of(key, work)
    if spki is None:
        return
    (work / "key.pem").write_bytes(key.pem)
    (work / "key.der").write_bytes(key.der)
    (work / "spki.der").write_bytes(spki)
    yield "file: PKCS#8 in PEM", "key.pem"
    yield "file: PKCS#8 in DER", "key.der"
    yield "file: public key in DER", "spki.der"
    core.run("openssl req -x509 -key key.pem -subj /CN=hunted -days 9 -out cert.pem", work)
    core.run("openssl req -new -key key.pem -subj /CN=hunted -out request.pem", work)
    yield "file: certificate", "cert.pem"
    yield "file: certificate request", "request.pem"
    digest = hashlib.sha256(spki).digest()
    yield "pin-sha256", f'pin-sha256="{base64.b64encode(digest).decode()}"'
    yield "curl pin", f"sha256//{base64.b64encode(digest).decode()}"
    yield "SPKI SHA-1", hashlib.sha1(spki).hexdigest()
    ski = core.run("openssl x509 -in cert.pem -noout -ext subjectKeyIdentifier", work).decode().splitlines()[1].strip()
    yield "subject key identifier", ski
    (work / "pub.pem").write_bytes(core.run("openssl pkey -pubin -inform DER -in spki.der", work))
    line = core.run("ssh-keygen -i -m PKCS8 -f pub.pem", work, ok=None)
    if line:
        (work / "id.pub").write_bytes(line)
        yield "file: line of SSH", "id.pub"
        for kind in ["sha256", "md5"]:
            yield f"SSH {kind}", core.run(f"ssh-keygen -l -E {kind} -f id.pub", work).decode().split()[1]
    modulus = core.run("openssl rsa -in key.pem -noout -modulus", work, ok=None)
    if modulus:
        yield "modulus line", modulus.decode().strip()
        yield "modulus in decimal", str(int(modulus.decode().strip().partition("=")[2], 16))
        for kind in ["md5", "sha1", "sha256"]:
            yield f"{kind} of the modulus line", hashlib.new(kind, modulus).hexdigest()
    thumb = thumbprint(key.pem)
    if thumb:
        yield "JWK thumbprint", thumb


def thumbprint(pem):
    """RFC 7638, with the numbers that Python's cryptography reads."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    def b(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def number(n, size=None):
        return b(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))

    public = load_pem_private_key(pem, None).public_key()
    if isinstance(public, rsa.RSAPublicKey):
        n = public.public_numbers()
        fields = {"e": number(n.e), "kty": "RSA", "n": number(n.n)}
    elif isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1":
        n = public.public_numbers()
        fields = {"crv": "P-256", "kty": "EC", "x": number(n.x, 32), "y": number(n.y, 32)}
    elif isinstance(public, ed25519.Ed25519PublicKey):
        fields = {"crv": "Ed25519", "kty": "OKP", "x": b(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    else:
        return None
    return b(hashlib.sha256(json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()).digest())


def hunt(binary, made, found):
    """Hunts in a carrier for the keys that a scan found in it. Returns (form, name of the key, class or `lost`)."""
    rows = []
    for number, key in enumerate(made.keys):
        if key.spki not in found:
            continue
        work = made.root / f"hunt{number}"
        pairs = list(names(key, work))
        (work / "list").write_text("".join(f"{target}\n" for _, target in pairs))
        command = [str(binary), "hunt", "--format", "json", "-q", "--progress", "never", "-t", "@list", str(made.out)]
        done = subprocess.run(command, cwd=work, capture_output=True, timeout=300)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            rows += [(form, key.form, done.stderr.decode(errors="replace")[-200:]) for form, _ in pairs]
            continue
        of = {}
        for match in answer["matches"]:
            of.setdefault(match["target"], set()).add(match["class"])
        # A target that is a file with several keys has several entries.
        of_name = {}
        for index, target in enumerate(answer["targets"]):
            name = target["target"].partition(" (key ")[0]
            of_name.setdefault(name, set()).update(of.get(index, set()))
        for index, (form, target) in enumerate(pairs):
            shown = target if target in of_name else next((n for n in of_name if n.startswith("a modulus of")), target)
            classes = of_name.get(shown, set())
            best = next((c for c in ["exact_private", "partial_private"] if c in classes), "lost")
            rows.append((form, f"{key.form} {key.place}".strip(), best))
    return rows


def table(rows):
    """The Markdown table: keys and losses for each form of target."""
    lines = ["| target | keys | found |", "|---|--:|--:|"]
    forms = {}
    for row in rows:
        for form, key, best in row.get("hunt", []):
            forms.setdefault(form, []).append((row["name"], key, best))
    for form, hunted in forms.items():
        lost = [(name, key, best) for name, key, best in hunted if not best.endswith("_private")]
        lines.append(f"| {form} | {len(hunted)} | {len(hunted) - len(lost)} |")
    return "\n".join(lines) + "\n", [
        f"lost: {row['name']}: {key}: {form}: {best}"
        for row in rows
        for form, key, best in row.get("hunt", [])
        if not best.endswith("_private")
    ]
