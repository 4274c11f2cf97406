//! Checks by code in addition to a pattern: checksums, decoded contents, and what is next to the secret.

use std::ops::Range;

use keyradius_core::material::{Label, Remark, SecretClass, Verdict};
use serde::Deserialize;

use super::placeholder::{is_placeholder, is_placeholder_password};
use super::sums::{base36, base62, base64, crc32, marvin_fits};

/// The checks, by their names in `secrets.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The last six digits are the CRC-32 of the thirty before, in base 62 (GitHub, npm).
    Crc62,
    /// The last seven digits are the CRC-32 of everything before, in base 36.
    GitlabRoutable,
    /// A macaroon for pypi.org that ends with its signature.
    Macaroon,
    /// Base64 of `reftkn:`.
    JfrogReference,
    /// Base32 that may encode an account number, with or without the secret key nearby.
    AwsKeyId,
    /// Mixed case and digits, as in base64 of random bytes.
    AwsSecret,
    /// Base64 of `BedrockAPIKey-`.
    Bedrock,
    /// Marvin32 of the key that begins before the anchor.
    AzureStorage,
    /// Marvin32, if the key has a signature.
    AzureConnection,
    /// Marvin32, if the key has a signature.
    AzureMessaging,
    /// The mark is where it belongs, which the pattern has checked.
    Annotated,
    /// CRC-32 of everything before, low byte first, in hex.
    Grafana,
    /// Base64 of JSON with the expected fields.
    GrafanaCloud,
    /// JSON in base64url, with an algorithm and a signature.
    Jwt,
    /// A password that is not a placeholder, for a host that is not an example.
    UrlPassword,
}

impl Check {
    /// Describes the check in a few words, for a table.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Crc62 => "CRC-32 in base 62",
            Self::GitlabRoutable => "CRC-32 in base 36",
            Self::Macaroon => "macaroon of pypi.org",
            Self::JfrogReference => "base64 of reftkn:",
            Self::AwsKeyId => "account number; secret key beside it",
            Self::AwsSecret => "mixed like random base64",
            Self::Bedrock => "base64 of BedrockAPIKey-",
            Self::AzureStorage => "Marvin32",
            Self::AzureConnection | Self::AzureMessaging => "Marvin32, where signed",
            Self::Annotated => "position of the mark",
            Self::Grafana => "CRC-32, low byte first",
            Self::GrafanaCloud => "base64 of JSON",
            Self::Jwt => "JSON, algorithm, expiry",
            Self::UrlPassword => "not a placeholder or an example host",
        }
    }
}

/// A match of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    /// The whole blob.
    pub(super) bytes: &'a [u8],
    /// The range of the secret in it.
    pub(super) secret: Range<usize>,
    /// The host after a password in an address; empty for other formats.
    pub(super) host: &'a [u8],
}

impl<'a> Found<'a> {
    pub(super) fn text(&self) -> &'a [u8] {
        self.bytes.get(self.secret.clone()).unwrap_or_default()
    }
}

/// Details that a check found.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// The class to use instead of that of the format.
    pub(super) class: Option<SecretClass>,
    /// Names read from the secret.
    pub(super) labels: Vec<Label>,
    /// Remarks for the report.
    pub(super) remarks: Vec<Remark>,
    /// When the secret expires, in seconds since 1970.
    pub(super) expires: Option<i64>,
    /// A second part of the secret, found nearby.
    pub(super) beside: Option<Range<usize>>,
}

/// Seeds of Marvin32 (ASCII read as a big-endian number), by the four digits before the checksum. Source:
/// `security-utilities`, IdentifiableMetadata.
const SIGNED: [(&[u8], &[&[u8; 8]]); 6] = [
    (b"+ASt", &[b"Default0"]),
    (b"ACDb", &[b"MastRW00", b"MastRO00", b"SystRW00", b"SystRO00", b"SysAll00", b"Resour00", b"Encryp00"]),
    (b"+ASb", &[b"Send0000", b"Listen00", b"Manage00", b"Unknown0", b"System00"]),
    (b"+AEh", &[b"Send0000", b"Listen00", b"Manage00", b"Unknown0", b"System00"]),
    (b"+ARm", &[b"Send0000", b"Listen00", b"Manage00", b"Unknown0", b"System00"]),
    (b"AIoT", &[b"IoTHub00", b"DpsKey00", b"Device00"]),
];

/// Checks a match. `None` if the check fails.
pub(super) fn check(check: Check, found: &mut Found<'_>, learned: &mut Learned) -> Option<Verdict> {
    let text = found.text();
    match check {
        Check::Crc62 => crc62(text),
        Check::GitlabRoutable => {
            let (before, sum) = text.split_last_chunk::<7>()?;
            (base36::<7>(crc32(before)) == *sum).then_some(Verdict::Checksum)
        }
        Check::Macaroon => macaroon(text, learned),
        Check::JfrogReference => base64(text)?.starts_with(b"reftkn:").then_some(Verdict::Decodes),
        Check::AwsKeyId => Some(aws_key_id(found, learned)),
        // A secret key next to its id is reported with the id.
        Check::AwsSecret => (is_mixed(text) && !id_beside(found)).then_some(Verdict::Shape),
        Check::Bedrock => base64(text.get(4..)?)?.starts_with(b"BedrockAPIKey-").then_some(Verdict::Decodes),
        Check::AzureStorage => {
            // 88 digits: 76 of the key, four of the signature, six of the checksum, two of padding.
            let start = found.secret.start.checked_sub(76)?;
            let more =
                start.checked_sub(1).and_then(|at| found.bytes.get(at)).is_some_and(|b| matches!(b, b'+' | b'/'));
            if more || super::inside_a_word(found.bytes, start) {
                return None;
            }
            found.secret.start = start;
            azure(found.text(), 78)
        }
        Check::AzureConnection => azure(text, 76),
        Check::AzureMessaging => azure(text, 33),
        Check::Annotated => Some(Verdict::Decodes),
        Check::Grafana => {
            let (before, sum) = text.split_last_chunk::<8>()?;
            let sum = keyradius_core::hex::hex(&crc32(before.strip_suffix(b"_")?).to_le_bytes()).as_bytes() == sum;
            sum.then_some(Verdict::Checksum)
        }
        Check::GrafanaCloud => {
            let json = base64(text.get(4..)?)?;
            let fields = json.starts_with(b"{\"") && field(&json, b"k").is_some() && field(&json, b"n").is_some();
            fields.then_some(Verdict::Decodes)
        }
        Check::Jwt => jwt(text, learned),
        Check::UrlPassword => url_password(found, learned),
    }
}

/// CRC-32 of a body of 36 digits. Bodies of other lengths cannot be checked: GitHub has announced longer ones.
fn crc62(text: &[u8]) -> Option<Verdict> {
    let body = text.get(4..)?;
    match body.split_last_chunk::<6>() {
        Some((random, sum)) if random.len() == 30 => (base62::<6>(crc32(random)) == *sum).then_some(Verdict::Checksum),
        _ => Some(Verdict::Shape),
    }
}

/// Version 2, location, identifier, end of section; at the end a signature of 32 bytes (field 6).
/// <https://github.com/rescrv/libmacaroons/blob/master/doc/format.txt>
fn macaroon(text: &[u8], learned: &mut Learned) -> Option<Verdict> {
    let bytes = base64(text.get(5..)?)?;
    let place = bytes.get(3..3 + usize::from(*bytes.get(2)?))?;
    match (bytes.get(..2)?, place) {
        ([2, 1], b"pypi.org") => {}
        ([2, 1], b"test.pypi.org") => {
            learned.class = Some(SecretClass::Note);
            learned.remarks.push(Remark::TestIndex);
        }
        _ => return None,
    }
    let signature = bytes.len().checked_sub(34)?;
    (bytes.get(signature..signature + 2)? == [6, 32]).then_some(Verdict::Decodes)
}

/// How far around an AWS key id its secret key is searched for, in bytes before and after: some five lines of settings.
const NEAR: Range<usize> = 300..400;

fn aws_key_id(found: &mut Found<'_>, learned: &mut Learned) -> Verdict {
    let id = found.text();
    let mut bits = 0_u128;
    for byte in id.iter().skip(4) {
        let value = if byte.is_ascii_digit() { byte - b'2' + 26 } else { byte.wrapping_sub(b'A') };
        bits = bits << 5 | u128::from(value);
    }
    // The first six of ten bytes, without the highest bit and the lowest seven.
    let account = ((bits >> 32) as u64 & 0x7fff_ffff_ff80) >> 7;
    let mut verdict = Verdict::Shape;
    // Keys from before 2019 (AKIAI, AKIAJ) do not encode the account number.
    if id.get(4).is_some_and(|b| *b >= b'Q' || b.is_ascii_digit()) && account < 1_000_000_000_000 {
        learned.labels.push(Label { kind: "account", text: format!("{account:012}") });
        verdict = Verdict::Decodes;
    }
    let from = found.secret.start.saturating_sub(NEAR.start);
    let to = found.bytes.len().min(found.secret.end + NEAR.end);
    let secret = runs(found.bytes, found.secret.end..to).or_else(|| runs(found.bytes, from..found.secret.start));
    if let Some(secret) = secret {
        learned.remarks.push(Remark::SecretBeside);
        learned.beside = Some(secret);
    } else {
        learned.class = Some(SecretClass::Note);
        learned.remarks.push(Remark::SecretNotBeside);
    }
    verdict
}

/// Whether the id of an access key is near a secret key; [`aws_key_id`] then reports both.
fn id_beside(found: &Found<'_>) -> bool {
    let from = found.secret.start.saturating_sub(NEAR.end);
    let to = found.bytes.len().min(found.secret.end + NEAR.start);
    let near = found.bytes.get(from..to).unwrap_or_default();
    memchr::memmem::find_iter(near, b"AKIA").any(|at| {
        let id = near.get(at..at + 20).unwrap_or_default();
        let is_id = id.len() == 20 && id.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'2'..=b'7'));
        is_id && !is_placeholder(id)
    })
}

/// Returns the first run of exactly forty base64 digits that look random.
fn runs(bytes: &[u8], within: Range<usize>) -> Option<Range<usize>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut at = within.start;
    while at < within.end {
        let rest = bytes.get(at..within.end)?;
        let length = rest.iter().take_while(|b| is_digit(b)).count();
        let run = at..at + length;
        if length == 40 && bytes.get(run.clone()).is_some_and(is_mixed) {
            return Some(run);
        }
        at = run.end + 1;
    }
    None
}

/// Whether a text mixes upper case, lower case and digits as random base64 does. Hex digests and paths do not.
fn is_mixed(text: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| text.iter().filter(|b| is(b)).count();
    count(u8::is_ascii_uppercase) >= 4
        && count(u8::is_ascii_lowercase) >= 4
        && count(u8::is_ascii_digit) >= 1
        && count(|b| *b == b'/') <= 6
}

/// Checks a key whose signature would be at `at`. With a known signature the checksum must match; without one, only the
/// shape can be checked.
fn azure(key: &[u8], at: usize) -> Option<Verdict> {
    // A key found by its signature has it before six digits of checksum and two of padding.
    let at = if key.len() == 88 { 76 } else { at };
    let signature = key.get(at..at + 4)?;
    match SIGNED.iter().find(|(sign, _)| *sign == signature) {
        None => is_mixed(key).then_some(Verdict::Shape),
        Some((_, seeds)) => {
            let seeds: Vec<u64> = seeds.iter().map(|seed| u64::from_be_bytes(**seed)).collect();
            marvin_fits(key, &seeds).then_some(Verdict::Checksum)
        }
    }
}

/// Returns the value of `"name":` in JSON, without quotes. This suffices for flat claims and needs no parser.
fn field<'a>(json: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let quoted = [b"\"", name, b"\""].concat();
    let at = memchr::memmem::find(json, &quoted)? + quoted.len();
    let rest = json.get(at..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    match rest.strip_prefix(b"\"") {
        Some(text) => text.get(..memchr::memchr(b'"', text)?),
        None => rest.split(|b| matches!(b, b',' | b'}' | b']')).next().map(<[u8]>::trim_ascii),
    }
}

fn jwt(text: &[u8], learned: &mut Learned) -> Option<Verdict> {
    let mut parts = text.split(|b| *b == b'.');
    let (header, claims) = (base64(parts.next()?)?, base64(parts.next()?)?);
    let is_object = |json: &[u8]| json.starts_with(b"{") && json.trim_ascii_end().ends_with(b"}");
    let algorithm = field(&header, b"alg").filter(|_| is_object(&header) && is_object(&claims))?;
    if algorithm.eq_ignore_ascii_case(b"none") || std::str::from_utf8(&claims).is_err() {
        return None;
    }
    // The token used by jwt.io and many tutorials.
    if field(&claims, b"sub") == Some(b"1234567890") {
        return None;
    }
    if field(&claims, b"role") == Some(b"anon") {
        learned.class = Some(SecretClass::Note);
        learned.remarks.push(Remark::AnonRole);
    }
    for (kind, name) in [("algorithm", &b"alg"[..]), ("issuer", b"iss"), ("audience", b"aud")] {
        let value = if name == b"alg" { Some(algorithm) } else { field(&claims, name) };
        // The first item of a list.
        let value = value.map(<[u8]>::trim_ascii_start);
        let value = value.map(|v| v.strip_prefix(b"[\"").and_then(|v| v.split(|b| *b == b'"').next()).unwrap_or(v));
        learned.labels.extend(value.filter(|v| !v.is_empty() && v.len() <= 120).map(|v| Label::new(kind, v)));
    }
    if learned.labels.iter().any(|label| label.kind == "audience" && label.text == "sigstore") {
        learned.class = Some(SecretClass::Publish);
        learned.remarks.push(Remark::Keyless);
    }
    if memchr::memmem::find(&claims, b"kubernetes.io/serviceaccount").is_some() {
        learned.class = Some(SecretClass::Service);
        learned.remarks.push(Remark::ServiceAccount);
    }
    learned.expires = field(&claims, b"exp").and_then(|exp| {
        let whole = exp.split(|b| *b == b'.').next()?;
        std::str::from_utf8(whole).ok()?.parse().ok()
    });
    Some(Verdict::Decodes)
}

fn url_password(found: &Found<'_>, learned: &mut Learned) -> Option<Verdict> {
    if is_placeholder_password(found.text()) {
        return None;
    }
    let host = found.host.to_ascii_lowercase();
    let example = [&b"example"[..], b"your", b"hostname", b"myhost", b"some-host", b"somehost"];
    if host == b"host" || example.iter().any(|word| memchr::memmem::find(&host, word).is_some()) {
        return None;
    }
    let local = host.starts_with(b"127.") || host == b"localhost" || !host.contains(&b'.');
    if local {
        learned.class = Some(SecretClass::Note);
        learned.remarks.push(Remark::InternalHost);
    }
    Some(Verdict::Shape)
}
