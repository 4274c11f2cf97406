//! X.509 certificates (RFC 5280), read as tolerantly as real certificates require.
//!
//! The outer structure is parsed here, so that negative serial numbers, version 1 and BER lose no certificate.
//! `x509-parser` reads names and extensions one by one, so that an unusual one does not affect the others.

use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::material::{CertFacts, PublicHalf};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::ber::{self, BIT_STRING, BerReader, INTEGER, SEQUENCE, Value};
use super::{public, signature};

/// A certificate.
#[derive(Debug)]
pub struct Certificate {
    /// What the certificate says.
    pub facts: CertFacts,
    /// `None` for public key algorithms that keyradius does not know.
    pub public: Option<PublicHalf>,
    /// Length of the structure in bytes.
    pub consumed: usize,
}

/// Reads the certificate at the start of `der`. Ignores bytes after it.
pub fn read(der: &[u8]) -> Result<Certificate, Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "Certificate")?;
    let mut parts = outer.children();
    let signed = parts.value(SEQUENCE, "tbsCertificate")?;
    let mut tbs = signed.children();
    let algorithm = parts.value(SEQUENCE, "signatureAlgorithm")?;
    let signature =
        algorithm.children().value(ber::OID, "algorithm").map_or_else(|_| String::new(), |v| ber::dotted(v.content));
    let value = parts.value(BIT_STRING, "signatureValue")?.content;

    let version = match tbs.optional(ber::context(0))? {
        Some(v) => v.children().value(INTEGER, "version")?.small().unwrap_or(0) + 1,
        None => 1,
    };
    let serial = tbs.value(INTEGER, "serialNumber")?.content;
    tbs.value(SEQUENCE, "signature")?;
    let issuer = tbs.value(SEQUENCE, "issuer")?;
    let mut validity = tbs.value(SEQUENCE, "validity")?.children();
    let (not_before, not_after) = (time(validity.any()?)?, time(validity.any()?)?);
    let subject = tbs.value(SEQUENCE, "subject")?;
    let spki = tbs.value(SEQUENCE, "subjectPublicKeyInfo")?;

    let mut facts = CertFacts {
        sha1: Sha1::digest(outer.raw).into(),
        sha256: Sha256::digest(outer.raw).into(),
        subject: name(subject.raw),
        issuer: name(issuer.raw),
        serial: hex(serial),
        not_before,
        not_after,
        version: version as u32,
        signature,
        self_issued: subject.raw == issuer.raw,
        ..CertFacts::default()
    };
    let mut all_read = true;
    while !tbs.is_empty() {
        let field = tbs.any()?;
        if field.tag == ber::context(3) {
            let mut list = field.children().value(SEQUENCE, "extensions")?.children();
            while !list.is_empty() {
                all_read &= extension(list.value(SEQUENCE, "Extension")?, &mut facts);
            }
        }
    }
    let value = value.split_first().map_or(&[][..], |(_, value)| value);
    facts.signed = signature::read(&algorithm, signed.raw, value, all_read && may_be_kept(&facts)).map(Box::new);
    Ok(Certificate { facts, public: public::from_spki(spki.raw).ok(), consumed: outer.raw.len() })
}

/// Whether the signed bytes may stay in memory and in facts: every extension has a structure of its own, so that there is
/// no room for the bytes of a private key.
fn may_be_kept(facts: &CertFacts) -> bool {
    /// id-ce and id-pe of RFC 5280, and the timestamps of RFC 6962.
    const ARCS: [&str; 3] = ["2.5.29.", "1.3.6.1.5.5.7.1.", "1.3.6.1.4.1.11129.2.4."];
    facts.extensions.iter().all(|oid| ARCS.iter().any(|arc| oid.starts_with(arc)))
}

fn name(der: &[u8]) -> String {
    X509Name::from_der(der).map_or_else(|_| "(unreadable name)".to_owned(), |(_, name)| name.to_string())
}

/// Reads an extension. False if it cannot be read.
fn extension(value: Value<'_>, facts: &mut CertFacts) -> bool {
    let Ok((_, extension)) = X509Extension::from_der(value.raw) else { return false };
    facts.extensions.push(extension.oid.to_id_string());
    match extension.parsed_extension() {
        ParsedExtension::BasicConstraints(basic) => {
            facts.ca = Some(basic.ca);
            facts.path_len = basic.path_len_constraint;
        }
        // x509-parser numbers the bits as RFC 5280 does: digitalSignature is bit 0.
        ParsedExtension::KeyUsage(usage) => facts.key_usage = Some(usage.flags),
        ParsedExtension::ExtendedKeyUsage(_) => facts.ext_key_usage = oids(extension.value),
        ParsedExtension::SubjectKeyIdentifier(id) => facts.subject_key_id = Some(id.0.to_vec()),
        ParsedExtension::AuthorityKeyIdentifier(authority) => {
            facts.authority_key_id = authority.key_identifier.as_ref().map(|id| id.0.to_vec());
        }
        ParsedExtension::CertificatePolicies(policies) => {
            facts.policies = policies.iter().map(|p| p.policy_id.to_id_string()).collect();
        }
        _ => {}
    }
    true
}

/// ExtKeyUsageSyntax as dotted OIDs, in order.
fn oids(der: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(list) = BerReader::new(der).value(SEQUENCE, "ExtKeyUsageSyntax") {
        let mut list = list.children();
        while let Ok(oid) = list.value(ber::OID, "KeyPurposeId") {
            found.push(ber::dotted(oid.content));
        }
    }
    found
}

/// UTCTime and GeneralizedTime (RFC 5280 4.1.2.5) in seconds since 1970. Seconds and zone may be missing, as in old
/// certificates; a missing zone means UTC.
fn time(value: Value<'_>) -> Result<i64, Malformed> {
    let wrong = Malformed::new("validity", 0);
    let digits: Vec<i64> =
        value.content.iter().take_while(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0')).collect();
    let pair = |at: usize| Some(digits.get(at)? * 10 + digits.get(at + 1)?);
    let (year, rest) = match value.tag {
        0x17 => {
            let short = pair(0).ok_or(wrong)?;
            (if short < 50 { 2000 + short } else { 1900 + short }, 2)
        }
        0x18 => (pair(0).ok_or(wrong)? * 100 + pair(2).ok_or(wrong)?, 4),
        _ => return Err(wrong),
    };
    let field = |n: usize| pair(rest + 2 * n);
    let (month, day) = (field(0).ok_or(wrong)?, field(1).ok_or(wrong)?);
    let (hour, minute, second) = (field(2).ok_or(wrong)?, field(3).ok_or(wrong)?, field(4).unwrap_or(0));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 24 || minute > 59 || second > 60 {
        return Err(wrong);
    }
    Ok(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years begin in March, so that the leap day comes last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_seconds() {
        for (tag, text, seconds) in [
            (0x17, &b"700101000000Z"[..], 0),
            (0x17, b"500101000000Z", -631_152_000),
            (0x17, b"491231235959Z", 2_524_607_999),
            (0x18, b"99991231235959Z", 253_402_300_799),
            (0x18, b"20000229120000Z", 951_825_600),
            (0x17, b"0002291200Z", 951_825_600),
        ] {
            assert_eq!(time(Value { tag, content: text, raw: text }), Ok(seconds));
        }
        for text in [&b"701301000000Z"[..], b"", b"70", b"7001010000zz"] {
            let value = Value { tag: 0x17, content: text, raw: text };
            assert_eq!(time(value).is_ok(), text == b"7001010000zz", "{text:?}");
        }
    }
}
