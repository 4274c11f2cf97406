//! Keys as tools print them: `openssl rsa -text` and similar commands, `certtool`. The format is names, colons, and
//! lines of hex.

use keyradius_core::error::Malformed;
use keyradius_readers::putty::Lines;
use zeroize::Zeroizing;

/// Maximum bytes of all numbers together: RSA of 16,384 bits has about 10,000.
const MAX_BYTES: usize = 32 << 10;
/// Maximum number of numbers in one key: eight for RSA, and three for each further prime.
const MAX_NUMBERS: usize = 48;
/// Maximum number of lines. Each has 15 bytes.
const MAX_LINES: usize = 4096;

/// The numbers of a dump, by name.
pub(crate) struct Dump {
    /// In order of appearance. Names are in lower case without blanks, so that `private exponent` equals
    /// `privateExponent`.
    numbers: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// Names of the curve: `ASN1 OID: prime256v1`, `NIST CURVE: P-256`, `curve: SECP256R1`.
    pub(crate) curves: Vec<Vec<u8>>,
    /// Bytes from the start of the text to the end of the last number.
    pub(crate) length: usize,
}

impl Dump {
    /// Reads lines while they are part of a dump. The first line may be anything.
    pub(crate) fn read(text: &[u8], quote: Option<u8>) -> Result<Self, Malformed> {
        let mut lines = Lines::new(text, quote);
        let mut numbers: Vec<(String, Zeroizing<Vec<u8>>)> = Vec::new();
        let (mut length, mut total, mut empty) = (0, 0, 0);
        let mut curves = Vec::new();
        let first = lines.next();
        if let Some((name, value)) = named(first) {
            numbers.push((name, value));
        }
        for _ in 0..MAX_LINES {
            let line = lines.next();
            if line.is_empty() {
                empty += 1;
                // certtool prints one or two empty lines between numbers.
                if empty > 4 {
                    break;
                }
                continue;
            }
            empty = 0;
            if is_hex(line) {
                let Some((_, number)) = numbers.last_mut() else { break };
                total += line.len() / 2;
                if total > MAX_BYTES {
                    return Err(Malformed::new("numbers of a dump", lines.read));
                }
                append(line, number);
                length = lines.read;
            } else if let Some((name, value)) = named(line).filter(|_| numbers.len() < MAX_NUMBERS) {
                // The next dump begins.
                if name.ends_with("private-key") || name == "keysecuritylevel" {
                    break;
                }
                // A name without a value belongs to the lines after it, if any.
                if !value.is_empty() {
                    length = lines.read;
                }
                if matches!(&*name, "asn1oid" | "nistcurve" | "curve") {
                    let colon = memchr::memchr(b':', line).unwrap_or_default();
                    curves.push(line.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec());
                }
                numbers.push((name, value));
            } else {
                break;
            }
        }
        if length == 0 {
            return Err(Malformed::new("numbers of a dump", 0));
        }
        Ok(Self { numbers, curves, length })
    }

    /// The first number with one of these names that is not empty.
    pub(crate) fn number(&self, names: &[&str]) -> Option<&[u8]> {
        let mut found = self.numbers.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_empty());
        found.next().map(|(_, value)| value.as_slice())
    }
}

/// Whether a line is pairs of hex digits separated by colons, perhaps with a final colon.
fn is_hex(line: &[u8]) -> bool {
    let pairs = line.strip_suffix(b":").unwrap_or(line);
    pairs.split(|&byte| byte == b':').all(|pair| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit))
}

/// Appends the bytes of a line of hex. The buffer doubles when it is full, and the old buffer is wiped.
fn append(line: &[u8], number: &mut Zeroizing<Vec<u8>>) {
    let more = line.len() / 3 + 1;
    if number.capacity() - number.len() < more {
        let mut larger = Zeroizing::new(Vec::with_capacity((number.len() + more) * 2));
        larger.extend_from_slice(number);
        *number = larger;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0) as u8;
    for pair in line.split(|&byte| byte == b':') {
        if let [high, low] = pair {
            number.push(digit(high) << 4 | digit(low));
        }
    }
}

/// Parses a name before a colon, and a number after it on the same line: `65537 (0x10001)`.
fn named(line: &[u8]) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let colon = memchr::memchr(b':', line)?;
    let (name, rest) = line.split_at_checked(colon)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'(' | b')' | b'/');
    if name.is_empty()
        || name.len() > 40
        || !name.iter().all(plain)
        || !name.first().is_some_and(u8::is_ascii_alphabetic)
    {
        return None;
    }
    let name: String =
        name.iter().filter(|byte| **byte != b' ').map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let mut number = Zeroizing::new(Vec::new());
    if let Some(hex) = memchr::memmem::find(rest, b"(0x").and_then(|at| rest.get(at + 3..)) {
        let digits: Zeroizing<Vec<u8>> = Zeroizing::new(
            hex.iter().map_while(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8).collect(),
        );
        // An odd number of digits begins with half a byte.
        let odd = digits.len() % 2;
        number.extend(digits.get(..odd).unwrap_or_default());
        let pairs = digits.get(odd..).unwrap_or_default().chunks(2);
        number.extend(pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)));
    }
    Some((name, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_where_they_end() {
        for (text, name, expected, rest) in [
            ("Private-Key: (2 bit)\npriv:\n    0a:ff:\n    01\npub:\n  02\n", "priv", &[0x0a, 0xff, 1][..], ""),
            ("x:\npublic exponent:\n\t01:00:01:\n\nq:\n\t07\n-----BEGIN", "publicexponent", &[1, 0, 1], "\n-----BEGIN"),
            (
                "x:\npublicExponent: 65537 (0x10001)\nmore text without",
                "publicexponent",
                &[1, 0, 1],
                "\nmore text without",
            ),
            ("priv:\\n  0a:0b:\\n  0c\\npub:\\n 01", "priv", &[0x0a, 0x0b, 0x0c], ""),
            (
                "Private-Key: x\npriv:\n 0a\n\nPrivate-Key: y\npriv:\n 0b",
                "priv",
                &[0x0a],
                "\n\nPrivate-Key: y\npriv:\n 0b",
            ),
            ("a:\n# priv:\n#   0a:0b\n", "priv", &[0x0a, 0x0b], ""),
        ] {
            let dump = Dump::read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(dump.number(&[name]), Some(expected), "{text}");
            assert_eq!(&text.as_bytes()[dump.length..].trim_ascii_end(), &rest.as_bytes(), "{text}");
        }
        for text in ["", "Private-Key: of mine", "privateExponent:", "priv:\n  zz:zz\n", "\n\n\n\n\n\n\n\npriv:\n01\n"]
        {
            let dump = Dump::read(text.as_bytes(), None).ok();
            assert!(dump.and_then(|dump| dump.number(&["priv"]).map(<[u8]>::to_vec)).is_none(), "{text}");
        }
    }

    #[test]
    fn endless_dumps_are_bounded() {
        let endless = format!("priv:\n{}", "aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:\n".repeat(100_000));
        assert!(Dump::read(endless.as_bytes(), None).is_err());
        let names = "name: x\n".repeat(100_000);
        assert!(Dump::read(names.as_bytes(), None).is_err());
    }
}
