"""WireGuard keys by wg, in the files of wg-quick and systemd."""

import base64
import functools
import hashlib
import json

from kit import Family

f = Family("wireguard", "WireGuard private keys by wg genkey, in wg-quick and systemd-networkd configuration")


def new(stem):
    f.run(f"umask 077; wg genkey > {stem}.key; wg pubkey < {stem}.key > {stem}.pub")
    raw = base64.b64decode(f.read(f"{stem}.pub"))
    der = f.run("openssl pkey -pubin -inform DER -outform DER", bytes.fromhex("302a300506032b656e032100") + raw)
    return f.read(f"{stem}.key").decode().strip(), dict(format="wireguard", protection="plaintext", spki_sha256=hashlib.sha256(der).hexdigest(), _oracle=f"wg pubkey < {stem}.key; openssl pkey")


(one, key1), (two, key2) = new("one"), new("two")
peer = f.read("two.pub").decode().strip()
QUICK = f"[Interface]\nAddress = 10.8.0.1/24, fd00::1/64\nListenPort = 51820\nPrivateKey = {one}\nPostUp = iptables -A FORWARD -i %i -j ACCEPT\n\n[Peer]\nPublicKey = {peer}\nAllowedIPs = 10.8.0.2/32\n"
made = "wg genkey, in a file as "
f.add("wg0.conf", QUICK, made + "wg-quick(8) shows", [key1])
f.add("wg.conf", f"[Interface]\nPrivateKey={one}\n", made + "wg showconf writes", [key1])
f.add("commented.conf", "# server\n" + QUICK.replace("[Interface]", "[Interface]\n# Name = server"), made + "with comments", [key1])
f.add("crlf.conf", QUICK.replace("\n", "\r\n"), made + "with CRLF", [key1])
f.add("wg0.netdev", f"[NetDev]\nName=wg0\nKind=wireguard\nDescription=tunnel\n\n[WireGuard]\nListenPort=51820\nPrivateKey={one}\n\n[WireGuardPeer]\nPublicKey={peer}\nAllowedIPs=10.8.0.2/32\n", made + "systemd.netdev(5) shows", [key1])
f.add("configmap.yaml", "data:\n  wg0.conf: |\n" + "".join(f"    {l}\n" for l in QUICK.splitlines()), made + "a YAML block", [key1])
f.add("config.json", json.dumps({"wg0": QUICK}), made + "a JSON string", [key1])
f.add("clients.txt", QUICK + "\n\n" + QUICK.replace(one, two), "two files joined", [key1, key2])
f.add("script.sh", "cat > /etc/wireguard/wg0.conf <<EOF\n" + QUICK + "EOF\n", made + "a here-document", [key1])

silent = functools.partial(f.silent, made="by hand", oracle="no key is there")

silent("public.conf", QUICK.replace(f"PrivateKey = {one}\n", ""), "a configuration without its key")
silent("template.j2", QUICK.replace(one, "{{ wireguard_private_key }}"), "a template")
silent("docs.conf", QUICK.replace(one, "<your private key>"), "documentation")
silent("zeros.conf", QUICK.replace(one, "A" * 43 + "="), "zeros")
silent("words.conf", QUICK.replace(one, base64.b64encode(b"put your private key here please").decode()), "prose in base64")
silent("short.conf", QUICK.replace(one, one[4:]), "cut short")
silent("peer.conf", f"[Interface]\nAddress = 10.0.0.1\n[Peer]\nPublicKey = {peer}\nPresharedKey = {one}\n", "a preshared key of a peer: no private key")
silent("devices.ini", "[Interface]\nname=eth0\ndriver=virtio\n", "another file with such a section")
f.finish()
