//! Private keys of gpg-agent (`private-keys-v1.d/<keygrip>.key`) and of Guix: S-expressions, canonical or as text behind
//! `Key:`.
//!
//! The public numbers stand in the clear whatever is done to the private ones, so a key has the same identity as in any
//! other format. `private-key` is not encrypted and is proven by its numbers, `protected-private-key` is, and
//! `shadowed-private-key` is a note that the key is on a card or wrapped by a TPM.

use std::borrow::Cow;

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{Encoding, Identity, Kind, Label, Locked, Material, Protection, ProtectionState};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};
use zeroize::Zeroize;

use crate::read::agent::Numbers;
use crate::read::sexp::{self, Node};
use crate::read::signs::{self, Fit};
use crate::read::text::hex;

/// Keys of gpg-agent.
#[derive(Debug)]
pub(crate) struct GnuPgAgent;

/// As text, also of Guix.
const PRIVATE: Anchor = Anchor::anywhere(b"(private-key");
/// The end of `protected-private-key` and of `shadowed-private-key`, in both encodings.
const OTHERS: Anchor = Anchor::anywhere(b"ed-private-key");
/// Canonical, which is a file of its own.
const CANONICAL: Anchor = Anchor::at_start(b"(11:private-key");

/// Octets hashed by the S2K below which it counts as weak; gpg-agent takes what 100 milliseconds allow, tens of millions.
const FEW_OCTETS: u64 = 1 << 20;

/// Longest value read, in bytes: RSA of 8192 bits in hex, with room to spare.
const LONGEST: usize = 32 << 10;

/// How far around a key the other lines of its file reach, in bytes.
const FILE: usize = 4 << 10;

static ABOUT: About = About {
    id: "gnupg_agent",
    title: "Private key (gpg-agent, Guix)",
    detects: "Private keys of gpg-agent and of Guix, as text and in canonical S-expressions: RSA, DSA, ElGamal and ECC. The \
              public numbers are read even where the private ones are encrypted or on a card. Verified when the key is \
              not encrypted and its numbers fit together.",
    blind_to: "Which OpenPGP key, certificate or SSH key it belongs to: gpg-agent knows keys by their numbers only, so user \
               ids and uses are in pubring.kbx. Curves that the table does not have are known by their point.",
    respond: "Find the OpenPGP key (gpg --list-secret-keys --with-keygrip shows the name of this file), revoke it or the \
              subkey, and publish the revocation. Guix: take the public key out of every /etc/guix/acl.",
    references: &[
        "GnuPG agent/keyformat.txt",
        "Guix manual: Invoking guix archive",
        "libgcrypt: S-expressions",
        "CWE-321",
    ],
};

impl Detector for GnuPgAgent {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[PRIVATE, OTHERS, CANONICAL]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes;
        // Behind the brace there may be a length, and the rest of the word.
        let from = hit.at.saturating_sub(b"(21:protect".len());
        let before = bytes.get(from..=hit.at).unwrap_or_default();
        let Some(start) = memchr::memrchr(b'(', before).map(|at| from + at) else { return Ok(()) };
        let here = |error: Malformed| Malformed::new(error.what, start);
        let unfolded = Unfolded::new(bytes, start);
        let (node, length) = sexp::read(&unfolded.text)?;
        let expression = unfolded.text.get(..length).unwrap_or_default();
        let key = node.items().get(1).ok_or(Malformed::new("key of an S-expression", start))?;
        let numbers = Numbers::read(key).map_err(here)?;
        let span = start..start + unfolded.length(length);
        let canonical = bytes.get(start + 1).is_some_and(u8::is_ascii_digit);
        let encoding = if canonical { Encoding::Binary } else { Encoding::Text };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, encoding, span.clone());
        match node.head().unwrap_or_default() {
            b"private-key" => {
                match numbers.signs_as(key) {
                    Some((half, fit)) if fit.is_proven() || is_whole(key, fit) => {
                        fit.describe(&mut material);
                        material.identity = Some(Identity::public(half));
                    }
                    Some(_) => return Err(Malformed::new("numbers that fit together", start)),
                    None if matches!(numbers, Numbers::Key(_))
                        || key.value(b"d").or_else(|| key.value(b"x")).is_none() =>
                    {
                        return Err(Malformed::new("private number", start));
                    }
                    None => {}
                }
                material.protection = Some(Protection::plaintext());
            }
            b"protected-private-key" => {
                let protected = key.find(b"protected").ok_or(Malformed::new("protection of gpg-agent", start))?;
                material.protection = Some(protection(protected).map_err(here)?);
                material.locked = Some(Locked::new(expression));
            }
            b"shadowed-private-key" => {
                let shadowed = key.find(b"shadowed").ok_or(Malformed::new("token of gpg-agent", start))?;
                material.protection = Some(shadow(shadowed));
            }
            _ => return Ok(()),
        }
        material.identity = material.identity.or_else(|| Some(numbers.identity()));
        if !canonical {
            material.labels = labels(bytes, &span);
        }
        out.found(material);
        Ok(())
    }
}

/// Whether a key that nothing proves has all the numbers of one, and none that is made up of few bytes.
fn is_whole(key: &Node, fit: Fit) -> bool {
    let value = |name: &'static [u8]| key.value(name).unwrap_or_default();
    match fit {
        Fit::Derived(_) => [b"d", b"x"].iter().any(|name| signs::is_full_size(value(*name), 128)),
        _ => signs::has_rsa_shape(value(b"n"), value(b"d"), &[value(b"p"), value(b"q")]),
    }
}

/// The text of a value with its lines joined: gpg-agent breaks them anywhere, inside of words too, and goes on behind a
/// blank (common/name-value.c).
struct Unfolded<'a> {
    text: Cow<'a, [u8]>,
    /// For each byte of the text, how many bytes of the file lead to its end; empty if nothing was joined.
    ends: Vec<usize>,
}

impl<'a> Unfolded<'a> {
    fn new(bytes: &'a [u8], start: usize) -> Self {
        let plain = bytes.get(start..).unwrap_or_default();
        let before = bytes.get(start.saturating_sub(256)..start).unwrap_or_default();
        let line = memchr::memrchr(b'\n', before).map_or(before, |at| before.get(at + 1..).unwrap_or_default());
        // Whatever the whole file is indented by stands before every line.
        let Some(indent) = line.strip_suffix(b"Key: ").filter(|blanks| blanks.iter().all(u8::is_ascii_whitespace))
        else {
            return Self { text: Cow::Borrowed(plain), ends: Vec::new() };
        };
        let plain = plain.get(..LONGEST.min(plain.len())).unwrap_or_default();
        // Wiped when dropped, like what is read from it: see `Drop`.
        let (mut text, mut ends) = (Vec::with_capacity(plain.len()), Vec::with_capacity(plain.len()));
        let (mut at, mut depth) = (0, 0);
        while let Some(rest) = plain.get(at..).filter(|rest| !rest.is_empty()) {
            let behind = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
            let Some(behind) = behind else {
                let byte = rest.first().copied().unwrap_or_default();
                text.push(byte);
                at += 1;
                ends.push(at);
                depth += i32::from(byte == b'(') - i32::from(byte == b')');
                // The end of the key, or none.
                if !(1..16).contains(&depth) {
                    break;
                }
                continue;
            };
            let Some(next) = behind.strip_prefix(indent).and_then(|line| line.strip_prefix(b" ")) else { break };
            at = plain.len() - next.len();
        }
        Self { text: Cow::Owned(text), ends }
    }

    /// How many bytes of the file a part of the text takes up.
    fn length(&self, length: usize) -> usize {
        length.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(length)
    }
}

impl Drop for Unfolded<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.text {
            text.zeroize();
        }
    }
}

/// `(protected mode ((sha1 salt count) iv) ciphertext)`.
fn protection(protected: &Node) -> Result<Protection, Malformed> {
    let mode = protected.items().get(1).and_then(Node::atom).unwrap_or_default();
    let cipher = match mode {
        b"openpgp-s2k3-ocb-aes" => "AES-128-OCB",
        b"openpgp-s2k3-sha1-aes-cbc" => "AES-128-CBC",
        // A packet's own protection, kept until it is next used.
        b"openpgp-native" => return Ok(Protection::new(ProtectionState::Strong, "as in the OpenPGP key it came from")),
        _ => return Err(Malformed::new("protection mode of gpg-agent", 0)),
    };
    let derivation = protected.items().get(2).and_then(|parameters| parameters.items().first());
    let count = derivation.and_then(|list| list.items().get(2)).and_then(Node::atom);
    let count: Option<u64> = count.and_then(|text| str::from_utf8(text).ok()?.parse().ok());
    let count = count.ok_or(Malformed::new("S2K of gpg-agent", 0))?;
    let ciphertext = protected.items().get(3).and_then(Node::atom).map_or(0, <[u8]>::len);
    // A private number of 256 bits is the smallest there is.
    if ciphertext < 32 {
        return Err(Malformed::new("ciphertext of gpg-agent", 0));
    }
    let state = if count < FEW_OCTETS { ProtectionState::Weak } else { ProtectionState::Strong };
    Ok(Protection::new(state, format!("S2K SHA-1 {count} octets, {cipher}")))
}

/// `(shadowed t1-v1 (serial name))` for a card, `tpm2-v1` for a TPM, which has the key wrapped for itself.
fn shadow(shadowed: &Node) -> Protection {
    if shadowed.items().get(1).and_then(Node::atom) == Some(b"tpm2-v1") {
        return Protection::new(ProtectionState::Hardware, "wrapped by a TPM");
    }
    let serial = shadowed.items().get(2).and_then(|token| token.items().first()).and_then(Node::atom);
    let serial = serial.filter(|serial| serial.len() <= 32).map(hex).unwrap_or_default();
    Protection::new(ProtectionState::Stub, format!("on the card {serial}").trim_end().to_owned())
}

/// The lines of the file that name the key.
fn labels(bytes: &[u8], span: &std::ops::Range<usize>) -> Vec<Label> {
    let before = bytes.get(span.start.saturating_sub(FILE)..span.start).unwrap_or_default();
    let behind = bytes.get(span.end..bytes.len().min(span.end + FILE)).unwrap_or_default();
    let lines = before.split(|&byte| byte == b'\n').chain(behind.split(|&byte| byte == b'\n'));
    let named = lines.filter_map(|line| {
        let kind = [("Label: ", "label"), ("Description: ", "comment")];
        let (name, kind) = kind.iter().find(|(name, _)| line.starts_with(name.as_bytes()))?;
        Some(Label::new(kind, line.get(name.len()..)?))
    });
    let guix = memchr::memmem::find(before, b"(key-data").map(|_| Label::new("container", b"key-data"));
    named.chain(guix).filter(|label| !label.text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use scanner_core::blob::Origin;
    use scanner_core::material::Proof;
    use scanner_core::material::Remark;

    use super::*;
    use crate::read::curves;
    use crate::read::proof;
    use crate::read::public::{self, Raw};

    /// The private key of RFC 8032 7.1, test 1.
    const SEED: &str = "9D61B19DEFFD5A60BA844AF492EC2CC44449C5697B326919703BAC031CAE7F60";
    const POINT: &str = "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A";

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("k");
        let mut out = Inspection::default();
        for anchor in [CANONICAL, PRIVATE, OTHERS] {
            let found = memchr::memmem::find(bytes, anchor.bytes).filter(|at| !anchor.at_start || *at == 0);
            if let Some(at) = found {
                GnuPgAgent.inspect(Blob::whole(bytes, &origin), Hit { anchor, at }, &mut out)?;
            }
        }
        Ok(out.take())
    }

    fn unhex(digits: &str) -> Vec<u8> {
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    }

    fn ed25519(head: &str, rest: &str) -> String {
        format!(
            "Created: 20261120T195954\nLabel: build key\nKey: ({head} (ecc (curve Ed25519)(flags eddsa)(q\n  #40{POINT}#){rest}))\n"
        )
    }

    #[test]
    fn heads_tell_the_protection() {
        let s2k = |count: u32, mode: &str| {
            format!(
                "(protected {mode} ((sha1 #0102030405060708#\n  \"{count}\")#000102030405060708090a0b#)#{}#)(protected-at \"20261120T195954\")",
                "5a".repeat(64)
            )
        };
        for (text, state, detail, proof) in [
            (ed25519("private-key", &format!("(d #{SEED}#)")), ProtectionState::Plaintext, "", Proof::Verified),
            (
                ed25519("protected-private-key", &s2k(26_000_000, "openpgp-s2k3-ocb-aes")),
                ProtectionState::Strong,
                "S2K SHA-1 26000000 octets, AES-128-OCB",
                Proof::Structure,
            ),
            (
                ed25519("protected-private-key", &s2k(65_536, "openpgp-s2k3-sha1-aes-cbc")),
                ProtectionState::Weak,
                "S2K SHA-1 65536 octets, AES-128-CBC",
                Proof::Structure,
            ),
            (
                ed25519("shadowed-private-key", "(shadowed t1-v1 (#D2760001#OPENPGP.1))"),
                ProtectionState::Stub,
                "on the card d2760001",
                Proof::Structure,
            ),
            (
                ed25519("shadowed-private-key", "(shadowed tpm2-v1 (#00#))"),
                ProtectionState::Hardware,
                "wrapped by a TPM",
                Proof::Structure,
            ),
        ] {
            let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            assert_eq!((material.protection.clone(), material.proof), (Some(Protection::new(state, detail)), proof));
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]).to_uppercase(), POINT);
            assert_eq!(material.labels, [Label::new("label", b"build key")]);
        }
    }

    #[test]
    fn lines_break_inside_of_words() {
        let text = ed25519("private-key", &format!("(d #{SEED}#)"));
        let broken = text.replace("(flags", "(fl\n ags").replace("(d #", "(\n d #9\n ").replacen("9\n 9", "9\n ", 1);
        for (text, indent) in [(broken.clone(), ""), (broken.replace('\n', "\r\n"), ""), (broken, "    ")] {
            let text = format!("k: |\n{indent}{}", text.replace('\n', &format!("\n{indent}")));
            let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((found.len(), found[0].proof), (1, Proof::Verified), "{text}");
            assert!(text[..found[0].span.end].ends_with(")))"), "{text}");
        }
    }

    #[test]
    fn canonical_and_guix_are_the_same_key() {
        let atom = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
        let (point, seed) = ([&[0x40][..], &unhex(POINT)].concat(), unhex(SEED));
        let canonical = [
            &b"(11:private-key(3:ecc(5:curve7:Ed25519)(5:flags5:eddsa)(1:q"[..],
            &atom(&point),
            b")(1:d",
            &atom(&seed),
            b")))",
        ]
        .concat();
        let guix = format!(
            "(key-data\n (public-key \n  (ecc \n   (curve Ed25519)\n   (flags eddsa)\n   (q #{POINT}#)\n   )\n  )\n (private-key \n  \
             (ecc \n   (curve Ed25519)\n   (flags eddsa)\n   (q #{POINT}#)\n   (d #{SEED}#)\n   )\n  )\n )\n"
        );
        for bytes in [&canonical[..], guix.as_bytes()] {
            let found = inspect(bytes).unwrap();
            assert_eq!((found.len(), found[0].proof), (1, Proof::Verified));
        }
    }

    #[test]
    fn curves_go_by_the_names_of_libgcrypt() {
        let scalar = [7; 32];
        for (name, curve) in [
            ("\"NIST P-256\"", "P-256"),
            ("nistp256", "P-256"),
            ("1.2.840.10045.3.1.7", "P-256"),
            ("secp256k1", "secp256k1"),
            ("brainpoolP256r1", "brainpoolP256r1"),
        ] {
            let point = curves::by_name(curve).unwrap().public_point(&scalar).unwrap();
            let text = format!("(private-key (ecc (curve {name})(q #{}#)(d #00{}#)))", hex(&point), hex(&scalar));
            let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(found[0].proof, Proof::Verified, "{name}");
        }
        // Montgomery's curve has its secret as a big-endian number.
        let mut secret = scalar.to_vec();
        let public = proof::raw_public(Raw::X25519, &secret).unwrap();
        secret[0] = 9;
        secret.reverse();
        let text = format!(
            "(private-key (ecc (curve Curve25519)(flags djb-tweak)(q #40{}#)(d #{}#)))",
            hex(&public),
            hex(&secret)
        );
        assert!(inspect(text.as_bytes()).is_err());
    }

    #[test]
    fn a_private_number_beside_a_foreign_public_one_is_a_key() {
        let seed = unhex(&SEED.replacen("9D", "9E", 1));
        let found = inspect(ed25519("private-key", &format!("(d #{}#)", hex(&seed))).as_bytes()).unwrap();
        let bytes = proof::raw_public(Raw::Ed25519, &seed).unwrap();
        let half = public::half(&public::PublicKey::Raw { kind: Raw::Ed25519, bytes: &bytes });
        assert_eq!((found[0].proof, &found[0].identity), (Proof::Structure, &Some(Identity::public(half))));
        assert_eq!(found[0].remarks, [Remark::ForeignPublicNumbers]);
    }

    #[test]
    fn a_point_that_is_on_no_curve_is_a_remark() {
        let scalar: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37) | 1).collect();
        let curve = curves::by_name("P-256").unwrap();
        let own = curve.public_point(&scalar).unwrap();
        let half = public::half(&public::PublicKey::Ec { domain: public::Domain::Named(curve), point: &own });
        for point in ["04".to_owned() + &"11".repeat(64), "05".to_owned() + &hex(&own[1..]), "00".to_owned()] {
            let text = format!("(private-key (ecc (curve \"NIST P-256\")(q #{point}#)(d #{}#)))", hex(&scalar));
            let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((found[0].proof, &found[0].identity), (Proof::Structure, &Some(Identity::public(half.clone()))));
            assert_eq!(found[0].remarks, [Remark::ForeignPublicNumbers]);
            let placeholder = text.replace(&hex(&scalar), &"11".repeat(32));
            assert!(inspect(placeholder.as_bytes()).is_err(), "{placeholder}");
        }
        let protected =
            "(protected openpgp-s2k3-ocb-aes ((sha1 #01# \"65536\")#00#)#".to_owned() + &"5a".repeat(64) + "#)";
        for rest in [protected, "(shadowed t1-v1 (#D276#OPENPGP.1))".to_owned()] {
            let head = if rest.contains("s2k3") { "protected" } else { "shadowed" };
            let text = format!("({head}-private-key (ecc (curve Ed25519)(q #40{}#){rest}))", "11".repeat(30));
            let found = inspect(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(matches!(found[0].identity, Some(Identity::Opaque(_))), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in [
            ed25519("private-key", &format!("(d #{}#)", "99".repeat(32))),
            ed25519("private-key", ""),
            ed25519("protected-private-key", ""),
            ed25519("protected-private-key", "(protected rot13 ((sha1 #00# \"1\")#00#)#00#)"),
            ed25519("shadowed-private-key", ""),
            "(private-key (rsa (n #00#)(e #03#)(d #01#)))".to_owned(),
            "(private-key name)".to_owned(),
            "(define (private-key->string key) (sexp->string key))".to_owned(),
            "\"(private-key (ecc (curve Ed25519)(q %b)(d %b)))\"".to_owned(),
        ] {
            assert!(inspect(text.as_bytes()).is_err(), "{text}");
        }
    }
}
