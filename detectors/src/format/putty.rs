//! PuTTY private keys (PPK), versions 1, 2 and 3: text with the public key outside the encryption (PuTTY user manual,
//! appendix C).
//!
//! Read with either line ending, indented as YAML does it, and with the line ends written out as in a JSON string.

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{Encoding, Identity, Kind, Label, Material, Proof, Protection, ProtectionState};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::read::cursor::Cursor;
use crate::read::public::PublicKey;
use crate::read::ssh::{self, Algorithm, Private, Public};
use crate::read::text::{Decoder, digit};

/// PuTTY private keys.
#[derive(Debug)]
pub(crate) struct Putty;

const MAGIC: &[u8] = b"PuTTY-User-Key-File-";
const ANCHOR: Anchor = Anchor::anywhere(MAGIC);

/// Longest line read, in bytes. PuTTY wraps at 64; only a comment may be longer.
const MAX_LINE: usize = 1024;
/// Longest line of base64 read, in bytes.
const MAX_DIGITS: usize = 128;
/// Most lines of one body. An RSA key of 16384 bits has about 110.
const MAX_LINES: usize = 512;

static ABOUT: About = About {
    id: "putty",
    title: "Private key (PuTTY)",
    detects: "PPK files of versions 1, 2 and 3 with RSA, DSA, ECDSA, Ed25519 and Ed448 keys, also indented or inside a \
              JSON string. The public key is read even when the private one is encrypted. Verified when the file is \
              not encrypted and the public numbers follow from the private ones.",
    blind_to: "Whether the password is a good one: only the cost of a guess is told. The MAC is not checked, because \
               for an encrypted file it needs the password, and for others the arithmetic says more. Key types it does \
               not know are reported by a digest of the public blob.",
    respond: "Remove the public key from every authorized_keys and account that has it (search for the SHA256 \
              fingerprint), then make a new key. Encrypted files of versions 1 and 2 hash the password with SHA-1 only: \
              treat them as readable. Version 3 with Argon2 buys time, not safety.",
    references: &["PuTTY user manual, appendix C: PPK file format", "RFC 4253 6.6", "RFC 9106", "CWE-321", "CWE-916"],
};

impl Detector for Putty {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit, out: &mut Inspection) -> Result<(), Malformed> {
        let text = blob.bytes.get(hit.at..).unwrap_or_default();
        let quote = hit
            .at
            .checked_sub(1)
            .and_then(|at| blob.bytes.get(at))
            .copied()
            .filter(|b| matches!(b, b'"' | b'\'' | b'`'));
        let file = File::read(text, quote).map_err(|error| Malformed::new(error.what, hit.at + error.at))?;
        let key = file.public()?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, hit.at..hit.at + file.length);
        material.identity = Some(match &key {
            Some(key) => Identity::Public(Box::new(key.half())),
            None => Identity::Opaque(Sha256::digest(&file.public).into()),
        });
        if file.protection.state == ProtectionState::Plaintext {
            match key.map(|key| file.fits(&key)).transpose()? {
                Some(true) => material.proof = Proof::Verified,
                Some(false) => material.notes.push("the public numbers do not belong to the private ones"),
                None => material.notes.push("key type not known: private section not read"),
            }
        }
        material.protection = Some(file.protection);
        material.labels.extend(Some(Label::new("comment", file.comment)).filter(|label| !label.text.is_empty()));
        out.found(material);
        Ok(())
    }
}

/// The lines of a file.
struct File<'a> {
    algorithm: &'a [u8],
    comment: &'a [u8],
    public: Zeroizing<Vec<u8>>,
    private: Zeroizing<Vec<u8>>,
    protection: Protection,
    /// Bytes from the magic to the end of the MAC.
    length: usize,
}

impl<'a> File<'a> {
    /// `quote` is the quotation mark before the text, if it stands in a string literal.
    fn read(text: &'a [u8], quote: Option<u8>) -> Result<Self, Malformed> {
        let mut lines = Lines::new(text, quote);
        let first = lines.next().strip_prefix(MAGIC).ok_or(Malformed::new("PPK magic", 0))?;
        let (version, algorithm) = match first {
            [version @ b'1'..=b'3', b':', b' ', algorithm @ ..] if ssh::is_name(algorithm) => (*version, algorithm),
            _ => return Err(Malformed::new("PPK version and key type", MAGIC.len())),
        };
        let encryption = lines.field(b"Encryption")?;
        let comment = lines.field(b"Comment")?;
        let public = lines.body(b"Public-Lines")?;
        let protection = match (encryption, version) {
            (b"none", _) => Protection::plaintext(),
            (b"aes256-cbc", b'3') => argon2(&mut lines)?,
            (b"aes256-cbc", _) => Protection::new(ProtectionState::Weak, "SHA-1 of the password, AES-256-CBC"),
            _ => return Err(Malformed::new("PPK encryption", lines.at)),
        };
        let private = lines.body(b"Private-Lines")?;
        // AES in whole blocks.
        if protection.state != ProtectionState::Plaintext && !private.len().is_multiple_of(16) {
            return Err(Malformed::new("whole blocks of ciphertext", lines.at));
        }
        lines.mac(version)?;
        Ok(Self { algorithm, comment, public, private, protection, length: lines.read })
    }

    fn public(&self) -> Result<Option<Public<'_>>, Malformed> {
        if Cursor::new(&self.public).string("SSH key type")? != self.algorithm {
            return Err(Malformed::new("public key of the type that the first line names", 0));
        }
        ssh::public(&self.public)
    }

    /// Whether the private section, which is not encrypted, belongs to the public key.
    fn fits(&self, key: &Public<'_>) -> Result<bool, Malformed> {
        let mut fields = Cursor::new(&self.private);
        match (key.algorithm, key.key) {
            (Algorithm::Rsa, _) => {
                let (d, p, q) = (fields.string("RSA d")?, fields.string("RSA p")?, fields.string("RSA q")?);
                fields.string("RSA iqmp")?;
                Ok(ssh::fits(&key.key, Private::Rsa { d, p, q }))
            }
            (_, PublicKey::Raw { kind, .. }) => {
                // A little-endian number to PuTTY, so zeros may be missing at the end.
                let number = fields.string("EdDSA private key")?;
                let mut seed = Zeroizing::new(vec![0; kind.len().max(number.len())]);
                seed.iter_mut().zip(number).for_each(|(to, from)| *to = *from);
                Ok(ssh::fits(&key.key, Private::Number(&seed)))
            }
            _ => Ok(ssh::fits(&key.key, Private::Number(fields.string("private number")?))),
        }
    }
}

/// The key derivation of version 3: `Key-Derivation: Argon2id` and four parameters.
fn argon2(lines: &mut Lines<'_>) -> Result<Protection, Malformed> {
    let at = lines.at;
    let flavour = match lines.field(b"Key-Derivation")? {
        b"Argon2id" => "Argon2id",
        b"Argon2i" => "Argon2i",
        b"Argon2d" => "Argon2d",
        _ => return Err(Malformed::new("PPK key derivation", at)),
    };
    let memory = lines.number(b"Argon2-Memory")?;
    let passes = lines.number(b"Argon2-Passes")?;
    let parallelism = lines.number(b"Argon2-Parallelism")?;
    let salt = lines.field(b"Argon2-Salt")?;
    if salt.is_empty() || !salt.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed::new("Argon2-Salt", lines.at));
    }
    let detail = format!("{flavour} {memory} KiB, {passes} passes, parallelism {parallelism}, AES-256-CBC");
    Ok(Protection::new(ProtectionState::Strong, detail))
}

/// Reads one line after the other.
struct Lines<'a> {
    text: &'a [u8],
    /// Start of the next line.
    at: usize,
    /// End of what was read, without the line end behind it.
    read: usize,
    /// Whether line ends are written out (`\n` as two characters). The first line tells; a real file may have
    /// backslashes in its comment.
    escaped: bool,
    /// The quotation mark that ends a string literal, where line ends are written out.
    quote: u8,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8], quote: Option<u8>) -> Self {
        let end = text.iter().take(MAX_LINE).position(|b| matches!(b, b'\n' | b'\r' | b'\\'));
        let escaped = end.and_then(|end| text.get(end)) == Some(&b'\\');
        Self { text, at: 0, read: 0, escaped, quote: quote.unwrap_or(b'"') }
    }

    /// Length of what can stand before a line: blanks, a comment sign, and where lines are string literals, the end of
    /// one and the start of the next.
    fn decoration(&self, rest: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let tail = rest.get(at..).unwrap_or_default();
            at += match tail {
                [b' ' | b'\t' | b'#' | b'*' | b'>', ..] => 1,
                [b'/', b'/', b' ', ..] => 3,
                [byte, ..] if self.escaped && *byte == self.quote => 1,
                [b'\n' | b'\r', ..] if self.escaped => 1,
                // A plus is a digit, unless it joins two literals.
                [b'+', next, ..] if self.escaped && (next.is_ascii_whitespace() || *next == self.quote) => 1,
                _ => return at,
            };
        }
    }

    /// The next line without blanks around it; empty at the end.
    fn next(&mut self) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let indent = self.decoration(rest);
        let line = rest.get(indent..).unwrap_or_default();
        let line = line.get(..MAX_LINE).unwrap_or(line);
        let is_end = |&(at, &byte): &(usize, &u8)| match byte {
            b'\n' | b'\r' => true,
            b'\\' => self.escaped && matches!(line.get(at + 1), Some(b'n' | b'r' | b'\\')),
            byte => self.escaped && byte == self.quote,
        };
        let length = line.iter().enumerate().find(is_end).map_or(line.len(), |(at, _)| at);
        let (line, behind) = line.split_at_checked(length).unwrap_or_default();
        self.read = self.at + indent + line.len();
        self.at = self.read + self.line_end(behind);
        line.trim_ascii_end()
    }

    /// Length of the line end: one of `\n`, `\r\n` and `\r`, real or written out with any number of backslashes.
    fn line_end(&self, rest: &[u8]) -> usize {
        let one = |rest: &[u8], wanted: [u8; 2]| {
            let slashes = if self.escaped { rest.iter().take_while(|&&b| b == b'\\').count() } else { 0 };
            rest.get(slashes).filter(|b| wanted.contains(b)).map_or(0, |_| slashes + 1)
        };
        // Written out, the letters; in a real file the characters.
        let (cr, lf) = if self.escaped { (b'r', b'n') } else { (b'\r', b'\n') };
        let first = one(rest, [cr, cr]);
        first + one(rest.get(first..).unwrap_or_default(), [lf, lf])
    }

    /// The value of the next line, which must have this name.
    fn field(&mut self, name: &'static [u8]) -> Result<&'a [u8], Malformed> {
        let at = self.at;
        let value = self.next().strip_prefix(name).and_then(|rest| rest.strip_prefix(b":"));
        value.map(<[u8]>::trim_ascii_start).ok_or(Malformed::new("the next PPK line", at))
    }

    fn number(&mut self, name: &'static [u8]) -> Result<u32, Malformed> {
        let at = self.at;
        let digits = self.field(name)?;
        str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Malformed::new("a number in PPK", at))
    }

    /// A count of lines, then as many lines of base64.
    fn body(&mut self, name: &'static [u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let at = self.at;
        let count = self.number(name)? as usize;
        if !(1..=MAX_LINES).contains(&count) {
            return Err(Malformed::new("number of lines", at));
        }
        // Room for all of it, so that growing leaves no copy behind.
        let mut decoder = Decoder::with_capacity(count * MAX_DIGITS / 4 * 3 + 3);
        for number in 1..=count {
            let at = self.at;
            let line = self.next();
            let padding = line.iter().rev().take_while(|&&b| b == b'=').count();
            let digits = line.get(..line.len() - padding).unwrap_or_default();
            let padded_early = padding > 0 && number < count;
            if digits.is_empty() || digits.len() > MAX_DIGITS || padding > 2 || padded_early {
                return Err(Malformed::new("line of base64", at));
            }
            // JSON may write a slash as \/.
            for byte in digits.iter().filter(|&&b| !(self.escaped && b == b'\\')) {
                decoder.push(digit(*byte).ok_or(Malformed::new("line of base64", at))?);
            }
        }
        Ok(decoder.finish())
    }

    /// The last line: HMAC-SHA-256 in version 3, HMAC-SHA-1 in version 2; version 1 may have a plain SHA-1 instead.
    /// It is there to tell a whole file from a cut one, and shows that the count of lines before it was right.
    fn mac(&mut self, version: u8) -> Result<(), Malformed> {
        let at = self.at;
        let line = self.next();
        let value = line
            .strip_prefix(b"Private-MAC: ")
            .or_else(|| line.strip_prefix(b"Private-Hash: ").filter(|_| version == b'1'));
        let digits = if version == b'3' { 64 } else { 40 };
        let found = value.map_or(0, |value| value.iter().take_while(|b| b.is_ascii_hexdigit()).count());
        if found == digits { Ok(()) } else { Err(Malformed::new("PPK MAC", at)) }
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::blob::Origin;

    use super::*;
    use crate::read::proof;
    use crate::read::public::Raw;
    use crate::read::text::{base64, hex};

    /// The private key of RFC 8032 7.1, test 1.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];

    fn blob(fields: &[&[u8]]) -> Vec<u8> {
        fields.iter().flat_map(|field| [&(field.len() as u32).to_be_bytes(), *field].concat()).collect()
    }

    fn lines(name: &str, bytes: &[u8]) -> String {
        let text = base64(bytes);
        let wrapped: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("{name}: {}\n{}\n", wrapped.len(), wrapped.join("\n"))
    }

    fn ppk(version: u8, encryption: &str, kdf: &str, private: &[u8]) -> String {
        let public = proof::raw_public(Raw::Ed25519, &SEED).unwrap();
        let digits = if version == 3 { 64 } else { 40 };
        format!(
            "PuTTY-User-Key-File-{version}: ssh-ed25519\nEncryption: {encryption}\nComment: C:\\new key\n{}{kdf}{}\
             Private-MAC: {}\n",
            lines("Public-Lines", &blob(&[b"ssh-ed25519", &public])),
            lines("Private-Lines", private),
            "0a".repeat(digits / 2),
        )
    }

    fn plain(version: u8) -> String {
        ppk(version, "none", "", &blob(&[&SEED]))
    }

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("k");
        let at = memchr::memmem::find(text.as_bytes(), MAGIC).unwrap();
        let mut out = Inspection::default();
        Putty.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor: ANCHOR, at }, &mut out)?;
        Ok(out.take())
    }

    #[test]
    fn versions_and_disguises() {
        let plain_text = plain(2);
        let argon = "Key-Derivation: Argon2id\nArgon2-Memory: 8192\nArgon2-Passes: 13\nArgon2-Parallelism: 1\n\
                     Argon2-Salt: 00ff\n";
        let json = |text: &str| format!("{{\"key\": \"{}\"}}", text.replace('\\', "\\\\").replace('\n', "\\n"));
        let wrong = ppk(3, "none", "", &blob(&[&[7; 32]]));
        let verified = (Proof::Verified, ProtectionState::Plaintext, "");
        for (text, (proof, state, detail)) in [
            (plain(1), verified),
            (plain(2), verified),
            (plain(3), verified),
            (plain(1).replace("Private-MAC", "Private-Hash"), verified),
            (plain_text.replace('\n', "\r\n"), verified),
            (plain_text.replace('\n', "\r"), verified),
            (plain_text.replace('\n', "\n    "), verified),
            (json(&plain_text.replace("C:\\new key", "cc")), verified),
            (json(&plain_text.replace("C:\\new key", "cc")).replace("\\n", "\\r\\n"), verified),
            (json(&json(&plain_text.replace("C:\\new key", "cc"))), verified),
            (plain_text.trim_end().to_owned(), verified),
            (wrong, (Proof::Structure, ProtectionState::Plaintext, "")),
            (
                ppk(2, "aes256-cbc", "", &[0x5a; 48]),
                (Proof::Structure, ProtectionState::Weak, "SHA-1 of the password, AES-256-CBC"),
            ),
            (
                ppk(3, "aes256-cbc", argon, &[0x5a; 48]),
                (Proof::Structure, ProtectionState::Strong, "Argon2id 8192 KiB, 13 passes, parallelism 1, AES-256-CBC"),
            ),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            assert_eq!((material.proof, material.protection.clone()), (proof, Some(Protection::new(state, detail))));
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
            assert_eq!(material.labels.len(), 1);
            assert!(text.as_bytes()[..material.span.end].ends_with(b"0a"));
        }
        assert_eq!(inspect(&plain_text).unwrap()[0].labels[0].text, "C:\\new key");
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let text = plain(3);
        for at in MAGIC.len()..text.len() {
            for wrong in ["\0", "\n", "\\", "\"", "=", ":", "z"] {
                let _ = inspect(&[&text[..at], wrong, &text[at + 1..]].concat());
            }
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let text = plain(3);
        for length in MAGIC.len()..text.trim_end().len() {
            assert!(inspect(&text[..length]).is_err(), "cut at {length}");
        }
        for (from, to) in [
            ("Private-Lines: 1", "Private-Lines: 2"),
            ("Public-Lines: 2", "Public-Lines: 1"),
            ("Private-Lines: 1", "Private-Lines: 0"),
            ("Private-Lines: 1", "Private-Lines: 4294967295"),
            ("File-3", "File-4"),
            ("Encryption: none", "Encryption: rot13"),
            ("Encryption: none", "Encryption: aes256-cbc"),
            ("ssh-ed25519", "ssh-rsa"),
            ("Comment", "Remark"),
        ] {
            assert!(inspect(&text.replace(from, to)).is_err(), "{to}");
        }
    }
}
