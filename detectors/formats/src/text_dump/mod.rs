//! Private keys printed as text: `openssl rsa|ec|dsa|pkey -text`, `certtool --generate-privkey` and `--key-info`. They
//! get into logs, tickets and notes, often without the PEM block that followed them.
//!
//! The numbers are reassembled and must fit by arithmetic, whatever the text around them says: the curve is the one on
//! which the point belongs to the scalar. A part that signs is sufficient (`readers/signs.rs`): if the public half is
//! foreign or not a point, the curve is the one that the text names, or the commonest of that size. Truncated or masked
//! dumps are not reported.

mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Protection, PublicHalf, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::agent;
use keyradius_readers::curves::{self, Curve};
use keyradius_readers::number::bits;
use keyradius_readers::public::{Domain, PublicKey, Raw};
use keyradius_readers::signs::{self, Fit};
use keyradius_readers::ssh;

use read::Dump;

/// Detects private keys in text dumps.
#[derive(Debug)]
pub(crate) struct TextDump;

/// `Private-Key:` in the first line of every dump of openssl since 0.9. The anchors begin at a rare part of their
/// words: the searcher matches the first four bytes, and source code is full of `priv`.
const OPENSSL: Anchor = Anchor::anywhere(b"te-Key:");
/// `privateExponent:` in openssl's RSA dumps, for dumps without their first line.
const EXPONENT: Anchor = Anchor::anywhere(b"teExponent:");
/// `Key Security Level:`, a line of certtool above the numbers.
const CERTTOOL: Anchor = Anchor::anywhere(b"ty Level:");

/// The bytes that must precede an anchor.
fn before(anchor: Anchor) -> &'static [u8] {
    match anchor {
        OPENSSL => b"Priva",
        EXPONENT => b"priva",
        _ => b"Key Securi",
    }
}

/// The commonest curve of each size, for points that are on no curve.
const COMMONEST: [&str; 6] = ["P-192", "P-224", "P-256", "P-384", "P-521", "brainpoolP512r1"];
/// Maximum distance in bytes between the modulus and [`EXPONENT`]: 16,384 bits in lines of 15 bytes, indented.
const BEFORE: usize = 12 << 10;

static ABOUT: About = About {
    id: "text_dump",
    title: "Private key (text dump)",
    detects: "RSA, DSA, EC and Edwards and Montgomery curve keys as openssl -text and certtool print them: names and \
              hex with colons. RSA is verified by the primes or by d, the others by the public half. A foreign or \
              invalid public half is accepted if the curve or the group is known.",
    blind_to: "Dumps without the public half, keys on curves with explicit parameters that have no name, \
               Diffie-Hellman and post-quantum keys, numbers in decimal, and edited dumps.",
    respond: "A dump contains the whole key. Treat it as the key file itself: replace the key, then remove the text.",
    references: &["openssl-pkey(1)", "certtool(1)", "CWE-321", "CWE-532"],
};

impl Detector for TextDump {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[OPENSSL, EXPONENT, CERTTOOL]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let word = before(hit.anchor);
        let Some(at) = hit.at.checked_sub(word.len()).filter(|at| blob.bytes.get(*at..hit.at) == Some(word)) else {
            return Ok(());
        };
        let start = if hit.anchor == EXPONENT {
            let from = hit.at.saturating_sub(BEFORE);
            let before = blob.bytes.get(from..hit.at).unwrap_or_default();
            from + memchr::memmem::rfind(before, b"modulus:").ok_or(Malformed::new("modulus", hit.at))?
        } else {
            at
        };
        let text = blob.bytes.get(start..).unwrap_or_default();
        let quotes = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
        let quote = start.checked_sub(1).and_then(|at| blob.bytes.get(at)).copied().filter(quotes);
        let dump = Dump::read(text, quote).map_err(|error| Malformed::new(error.what, start + error.at))?;
        let said = said(&dump, blob.bytes.get(..start).unwrap_or_default());
        let Some((half, fit)) = rsa(&dump).or_else(|| short(&dump, said)) else {
            return Err(Malformed::new("numbers of a key that fit together", start));
        };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, start..start + dump.length);
        fit.describe(&mut material);
        material.protection = Some(Protection::plaintext());
        material.identity = Some(Identity::public(half));
        out.found(material);
        Ok(())
    }
}

fn rsa(dump: &Dump) -> Option<(PublicHalf, Fit)> {
    let n = dump.number(&["modulus"])?;
    let e = dump.number(&["publicexponent"])?;
    let d = dump.number(&["privateexponent"])?;
    let PublicKey::Rsa { n, e } = ssh::rsa(n, e, 0).ok()? else { return None };
    let names = (1..=16).map(|number| format!("prime{number}"));
    let primes: Vec<&[u8]> = names.map_while(|name| dump.number(&[&name])).collect();
    let key = signs::rsa_by_name(n, e, d, &primes);
    // Two named numbers alone may be part of an unrelated page.
    key.filter(|key| key.fit != Fit::Nothing || primes.len() >= 2).map(|key| (key.half(), key.fit))
}

/// The kind of key that the text states.
#[derive(Clone, Copy)]
enum Said {
    Raw(Raw),
    Ec(&'static Curve),
    Nothing,
}

/// Determines the stated kind from the description lines, and the word before `Private-Key:`.
fn said(dump: &Dump, before: &[u8]) -> Said {
    let raw = [("ED25519 ", Raw::Ed25519), ("ED448 ", Raw::Ed448), ("X25519 ", Raw::X25519), ("X448 ", Raw::X448)];
    let headed = raw.iter().find(|(word, _)| before.ends_with(word.as_bytes())).map(|(_, kind)| Said::Raw(*kind));
    let mut names = dump.curves.iter().map(Vec::as_slice);
    let named = |name| {
        let ec = || curves::by_any_name(name).map(Said::Ec);
        agent::raw_curve(name).map(Said::Raw).or_else(ec)
    };
    headed.or_else(|| names.find_map(named)).unwrap_or(Said::Nothing)
}

/// Reads a key with a single private number.
fn short(dump: &Dump, said: Said) -> Option<(PublicHalf, Fit)> {
    let private = dump.number(&["priv", "privatekey"])?;
    let x = dump.number(&["x"]);
    if let (Some(p), Some(q), Some(g)) = (dump.number(&["p"]), dump.number(&["q"]), dump.number(&["g"])) {
        let y = dump.number(&["pub", "publickey", "y"])?;
        let key = ssh::dsa_numbers([p, q, g, y], 0).ok()?;
        return signs::one_number(&key, private, bits(q));
    }
    // certtool prints coordinates, openssl a point; a field may begin with a zero byte that keeps a number positive.
    let point = match (dump.number(&["pub"]), x, dump.number(&["y"])) {
        (Some(point), ..) => point.to_vec(),
        (None, Some(x), Some(y)) => joined(x, y),
        (None, Some(x), None) => x.to_vec(),
        _ => return None,
    };
    raw(private, &point, said).or_else(|| ec(private, &point, said))
}

/// Returns 04 x y, both padded to the length of the longer one without its zeros.
fn joined(x: &[u8], y: &[u8]) -> Vec<u8> {
    let length = bits(x).max(bits(y)).div_ceil(8) as usize;
    let mut point = vec![4];
    for number in [x, y] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = number.get(zeros..).unwrap_or_default();
        point.resize(point.len() + length - digits.len(), 0);
        point.extend_from_slice(digits);
    }
    point
}

/// Chooses the kind whose public half follows from the private one. Otherwise the kind that the text states, or the
/// first kind of the right size.
fn raw(private: &[u8], public: &[u8], said: Said) -> Option<(PublicHalf, Fit)> {
    let is_said = |kind: Raw| matches!(said, Said::Raw(said) if said == kind);
    let kinds = [Raw::Ed25519, Raw::Ed448, Raw::X25519, Raw::X448].into_iter();
    let fits = |kind: &Raw| private.len() == kind.len() && (public.len() == kind.len() || is_said(*kind));
    let known = |kind: Raw| {
        let key = PublicKey::Raw { kind, bytes: public };
        Some((kind, signs::one_number(&key, private, 8 * kind.len() as u32)?))
    };
    let known: Vec<_> =
        kinds.filter(fits).filter_map(known).filter(|_| private.iter().any(|&byte| byte != 0)).collect();
    let proven = known.iter().find(|(_, (_, fit))| fit.is_proven());
    let said = || known.iter().find(|(kind, _)| is_said(*kind));
    proven.or_else(said).or(known.first()).map(|(_, found)| found.clone())
}

/// Chooses the curve on which the point belongs to the scalar. Otherwise the curve that the text states, the first
/// curve of the right size that contains the point, or the commonest of that size.
fn ec(scalar: &[u8], point: &[u8], said: Said) -> Option<(PublicHalf, Fit)> {
    // A coordinate has half the length of an uncompressed point, or the full length of a compressed one, not counting
    // the first byte.
    let coordinates = point.len().checked_sub(1)?;
    let length = if matches!(point.first(), Some(2 | 3)) { coordinates } else { coordinates / 2 };
    let known = |curve: &'static Curve, point: &[u8]| {
        signs::one_number(&PublicKey::Ec { domain: Domain::Named(curve), point }, scalar, curve.bits)
    };
    let of_size = curves::all().iter().filter(|curve| curve.bits.div_ceil(8) as usize == length);
    let on: Vec<_> = of_size.filter_map(|curve| known(curve, &curve.decompress(point)?)).collect();
    let proven = on.iter().find(|(_, fit)| fit.is_proven()).cloned();
    let said = || if let Said::Ec(curve) = said { known(curve, point) } else { None };
    let commonest = || {
        let (half, fit) = known(
            COMMONEST
                .iter()
                .find_map(|name| curves::by_name(name).filter(|curve| curve.bits.div_ceil(8) as usize == length))?,
            point,
        )?;
        Some((half, if fit.is_proven() { fit } else { Fit::Derived(Remark::AssumedCurve) }))
    };
    proven.or_else(said).or_else(|| on.first().cloned()).or_else(commonest)
}

#[cfg(test)]
mod tests {
    use crate::samples::bytes;
    use keyradius_core::blob::Origin;
    use keyradius_readers::proof;
    use keyradius_readers::public;

    use super::*;

    fn colons(bytes: &[u8]) -> String {
        let lines: Vec<String> = bytes
            .chunks(15)
            .map(|line| format!("    {}", line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")))
            .collect();
        lines.join(":\n")
    }

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("notes.txt");
        let anchors = TextDump.anchors();
        let (at, anchor) = anchors
            .iter()
            .filter_map(|a| Some((memchr::memmem::find(text.as_bytes(), a.bytes)?, *a)))
            .min_by_key(|(at, _)| *at)
            .unwrap();
        let mut out = Inspection::default();
        TextDump.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &mut out)?;
        Ok(out.take())
    }

    fn ed25519(seed: &[u8], public: &[u8]) -> String {
        format!("ED25519 Private-Key:\npriv:\n{}\npub:\n{}\n", colons(seed), colons(public))
    }

    #[test]
    fn keys_with_one_private_number() {
        let seed = [7; 32];
        let public = proof::raw_public(Raw::Ed25519, &seed).unwrap();
        let x25519 = proof::raw_public(Raw::X25519, &seed).unwrap();
        let p384 = curves::by_ssh(b"nistp384").unwrap();
        let point = p384.public_point(&[9]).unwrap();
        let (x, y) = point[1..].split_at(48);
        let prime = [&[1][..], &[0xff; 65]].concat();
        let good = ed25519(&seed, &public);
        let ec = format!(
            "Private-Key: (384 bit)\npriv:\n    09\npub:\n{}\nASN1 OID: secp384r1\nNIST CURVE: P-384\n",
            colons(&point)
        );
        let certtool = format!(
            "\tKey Security Level: High\n\ncurve:\tSECP384R1\nprivate key:\n\t09\n\nx:\n\t00:{}\n\ny:\n\t{}\n\n\n",
            colons(x).trim(),
            colons(y).trim()
        );
        let dsa = format!(
            "Private-Key: (521 bit)\npriv:\n    05\npub: \n    20\nP:   \n{}\nQ:   \n{}\nG:    2 (0x2)\n",
            colons(&prime),
            colons(&[0xff; 20])
        );
        for (name, text, bits) in [
            ("Ed25519", good.clone(), Some(0)),
            ("X25519", ed25519(&seed, &x25519).replace("ED25519", "X25519"), Some(0)),
            ("EC", ec.clone(), Some(384)),
            ("EC by certtool", certtool, Some(384)),
            ("DSA", dsa.clone(), Some(521)),
            ("indented", good.replace('\n', "\n      "), Some(0)),
            ("in a comment", good.replace('\n', "\n# "), Some(0)),
            ("in JSON", format!("{{\"log\": \"{}\"}}", good.replace('\n', "\\n")), Some(0)),
            ("of another key", ed25519(&seed, &seed), None),
            ("masked", good.replace("07:07:07", "xx:xx:xx"), None),
            ("a wrong point", ec.replace("    09", "    08"), None),
            ("a wrong y", dsa.replace("    20", "    21"), None),
            ("no public half", ed25519(&seed, &[]), None),
            ("cut", good[..good.len() - 4].to_owned(), None),
        ] {
            let found = inspect(&text).ok().map(|found| match &found[0].identity {
                Some(Identity::Public(half)) => half.algorithm.bits,
                _ => panic!("{name}"),
            });
            assert_eq!(found, bits, "{name}: {text}");
        }
    }

    #[test]
    fn a_private_number_with_a_foreign_public_half_is_reported() {
        let seed: Vec<u8> = (0..56_u8).map(|n| n.wrapping_mul(37) | 1).collect();
        let curve = |name| curves::by_name(name).unwrap();
        let of = |name| {
            let point = curve(name).public_point(&seed[..32]).unwrap();
            public::half(&PublicKey::Ec { domain: Domain::Named(curve(name)), point: &point })
        };
        let raw = |kind: Raw| {
            let bytes = proof::raw_public(kind, &seed[..kind.len()]).unwrap();
            public::half(&PublicKey::Raw { kind, bytes: &bytes })
        };
        let dump = |private: &[u8], public: &[u8]| {
            format!("Private-Key: (256 bit)\npriv:\n{}\npub:\n{}\n", colons(private), colons(public))
        };
        let (foreign, own) = (Some(Remark::ForeignPublicNumbers), curve("P-256").public_point(&seed[..32]).unwrap());
        let off = [&[4], &[0x11; 64][..]].concat();
        let form = [&[5], &own[1..]].concat();
        let named = |text: String, line: &str| text + line;
        let certtool = format!(
            "\tKey Security Level: High\n\ncurve:\tSECP256R1\nprivate key:\n\t{}\n\nx:\n\t{}\n\ny:\n\t{}\n\n",
            colons(&seed[..32]).trim(),
            colons(&[0x11; 32]).trim(),
            colons(&[0x12; 32]).trim()
        );
        for (text, half, remark) in [
            (ed25519(&seed[..32], &[9; 32]), raw(Raw::Ed25519), foreign),
            (ed25519(&seed[..32], &[9; 31]), raw(Raw::Ed25519), foreign),
            (ed25519(&seed[..32], &[9; 32]).replace("ED25519 ", ""), raw(Raw::Ed25519), foreign),
            (ed25519(&seed[..32], &[9; 32]).replace("ED25519", "X25519"), raw(Raw::X25519), foreign),
            (ed25519(&seed, &[9; 56]).replace("ED25519", "X448"), raw(Raw::X448), foreign),
            (named(dump(&seed[..32], &off), "ASN1 OID: prime256v1\nNIST CURVE: P-256\n"), of("P-256"), foreign),
            (named(dump(&seed[..32], &off), "ASN1 OID: secp256k1\n"), of("secp256k1"), foreign),
            (named(dump(&seed[..32], &form), "ASN1 OID: prime256v1\n"), of("P-256"), foreign),
            (named(dump(&seed[..32], &own), "ASN1 OID: brainpoolP256r1\n"), of("P-256"), None),
            (certtool, of("P-256"), foreign),
            (dump(&seed[..32], &off), of("P-256"), Some(Remark::AssumedCurve)),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(found[0].identity, Some(Identity::public(half)), "{text}");
            assert_eq!(found[0].remarks.first().copied(), remark, "{text}");
        }
        for text in [
            ed25519(&[7; 32], &[9; 32]),
            named(dump(&[7; 32], &off), "ASN1 OID: prime256v1\n"),
            dump(&seed[..32], &[4, 0]),
            dump(&seed[..31], &[9; 32]),
        ] {
            assert!(inspect(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn rsa_with_and_without_its_primes() {
        // 61 * 53 is too small to be read, so the primes are the Mersenne primes 2^521 - 1 and 2^607 - 1; e = 65537.
        let prime = |bits: usize| [&[(1_u16 << (bits % 8)) as u8 - 1][..], &vec![0xff; bits / 8]].concat();
        let n = bytes(
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7ffffffffffffffffffffe0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        );
        let d = bytes(
            "2a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a5555aaaa5555aaaa5555aa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa01",
        );
        let cut =
            format!("modulus:\n{}\npublicExponent: 65537 (0x10001)\nprivateExponent:\n{}\n", colons(&n), colons(&d));
        let whole = format!("{cut}prime1:\n{}\nprime2:\n{}\n", colons(&prime(607)), colons(&prime(521)));
        let wrong = whole.replace("prime2:\n    01:", "prime2:\n    03:");
        let headed = format!("RSA Private-Key: (1128 bit, 2 primes)\n{whole}");
        for (text, found) in [
            (&whole, true),
            (&cut, true),
            (&headed, true),
            // One prime and d are sufficient.
            (&wrong, true),
            // d determines the exponent, if it is a commonly used one.
            (&cut.replace("65537 (0x10001)", "3 (0x3)"), true),
            (&cut.replace("privateExponent:\n    2a", "privateExponent:\n    2b"), false),
            (&cut.replacen("ff:ff", "ff:..", 1), false),
        ] {
            assert_eq!(inspect(text).is_ok_and(|all| all.len() == 1), found, "{text}");
        }
    }
}
