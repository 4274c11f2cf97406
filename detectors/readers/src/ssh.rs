//! Public and private keys in the formats of SSH (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, OpenSSH PROTOCOL.u2f and
//! PROTOCOL.certkeys), and the check that they belong together. Files of OpenSSH and PuTTY contain these formats.

use keyradius_core::error::Malformed;
use keyradius_core::material::PublicHalf;
use sha2::{Digest, Sha256};

use super::cursor::Cursor;
use super::curves;
use super::number::bits;
use super::public::{self, Domain, PublicKey, Raw};
use super::signs::Private;
use super::text::base64;

/// Sizes of RSA moduli that are read, in bits: from toys to the maximum that OpenSSL accepts.
const RSA_BITS: std::ops::RangeInclusive<u32> = 256..=16_384;
/// Sizes of DSA primes that are read, in bits (SSH itself allows only 1024).
const DSA_BITS: std::ops::RangeInclusive<u32> = 512..=8192;
/// Sizes of DSA subgroup orders that are read, in bits (FIPS 186-4 4.2, with room on both sides).
const DSA_ORDER_BITS: std::ops::RangeInclusive<u32> = 128..=512;

/// Suffix of the names of certified keys (OpenSSH PROTOCOL.certkeys).
const CERTIFIED: &[u8] = b"-cert-v01@openssh.com";

/// The type of a key, by the name at the start of its blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `ssh-rsa`.
    Rsa,
    /// `ssh-dss`.
    Dsa,
    /// The curve follows in the blob.
    Ecdsa,
    /// `ssh-ed25519`.
    Ed25519,
    /// `ssh-ed448`.
    Ed448,
    /// FIDO: the private half stays in a security key, the file contains a handle to it.
    SkEcdsa,
    /// FIDO with Ed25519.
    SkEd25519,
}

impl Algorithm {
    /// The algorithm of a plain key, not a certificate.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"ssh-rsa" => Self::Rsa,
            b"ssh-dss" => Self::Dsa,
            b"ssh-ed25519" => Self::Ed25519,
            b"ssh-ed448" => Self::Ed448,
            b"sk-ssh-ed25519@openssh.com" => Self::SkEd25519,
            b"sk-ecdsa-sha2-nistp256@openssh.com" => Self::SkEcdsa,
            _ if curves::by_ssh(name.strip_prefix(b"ecdsa-sha2-")?).is_some() => Self::Ecdsa,
            _ => return None,
        })
    }

    /// Whether the private half stays in a security key.
    pub const fn is_security_key(self) -> bool {
        matches!(self, Self::SkEcdsa | Self::SkEd25519)
    }
}

/// A parsed public key blob.
#[derive(Clone, Copy, Debug)]
pub struct Public<'a> {
    /// The kind of key.
    pub algorithm: Algorithm,
    pub(crate) key: PublicKey<'a>,
    /// The application of a security key (`ssh:` by default); empty for other keys.
    pub application: &'a [u8],
    blob: &'a [u8],
}

impl Public<'_> {
    /// The identity and names of the key.
    pub fn half(&self) -> PublicHalf {
        let mut half = public::half(&self.key);
        if self.algorithm.is_security_key() {
            // For SSH the application is part of the key, so the fingerprint differs from that of the bare key.
            half.ssh_sha256 = Some(format!("SHA256:{}", base64(&Sha256::digest(self.blob))));
        }
        half
    }
}

/// Reads a public key blob. `None` if its name is well-formed but unknown.
pub fn public(blob: &[u8]) -> Result<Option<Public<'_>>, Malformed> {
    let mut fields = Cursor::new(blob);
    let name = fields.string("SSH key type")?;
    if !is_name(name) {
        return Err(Malformed::new("SSH key type", 4));
    }
    let plain = certified(name);
    let Some(algorithm) = plain.as_deref().map_or_else(|| Algorithm::from_name(name), Algorithm::from_name) else {
        return Ok(None);
    };
    if plain.is_some() {
        fields.string("certificate nonce")?;
    }
    let key = public_fields(algorithm, &mut fields)?;
    let application = if algorithm.is_security_key() { fields.string("FIDO application")? } else { &[] };
    // A certificate has fields of its own after the key.
    if plain.is_none() && !fields.is_empty() {
        return Err(Malformed::new("SSH public key has more fields", fields.at()));
    }
    Ok(Some(Public { algorithm, key, application, blob }))
}

/// Reads a whole public key blob. Returns the key, and for a certificate the key of the authority that signed it
/// (OpenSSH PROTOCOL.certkeys). `None` for a key of an unknown type.
pub fn certificate(blob: &[u8]) -> Result<(Option<PublicHalf>, Option<PublicHalf>), Malformed> {
    let Some(key) = public(blob)? else { return Ok((None, None)) };
    let mut fields = Cursor::new(blob);
    let Some(_) = certified(fields.string("SSH key type")?) else { return Ok((Some(key.half()), None)) };
    fields.string("certificate nonce")?;
    public_fields(key.algorithm, &mut fields)?;
    if key.algorithm.is_security_key() {
        fields.string("FIDO application")?;
    }
    fields.u64("certificate serial")?;
    fields.u32("certificate type")?;
    for field in ["key id", "principals"] {
        fields.string(field)?;
    }
    fields.u64("valid after")?;
    fields.u64("valid before")?;
    for field in ["critical options", "extensions", "reserved"] {
        fields.string(field)?;
    }
    let authority = public(fields.string("signature key")?)?.map(|key| key.half());
    fields.string("certificate signature")?;
    Ok((Some(key.half()), authority))
}

/// The plain key type of a certificate: `sk-ssh-ed25519-cert-v01@openssh.com` certifies `sk-ssh-ed25519@openssh.com`.
fn certified(name: &[u8]) -> Option<Vec<u8>> {
    let stem = name.strip_suffix(CERTIFIED)?;
    let host: &[u8] = if stem.starts_with(b"sk-") { b"@openssh.com" } else { b"" };
    Some([stem, host].concat())
}

/// Whether a name is valid: printable US-ASCII without commas, at most 64 characters (RFC 4251 6).
pub fn is_name(name: &[u8]) -> bool {
    (1..=64).contains(&name.len()) && name.iter().all(|b| b.is_ascii_graphic() && *b != b',')
}

fn public_fields<'a>(algorithm: Algorithm, fields: &mut Cursor<'a>) -> Result<PublicKey<'a>, Malformed> {
    match algorithm {
        Algorithm::Rsa => {
            let e = fields.string("RSA e")?;
            rsa(fields.string("RSA n")?, e, fields.at())
        }
        Algorithm::Dsa => dsa(fields),
        Algorithm::Ecdsa | Algorithm::SkEcdsa => ecdsa(fields),
        Algorithm::Ed25519 | Algorithm::SkEd25519 => raw(Raw::Ed25519, fields),
        Algorithm::Ed448 => raw(Raw::Ed448, fields),
    }
}

/// An RSA key, if modulus and exponent are such as a key may have. `at` is told in the error.
pub fn rsa<'a>(n: &'a [u8], e: &'a [u8], at: usize) -> Result<PublicKey<'a>, Malformed> {
    if is_odd(n) && is_odd(e) && RSA_BITS.contains(&bits(n)) && (2..=bits(n)).contains(&bits(e)) {
        Ok(PublicKey::Rsa { n, e })
    } else {
        Err(Malformed::new("RSA numbers", at))
    }
}

fn dsa<'a>(fields: &mut Cursor<'a>) -> Result<PublicKey<'a>, Malformed> {
    let p = fields.string("DSA p")?;
    let q = fields.string("DSA q")?;
    let g = fields.string("DSA g")?;
    let y = fields.string("DSA y")?;
    dsa_numbers([p, q, g, y], fields.at())
}

/// A DSA key, if its numbers are such as a key may have. `at` is told in the error.
pub fn dsa_numbers([p, q, g, y]: [&[u8]; 4], at: usize) -> Result<PublicKey<'_>, Malformed> {
    if is_odd(p) && DSA_BITS.contains(&bits(p)) && DSA_ORDER_BITS.contains(&bits(q)) && bits(g) > 1 && bits(y) > 0 {
        Ok(PublicKey::Dsa { p, q, g, y })
    } else {
        Err(Malformed::new("DSA numbers", at))
    }
}

fn ecdsa<'a>(fields: &mut Cursor<'a>) -> Result<PublicKey<'a>, Malformed> {
    let at = fields.at();
    let curve = curves::by_ssh(fields.string("ECDSA curve")?).ok_or(Malformed::new("ECDSA curve", at))?;
    let point = fields.string("ECDSA point")?;
    curve.decompress(point).ok_or(Malformed::new("ECDSA point on its curve", at))?;
    Ok(PublicKey::Ec { domain: Domain::Named(curve), point })
}

fn raw<'a>(kind: Raw, fields: &mut Cursor<'a>) -> Result<PublicKey<'a>, Malformed> {
    let at = fields.at();
    let bytes = fields.string("EdDSA public key")?;
    if bytes.len() == kind.len() {
        Ok(PublicKey::Raw { kind, bytes })
    } else {
        Err(Malformed::new("EdDSA public key length", at))
    }
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

/// Reads one key of OpenSSH's private section, after its type (OpenSSH `sshkey_private_serialize`).
#[allow(clippy::many_single_char_names, reason = "the letters of the standards")]
pub fn openssh_private<'a>(
    algorithm: Algorithm,
    fields: &mut Cursor<'a>,
) -> Result<(PublicKey<'a>, Private<'a>), Malformed> {
    if algorithm == Algorithm::Rsa {
        // The order differs from the public blob: n comes first.
        let n = fields.string("RSA n")?;
        let e = fields.string("RSA e")?;
        let key = rsa(n, e, fields.at())?;
        let d = fields.string("RSA d")?;
        fields.string("RSA iqmp")?;
        let p = fields.string("RSA p")?;
        let q = fields.string("RSA q")?;
        return Ok((key, Private::Rsa { d, p, q }));
    }
    let key = public_fields(algorithm, fields)?;
    let private = match algorithm {
        Algorithm::Ed25519 | Algorithm::Ed448 => {
            // Seed and public key in one string (RFC 8032 5.1.5; a convention from NaCl).
            let at = fields.at();
            let both = fields.string("EdDSA private key")?;
            let seed = both.len().checked_div(2).and_then(|half| both.get(..half));
            Private::Number(seed.ok_or(Malformed::new("EdDSA private key", at))?)
        }
        Algorithm::SkEcdsa | Algorithm::SkEd25519 => {
            fields.string("FIDO application")?;
            fields.u8("FIDO flags")?;
            fields.string("FIDO key handle")?;
            fields.string("FIDO reserved")?;
            Private::Handle
        }
        _ => Private::Number(fields.string("private number")?),
    };
    Ok((key, private))
}

/// Reads a private key in Dropbear's format: its public blob, then directly the private numbers.
pub fn dropbear<'a>(fields: &mut Cursor<'a>) -> Result<(PublicKey<'a>, Private<'a>), Malformed> {
    let name = fields.string("SSH key type")?;
    let algorithm = Algorithm::from_name(name).ok_or(Malformed::new("SSH key type", 4))?;
    match algorithm {
        Algorithm::Rsa => {
            let key = public_fields(algorithm, fields)?;
            let d = fields.string("RSA d")?;
            let p = fields.string("RSA p")?;
            let q = fields.string("RSA q")?;
            Ok((key, Private::Rsa { d, p, q }))
        }
        Algorithm::Dsa | Algorithm::Ecdsa => {
            let key = public_fields(algorithm, fields)?;
            Ok((key, Private::Number(fields.string("private number")?)))
        }
        Algorithm::Ed25519 => {
            let at = fields.at();
            let both = fields.string("Ed25519 seed and public key")?;
            let (seed, bytes) = both
                .split_at_checked(Raw::Ed25519.len())
                .filter(|(_, bytes)| bytes.len() == Raw::Ed25519.len())
                .ok_or(Malformed::new("Ed25519 seed and public key", at))?;
            Ok((PublicKey::Raw { kind: Raw::Ed25519, bytes }, Private::Number(seed)))
        }
        _ => Err(Malformed::new("a key type of Dropbear", 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
    }

    fn blob(fields: &[&[u8]]) -> Vec<u8> {
        fields.iter().flat_map(|field| string(field)).collect()
    }

    #[test]
    fn blobs_are_read_by_their_names() {
        let p256 = curves::by_ssh(b"nistp256").unwrap();
        let point = p256.public_point(&[7]).unwrap();
        let modulus = [0xff; 64];
        let ed = [7; 32];
        for (known, blob) in [
            (Some(Algorithm::Rsa), blob(&[b"ssh-rsa", &[1, 0, 1], &modulus])),
            (Some(Algorithm::Dsa), blob(&[b"ssh-dss", &modulus, &[0xff; 20], &[2], &[3]])),
            (Some(Algorithm::Ecdsa), blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &point])),
            (Some(Algorithm::Ed25519), blob(&[b"ssh-ed25519", &ed])),
            (Some(Algorithm::Ed448), blob(&[b"ssh-ed448", &[7; 57]])),
            (Some(Algorithm::SkEd25519), blob(&[b"sk-ssh-ed25519@openssh.com", &ed, b"ssh:"])),
            (Some(Algorithm::SkEcdsa), blob(&[b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", &point, b"ssh:"])),
            (Some(Algorithm::Ed25519), blob(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", &ed, b"rest"])),
            (
                Some(Algorithm::SkEd25519),
                blob(&[b"sk-ssh-ed25519-cert-v01@openssh.com", b"nonce", &ed, b"ssh:", b"rest"]),
            ),
            (None, blob(&[b"ssh-xmss@openssh.com", b"anything"])),
            (None, blob(&[b"ecdsa-sha2-nistb233", b"nistb233", &point])),
        ] {
            assert_eq!(public(&blob).unwrap().map(|key| key.algorithm), known);
        }
    }

    #[test]
    fn invalid_blobs_are_refused() {
        for blob in [
            blob(&[]),
            blob(&[b""]),
            blob(&[b"ssh rsa"]),
            blob(&[b"ssh-rsa", &[1, 0, 1]]),
            blob(&[b"ssh-rsa", &[2], &[0xff; 64]]),
            blob(&[b"ssh-rsa", &[1, 0, 1], &[0xfe; 64]]),
            blob(&[b"ssh-rsa", &[1, 0, 1], &[0xff; 64], b"more"]),
            blob(&[b"ssh-ed25519", &[7; 31]]),
            blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &[4; 65]]),
            blob(&[b"ecdsa-sha2-nistp256", b"nistp999", &[4; 65]]),
            vec![0xff; 40],
        ] {
            assert!(public(&blob).is_err(), "{blob:02x?}");
        }
    }
}
