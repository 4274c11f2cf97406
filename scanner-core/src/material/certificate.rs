//! What a certificate says, as facts.

use serde::{Deserialize, Serialize};

use crate::signature::Signature;

/// The fields of an X.509 certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertFacts {
    /// SHA-1 of the DER.
    #[serde(with = "crate::wire::hex")]
    pub sha1: [u8; 20],
    /// SHA-256 of the DER.
    #[serde(with = "crate::wire::hex")]
    pub sha256: [u8; 32],
    /// Subject as RFC 4514-like text. Input bytes: escape before printing.
    pub subject: String,
    /// Issuer as RFC 4514-like text. Input bytes: escape before printing.
    pub issuer: String,
    /// The INTEGER's content bytes as encoded (they may be negative or too long), hex.
    pub serial: String,
    /// Not before, seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
    /// Not after, seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// Version: 1, 2 or 3.
    pub version: u32,
    /// basicConstraints cA; `None` if the extension is absent.
    pub ca: Option<bool>,
    /// basicConstraints pathLenConstraint.
    pub path_len: Option<u32>,
    /// keyUsage bits, bit 0 = digitalSignature ... bit 8 = decipherOnly (RFC 5280 4.2.1.3); `None` if absent.
    pub key_usage: Option<u16>,
    /// extKeyUsage OIDs in dotted form, in order.
    pub ext_key_usage: Vec<String>,
    /// certificatePolicies OIDs in dotted form, in order.
    pub policies: Vec<String>,
    /// Every extension's OID in dotted form, in order.
    pub extensions: Vec<String>,
    /// subjectKeyIdentifier; `None` if absent.
    #[serde(with = "crate::wire::optional_hex")]
    pub subject_key_id: Option<Vec<u8>>,
    /// keyIdentifier of authorityKeyIdentifier; `None` if absent.
    #[serde(with = "crate::wire::optional_hex")]
    pub authority_key_id: Option<Vec<u8>>,
    /// Signature algorithm, dotted OID.
    pub signature: String,
    /// Subject equals issuer, byte for byte.
    pub self_issued: bool,
    /// The issuer's signature, ready to be verified. `None` for a scheme that keyradius cannot verify, and for a
    /// message that may not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Box<Signature>>,
}
