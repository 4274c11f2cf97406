//! First bytes of files that are worth opening when they are encoded as a whole.
//!
//! In a directory, any file that begins with base64 or hexadecimal digits is decoded, whatever its contents. Objects of
//! a git history are read only if they contain an anchor, so the known first bytes, encoded either way, are anchors
//! too. They count only at the start of a blob, where they cost nothing.

use keyradius_core::hex::hex;
use keyradius_core::seam::Anchor;
use keyradius_readers::text::base64;

use super::CONTAINERS;

/// How files of formats of keys begin where no anchor of an encoding says so: the id of the detector, and its starts.
pub const STARTS: &[(&str, &[&[u8]])] = &[
    ("age", &[b"AGE-SECRET-KEY-", b"# created: "]),
    ("bip32", &[b"xprv"]),
    ("capi", &[b"\x07\x02\0\0\0"]),
    ("cng", &[b"RSA2"]),
    ("dnssec", &[b"Private-key-format:"]),
    ("dropbear", &[b"\0\0\0\x07ssh-", b"\0\0\0\x0bssh-"]),
    ("ethereum_keystore", &[b"{\"address\"", b"{\"crypto\""]),
    ("gnupg_agent", &[b"Key: (", b"(private-key", b"(11:private-key"]),
    ("intoto", &[b"{\"keyval\""]),
    ("jwe", &[b"eyJhbGciOiJQQkVTMi"]),
    ("jwk", &[b"{\"kty\"", b"{\"keys\""]),
    ("openpgp", &[b"\xa3\x02x", b"\xa3\x03BZh"]),
    ("putty", &[b"PuTTY-User-Key-File-"]),
    ("rsa_xml", &[b"<RSAKeyValue>", b"<?xml "]),
    ("signify", &[b"untrusted comment:"]),
    ("ssh1", &[b"SSH PRIVATE KEY FILE FORMAT"]),
    ("ssh2_com", &[b"---- BEGIN SSH2"]),
    ("tendermint", &[b"{\"priv_key\":{"]),
    ("tor", &[b"== ed25519"]),
    ("tsig", &[b"key \""]),
    ("vbprivk", &[b"Vb2I"]),
    ("wireguard", &[b"[Interface]", b"[NetDev]"]),
];

/// Minimum length of a magic number that is recognised by its digits, in bytes.
const MIN: usize = 3;

fn all() -> impl Iterator<Item = &'static [u8]> {
    let magics = CONTAINERS.iter().flat_map(|container| container.magics()).filter(|magic| magic.at == 0);
    let keys = STARTS.iter().flat_map(|(_, starts)| starts.iter().copied());
    keys.chain(magics.map(|magic| magic.bytes).filter(|bytes| bytes.len() >= MIN))
}

fn anchor(digits: String) -> Anchor<'static> {
    let mut digits = digits.into_bytes();
    digits.truncate(Anchor::MAX);
    Anchor::at_start(digits.leak())
}

/// Returns the starts in base64, limited to digits that do not depend on the bytes after the start.
pub(super) fn in_base64() -> impl Iterator<Item = Anchor<'static>> {
    all().map(|bytes| {
        let mut digits = base64(bytes);
        digits.truncate(bytes.len() * 8 / 6);
        anchor(digits)
    })
}

/// Returns the starts in hexadecimal, in lower and upper case.
pub(super) fn in_hex() -> impl Iterator<Item = Anchor<'static>> {
    all().flat_map(|bytes| [hex(bytes), hex(bytes).to_uppercase()]).map(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_encoded() {
        let base64: Vec<_> = in_base64().map(|anchor| anchor.bytes).collect();
        for known in [&b"H4sI"[..], b"UEsDB", b"/Td6WFo", b"KLUv/", b"QUdFLVNFQ1JFVC1LRVkt"] {
            assert!(base64.iter().any(|digits| digits.starts_with(known)), "{known:?}");
        }
        let hex: Vec<_> = in_hex().map(|anchor| anchor.bytes).collect();
        for known in [&b"1f8b08"[..], b"1F8B08", b"504b0304", b"377abcaf271c"] {
            assert!(hex.contains(&known), "{known:?}");
        }
        assert!(in_base64().chain(in_hex()).all(|anchor| anchor.at_start && anchor.bytes.len() >= Anchor::MIN));
    }
}
