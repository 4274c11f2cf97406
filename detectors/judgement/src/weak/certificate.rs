//! The hash that a certificate is signed with. The issuer chose it: the weakness is of the certificate, not of its key.

use keyradius_core::material::CertFacts;

use super::{Check, Weakness};

pub(super) const HASH: Check = Check {
    id: "certificate-hash",
    finds: "certificate signed over MD2, MD4 or MD5 (severe) or SHA-1 (weak for authorities and code signing, else a note)",
    source: "Flame, 2012 (MD5); SHAttered, 2017, and CA/Browser Forum ballot 118 (SHA-1)",
    cost: "none",
};

/// Signature algorithms with hashes for which collisions are known: RFC 3279 2.2, RFC 8017 A.2.4, and the OIW forms
/// that old Microsoft tools write (1.3.14.3.2).
const BROKEN: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.3", "MD4"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.3.14.3.2.2", "MD4"),
    ("1.3.14.3.2.3", "MD5"),
    ("1.3.14.3.2.4", "MD4"),
];

/// Signature algorithms with SHA-1.
const SHA1: &[&str] = &[
    "1.2.840.113549.1.1.5",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
    "1.3.14.3.2.13",
    "1.3.14.3.2.27",
    "1.3.14.3.2.29",
];

/// id-kp-codeSigning, RFC 5280 4.2.1.12.
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

/// Checks the hash that a certificate is signed over. Nobody relies on the signature of a root, so self-issued
/// certificates are not reported.
pub fn certificate(facts: &CertFacts) -> Vec<Weakness> {
    if facts.self_issued {
        return Vec::new();
    }
    let authority = facts.ca == Some(true);
    let code = facts.ext_key_usage.iter().any(|usage| usage == CODE_SIGNING);
    let of = if authority {
        "an authority's certificate"
    } else if code {
        "a code-signing certificate"
    } else {
        "a certificate"
    };
    if let Some((_, hash)) = BROKEN.iter().find(|(oid, _)| *oid == facts.signature) {
        let text = format!("{of} signed over {hash}: a second certificate with the same signature can be made");
        return vec![HASH.severe(text)];
    }
    if SHA1.contains(&facts.signature.as_str()) {
        let text = format!("{of} signed over SHA-1: a collision costs about ten thousand dollars");
        return vec![if authority || code { HASH.weak(text) } else { HASH.note(text) }];
    }
    Vec::new()
}
