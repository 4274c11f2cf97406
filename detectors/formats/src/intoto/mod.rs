//! Keys in the JSON of TUF, in-toto and securesystemslib: `"keyval"` with `"public"` and perhaps `"private"` in hex;
//! the text with four `@` between its fields into which older versions of securesystemslib encrypt such a key; and the
//! metadata that lists public keys for roles.
//!
//! A private Ed25519 key is proven by its public half; next to a foreign one it still signs (`readers/signs.rs`). RSA and
//! ECDSA keys are PEM inside the same JSON: the PEM detectors read them, so this detector skips their `keyval`. A
//! public key is reported with the roles that the metadata around it gives it: root metadata maps keys to what they are
//! trusted for.

mod open;
mod read;

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::hex::unhex;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Locked, Material, Protection, ProtectionState, PublicHalf, Remark,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::armor;
use keyradius_readers::braces::{Braces, Strings};
use keyradius_readers::carrier;
use keyradius_readers::curves;
use keyradius_readers::members;
use keyradius_readers::public::{self, Domain, PublicKey, Raw};

use read::{ITERATIONS, Sealed, private_key};

/// Detects keys of TUF and in-toto.
#[derive(Debug)]
pub(crate) struct InToto;

/// Also matches where the quotation marks are escaped.
const KEYVAL: Anchor = Anchor::anywhere(b"\"keyval");
/// The iteration count that securesystemslib writes, between its separators.
const SEALED: Anchor = Anchor::anywhere(b"@@@@100000@@@@");

/// Maximum length of a `keyval` read, in bytes: RSA of 16,384 bits in PEM, escaped.
const MAX_KEYVAL: usize = 32 << 10;
/// How far before and after a `keyval` its own object is read, in bytes.
const MAX_KEY: usize = 4 << 10;
/// How far before and after a key its roles are searched for, in bytes.
const MAX_ROLES: usize = 64 << 10;

static ABOUT: About = About {
    id: "intoto",
    title: "Signing key (TUF, in-toto, securesystemslib)",
    detects: "Private Ed25519 keys in the JSON of securesystemslib, in-toto and go-tuf, verified if the public half \
              next to them belongs to them; keys that older versions of securesystemslib encrypted (four @ between \
              the fields); and the public keys of TUF metadata and in-toto layouts with the roles that they have \
              there.",
    blind_to: "Private RSA and ECDSA keys are PEM in the same JSON and are reported by the PEM detectors. Encrypted \
               keys with an iteration count other than 100,000.",
    respond: "A root key: hold a ceremony and publish root metadata without it, signed by a threshold of the other \
              root keys. Any other key: remove it from its role and publish new metadata. Clients trust the old key \
              until they have seen the new metadata.",
    references: &["TUF specification 4.2", "in-toto specification 4.2", "securesystemslib 0.31 keys.py", "CWE-321"],
};

impl Detector for InToto {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[KEYVAL, SEALED]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes;
        if hit.anchor == SEALED {
            return sealed(bytes, hit.at, out);
        }
        if !out.may_work() {
            return Ok(());
        }
        let keyval = keyval(bytes, hit.at).ok_or(Malformed::new("keyval object", hit.at))?;
        let mut work = 0;
        let span = object_around(bytes, hit.at, keyval.end, &mut work);
        out.work(work);
        let keyval = bytes.get(keyval).unwrap_or_default();
        let key = bytes.get(span.clone()).unwrap_or_default();
        let public = members::string(keyval, "public").and_then(|text| public_half(text, key));
        let id = key_id(bytes, span.start, key);
        match members::string(keyval, "private") {
            Some(text) if !text.is_empty() => {
                // PEM is read by other detectors.
                let Some((half, fit)) = private_key(text, public.as_ref()).transpose()? else { return Ok(()) };
                let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
                fit.describe(&mut material);
                material.protection = Some(Protection::plaintext());
                material.identity = Some(Identity::public(half));
                material.labels.extend(id.map(|id| Label::new("key id", id)));
                out.found(material);
            }
            _ => {
                let half = public.ok_or(Malformed::new("public key of a keyval", hit.at))?;
                let mut work = 0;
                out.found(listed(bytes, span, half, id, &mut work));
                out.work(work);
            }
        }
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

/// The range of a `"keyval"` object.
fn keyval(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let text = bytes.get(at + KEYVAL.bytes.len()..bytes.len().min(at + MAX_KEYVAL))?;
    let brace = text.iter().take(64).position(|&byte| byte == b'{')?;
    let between = text.get(..brace)?;
    let marks = between.iter().all(|byte| byte.is_ascii_whitespace() || b"\\\":nrt".contains(byte));
    let named = between.iter().find(|&&byte| byte != b'\\') == Some(&b'"');
    if !(marks && named) {
        return None;
    }
    let start = at + KEYVAL.bytes.len() + brace;
    let end = Braces::new(bytes, at, (0, MAX_KEYVAL), Strings::Delimited).close(start)?;
    Some(start..end)
}

/// The range of the object whose `keyval` is from `at` to `end`. If it is cut, from its brace or from `at` to `end`.
fn object_around(bytes: &[u8], at: usize, end: usize, work: &mut usize) -> Range<usize> {
    let braces = Braces::new(bytes, at, (MAX_KEY, end - at + MAX_KEY), Strings::Delimited);
    let object = braces.enclosing(at, work).next();
    object.unwrap_or_else(|| braces.open(at).next().unwrap_or(at)..end)
}

/// The id of a key: a member of its object, or the member name of the object.
fn key_id<'a>(bytes: &'a [u8], object: usize, key: &'a [u8]) -> Option<&'a [u8]> {
    let named = || members::name_before(bytes, object);
    let id = members::string(key, "keyid").or_else(named)?;
    (id.len() == 64 && id.iter().all(u8::is_ascii_hexdigit)).then_some(id)
}

/// A public key in hex or PEM. In hex, its kind is read from the key object.
fn public_half(text: &[u8], key: &[u8]) -> Option<PublicHalf> {
    if let Some(at) = memchr::memmem::find(text, armor::ANCHOR.bytes) {
        return public::from_spki(&armor::read(text, at).ok()?.body).ok();
    }
    let digits = unhex(text)?;
    let kind = members::string(key, "keytype").unwrap_or_default();
    match digits.len() {
        32 if kind.is_empty() || kind == b"ed25519" => {
            Some(public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: &digits }))
        }
        // go-tuf before 0.5 writes an uncompressed point.
        65 if kind.starts_with(b"ecdsa") && digits.first() == Some(&4) => {
            let curve = curves::by_ssh(b"nistp256")?;
            curve.decompress(&digits)?;
            Some(public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &digits }))
        }
        _ => None,
    }
}

/// A public key with the roles that the metadata around it gives it.
fn listed(bytes: &[u8], span: Range<usize>, half: PublicHalf, id: Option<&[u8]>, work: &mut usize) -> Material {
    let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Text, span.clone());
    material.identity = Some(Identity::public(half));
    let around = span.start.saturating_sub(MAX_ROLES)..bytes.len().min(span.end + MAX_ROLES);
    let around = bytes.get(around).unwrap_or_default();
    let roles = id.map(|id| roles(around, id, work)).unwrap_or_default();
    material.remarks.push(if roles.contains(&&b"root"[..]) {
        Remark::TufRoot
    } else if roles.is_empty() {
        Remark::TufListed
    } else {
        Remark::TufTrusted
    });
    material.labels.extend(roles.into_iter().map(|role| Label::new("role", role)));
    material.labels.extend(id.map(|id| Label::new("key id", id)));
    material
}

/// The roles whose `keyids` list a key: `"root": {"keyids": [..]}`, or `{"name": "..", "keyids": [..]}` of a
/// delegation.
fn roles<'a>(bytes: &'a [u8], id: &[u8], work: &mut usize) -> Vec<&'a [u8]> {
    let mut roles: Vec<&[u8]> = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"\"keyids").take(32) {
        let list = bytes.get(at..bytes.len().min(at + MAX_KEY)).unwrap_or_default();
        let list = memchr::memchr(b']', list).and_then(|end| list.get(..end)).unwrap_or_default();
        if memchr::memmem::find(list, id).is_none() {
            continue;
        }
        let braces = Braces::new(bytes, at, (MAX_KEY, MAX_KEY), Strings::Delimited);
        let role = braces.enclosing(at, work).next().and_then(|object| {
            members::name_before(bytes, object.start).or_else(|| members::string(bytes.get(object)?, "name"))
        });
        roles.extend(role.filter(|role| !role.is_empty() && role.len() <= 64));
    }
    roles.sort_unstable();
    roles.dedup();
    roles
}

/// Reports a key that securesystemslib encrypted. Its iteration count is at `at`.
fn sealed(bytes: &[u8], at: usize, out: &mut Inspection) -> Result<(), Malformed> {
    let start = at.checked_sub(Sealed::SALT).ok_or(Malformed::new("salt of securesystemslib", at))?;
    let sealed = Sealed::read(bytes.get(start..).unwrap_or_default())?;
    let span = start..start + sealed.length;
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span.clone());
    let detail = format!("PBKDF2-HMAC-SHA256 {ITERATIONS} iterations, AES-256-CTR");
    material.protection = Some(Protection::new(ProtectionState::Strong, detail));
    material.identity = Some(carrier::opaque(&sealed.ciphertext));
    material.locked = bytes.get(span).map(Locked::new);
    out.found(material);
    Ok(())
}

#[cfg(test)]
mod tests {
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;

    use super::*;
    use crate::ask;

    /// The keys of RFC 8032 7.1, test 1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        let anchors =
            [KEYVAL, SEALED].into_iter().filter(|anchor| memchr::memmem::find(text.as_bytes(), anchor.bytes).is_some());
        let found: Result<Vec<_>, _> = anchors.map(|anchor| ask::first(&InToto, "k", text, &[anchor])).collect();
        Ok(found?.concat())
    }

    fn key(private: &str) -> String {
        format!(
            r#"{{"keytype": "ed25519", "scheme": "ed25519", "keyid": "{ID}", "keyval": {{"public": "{PUBLIC}", "private": "{private}"}}}}"#
        )
    }

    #[test]
    fn braces_in_strings_end_no_object() {
        for note in ["{", "}", "{{", "}}", "\\\"{"] {
            let key = format!(
                r#"{{"note":"{note}","keyid":"{ID}","keyval":{{"note":"{note}","public":"{PUBLIC}","private":"{SEED}"}},"x":"{note}"}}"#
            );
            for (text, key) in [
                (format!("[{key}]"), key.clone()),
                (format!("{{\"a\":\"}}\",\"b\":{key}}}"), key.clone()),
                (format!("\"{}\"", quoted(&key)), quoted(&key)),
            ] {
                let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                assert_eq!(text.get(found[0].span.clone()), Some(&*key), "{text}");
                assert_eq!(found[0].labels, [Label::new("key id", ID.as_bytes())], "{text}");
            }
            let list = format!(r#""roles":{{"{note}":{{}},"targets":{{"note":"{note}","keyids":["{ID}"]}}}}"#);
            let found =
                inspect(&format!(r#"{{"keys":{{"{ID}":{{"keyval":{{"public":"{PUBLIC}"}}}}}},{list}}}"#)).unwrap();
            assert!(found[0].labels.contains(&Label::new("role", b"targets")), "{note}: {:?}", found[0].labels);
        }
        // The end of the object is missing.
        let cut = format!(r#"{{"keyid":"{ID}","keyval":{{"public":"{PUBLIC}","private":"{SEED}"}}"#);
        let found = inspect(&cut).unwrap();
        assert_eq!((found[0].span.clone(), found[0].labels.len()), (0..cut.len(), 1));
    }

    /// A text as it is inside a JSON string.
    fn quoted(text: &str) -> String {
        text.replace('\\', "\\\\").replace('"', "\\\"")
    }

    #[test]
    fn private_keys_are_proven() {
        let plain = key(SEED);
        for text in [
            plain.clone(),
            plain.replace(", ", ",\n  ").replace(": ", ":"),
            format!("{{\"env\": \"{}\"}}", plain.replace('"', "\\\"")),
            key(&format!("{SEED}{PUBLIC}")),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            assert_eq!((material.kind, material.proof), (Kind::PrivateKey, Proof::Verified));
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), PUBLIC);
            assert_eq!(material.labels, [Label::new("key id", ID.as_bytes())]);
        }
    }

    #[test]
    fn metadata_names_the_roles() {
        let listed = |private: &str, roles: &str| {
            let key =
                format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{PUBLIC}"{private}}},"scheme":"ed25519"}}"#);
            format!(r#"{{"signed":{{"_type":"root","keys":{{"{ID}":{key}}},"roles":{roles}}}}}"#)
        };
        for (text, note, roles) in [
            (
                listed(
                    "",
                    &format!(r#"{{"root":{{"keyids":["{ID}"],"threshold":1}},"targets":{{"keyids":["{ID}"]}}}}"#),
                ),
                Remark::TufRoot,
                vec!["root", "targets"],
            ),
            (
                listed(r#","private":"""#, &format!(r#"[{{"keyids":["{ID}"],"name":"linux","paths":["*"]}}]"#)),
                Remark::TufTrusted,
                vec!["linux"],
            ),
            (listed("", "{}"), Remark::TufListed, vec![]),
        ] {
            let found = inspect(&text).unwrap();
            assert_eq!((found[0].kind, &*found[0].remarks), (Kind::PublicKey, &[note][..]));
            let named: Vec<&str> =
                found[0].labels.iter().filter(|label| label.kind == "role").map(|label| &*label.text).collect();
            assert_eq!(named, roles);
        }
    }

    #[test]
    fn encrypted_keys_are_recognised_by_their_fields() {
        let hexes =
            |length: usize| (0..length).map(|n| char::from(b"0123456789abcdef"[n * 7 % 16])).collect::<String>();
        let text = format!("{}@@@@100000@@@@{}@@@@{}@@@@{}", hexes(32), hexes(64), hexes(32), hexes(400));
        let found = inspect(&text).unwrap();
        assert_eq!(found[0].protection.as_ref().unwrap().detail, "PBKDF2-HMAC-SHA256 100000 iterations, AES-256-CTR");
        assert_eq!(found[0].span, 0..text.len());
        for wrong in [
            text.replacen("@@@@100000", "x@@@@100000", 1),
            text[20..].to_owned(),
            text[..180].to_owned(),
            text.replace(&hexes(64), &hexes(60)),
        ] {
            assert!(inspect(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_seed_with_a_foreign_public_key_is_reported() {
        let foreign = PUBLIC.replace("d75a", "d75b");
        for (text, proof) in [
            (key(SEED).replace(PUBLIC, &foreign), Proof::Structure),
            (key(&format!("{SEED}{foreign}")).replacen(PUBLIC, &foreign, 1), Proof::Structure),
            // One of the two public halves is right.
            (key(&format!("{SEED}{foreign}")), Proof::Verified),
            (key(&format!("{SEED}{PUBLIC}")).replacen(PUBLIC, &foreign, 1), Proof::Verified),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), PUBLIC);
            assert_eq!((found[0].proof, &found[0].remarks[..]), (proof, &[Remark::ForeignPublicNumbers][..]), "{text}");
        }
    }

    #[test]
    fn inconsistent_keys_are_refused() {
        for text in [
            key(&"ab".repeat(32)),
            key("<private key in hex>").replace(PUBLIC, "<public>"),
            key(&"0".repeat(64)),
            key("").replace(PUBLIC, "abcd"),
            "\"keyval\"".to_owned(),
            "gtk.connect(\"keyval\", {".to_owned(),
        ] {
            assert!(inspect(&text).is_err(), "{text}");
        }
        // PEM is read by other detectors.
        assert!(inspect(&key("-----BEGIN X-----")).unwrap().is_empty());
    }
}
