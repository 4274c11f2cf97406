//! Public keys of SSH on one line (`.pub`, `authorized_keys`, `known_hosts`, sshd AuthorizedKeysFile format) and in RFC
//! 4716 blocks, and OpenSSH certificates. They are not secret, but each is a location that trusts the private key; a
//! certificate names the authority that signed it.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, PublicHalf, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ssh;
use keyradius_readers::text::{Decoder, digit};

/// Detects public keys of SSH.
#[derive(Debug)]
pub(crate) struct SshPublic;

static ABOUT: About = About {
    id: "ssh_public",
    title: "SSH public key or certificate",
    detects: "Public keys of SSH with their type in the blob: one-line files, authorized_keys, known_hosts, RFC 4716 \
              blocks, and OpenSSH certificates, which also give the key of the authority that signed them. They are \
              not a leak; keyradius links them to private keys.",
    blind_to: "Truncated RFC 4716 blocks with keys of security keys, hashed host names, SSHFP records and SSH agents.",
    respond: "Nothing to do for a public key alone. If its private key is found, this line still trusts it.",
    references: &["RFC 4253 6.6", "RFC 4716", "sshd(8) AUTHORIZED_KEYS FILE FORMAT", "OpenSSH PROTOCOL.certkeys"],
};

/// Part of every blob of `ssh-rsa`, `ssh-dss`, `ssh-ed25519` and derived types, whatever the length before the name:
/// base64 of the last bytes of `s` and of `sh-`.
const SSH: Anchor = Anchor::anywhere(b"NzaC1");
/// The corresponding digits for `ecdsa-sha2-nistp`, after `ec`.
const ECDSA: Anchor = Anchor::anywhere(b"ZHNhLXNoYTItbmlzdHA");

/// Maximum text of a key that is read, in bytes: RSA of 16,384 bits with a certificate of many principals.
const MAX: usize = 64 << 10;

/// How far before a blob its line is read, in bytes: options and host names.
const BEFORE: usize = 8 << 10;

/// The BEGIN line of an RFC 4716 block.
const BEGIN: &[u8] = b"---- BEGIN SSH2 PUBLIC KEY ----";

impl Detector for SshPublic {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[SSH, ECDSA]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes;
        // The blob begins with the length of a name: three zero bytes, so four times `A`, at most six digits before the
        // anchor.
        let from = hit.at.saturating_sub(12);
        let head = bytes.get(from..hit.at).unwrap_or_default();
        let Some(start) = memchr::memmem::rfind(head, b"AAAA").map(|at| from + at) else { return Ok(()) };
        if start.checked_sub(1).and_then(|at| bytes.get(at)).copied().and_then(digit).is_some() {
            return Ok(());
        }
        let line = line_before(bytes, start);
        let block = memchr::memmem::rfind(bytes.get(start.saturating_sub(1024)..start).unwrap_or_default(), BEGIN);
        let (decoded, span) = decode(bytes, start, block.is_some() && line.is_empty());
        let (key, authority) = ssh::certificate(&decoded)?;
        let Some(half) = key else { return Ok(()) };
        let mut material = material(half, span.clone());
        let words = String::from_utf8_lossy(line).to_lowercase();
        if words.contains("cert-authority") {
            material.remarks.push(Remark::SshAuthority);
        }
        if words.contains("@revoked") {
            material.remarks.push(Remark::SshRevoked);
        }
        if is_host(&words) {
            material.remarks.push(Remark::SshHost);
        }
        let comment = comment_behind(bytes, span.end);
        if !comment.is_empty() {
            material.labels.push(Label::new("comment", comment));
        }
        if let Some(authority) = authority {
            material.remarks.push(Remark::SshCertified);
            let mut signer = self::material(authority, span);
            signer.remarks.push(Remark::SshSigner);
            out.found(material);
            out.found(signer);
        } else {
            out.found(material);
        }
        Ok(())
    }
}

fn material(half: PublicHalf, span: Range<usize>) -> Material {
    let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Text, span);
    material.identity = Some(Identity::public(half));
    material
}

/// The text on the line before the blob, including the word directly before it (the type).
fn line_before(bytes: &[u8], start: usize) -> &[u8] {
    let before = bytes.get(start.saturating_sub(BEFORE)..start).unwrap_or_default();
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| before.get(at + 1..).unwrap_or_default());
    line.trim_ascii_end()
}

/// Decodes base64, across line ends if the blob is in a block, and returns the range of the text.
fn decode(bytes: &[u8], start: usize, block: bool) -> (Vec<u8>, Range<usize>) {
    let text = bytes.get(start..bytes.len().min(start + MAX)).unwrap_or_default();
    let mut decoder = Decoder::default();
    let mut end = 0;
    for (at, byte) in text.iter().enumerate() {
        match digit(*byte) {
            Some(value) => {
                decoder.push(value);
                end = at + 1;
            }
            None if block && matches!(byte, b'\n' | b'\r') && text.get(at + 1) != Some(&b'-') => {}
            None => {
                end += text.get(at..).unwrap_or_default().iter().take(2).take_while(|pad| **pad == b'=').count();
                break;
            }
        }
    }
    (decoder.finish().to_vec(), start..start + end)
}

/// The rest of the line, which is the comment.
fn comment_behind(bytes: &[u8], end: usize) -> &[u8] {
    let rest = bytes.get(end..bytes.len().min(end + Label::MAX)).unwrap_or_default();
    let line = rest.split(|byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'\\' | b'<')).next();
    match line {
        Some([b' ' | b'\t', comment @ ..]) => comment.trim_ascii(),
        _ => &[],
    }
}

/// Whether a line belongs to `known_hosts`: a plain or hashed host name precedes the type, and no options of a user's
/// key.
fn is_host(words: &str) -> bool {
    let mut words = words.split_ascii_whitespace().rev();
    let Some(kind) = words.next() else { return false };
    let Some(host) = words.next() else { return false };
    let is_type = kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-");
    let name = |c: char| c.is_ascii_alphanumeric() || ".-_:[]*?,!|/+=%".contains(c);
    let hashed = host.starts_with("|1|");
    let plain = host.contains(['.', ':', ',', '[', '*']) && !host.contains('=') && !host.ends_with(':');
    is_type
        && words.all(|word| word.starts_with('@'))
        && (hashed || plain || host == "localhost")
        && host.chars().all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_known_hosts_names_a_host() {
        for (line, expected) in [
            ("github.com ssh-ed25519", true),
            ("[git.example.org]:2222,10.0.0.1 ssh-rsa", true),
            ("|1|f3A=|9s= ecdsa-sha2-nistp256", true),
            ("@cert-authority *.example.org ssh-ed25519", true),
            ("ssh-ed25519", false),
            ("", false),
            ("restrict,command=\"/bin/x\" ssh-rsa", false),
            ("from=\"10.0.0.1\" ssh-rsa", false),
            ("cert-authority ssh-rsa", false),
            ("key: ssh-rsa", false),
        ] {
            assert_eq!(is_host(line), expected, "{line}");
        }
    }
}
