//! WireGuard private keys: `PrivateKey = ` and 32 bytes in base64, in the `[Interface]` section of wg-quick(8) or the
//! `[WireGuard]` section of a systemd.netdev(5). The public key is computed.
//!
//! A bare key without its section has no anchor: 44 digits of base64 are too common.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::chance::looks_random;
use keyradius_readers::proof;
use keyradius_readers::public::{self, PublicKey, Raw};
use keyradius_readers::text::{Decoder, digit};

/// Detects WireGuard keys.
#[derive(Debug)]
pub(crate) struct WireGuard;

const INTERFACE: Anchor = Anchor::anywhere(b"[Interface]");
/// A systemd.netdev, whose `[WireGuard]` section comes later.
const NETDEV: Anchor = Anchor::at_start(b"[NetDev]");

/// How far after a section header its key is searched for, in bytes.
const SECTION: usize = 4 << 10;
/// Base64 digits of 32 bytes, without the padding.
const DIGITS: usize = 43;

static ABOUT: About = About {
    id: "wireguard",
    title: "Private key (WireGuard)",
    detects: "Private keys in the configuration of WireGuard (wg-quick) and of systemd-networkd, also inside JSON and \
              YAML. The public key is computed.",
    blind_to: "Key files that contain only 44 digits of base64, and configuration of other programs. The section has \
               no redundancy, so the key is not verified.",
    respond: "Whoever has the key can act as this peer: make a new key (wg genkey), put its public half into the \
              configuration of every peer, and remove the old one. Recorded traffic stays unreadable, except to \
              someone who also has the peer's key.",
    references: &["wg(8)", "wg-quick(8)", "systemd.netdev(5)", "CWE-321"],
};

impl Detector for WireGuard {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[INTERFACE, NETDEV]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let end = blob.bytes.len().min(hit.at + SECTION);
        let start = hit.at + hit.anchor.bytes.len();
        let text = blob.bytes.get(start..end).unwrap_or_default();
        let (from, section) = if hit.anchor == NETDEV {
            const HEAD: &[u8] = b"[WireGuard]";
            let Some(at) = memchr::memmem::find(text, HEAD) else { return Ok(()) };
            (start + at + HEAD.len(), text.get(at + HEAD.len()..).unwrap_or_default())
        } else {
            (start, text)
        };
        // Up to the next section of the same kind, wherever on its line, because that has a hit of its own.
        let section = section.get(..memchr::memmem::find(section, INTERFACE.bytes).unwrap_or(section.len()));
        let section = section.unwrap_or_default();
        // Up to the next section. An IPv6 address may contain brackets, but not at the start of a line.
        let next = memchr::memchr_iter(b'[', section).find(|&at| {
            let before = section.get(..at).unwrap_or_default().trim_ascii_end();
            before.len() < at || before.ends_with(b"\\n")
        });
        let section = section.get(..next.unwrap_or(section.len())).unwrap_or_default();
        let Some((at, length)) = value(section, b"PrivateKey") else { return Ok(()) };
        let digits = section.get(at..at + length).unwrap_or_default();
        let wrong = Malformed::new("key of WireGuard", from + at);
        let mut decoder = Decoder::with_capacity(DIGITS);
        for &byte in digits.get(..DIGITS).filter(|_| length == DIGITS + 1 && digits.ends_with(b"=")).ok_or(wrong)? {
            decoder.push(digit(byte).filter(|_| !matches!(byte, b'-' | b'_')).ok_or(wrong)?);
        }
        let key = decoder.finish();
        if key.len() != 32 || !looks_random(&key) {
            return Err(wrong);
        }
        let bytes = proof::raw_public(Raw::X25519, &key).ok_or(wrong)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, hit.at..from + at + length);
        material.protection = Some(Protection::plaintext());
        let half = public::half(&PublicKey::Raw { kind: Raw::X25519, bytes: &bytes });
        material.identity = Some(Identity::public(half));
        let address = value(section, b"Address").and_then(|(at, length)| section.get(at..at + length));
        material.labels.extend(address.map(|address| Label::new("address", address)));
        out.found(material);
        Ok(())
    }
}

/// Finds the value of `name =`, in upper or lower case, after a line end that may be escaped. Returns its start and its
/// length.
fn value(section: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    (0..section.len().checked_sub(name.len())?).find_map(|at| {
        let text = section.get(at..)?;
        let named = text.get(..name.len())?.eq_ignore_ascii_case(name);
        let before = section.get(..at)?;
        let begins = before.last().is_none_or(u8::is_ascii_whitespace) || before.ends_with(b"\\n");
        if !named || !begins {
            return None;
        }
        let behind = text.get(name.len()..)?;
        let equals = behind.iter().take_while(blank).count();
        let value = behind.get(equals..)?.strip_prefix(b"=")?;
        let skipped = value.iter().take_while(blank).count();
        let start = at + name.len() + equals + 1 + skipped;
        let length = value
            .get(skipped..)?
            .iter()
            .take(80)
            .take_while(|b| !b.is_ascii_whitespace() && !b"\\\"'".contains(b))
            .count();
        Some((start, length))
    })
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::hex::hex;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&WireGuard, "wg0.conf", text, &[INTERFACE, NETDEV])
    }

    #[test]
    fn sections_are_read_as_their_programs_do() {
        let key: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(41).wrapping_add(8)).collect();
        let public = hex(&proof::raw_public(Raw::X25519, &key).unwrap());
        let key = format!("{}=", base64(&key));
        let plain = format!(
            "[Interface]\nAddress = 10.0.0.1/24\nPrivateKey = {key}\nListenPort = 51820\n\n[Peer]\nPublicKey = x\n"
        );
        for text in [
            plain.clone(),
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\n    "),
            plain.replace(" = ", "="),
            plain.replace("PrivateKey", "privatekey"),
            format!("{{\"conf\": \"{}\"}}", plain.replace('\n', "\\n")),
            format!("[NetDev]\nName=wg0\nKind=wireguard\n\n[WireGuard]\nAddress = 10.0.0.1/24\nPrivateKey={key}\n"),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), public);
            assert_eq!(material.labels, [Label::new("address", b"10.0.0.1/24")]);
            assert!(text[..material.span.end].ends_with('='));
        }
        for wrong in [
            plain.replace(&key, "<private key>"),
            plain.replace(&key, &format!("{}=", "A".repeat(43))),
            plain.replace(&key, &key[1..]),
            plain.replace(&key, "{{ wireguard_private_key }}"),
            plain.replace(&key, "cGxhY2Vob2xkZXIgb2YgYSBwcml2YXRlIGtleSEhISE="),
        ] {
            assert!(inspect(&wrong).is_err(), "{wrong}");
        }
        for other in [
            plain.replace("PrivateKey", "PublicKey"),
            plain.replace("PrivateKey", "# PrivateKeyFile"),
            "[Interface]\n[Peer]\nPrivateKey = x\n".to_owned(),
        ] {
            assert!(inspect(&other).unwrap().is_empty(), "{other}");
        }
    }

    #[test]
    fn a_section_ends_where_the_next_one_begins() {
        let key = base64(&(0..32_u8).map(|n| n.wrapping_mul(41).wrapping_add(8)).collect::<Vec<u8>>());
        let text = format!("[Interface] [Interface] # [Interface]\nPrivateKey = {key}=\n");
        let origin = Origin::file("wg0.conf");
        let spans: Vec<_> = (0..text.len())
            .filter(|&at| text[at..].starts_with("[Interface]"))
            .flat_map(|at| {
                let mut out = Inspection::default();
                WireGuard
                    .inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor: INTERFACE, at }, &mut out)
                    .unwrap();
                out.take()
            })
            .map(|material| material.span)
            .collect();
        assert_eq!(spans, vec![26..text.len() - 1]);
    }
}
