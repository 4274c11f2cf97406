//! Closed sets of values: enums whose members have a stable identifier.

use std::collections::BTreeMap;

use keyradius_core::error::Reason;
use keyradius_core::material::{Encoding, How, Kind, Proof, ProtectionState, Reach, SecretClass, Verdict};
use keyradius_core::oid;
use keyradius_judgement::estate::Confidence;
use keyradius_judgement::known::Class;
use keyradius_judgement::weak::Grade;
use keyradius_judgement::{Band, Tier};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// A member of a closed set.
pub(crate) trait Id: Copy + 'static {
    /// Name of the set in messages, such as `tier`.
    const WHAT: &'static str;
    /// Every member.
    const ALL: &'static [Self];

    /// The stable identifier.
    fn id(self) -> &'static str;
}

/// The beginning of a message about a value of a newer version.
pub(crate) const UNKNOWN: &str = "unknown value: ";

/// The member with this identifier. The error names the set and the value.
fn of_id<T: Id>(id: &str) -> Result<T, String> {
    let found = T::ALL.iter().copied().find(|member| member.id() == id);
    found.ok_or_else(|| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
        // In a file that is not a report, the value may be a secret.
        let value =
            if id.len() <= 40 && id.chars().all(is_plain) { format!("{id:?}") } else { "a long text".to_owned() };
        format!("{UNKNOWN}{value} as {}", T::WHAT)
    })
}

/// Implements [`Id`] for enums of the libraries. A member missing from the list is a compile error.
macro_rules! ids {
    ($($of:ty, $what:literal, $id:ident: $($member:ident)*;)*) => {
        $(impl Id for $of {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = &[$(Self::$member),*];

            fn id(self) -> &'static str {
                match self {
                    $(Self::$member => Self::$id(self),)*
                }
            }
        })*
    };
}

ids! {
    Tier, "tier", id: T0 T1 T2 T3 T4;
    Band, "band", id: Hint Possible Probable Proven;
    ProtectionState, "protection", id: Plaintext Opened Weak Strong Hardware Stub;
    Proof, "proof", id: Structure Verified;
    Encoding, "encoding", id: Pem Der Text Binary;
    Kind, "kind of a material", id: PrivateKey PublicKey Certificate Keystore Reference Secret;
    Verdict, "verdict", id: Shape Decodes Checksum;
    SecretClass, "class of a secret", id: Publish Account Service Password Note;
    Class, "class of a known key", id: PublicTest VendorTest LeakedProduct Listed;
    Grade, "grade", id: Note Weak Severe;
    How, "how", id: Empty WellKnown Found;
    Confidence, "how", text: Here Path Digits End Alias FileName Described;
    Reach, "reach", id: Refs Stash Reflog Index Unreachable;
    oid::Kind, "kind of an object", id: Commit Tree Blob Tag;
    oid::Format, "object_format", id: Sha1 Sha256;
    Reason, "reason", id: Permission Vanished ReadError SpecialFile PseudoFileSystem OtherFileSystem TooLarge TooDeep
        TooMuchOutput TooSlow TooMany Damaged Encrypted Unsupported MissingBase MissingObjects Ambiguous Shallow IndexRebuilt
        ReadElsewhere Unknown LinksNotFollowed TargetUnread HistoryLeftOut DetectorFault PasswordsNotTried
        NearPasswordsNotTried Interrupted;
}

/// Defines enums with their ids.
macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident, $what:literal { $($(#[doc = $about:literal])* $member:ident $id:literal)* })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub(crate) enum $name {
                $($(#[doc = $about])* $member,)*
            }

            impl Id for $name {
                const WHAT: &'static str = $what;
                const ALL: &'static [Self] = &[$(Self::$member),*];

                fn id(self) -> &'static str {
                    match self {
                        $(Self::$member => $id,)*
                    }
                }
            }
        )*
    };
}

words! {
    /// The kind of a finding.
    FindingKind, "kind of a finding" {
        /// The private key was found.
        PrivateKey "private_key"
        /// Only the public key was found, which must not be trusted.
        TrustedKey "trusted_key"
    }
    /// The kind of an ordinary secret.
    SecretKind, "kind of a secret" {
        /// The only kind.
        Secret "secret"
    }
    /// How material is linked to a key.
    LinkKind, "kind of a link" {
        /// A certificate of the key.
        CertificateOf "certificate_of"
        /// The public key.
        SameKey "same_key"
        /// A certificate that the key issued: the signature was verified.
        Issued "issued"
        /// A certificate whose issuer has the name of the key's certificate; the signature could not be verified.
        SameName "same_name"
        /// The password that opens the key.
        Opens "opens"
    }
    /// How a place is allowed.
    AllowedBy, "by" {
        /// An entry of the configuration.
        Config "config"
        /// A mark beside the key.
        Inline "inline"
    }
    /// A bit of keyUsage, RFC 5280 4.2.1.3; in the order of the bits.
    KeyUsage, "key_usage" {
        /// Bit 0.
        DigitalSignature "digitalSignature"
        /// Bit 1.
        NonRepudiation "nonRepudiation"
        /// Bit 2.
        KeyEncipherment "keyEncipherment"
        /// Bit 3.
        DataEncipherment "dataEncipherment"
        /// Bit 4.
        KeyAgreement "keyAgreement"
        /// Bit 5.
        KeyCertSign "keyCertSign"
        /// Bit 6.
        CrlSign "cRLSign"
        /// Bit 7.
        EncipherOnly "encipherOnly"
        /// Bit 8.
        DecipherOnly "decipherOnly"
    }
    /// The sections of a playbook, in their order.
    Heading, "heading" {
        /// Immediate steps.
        FirstHour "First hour"
        /// Revocation.
        Revoke "Revoke"
        /// Notice to those who verify signatures.
        TellVerifiers "Tell verifiers"
        /// New signatures.
        ReSign "Re-sign"
        /// Search for other copies and forged output.
        Hunt "Hunt"
        /// The cause of the incident.
        Review "Review the issuance path"
        /// Conditions to close the incident.
        Close "Close"
    }
}

/// Serializes a member as its id.
pub(crate) fn serialize<T: Id, S: Serializer>(member: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str((*member).id())
}

/// Deserializes a member from its id.
pub(crate) fn deserialize<'de, T: Id, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    of_id(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// A member that may be `null`.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Error, Id, Serializer, of_id};

    #[allow(clippy::ref_option, reason = "serde hands out references to fields")]
    pub(crate) fn serialize<T: Id, S: Serializer>(member: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match member {
            Some(member) => to.serialize_some((*member).id()),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Id, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        Option::<String>::deserialize(from)?.map(|id| of_id(&id).map_err(D::Error::custom)).transpose()
    }
}

/// A list of members that may be `null`.
pub(crate) mod optional_list {
    use super::{Deserialize, Deserializer, Error, Id, Serializer, of_id};

    #[allow(clippy::ref_option, reason = "serde hands out references to fields")]
    pub(crate) fn serialize<T: Id, S: Serializer>(members: &Option<Vec<T>>, to: S) -> Result<S::Ok, S::Error> {
        match members {
            Some(members) => to.collect_seq(members.iter().map(|member| member.id())),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Id, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<T>>, D::Error> {
        let ids = Option::<Vec<String>>::deserialize(from)?;
        let members = ids.map(|ids| ids.iter().map(|id| of_id(id)).collect::<Result<_, _>>());
        members.transpose().map_err(D::Error::custom)
    }
}

/// A map with a number for each member.
pub(crate) mod counts {
    use super::{BTreeMap, Deserialize, Deserializer, Error, Id, Serializer, of_id};

    pub(crate) fn serialize<T: Id, S: Serializer>(counts: &BTreeMap<T, usize>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(counts.iter().map(|(member, count)| (member.id(), count)))
    }

    pub(crate) fn deserialize<'de, T: Id + Ord, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<T, usize>, D::Error> {
        let counts = BTreeMap::<String, usize>::deserialize(from)?;
        let counts = counts.into_iter().map(|(id, count)| of_id(&id).map(|member| (member, count)));
        counts.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use keyradius_judgement::playbook::HEADINGS;

    use super::*;

    #[test]
    fn members_are_found_by_id_and_unknown_ids_are_reported() {
        fn check<T: Id + std::fmt::Debug + PartialEq>() {
            for member in T::ALL {
                assert_eq!(of_id::<T>(member.id()).as_ref(), Ok(member));
            }
            let error = of_id::<T>("nonesuch").expect_err("no member");
            assert_eq!(error, format!("unknown value: \"nonesuch\" as {}", T::WHAT));
        }
        check::<Tier>();
        check::<Reason>();
        check::<Confidence>();
        check::<KeyUsage>();
        check::<FindingKind>();
        let error = of_id::<Tier>("T0\u{1b}[2J").expect_err("no member");
        assert_eq!(error, "unknown value: a long text as tier");
    }

    #[test]
    fn headings_are_those_of_the_playbooks() {
        let ours: Vec<&str> = Heading::ALL.iter().map(|heading| heading.id()).collect();
        assert_eq!(ours, HEADINGS);
    }
}
