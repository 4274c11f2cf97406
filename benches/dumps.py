#!/usr/bin/env python3
"""Hunts for fresh keys in memory dumps of programs that use them.

    cargo build --release
    benches/dumps.py target/release/keyradius

Starts each program with an RSA-2048 and a P-256 key (and Ed25519 where it can), takes a dump of the running process with
`gcore`, and hunts for the private key. Prints a row for each program and key: found as a key in a format, found as a
number, or lost. Programs that are not installed are named. Needs gdb and openssl; uses ssh-agent, gpg-agent, nginx, java,
node, python3 with `cryptography`, and go where they are.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BINARY = str(pathlib.Path(sys.argv[1]).resolve())

JAVA = """
import java.io.*; import java.security.*;
public class Hold { static Key key; public static void main(String[] a) throws Exception {
  KeyStore store = KeyStore.getInstance("PKCS12");
  store.load(new FileInputStream(a[0]), "changeit-x".toCharArray());
  key = store.getKey("k", "changeit-x".toCharArray());
  Signature s = Signature.getInstance(key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA");
  s.initSign((PrivateKey) key); s.update(new byte[9]); s.sign();
  System.out.println("ready"); Thread.sleep(600000); } }
"""

NODE = """
const c = require('crypto'), fs = require('fs');
globalThis.key = c.createPrivateKey(fs.readFileSync(process.argv[2]));
c.sign(null, Buffer.from('x'), globalThis.key); console.log('ready'); setInterval(() => {}, 1e6);
"""

PYTHON = """
import sys, time
from cryptography.hazmat.primitives import serialization as s
key = s.load_pem_private_key(open(sys.argv[1], 'rb').read(), None)
numbers = key.private_numbers() if hasattr(key, 'private_numbers') else None
print('ready', flush=True); time.sleep(600)
"""

GO = """
package main
import ("crypto/x509"; "encoding/pem"; "fmt"; "os"; "time")
var Key any
func main() { b, _ := os.ReadFile(os.Args[1]); p, _ := pem.Decode(b); Key, _ = x509.ParsePKCS8PrivateKey(p.Bytes)
  fmt.Println("ready"); time.Sleep(10 * time.Minute); fmt.Println(Key) }
"""


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, **more)


def make(work):
    keys = {}
    for name, options in {
        "rsa2048": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ed25519": ["ED25519"],
    }.items():
        pem = work / f"{name}.pem"
        run("openssl", "genpkey", "-algorithm", options[0], *options[1:], "-out", str(pem))
        cert = work / f"{name}.crt"
        run("openssl", "req", "-x509", "-key", str(pem), "-subj", "/CN=d", "-days", "9", "-out", str(cert))
        store = ["-passout", "pass:changeit-x", "-name", "k", "-out", str(work / f"{name}.p12")]
        run("openssl", "pkcs12", "-export", "-inkey", str(pem), "-in", str(cert), *store)
        keys[name] = pem
    return keys


def wait_ready(process):
    line = process.stdout.readline()
    assert line.startswith(b"ready"), line


def gpg_agent(name, work):
    """An agent that has just signed with a key of its own, which is the target instead."""
    kind = {"rsa2048": "rsa2048", "p256": "nistp256", "ed25519": "ed25519"}[name]
    home = work / f"gnupg-{name}"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    run(*gpg, "--quick-gen-key", f"{name}@example.org", kind, "sign", "0")
    (work / f"{name}.pem").write_bytes(run(*gpg, "--armor", "--export-secret-keys").stdout)
    run(*gpg, "--sign", "-o", str(home / "signed"), str(work / f"{name}.crt"))
    info = run("gpg-connect-agent", "--homedir", str(home), "getinfo pid", "/bye").stdout.decode()
    return int(info.split()[1]), lambda: run("gpgconf", "--homedir", str(home), "--kill", "all")


def start(program, key, work):
    """Starts a program that holds a key; returns the process id and how to end it, or None if it cannot hold it."""
    pem, name = str(key), key.stem
    pipe = dict(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def plain(*command, ready=True):
        process = subprocess.Popen(command, **pipe)
        wait_ready(process) if ready else time.sleep(1)
        return process.pid, process.kill

    if program == "openssl":
        crt = str(work / f"{name}.crt")
        return plain("openssl", "s_server", "-key", pem, "-cert", crt, "-accept", "0", "-quiet", ready=False)
    if program == "ssh-agent":
        copy = work / f"{name}.ssh"
        shutil.copy(pem, copy)
        copy.chmod(0o600)
        process = subprocess.Popen(["ssh-agent", "-D", "-a", str(work / f"{name}.sock")], **pipe)
        time.sleep(0.5)
        environment = dict(os.environ, SSH_AUTH_SOCK=str(work / f"{name}.sock"))
        added = subprocess.run(["ssh-add", "-q", str(copy)], env=environment, capture_output=True)
        if added.returncode:
            process.kill()
            return None
        return process.pid, process.kill
    if program == "gpg-agent":
        return gpg_agent(name, work)
    if program == "nginx":
        conf = work / f"{name}.conf"
        crt = work / f"{name}.crt"
        conf.write_text(
            f"daemon off; pid {work}/{name}.pid; error_log /dev/null; events {{}} http {{ access_log off; server {{ listen "
            f"127.0.0.1:{20000 + os.getpid() % 9999} ssl; ssl_certificate {crt}; ssl_certificate_key {pem}; }} }}"
        )
        return plain("nginx", "-c", str(conf), ready=False)
    if program == "java":
        # Signatures with Ed25519 have another name there.
        if name == "ed25519":
            return None
        source = work / "Hold.java"
        source.write_text(JAVA)
        run("javac", str(source))
        return plain("java", "-Xmx64m", "-cp", str(work), "Hold", str(work / f"{name}.p12"))
    if program == "node":
        source = work / "hold.js"
        source.write_text(NODE)
        return plain("node", str(source), pem)
    if program == "python3":
        return plain(sys.executable, "-c", PYTHON, pem)
    if program == "go":
        source = work / "hold.go"
        source.write_text(GO)
        run("go", "build", "-o", str(work / "hold"), str(source))
        return plain(str(work / "hold"), pem)
    raise AssertionError(program)


def hunt(key, dump):
    """The classes of the matches, and the numbers that were found."""
    command = [BINARY, "hunt", "-q", "--format", "json", "-t", str(key), str(dump)]
    done = subprocess.run(command, capture_output=True)
    matches = json.loads(done.stdout)["matches"]
    classes = {match["class"] for match in matches}
    numbers = [match["number"] for match in matches if "number" in match]
    return classes, sorted({f"{number['part']} {number['layout']}" for number in numbers})


def main():
    found = lost = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        keys = make(work)
        print("| program | key | dump | private key | numbers |\n|---|---|--:|---|---|")
        # The last one writes other keys into the files.
        for program in ["openssl", "ssh-agent", "nginx", "java", "node", "python3", "go", "gpg-agent"]:
            if not shutil.which(program) or (program == "java" and not shutil.which("javac")):
                print(f"| {program} | | | not installed | |")
                continue
            for name, key in keys.items():
                started = start(program, key, work)
                if started is None:
                    continue
                process, end = started
                try:
                    run("gcore", "-o", str(work / "core"), str(process))
                    dump = work / f"core.{process}"
                    classes, parts = hunt(key, dump)
                    kind = [c for c in ["exact_private", "partial_private"] if c in classes]
                    found, lost = found + bool(kind), lost + (not kind)
                    size = dump.stat().st_size >> 20
                    print(f"| {program} | {name} | {size} MiB | {' and '.join(kind) or '**lost**'} | {'; '.join(parts)} |")
                    dump.unlink()
                finally:
                    end()
    print(f"\n{found} of {found + lost} keys found")
    return lost > 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
