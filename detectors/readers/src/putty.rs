//! The lines of a PuTTY private key (PuTTY user manual, appendix C), for the detector and for trying passwords.

use keyradius_core::error::Malformed;
use keyradius_core::material::{Locked, Protection, ProtectionState, PublicHalf};
use zeroize::Zeroizing;

use super::cursor::Cursor;
use super::public::PublicKey;
use super::signs::{self, Fit, Private};
use super::ssh::{self, Algorithm, Public};
use super::text::{Decoder, digit};

/// The start of every file, up to the version.
pub const MAGIC: &[u8] = b"PuTTY-User-Key-File-";

/// Maximum line length, in bytes, except for the comment, which PuTTY reads at any length. PuTTY wraps at 64.
const MAX_LINE: usize = 1024;
/// Maximum length of a base64 line, in bytes.
const MAX_DIGITS: usize = 128;
/// Maximum number of lines in one body. An RSA key of 16384 bits has about 110 lines as PuTTY writes them, and 1800 of
/// the shortest lines that it reads.
const MAX_LINES: usize = 1 << 14;

/// The error for a text that ends inside a comment.
pub const CUT: &str = "end of the PPK comment";

/// The lines of a file.
pub struct File<'a> {
    pub(crate) algorithm: &'a [u8],
    /// The comment.
    pub comment: &'a [u8],
    /// The public key blob.
    pub public: Zeroizing<Vec<u8>>,
    /// The private blob, encrypted or not.
    pub private: Zeroizing<Vec<u8>>,
    /// How the private blob is protected.
    pub protection: Protection,
    /// The key derivation of version 3; older versions hash the password with SHA-1.
    pub derivation: Option<Derivation<'a>>,
    /// Bytes from the magic to the end of the MAC.
    pub length: usize,
}

/// The Argon2 parameters in the file.
pub struct Derivation<'a> {
    /// `Argon2id`, `Argon2i` or `Argon2d`.
    pub flavour: &'static str,
    /// KiB.
    pub memory: u32,
    /// Number of passes.
    pub passes: u32,
    /// Degree of parallelism.
    pub lanes: u32,
    /// Hex digits.
    pub salt: &'a [u8],
}

/// Stores the lines of a file for trying passwords: the quotation mark around it, or 0, then the text.
pub fn lock(text: &[u8], quote: Option<u8>, length: usize) -> Option<Locked> {
    let text = text.get(..length)?;
    Some(Locked::new(&[&[quote.unwrap_or(0)], text].concat()))
}

/// Reads the output of [`lock`].
pub fn unlock(kept: &[u8]) -> Result<File<'_>, Malformed> {
    let (&quote, text) = kept.split_first().ok_or(Malformed::new("PPK lines", 0))?;
    File::read(text, Some(quote).filter(|&quote| quote != 0))
}

impl<'a> File<'a> {
    /// Reads a file. `quote` is the quotation mark before the text, if it is a string literal.
    pub fn read(text: &'a [u8], quote: Option<u8>) -> Result<Self, Malformed> {
        let mut lines = Lines::new(text, quote);
        let first = lines.next().strip_prefix(MAGIC).ok_or(Malformed::new("PPK magic", 0))?;
        let (version, algorithm) = match first {
            [version @ b'1'..=b'3', b':', b' ', algorithm @ ..] if ssh::is_name(algorithm) => (*version, algorithm),
            _ => return Err(Malformed::new("PPK version and key type", MAGIC.len())),
        };
        let encryption = lines.field(b"Encryption")?;
        let comment = lines.comment()?;
        let public = lines.body(b"Public-Lines")?;
        let mut derivation = None;
        let protection = match (encryption, version) {
            (b"none", _) => Protection::plaintext(),
            (b"aes256-cbc", b'3') => derivation.insert(argon2(&mut lines)?).protection(),
            (b"aes256-cbc", _) => Protection::new(ProtectionState::Weak, "SHA-1 of the password, AES-256-CBC"),
            _ => return Err(Malformed::new("PPK encryption", lines.at)),
        };
        let private = lines.body(b"Private-Lines")?;
        // AES in whole blocks.
        if protection.state != ProtectionState::Plaintext && !private.len().is_multiple_of(16) {
            return Err(Malformed::new("whole blocks of ciphertext", lines.at));
        }
        lines.mac(version)?;
        Ok(Self { algorithm, comment, public, private, protection, derivation, length: lines.read })
    }

    /// The public key; `None` if its algorithm is not known here. An error if the blob is of another algorithm than the file says.
    pub fn public(&self) -> Result<Option<Public<'_>>, Malformed> {
        if Cursor::new(&self.public).string("SSH key type")? != self.algorithm {
            return Err(Malformed::new("public key of the type that the first line names", 0));
        }
        ssh::public(&self.public)
    }

    /// The key that a plaintext or decrypted private section signs as, and how that fits the public key
    /// ([`signs::signs_as`]).
    pub fn signs_as(key: &Public<'_>, private: &[u8]) -> Result<(PublicHalf, Fit), Malformed> {
        let mut fields = Cursor::new(private);
        match (key.algorithm, key.key) {
            (Algorithm::Rsa, _) => {
                let (d, p, q) = (fields.string("RSA d")?, fields.string("RSA p")?, fields.string("RSA q")?);
                fields.string("RSA iqmp")?;
                Ok(signs::signs_as(&key.key, Private::Rsa { d, p, q }))
            }
            (_, PublicKey::Raw { kind, .. }) => {
                // PuTTY treats it as a little-endian number, so zeros may be missing at the end.
                let number = fields.string("EdDSA private key")?;
                let mut seed = Zeroizing::new(vec![0; kind.len().max(number.len())]);
                seed.iter_mut().zip(number).for_each(|(to, from)| *to = *from);
                Ok(signs::signs_as(&key.key, Private::Number(&seed)))
            }
            _ => Ok(signs::signs_as(&key.key, Private::Number(fields.string("private number")?))),
        }
    }
}

/// The key derivation of version 3: `Key-Derivation: Argon2id` and four parameters.
fn argon2<'a>(lines: &mut Lines<'a>) -> Result<Derivation<'a>, Malformed> {
    let at = lines.at;
    let flavour = match lines.field(b"Key-Derivation")? {
        b"Argon2id" => "Argon2id",
        b"Argon2i" => "Argon2i",
        b"Argon2d" => "Argon2d",
        _ => return Err(Malformed::new("PPK key derivation", at)),
    };
    let memory = lines.number(b"Argon2-Memory")?;
    let passes = lines.number(b"Argon2-Passes")?;
    let lanes = lines.number(b"Argon2-Parallelism")?;
    let salt = lines.field(b"Argon2-Salt")?;
    if salt.is_empty() || !salt.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed::new("Argon2-Salt", lines.at));
    }
    Ok(Derivation { flavour, memory, passes, lanes, salt })
}

impl Derivation<'_> {
    fn protection(&self) -> Protection {
        let Self { flavour, memory, passes, lanes, .. } = self;
        let detail = format!("{flavour} {memory} KiB, {passes} passes, parallelism {lanes}, AES-256-CBC");
        Protection::new(ProtectionState::Strong, detail)
    }
}

/// Reads consecutive lines.
pub struct Lines<'a> {
    text: &'a [u8],
    /// Start of the next line.
    at: usize,
    /// End of the bytes read, without the line end after them.
    pub read: usize,
    /// Whether line ends are escaped (`\n` as two characters). The first line decides; a real file may have backslashes
    /// in its comment.
    escaped: bool,
    /// The quotation mark that ends a string literal, if line ends are escaped.
    quote: u8,
}

impl<'a> Lines<'a> {
    /// Reads from the first line of `text` on; `quote` ends a string literal that the file is written in.
    pub fn new(text: &'a [u8], quote: Option<u8>) -> Self {
        let end = text.iter().take(MAX_LINE).position(|b| matches!(b, b'\n' | b'\r' | b'\\'));
        let escaped = end.and_then(|end| text.get(end)) == Some(&b'\\');
        Self { text, at: 0, read: 0, escaped, quote: quote.unwrap_or(b'"') }
    }

    /// Length of the text that may precede a line: blanks, a comment sign, and if lines are string literals, the end of
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

    /// Returns the next line without blanks around it; empty at the end.
    #[allow(
        clippy::should_implement_trait,
        reason = "the lines of a file have no end: behind the last one they are empty"
    )]
    pub fn next(&mut self) -> &'a [u8] {
        self.next_of(MAX_LINE)
    }

    /// Returns the next line, truncated to `most` bytes.
    fn next_of(&mut self, most: usize) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let indent = self.decoration(rest);
        let line = rest.get(indent..).unwrap_or_default();
        let line = line.get(..most).unwrap_or(line);
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

    /// Length of the line end: one of `\n`, `\r\n` and `\r`, real or escaped with any number of backslashes.
    fn line_end(&self, rest: &[u8]) -> usize {
        let one = |rest: &[u8], wanted: [u8; 2]| {
            let slashes = if self.escaped { rest.iter().take_while(|&&b| b == b'\\').count() } else { 0 };
            rest.get(slashes).filter(|b| wanted.contains(b)).map_or(0, |_| slashes + 1)
        };
        // The letters if escaped, the characters in a real file.
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

    /// The value of the next line, which must be a comment. Error [`CUT`] if the text ends inside it.
    fn comment(&mut self) -> Result<&'a [u8], Malformed> {
        const NAME: &[u8] = b"Comment:";
        let at = self.at;
        let rest = self.text.get(at..).unwrap_or_default();
        if !rest.get(self.decoration(rest)..).unwrap_or_default().starts_with(NAME) {
            return Err(Malformed::new("the next PPK line", at));
        }
        let line = self.next_of(usize::MAX);
        if self.read == self.text.len() {
            return Err(Malformed::new(CUT, at));
        }
        Ok(line.get(NAME.len()..).unwrap_or_default().trim_ascii_start())
    }

    fn number(&mut self, name: &'static [u8]) -> Result<u32, Malformed> {
        let at = self.at;
        let digits = self.field(name)?;
        str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Malformed::new("a number in PPK", at))
    }

    /// Reads a count of lines, then that many lines of base64.
    fn body(&mut self, name: &'static [u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let at = self.at;
        let count = self.number(name)? as usize;
        if !(1..=MAX_LINES).contains(&count) {
            return Err(Malformed::new("number of lines", at));
        }
        // Full capacity, because growing would leave an unwiped copy.
        let room = (count * MAX_DIGITS).min(self.text.len().saturating_sub(self.at));
        let mut decoder = Decoder::with_capacity(room / 4 * 3 + 3);
        for number in 1..=count {
            let at = self.at;
            let line = self.next();
            let padding = line.iter().rev().take_while(|&&b| b == b'=').count();
            let digits = line.get(..line.len() - padding).unwrap_or_default();
            let padded_early = padding > 0 && number < count;
            if digits.is_empty() || digits.len() > MAX_DIGITS || padding > 2 || padded_early {
                return Err(Malformed::new("line of base64", at));
            }
            // JSON may escape a slash as \/.
            for byte in digits.iter().filter(|&&b| !(self.escaped && b == b'\\')) {
                decoder.push(digit(*byte).ok_or(Malformed::new("line of base64", at))?);
            }
        }
        Ok(decoder.finish())
    }

    /// Reads the last line: HMAC-SHA-256 in version 3, HMAC-SHA-1 in version 2; version 1 may have a plain SHA-1
    /// instead. Its presence distinguishes a whole file from a truncated one, and confirms the line count before it.
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
