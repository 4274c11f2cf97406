//! The forms in which people write a target.
//!
//! Many look alike: 40 digits may be the thumbprint of a certificate, a subject key identifier, an OpenPGP fingerprint
//! or a keygrip. All that fit are looked for, and each match says which it was.

use dashu_int::UBig;

use keyradius_core::hex::unhex;
use keyradius_readers::number::strip;

use crate::names::{Form, Name, unpadded};

/// Why a text is not a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Nothing that is known has this form.
    Unknown,
    /// Eight digits: one key in four billion has the same.
    TooShort,
}

/// The names that a text may be. `only` limits them to one form.
pub fn names(text: &str, only: Option<Form>) -> Result<Vec<Name>, Unusable> {
    let text = text.trim();
    let mut names = all(text)?;
    names.retain(|name| only.is_none_or(|form| name.form == form));
    names.sort();
    names.dedup();
    if names.is_empty() { Err(Unusable::Unknown) } else { Ok(names) }
}

fn all(text: &str) -> Result<Vec<Name>, Unusable> {
    let lower = text.to_lowercase();
    let scheme = ["x5t#s256:", "x5t:", "openpgp4fpr:"].iter().find(|scheme| lower.starts_with(**scheme));
    if let Some(rest) = scheme.and_then(|scheme| text.get(scheme.len()..)) {
        return all(rest);
    }
    // What a prefix says is not guessed.
    let texts =
        [("alias:", Form::Label), ("label:", Form::Label), ("cn:", Form::CommonName), ("cn=", Form::CommonName)];
    for (prefix, form) in texts {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return Ok(vec![Name::new(form, rest.trim())]);
        }
    }
    if let Some(rest) = lower.strip_prefix("serial:").or_else(|| lower.strip_prefix("serial=")) {
        let digits: String = rest.chars().filter(char::is_ascii_hexdigit).collect();
        let mut names = vec![serial(&digits)];
        // Some programs print it in decimal.
        let decimal = Some(rest.trim()).filter(|digits| digits.len() <= 60).and_then(decimal);
        names.extend(decimal.map(|n| serial(&keyradius_core::hex::hex(&n))));
        return Ok(names);
    }
    // Also a line of `ssh-keygen -l`: `2048 SHA256:... comment (RSA)`.
    let printed = |word: &&str| word.starts_with("SHA256:") || word.starts_with("MD5:");
    let ssh = text.split_whitespace().find(printed).unwrap_or(text);
    if let Some(rest) = ssh.strip_prefix("SHA256:") {
        return Ok(unpadded(rest)
            .filter(|d| d.len() == 32)
            .map(|d| Name::new(Form::SshSha256, d))
            .into_iter()
            .collect());
    }
    if let Some(rest) = ssh.strip_prefix("MD5:").or_else(|| lower.strip_prefix("md5:")) {
        return Ok(digits(rest).filter(|d| d.len() == 16).map(|d| Name::new(Form::SshMd5, d)).into_iter().collect());
    }
    let pin = ["pin-sha256=", "sha256//", "spki:", "spki-sha256:"].iter().find_map(|prefix| {
        text.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix))?;
        text.get(prefix.len()..)
    });
    if let Some(pin) = pin {
        let pin = pin.trim_matches(|c| matches!(c, '"' | '\'' | ';'));
        let digest = digits(pin).or_else(|| unpadded(pin)).filter(|digest| digest.len() == 32);
        return Ok(digest.map(|digest| Name::new(Form::SpkiSha256, digest)).into_iter().collect());
    }
    // A modulus in decimal has at least 154 digits (512 bits). So many hexadecimal digits without a letter do not occur.
    if text.len() >= 100 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(decimal(text).map(|n| Name::new(Form::Modulus, n)).into_iter().collect());
    }
    // `SHA256 Fingerprint=AB:CD` of openssl, `Modulus=` of openssl, `0x`, `SHA1: AB:CD` of keytool.
    let value = ["modulus=", "fingerprint=", "sha1:", "sha256:", "sha-1:", "sha-256:", "0x"]
        .iter()
        .find_map(|prefix| lower.find(prefix).map(|at| at + prefix.len()))
        .and_then(|at| lower.get(at..))
        .unwrap_or(&lower);
    // A modulus without its leading zero has an odd number of digits; a digest has lost one.
    let count = value.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_modulus = lower.contains("modulus=") || count > 2 * 64 - 2;
    let padded = if is_modulus && count % 2 == 1 { format!("0{value}") } else { value.to_owned() };
    if let Some(bytes) = digits(&padded) {
        let names = of_digest(&bytes, is_modulus)?;
        if !names.is_empty() {
            return Ok(names);
        }
    }
    if lower.len() == 8 && lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Unusable::TooShort);
    }
    let plain = text.trim_end_matches('=');
    Ok(match (plain.len(), unpadded(plain)) {
        (27, Some(digest)) if digest.len() == 20 => vec![
            Name::new(Form::CertificateSha1, digest.clone()),
            Name::new(Form::SubjectKeyId, digest.clone()),
            Name::new(Form::SpkiSha1, digest),
        ],
        (43, Some(digest)) if digest.len() == 32 => {
            [Form::CertificateSha256, Form::JwkThumbprint, Form::SpkiSha256, Form::SshSha256]
                .map(|form| Name::new(form, digest.clone()))
                .into()
        }
        _ => Vec::new(),
    })
}

/// Names by the length of their bytes.
fn of_digest(bytes: &[u8], is_modulus: bool) -> Result<Vec<Name>, Unusable> {
    if is_modulus {
        return Ok(vec![Name::new(Form::Modulus, strip(bytes))]);
    }
    let forms: &[Form] = match bytes.len() {
        4 => return Err(Unusable::TooShort),
        8 => &[Form::OpenPgpKeyId, Form::Short, Form::KeyNumber],
        16 => &[Form::SshMd5, Form::ModulusMd5],
        20 => &[
            Form::CertificateSha1,
            Form::SubjectKeyId,
            Form::OpenPgp,
            Form::Keygrip,
            Form::SpkiSha1,
            Form::ModulusSha1,
        ],
        32 => &[Form::SpkiSha256, Form::CertificateSha256, Form::OpenPgp, Form::KeyOnly, Form::ModulusSha256],
        _ => &[],
    };
    let serial = matches!(bytes.len(), 8 | 16 | 20).then(|| serial(&keyradius_core::hex::hex(bytes)));
    Ok(forms.iter().map(|form| Name::new(*form, bytes)).chain(serial).collect())
}

/// A serial number by its digits. Many have as many digits as a digest, and `identify` prints them.
fn serial(digits: &str) -> Name {
    Name::new(Form::Serial, digits.trim_start_matches('0'))
}

/// The bytes of hexadecimal digits with colons, spaces or hyphens between them, as tools print them.
fn digits(text: &str) -> Option<Vec<u8>> {
    let plain: String = text.chars().filter(|c| !matches!(c, ':' | ' ' | '-' | '\t')).collect();
    unhex(plain).filter(|bytes| !bytes.is_empty()).map(|bytes| bytes.to_vec())
}

fn decimal(text: &str) -> Option<Vec<u8>> {
    UBig::from_str_radix(text, 10).ok().map(|number| strip(&number.to_be_bytes()).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str) -> Vec<&'static str> {
        names(text, None).unwrap_or_default().iter().map(|name| name.form.id()).collect()
    }

    #[test]
    fn names_are_recognised_by_their_form() {
        let digest = "ab".repeat(20);
        let colons = ["ab"; 20].join(":");
        let seven = ["certificate_sha1", "keygrip", "modulus_sha1", "openpgp", "serial", "spki_sha1", "subject_key_id"];
        for text in [
            &digest,
            &digest.to_uppercase(),
            &colons,
            &format!("SHA1 Fingerprint={colons}"),
            &format!("SHA1: {colons}"),
        ] {
            let mut found = forms(text);
            found.sort_unstable();
            assert_eq!(found, seven, "{text}");
        }
        let ssh = format!("SHA256:{}", "A".repeat(43));
        let pin = format!("{}=", "A".repeat(43));
        for (text, expected) in [
            (ssh.as_str(), &["ssh_sha256"][..]),
            (&format!("pin-sha256=\"{pin}\";"), &["spki_sha256"]),
            (&format!("sha256//{pin}"), &["spki_sha256"]),
            (&format!("MD5:{}", ["0a"; 16].join(":")), &["ssh_md5"]),
            (&["0a"; 16].join(":"), &["ssh_md5", "modulus_md5", "serial"]),
            ("Modulus=C0FFEE", &["modulus"]),
            (&"c5".repeat(128), &["modulus"]),
            (&"7".repeat(160), &["modulus"]),
            (&"A".repeat(27), &["spki_sha1", "subject_key_id", "certificate_sha1"]),
            ("0123456789abcdef", &["openpgp_key_id", "short", "key_number", "serial"]),
            ("serial:00:8A:47", &["serial"]),
            ("serial=8A47", &["serial"]),
            ("CN=Example", &["common_name"]),
            ("alias: Upload ", &["label"]),
        ] {
            assert_eq!(forms(text), expected, "{text}");
        }
        assert_eq!(forms(&"0".repeat(64)).len(), 5);
        for text in
            ["", "hello", "SHA256:short", "12", "deadbeefcafe", "pin-sha256=x", &digest[1..], &"ab".repeat(32)[1..]]
        {
            assert_eq!(names(text, None), Err(Unusable::Unknown), "{text}");
        }
        assert_eq!(names("dead beef", None), Err(Unusable::TooShort));
        assert_eq!(names(&digest, Some(Form::OpenPgp)).map(|names| names.len()), Ok(1));
        assert_eq!(names(&digest, Some(Form::SshSha256)), Err(Unusable::Unknown));
    }

    #[test]
    fn numbers_are_the_same_in_every_notation() {
        let n: Vec<u8> = (1..=100).collect();
        let hex = keyradius_core::hex::hex(&n);
        let decimal = UBig::from_be_bytes(&n).to_string();
        let expected = Ok(vec![Name::new(Form::Modulus, n.as_slice())]);
        // Without the leading zero of the first byte, as openssl prints it, and with zeros before.
        for text in [&hex, &hex[1..], &format!("0x00{hex}"), &format!("Modulus={}", hex.to_uppercase()), &decimal] {
            assert_eq!(names(text, None), expected, "{text}");
        }
    }
}
