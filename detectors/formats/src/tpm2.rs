//! Keys of a TPM 2.0 in the ASN.1 form of the OpenSSL engines and providers: PEM `TSS2 PRIVATE KEY`, and DER
//! ("ASN.1 Specification for TPM 2.0 Key Files", J. Bottomley; TPMKey).
//!
//! A key that never leaves the TPM encrypts the private part, so the file is useful on one machine only. The public
//! area is plaintext and identifies the key. Keys that can be imported elsewhere (2.23.133.10.1.4) are wrapped for the
//! parent that they name. Sealed data (…1.5) is not a key.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Material, Protection, ProtectionState, PublicHalf, Uses,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, context};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::number;
use keyradius_readers::public::{self, Domain, PublicKey};
use keyradius_readers::{armor, carrier, curves, locate};

/// Detects TPM 2.0 keys.
#[derive(Debug)]
pub(crate) struct Tpm2;

static ABOUT: About = About {
    id: "tpm2",
    title: "TPM 2.0 key (TSS2 PRIVATE KEY)",
    detects: "TPM 2.0 keys in PEM (TSS2 PRIVATE KEY) and in DER at any offset: the public half, the parent, the \
              permitted uses and whether the key needs a password of its own.",
    blind_to: "Bare TPM2B_PUBLIC and TPM2B_PRIVATE files (tpm2_create -u, -r), and TSS 1.2 blobs (TSS KEY BLOB).",
    respond: "The file is useless without its TPM. If others may control that machine, replace the key wherever it is \
              trusted.",
    references: &["ASN.1 Specification for TPM 2.0 Key Files", "TPM 2.0 Library Part 2: Structures"],
};

/// An OID of six bytes in 2.23.133.10.1, without its last byte: loadable (3), importable (4), sealed (5).
const TCG: Anchor = Anchor::anywhere(&[0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01]);
const LOADABLE: &[u8] = &[0x67, 0x81, 0x05, 0x0a, 0x01, 0x03];
const IMPORTABLE: &[u8] = &[0x67, 0x81, 0x05, 0x0a, 0x01, 0x04];

impl Detector for Tpm2 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, TCG]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let Some(armor) = carrier::pem(blob, hit, |label| label == "TSS2 PRIVATE KEY", out)? else { return Ok(()) };
            let (mut material, _) = read(&armor.body)?;
            material.encoding = Encoding::Pem;
            material.span = armor.span.clone();
            material.remarks.extend(carrier::remarks(&armor));
            out.found(material);
            return Ok(());
        }
        let Some(start) = locate::sequence_before(blob.bytes, hit.at) else { return Ok(()) };
        let (mut material, length) = read(blob.bytes.get(start..).unwrap_or_default())?;
        material.span = start..start + length;
        out.found(material);
        Ok(())
    }
}

/// Reads a TPMKey, and returns its length too.
fn read(der: &[u8]) -> Result<(Material, usize), Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "TPMKey")?;
    let mut fields = outer.children();
    let importable = match fields.value(OID, "type")?.content {
        LOADABLE => false,
        IMPORTABLE => true,
        _ => return Err(Malformed::new("TPMKey type", 0)),
    };
    // [0] emptyAuth, [1] policy, [2] secret, [3] authPolicy, [4] description, [5] rsaParent.
    let (mut empty, mut policy, mut description) = (false, false, None);
    while let Some(tag @ 0xa0..=0xa5) = fields.peek() {
        let value = fields.any()?.children().any()?;
        match tag ^ context(0) {
            0 => empty = value.content.first().is_some_and(|&byte| byte != 0),
            1 | 3 => policy = true,
            4 => description = Some(Label::new("comment", value.content)),
            _ => {}
        }
    }
    let parent = fields.value(INTEGER, "parent")?.small().ok_or(Malformed::new("parent", fields.at()))?;
    let area = fields.value(OCTET_STRING, "public area")?.octets()?;
    let private = fields.value(OCTET_STRING, "private area")?.octets()?;
    if !fields.is_empty() {
        return Err(Malformed::new("TPMKey has more fields", fields.at()));
    }
    let mut sized = Cursor::new(&private);
    let length = usize::from(sized.u16("TPM2B_PRIVATE")?);
    if length < 32 || length != sized.rest().len() {
        return Err(Malformed::new("TPM2B_PRIVATE", 0));
    }
    let (public, uses) = public_area(&area)?;
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Der, 0..0);
    material.identity = Some(Identity::public(public));
    material.uses = Some(uses);
    material.labels.extend(description);
    let auth = match (empty, policy) {
        (_, true) => "bound to a policy",
        (true, false) => "no password",
        (false, false) => "with a password",
    };
    let kind = if importable { "importable by" } else { "wrapped by" };
    let detail = format!("{kind} a TPM 2.0, parent {parent:#010x}, {auth}");
    material.protection = Some(Protection::new(ProtectionState::Hardware, detail));
    Ok((material, outer.raw.len()))
}

/// TPM_ALG_ID (Part 2, 6.3).
const RSA: u16 = 0x0001;
const ECC: u16 = 0x0023;
const NULL: u16 = 0x0010;
const RSAES: u16 = 0x0015;
const ECDAA: u16 = 0x001a;
/// TPMA_OBJECT (Part 2, 8.3): decrypt, sign.
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

/// TPM2B_PUBLIC (Part 2, 12.2).
fn public_area(area: &[u8]) -> Result<(PublicHalf, Uses), Malformed> {
    let mut fields = Cursor::new(area);
    let length = usize::from(fields.u16("TPM2B_PUBLIC")?);
    if length != fields.rest().len() {
        return Err(Malformed::new("TPM2B_PUBLIC", 0));
    }
    let kind = fields.u16("type")?;
    fields.u16("nameAlg")?;
    let attributes = fields.u32("objectAttributes")?;
    sized(&mut fields, "authPolicy")?;
    // TPMT_SYM_DEF_OBJECT: key bits and mode, only for keys that wrap others.
    if fields.u16("symmetric")? != NULL {
        fields.u32("symmetric key bits and mode")?;
    }
    let scheme = fields.u16("scheme")?;
    if !matches!(scheme, NULL | RSAES) {
        fields.u16("scheme hash")?;
    }
    if scheme == ECDAA {
        fields.u16("scheme count")?;
    }
    let half = match kind {
        RSA => {
            let bits = fields.u16("key bits")?;
            let exponent = match fields.u32("exponent")? {
                // The default exponent (Part 2, 12.2.3.5).
                0 => 65_537,
                exponent => exponent,
            };
            let n = sized(&mut fields, "modulus")?;
            if number::bits(n) != u32::from(bits) || n.last().is_none_or(|digit| digit & 1 == 0) {
                return Err(Malformed::new("modulus", fields.at()));
            }
            public::half(&PublicKey::Rsa { n, e: &exponent.to_be_bytes() })
        }
        ECC => {
            let curve = match fields.u16("curve")? {
                // TPM_ECC_CURVE, Part 2, 6.4: secp192r1, 224, 256, 384, 521 and SM2.
                1 => curves::by_oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01]),
                2 => curves::by_oid(&[0x2b, 0x81, 0x04, 0x00, 0x21]),
                3 => curves::by_ssh(b"nistp256"),
                4 => curves::by_ssh(b"nistp384"),
                5 => curves::by_ssh(b"nistp521"),
                0x20 => curves::by_oid(&[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d]),
                _ => None,
            };
            let curve = curve.ok_or(Malformed::new("curve", fields.at()))?;
            if fields.u16("kdf")? != NULL {
                fields.u16("kdf hash")?;
            }
            let (x, y) = (sized(&mut fields, "x")?, sized(&mut fields, "y")?);
            let width = curve.bits.div_ceil(8) as usize;
            let (Some(left), Some(right)) = (width.checked_sub(x.len()), width.checked_sub(y.len())) else {
                return Err(Malformed::new("coordinates", fields.at()));
            };
            let point = [&[4][..], &vec![0; left], x, &vec![0; right], y].concat();
            curve.decompress(&point).ok_or(Malformed::new("point on the curve", fields.at()))?;
            public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &point })
        }
        _ => return Err(Malformed::new("type of the key", 2)),
    };
    if !fields.is_empty() {
        return Err(Malformed::new("TPM2B_PUBLIC has more fields", fields.at()));
    }
    let uses = Uses { sign: attributes & SIGN != 0, encrypt: attributes & DECRYPT != 0, ..Uses::default() };
    Ok((half, uses))
}

/// Reads a TPM2B: a length of two bytes, then its bytes.
fn sized<'a>(fields: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], Malformed> {
    let length = usize::from(fields.u16(what)?);
    fields.take(length, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyradius_readers::ber::encode;

    /// A public area with an invented modulus: odd, of the right size.
    fn area(bits: u16, last: u8) -> Vec<u8> {
        let mut n = vec![0xc3; usize::from(bits / 8)];
        *n.last_mut().unwrap() = last;
        let fields = [
            &RSA.to_be_bytes()[..],
            &[0, 0x0b],
            &(SIGN | 0x72).to_be_bytes(),
            &[0, 0],
            &NULL.to_be_bytes(),
            &NULL.to_be_bytes(),
            &bits.to_be_bytes(),
            &[0; 4],
            &(n.len() as u16).to_be_bytes(),
            &n,
        ]
        .concat();
        [&(fields.len() as u16).to_be_bytes()[..], &fields].concat()
    }

    fn key(oid: &[u8], area: &[u8], private: usize, extra: &[u8]) -> Vec<u8> {
        let private = [&(private as u16).to_be_bytes()[..], &vec![9; private]].concat();
        encode(
            SEQUENCE,
            &[
                &encode(OID, &[oid]),
                &encode(context(0), &[&[1, 1, 0xff]]),
                &encode(INTEGER, &[&[0x40, 0, 0, 1]]),
                &encode(OCTET_STRING, &[area]),
                &encode(OCTET_STRING, &[&private]),
                extra,
            ],
        )
    }

    #[test]
    fn the_public_area_names_the_key() {
        let der = key(LOADABLE, &area(2048, 0x0d), 190, &[]);
        let (found, length) = read(&der).unwrap();
        assert_eq!(length, der.len());
        let protection = found.protection.unwrap();
        assert_eq!(protection.state, ProtectionState::Hardware);
        assert_eq!(protection.detail, "wrapped by a TPM 2.0, parent 0x40000001, no password");
        assert_eq!(found.uses, Some(Uses { sign: true, ..Uses::default() }));
        let Some(Identity::Public(public)) = found.identity else { panic!("public") };
        assert_eq!((public.algorithm.name, public.algorithm.bits), ("RSA", 2048));
    }

    #[test]
    fn near_misses_are_refused() {
        let good = key(LOADABLE, &area(2048, 0x0d), 190, &[]);
        let sealed = [&LOADABLE[..5], &[5]].concat();
        for (name, der) in [
            ("sealed data", key(&sealed, &area(2048, 0x0d), 190, &[])),
            ("an even modulus", key(LOADABLE, &area(2048, 0x0c), 190, &[])),
            ("no private area", key(LOADABLE, &area(2048, 0x0d), 0, &[])),
            ("a field too many", key(LOADABLE, &area(2048, 0x0d), 190, &[5, 0])),
            ("an area of another length", key(LOADABLE, &area(2048, 0x0d)[..200], 190, &[])),
        ] {
            assert!(read(&der).is_err(), "{name}");
        }
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_err(), "{length}");
        }
    }
}
