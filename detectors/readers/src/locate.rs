//! Finds the start of a DER structure from an anchor inside it.
//!
//! A search for `30 82` would stop at every other byte of a binary. So the anchors are rarer bytes inside, and the
//! SEQUENCE begins a few bytes before them. Each of these bytes must match the format.

use keyradius_core::seam::{Anchor, Hit};

use super::ber;

/// INTEGER 0, then an INTEGER with a long-form length or one of 1 to 127 bytes: RSAPrivateKey, DSAPrivateKey.
pub const TWO_INTEGERS: Anchor = Anchor::anywhere(&[0x02, 0x01, 0x00, 0x02]);
/// INTEGER 1, then an OCTET STRING: ECPrivateKey.
pub const EC_PRIVATE: Anchor = Anchor::anywhere(&[0x02, 0x01, 0x01, 0x04]);
/// Content of OIDs under rsadsi pkcs (1.2.840.113549.1): rsaEncryption, PBES1, PBES2, PKCS#7, PKCS#12.
pub const PKCS_OID: Anchor = Anchor::anywhere(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01]);
/// Content of id-ecPublicKey (1.2.840.10045.2.1).
pub const EC_OID: Anchor = Anchor::anywhere(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
/// Content of id-dsa (1.2.840.10040.4.1).
pub const DSA_OID: Anchor = Anchor::anywhere(&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01]);
/// An AlgorithmIdentifier of RFC 8410, without its last byte.
pub const RFC8410: Anchor = Anchor::anywhere(&[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65]);
/// Content of dhpublicnumber (1.2.840.10046.2.1).
pub const DHX_OID: Anchor = Anchor::anywhere(&[0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01]);
/// Content of OIDs in 2.16.840.1.101.3.4.3, NIST's signature algorithms, without their last byte: ML-DSA, SLH-DSA.
pub const NIST_OID: Anchor = Anchor::anywhere(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03]);
/// `[0] { INTEGER 2 }`: the version of an X.509 v3 certificate.
pub const X509_V3: Anchor = Anchor::anywhere(&[0xa0, 0x03, 0x02, 0x01, 0x02]);

/// A file that is one SEQUENCE: for structures without a better anchor, and for unusual encodings.
pub const SEQUENCE_AT_START: Anchor = Anchor::at_start(&[ber::SEQUENCE]);

/// Maximum length of a header in bytes: a tag, and the longest possible length field (X.690 8.1.3.5).
const LONGEST_HEADER: usize = 2 + 0x7f;

/// The start of the SEQUENCE whose content begins at `content`.
pub fn sequence_before(bytes: &[u8], content: usize) -> Option<usize> {
    value_before(bytes, content, ber::SEQUENCE)
}

/// The start of the value with this tag whose content begins at `content`.
fn value_before(bytes: &[u8], content: usize, tag: u8) -> Option<usize> {
    // Short form, indefinite, and any number of length octets. A shorter header can match inside a longer one only if a
    // length octet equals the tag, so the longest match is used.
    (2..=LONGEST_HEADER).rev().find_map(|header| {
        let start = content.checked_sub(header)?;
        let head = bytes.get(start..).filter(|head| head.first() == Some(&tag))?;
        let (_, length, _) = ber::header(head).ok()?;
        (length == header).then_some(start)
    })
}

/// The start of the SEQUENCE whose version is at the hit, or of the whole file: OpenSSL accepts any version, and only
/// the usual version is an anchor.
pub fn versioned(bytes: &[u8], hit: Hit<'_>) -> Option<usize> {
    if hit.anchor == SEQUENCE_AT_START { Some(0) } else { sequence_before(bytes, hit.at) }
}

/// The start of the AlgorithmIdentifier whose OID is at `at`: the start of [`RFC8410`], or of the OID's content.
pub fn algorithm_identifier(bytes: &[u8], anchor: Anchor, at: usize) -> Option<usize> {
    if anchor == RFC8410 {
        return Some(at);
    }
    sequence_before(bytes, value_before(bytes, at, ber::OID)?)
}

/// Whether bytes end with the header that precedes the version of a key, a PKCS#12 or a certificate: the header of a
/// SEQUENCE, or `[0]`. For readers of bytes written as text, whose anchors are only that version.
pub const fn ends_in_header(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [.., ber::SEQUENCE, 2..=0x80]
            | [.., ber::SEQUENCE, 0x81, _]
            | [.., ber::SEQUENCE, 0x82, _, _]
            | [.., ber::SEQUENCE, 0x83, _, _, _]
            | [.., 0xa0, 3]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_with_lengths_of_any_size_lead_back() {
        let content = [&[ber::OID, 7][..], EC_OID.bytes].concat();
        for zeros in [0_u8, 1, 3, 4, 7, 60, 126] {
            let header = [&[ber::SEQUENCE, 0x81 + zeros][..], &vec![0; usize::from(zeros)], &[9]].concat();
            let bytes = [&[0x55; 5][..], &header, &content].concat();
            let at = bytes.len() - EC_OID.bytes.len();
            assert_eq!(algorithm_identifier(&bytes, EC_OID, at), Some(5), "{zeros}");
        }
        let long = [&[ber::SEQUENCE, 12, ber::OID, 0x84, 0, 0, 0, 7][..], EC_OID.bytes].concat();
        assert_eq!(algorithm_identifier(&long, EC_OID, 8), Some(0));
        assert_eq!(algorithm_identifier(&long[2..], EC_OID, 6), None);
    }
}
