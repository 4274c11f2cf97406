//! Interprets a value: the name of a key, a password, or a reference to one.

use keyradius_core::material::Name;
use zeroize::Zeroizing;

use super::tables::{Part, Password};
use super::text::Dialect;
use super::variables::{Filled, Variables};

/// Longest name kept, in bytes: paths in build files are a tenth of it.
const LONGEST_NAME: usize = 512;

/// Longest password, in bytes: twice the longest that people type or programs generate for keystores.
pub(super) const LONGEST_PASSWORD: usize = 128;

/// Longest run of base64 that is still a name: the smallest DER private key (Ed25519) has 64 digits.
const LONGEST_PLAIN: usize = 60;

/// A value as written in a file.
pub(super) struct Raw {
    /// The value without its quotes.
    pub(super) text: Zeroizing<String>,
    /// Whether variables are not expanded: the single quotes of a shell.
    pub(super) literal: bool,
    /// Whether the text is the name of a variable: `System.getenv("X")`, `storePassword = pw`.
    pub(super) variable: bool,
}

impl Raw {
    /// Fills in the variables that the file sets.
    fn filled(&self, at: usize, dialect: Dialect, variables: &Variables<'_>) -> Filled {
        let expression = self.text.contains("{{") || self.text.contains("${{");
        if self.variable {
            return variables.fill(&format!("${{{}}}", *self.text), at, dialect);
        }
        let quotes_hold = matches!(dialect, Dialect::Shell | Dialect::PowerShell | Dialect::Code);
        if self.literal && quotes_hold && !expression {
            return Filled { text: self.text.clone(), unknown: None, known_from: 0 };
        }
        variables.fill(&self.text, at, dialect)
    }
}

/// The context of a value.
#[derive(Clone, Copy)]
pub(super) struct ValueContext<'a> {
    /// Offset of the value.
    pub(super) at: usize,
    pub(super) dialect: Dialect,
    pub(super) variables: &'a Variables<'a>,
    pub(super) password: &'a Password,
}

/// The names that a value gives to a key. Empty if the value is the key itself or says nothing.
pub(super) fn names(part: Part, raw: &Raw, around: ValueContext<'_>) -> Vec<Name> {
    if let Some(label) = bazel_label(&raw.text).filter(|_| part == Part::Path) {
        return vec![Name::Path(label)];
    }
    let filled = raw.filled(around.at, around.dialect, around.variables);
    let text = filled.text.trim().trim_matches(['"', '\'']).trim();
    let argument = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'@' || byte == b'*');
    if text.is_empty() || says_nothing(text) || is_inline(text) || text.strip_prefix('$').is_some_and(argument) {
        return Vec::new();
    }
    // `${1}`: an argument of a script or function.
    if let Some(unknown) = filled.unknown.filter(|name| !argument(name)) {
        let variable = Name::Variable(unknown);
        let rest =
            filled.text.get(filled.known_from..).unwrap_or_default().trim().trim_end_matches(['"', '\'', ')', '}']);
        let below = rest.starts_with(['/', '\\']) && matches!(part, Part::Path | Part::Auto | Part::Directory);
        let rest = rest.trim_start_matches(['/', '\\']);
        if below && !rest.is_empty() && rest.len() <= LONGEST_NAME {
            let known =
                if part == Part::Directory { Name::Directory(rest.to_owned()) } else { Name::Path(rest.to_owned()) };
            return vec![known, variable];
        }
        return vec![variable];
    }
    if text.len() > LONGEST_NAME || text.contains(['\n', '\0']) || text.starts_with("${") {
        return Vec::new();
    }
    if let Some(name) = ["env://", "env:"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return vec![Name::Variable(name.to_owned())];
    }
    // A key that is not in a file: in hardware, or at a signing service.
    let elsewhere = ["pkcs11:", "kms://", "hashivault://", "k8s://", "gitlab://", "engine:", "tpm2:", "yubikey:"];
    if elsewhere.iter().any(|scheme| text.contains(scheme)) {
        return Vec::new();
    }
    let path = || Name::Path(without_credentials(alone(text)));
    vec![match part {
        Part::Path => path(),
        Part::Directory => Name::Directory(text.trim_start_matches("~/").to_owned()),
        Part::Alias => Name::Alias(without_credentials(text)),
        Part::Stem => return vec![Name::Alias(without_credentials(text)), Name::Path(format!("{text}.key"))],
        Part::Variable => Name::Variable(text.to_owned()),
        Part::Digits => match digits(text) {
            Some(digits) => Name::Digits(digits),
            None => return Vec::new(),
        },
        Part::Auto => match digits(text) {
            Some(digits) => Name::Digits(digits),
            None if text.contains('@') || text.contains(": ") => Name::Alias(without_credentials(text)),
            None if text.contains(['/', '\\']) || ends_like_key(text, around.password) => path(),
            None => Name::Alias(without_credentials(text)),
        },
        // A value that may be the key itself is only shown as the name of its variable.
        Part::Secret | Part::Password => return Vec::new(),
    }]
}

/// The path of a label of Bazel: `$(location //keys:sign.pem)`, `//keys:sign.pem`.
fn bazel_label(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = ["$(location ", "$(execpath ", "$(rootpath ", "$(rlocationpath "]
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .map(|rest| rest.split(')').next().unwrap_or(rest));
    let label = match inner {
        Some(label) => label.trim(),
        None if text.starts_with("//") && text.contains(':') && !text.contains(' ') => text,
        None => return None,
    };
    let path = label.trim_start_matches('/').trim_start_matches(':').replace(':', "/");
    (!path.is_empty() && path.len() <= LONGEST_NAME).then_some(path)
}

/// The value of an expression in a program: a file, a variable, a property.
pub(super) fn computed(expression: &str) -> Option<Raw> {
    let expression = expression.split(" //").next().unwrap_or(expression).trim();
    let name_end = expression
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '?')))
        .unwrap_or(expression.len());
    let Some(open) = expression.find(['"', '\'']) else {
        // `storePassword = releasePassword`, `keystoreProperties.storePassword as String`.
        let name = expression.get(..name_end)?.rsplit('.').next()?.trim_end_matches('?');
        let plain = !name.is_empty() && !name.bytes().all(|byte| byte.is_ascii_digit());
        let words = ["true", "false", "null", "nil", "None", "new", "it"];
        if !plain || words.contains(&name) || expression.contains('{') {
            return None;
        }
        return Some(Raw { text: Zeroizing::new(name.to_owned()), literal: false, variable: true });
    };
    let (head, rest) = expression.split_at_checked(open)?;
    let quote = rest.as_bytes().first().copied()?;
    let length = memchr::memchr(quote, rest.as_bytes().get(1..)?)?;
    let text = rest.get(1..=length)?;
    let lower = head.to_ascii_lowercase();
    let asks = ["env", "prop", "secret", "credential", "lookup", "fetch", "var(", "get", "["];
    let files = ["file(", "path(", "join(", "expand_path(", "resolve(", "layout.", "file "];
    let variable = asks.iter().any(|word| lower.contains(word));
    if !variable && !files.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let text = if variable || !lower.contains("join(") {
        text.to_owned()
    } else {
        // `os.path.join("keys", "x.pfx")`.
        expression.split(quote as char).skip(1).step_by(2).collect::<Vec<_>>().join("/")
    };
    Some(Raw { text: Zeroizing::new(text), literal: quote == b'\'', variable })
}

/// The content of a field that may be a password.
pub(super) enum Found {
    /// A text that may be a password.
    Password(Zeroizing<Vec<u8>>),
    /// The name of what refers to the password.
    Elsewhere(String),
    /// Nothing.
    Nothing,
}

/// Reads the value of a password field.
pub(super) fn password(raw: &Raw, around: ValueContext<'_>) -> Found {
    let mut filled = raw.filled(around.at, around.dialect, around.variables);
    if let Some(unknown) = filled.unknown {
        let Some(default) = default(&raw.text) else { return Found::Elsewhere(unknown) };
        filled.text = Zeroizing::new(default.to_owned());
    }
    // Quotes inside quotes: `"'secret'"` in the arguments of a task.
    let text = filled.text.as_str();
    let text = text.strip_prefix("pass:").unwrap_or(text);
    let table = around.password;
    if table.indirect.iter().any(|start| text.get(..start.len()).is_some_and(|t| t.eq_ignore_ascii_case(start))) {
        let name = text.strip_prefix("env:").unwrap_or_else(|| text.split([':', '(']).next().unwrap_or_default());
        return Found::Elsewhere(name.to_owned());
    }
    if let Some(bytes) = text.strip_prefix("OBF:").and_then(deobfuscated) {
        return Found::Password(bytes);
    }
    if text.is_empty() || text.len() > LONGEST_PASSWORD || text.contains('\n') || is_placeholder(text, table) {
        return Found::Nothing;
    }
    Found::Password(Zeroizing::new(text.as_bytes().to_vec()))
}

/// The value of a variable that is not set: `${NAME:-x}` of a shell, `${name:x}` of Java frameworks.
fn default(text: &str) -> Option<&str> {
    let (name, value) = text.trim().strip_prefix("${")?.strip_suffix('}')?.split_once(':')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let value = value.trim_start_matches(['-', '=']);
    (!name.is_empty() && name.bytes().all(is_name) && !value.is_empty() && !value.contains(['$', '{', ':']))
        .then_some(value)
}

/// Whether a text is a placeholder for a password.
pub(super) fn is_placeholder(text: &str, table: &Password) -> bool {
    let lower = Zeroizing::new(text.trim().to_lowercase());
    let mut bytes = lower.bytes();
    let Some(first) = bytes.next() else { return true };
    // `xxx`, `***`, `...`: one meaningless character repeated.
    if (first == b'x' || !first.is_ascii_alphanumeric()) && first.is_ascii() && bytes.all(|byte| byte == first) {
        return true;
    }
    (lower.starts_with('<') && lower.ends_with('>'))
        || (lower.starts_with('[') && lower.ends_with(']'))
        || table.placeholders.contains(&lower)
        || table.placeholder_parts.iter().any(|part| lower.contains(part.as_str()))
}

/// Words that mean that there is no value.
pub(super) fn says_nothing(text: &str) -> bool {
    let words =
        ["true", "false", "yes", "no", "none", "null", "nil", "undefined", "y", "n", "m", "-", "0", "1", "\"\""];
    words.iter().any(|word| text.eq_ignore_ascii_case(word)) || (text.starts_with('<') && text.ends_with('>'))
}

/// Whether a value is a key and not the name of one: PEM, or base64 longer than names are.
fn is_inline(text: &str) -> bool {
    text.contains("-----BEGIN")
        || text.starts_with("{\"")
        || (text.len() > LONGEST_PLAIN
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b':'))
            && text.bytes().filter(|&byte| byte == b'/').count() * 16 < text.len())
}

/// Whether a name may be a private key itself, written as a number, in base32 or in bech32: such a name is never kept.
pub(super) fn is_secret(name: &Name) -> bool {
    /// Digits of 128 bits, decimal and in base32 with a margin for identifiers in capitals.
    const DECIMAL: usize = 39;
    const BASE32: usize = 40;
    /// Prefixes of Nostr and Sui.
    const BECH32: [&str; 2] = ["nsec1", "suiprivkey1"];
    let text = match name {
        Name::Path(text) | Name::Directory(text) | Name::Alias(text) | Name::Variable(text) => text,
        // Digests, at most 64 digits.
        Name::Digits(_) => return false,
    };
    text.split(['/', '\\', '.']).any(|part| {
        let all = |least: usize, is: fn(&u8) -> bool| part.len() >= least && part.as_bytes().iter().all(is);
        let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
        let lower = part.to_ascii_lowercase();
        all(DECIMAL, u8::is_ascii_digit)
            || (has_digit && all(BASE32, |byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7' | b'=')))
            || (part.len() >= DECIMAL && BECH32.iter().any(|prefix| lower.starts_with(prefix)))
    })
}

fn ends_like_key(text: &str, table: &Password) -> bool {
    let lower = text.to_ascii_lowercase();
    table.keys.iter().any(|end| lower.ends_with(end.as_str()))
}

/// Hex digits of a fingerprint or key id, without the separators and prefixes that people write.
fn digits(text: &str) -> Option<String> {
    let text = text.trim_start_matches("0x").trim_start_matches("0X").trim_end_matches('!');
    let hex: String = text.chars().filter(|c| !matches!(c, ' ' | ':')).collect();
    // 8 digits are the short id of OpenPGP, 64 a SHA-256.
    ((8..=64).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hex.to_lowercase())
}

/// A path without a leading prefix for its reader, and without what follows it: a space and a sign start an option.
fn alone(text: &str) -> &str {
    let end = [" -", " /", " $", " %", " #", "\t", "# "]
        .iter()
        .filter_map(|more| text.find(more))
        .min()
        .unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(text).trim_end();
    let text = text.strip_prefix("classpath:").unwrap_or(text);
    text.trim_start_matches("~/").trim_start_matches('@')
}

/// A URL without user and password.
fn without_credentials(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://")
        && let Some((user, host)) = rest.split_once('@')
        && !user.contains('/')
    {
        return format!("{scheme}://{host}");
    }
    text.to_owned()
}

/// Decodes Jetty's `OBF:`: for each character the sum and the difference with its mirror image, in base 36.
fn deobfuscated(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 4));
    let mut rest = text.trim();
    while !rest.is_empty() && out.len() <= LONGEST_PASSWORD {
        // `U` marks a byte outside ASCII, not obfuscated.
        let plain = rest.starts_with('U');
        let rest_of = if plain { rest.get(1..)? } else { rest };
        let number = u32::from_str_radix(rest_of.get(..4)?, 36).ok()?;
        let (high, low) = (number / 256, number % 256);
        let byte = if plain { high } else { (high + low).checked_sub(254)? / 2 };
        out.push(u8::try_from(byte).ok()?);
        rest = rest_of.get(4..)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::tables::TABLES;
    use super::*;

    #[test]
    fn placeholders_are_not_passwords() {
        for (text, expected) in [
            ("changeme", false),
            ("changeit", false),
            ("xxx", true),
            ("xylophone", false),
            ("***", true),
            ("<password>", true),
            ("your-password-here", true),
            ("YOUR_STORE_PASSWORD", true),
            ("null", true),
            ("1111", false),
            ("0000", false),
            ("p<x>", false),
        ] {
            assert_eq!(is_placeholder(text, &TABLES.password), expected, "{text}");
        }
    }

    #[test]
    fn a_key_is_no_name() {
        let decimal = "90".repeat(20);
        let base32 = "MFRGGZDFMZTWQ2LK".repeat(3);
        for (text, expected) in [
            (format!("keys/{decimal}.pem"), true),
            (decimal.get(..38).unwrap().to_owned(), false),
            (base32.clone(), true),
            (base32.to_ascii_lowercase(), false),
            ("SOME_NAME_OF_A_VARIABLE_THAT_IS_VERY_LONG_INDEED".to_owned(), false),
            (format!("nsec1{}", "q".repeat(58)), true),
            ("release.keystore".to_owned(), false),
        ] {
            assert_eq!(is_secret(&Name::Path(text.clone())), expected, "{text}");
            assert_eq!(is_secret(&Name::Alias(text.clone())), expected, "{text}");
        }
        assert_eq!(without_credentials(&format!("postgres://u:{decimal}@db/prod")), "postgres://db/prod");
    }

    #[test]
    fn obfuscation_of_jetty() {
        // From the Jetty documentation of `org.eclipse.jetty.util.security.Password me you`.
        assert_eq!(deobfuscated("20771x1b206z").unwrap().as_slice(), b"you");
        assert!(deobfuscated("2077zz").is_none());
    }

    #[test]
    fn digits_of_fingerprints() {
        for (text, expected) in [
            ("0xDEADBEEF!", Some("deadbeef")),
            ("DE AD BE EF 01", Some("deadbeef01")),
            ("deadbee", None),
            ("dead-beef-00", None),
        ] {
            assert_eq!(digits(text).as_deref(), expected);
        }
    }

    #[test]
    fn addresses_lose_their_passwords() {
        assert_eq!(without_credentials("https://me:pw@host/k.p12"), "https://host/k.p12");
        assert_eq!(without_credentials("a@b/k.p12"), "a@b/k.p12");
    }
}
