//! Texts as sequences of words, so that `secure boot` is found in `CN=Acme Secure-Boot 2019` but `ca` not in
//! `Cargo.toml`.

/// The words of a text: lower-case runs of letters and digits, in order. `@` and `*` are words of their own, because
/// `security@` and `*.example.org` mean more than their letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words(String);

impl Words {
    /// The words of a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut words = String::with_capacity(text.len() + 8);
        words.push(' ');
        let mut inside = false;
        for c in text.chars() {
            if c.is_alphanumeric() {
                words.extend(c.to_lowercase());
                inside = true;
                continue;
            }
            if inside {
                words.push(' ');
                inside = false;
            }
            if matches!(c, '@' | '*') {
                words.push(c);
                words.push(' ');
            }
        }
        if inside {
            words.push(' ');
        }
        Self(words)
    }

    /// The words of a path, and after them the parts of these words: `serverRsa2.pem` has `server` too, and `rootca.key`
    /// has `ca`. Phrases do not extend from the words to the parts.
    pub(crate) fn of_path(path: &str) -> Self {
        let mut words = Self::of(path);
        let parts = Self::of(&parts(path));
        if parts != words {
            words.0.push('/');
            words.0.push_str(&parts.0);
        }
        words
    }

    /// Whether the text contains one of the phrases; `false` for an empty list.
    pub(crate) fn has_any(&self, phrases: &[Phrase]) -> bool {
        phrases.iter().any(|phrase| self.0.contains(&phrase.0.0))
    }
}

/// Ends of compound words that are words of their own, such as those of `serverkey` and `tlscert`.
const ENDS: [&str; 12] = [
    "truststore",
    "keystore",
    "store",
    "keypair",
    "keys",
    "key",
    "certs",
    "cert",
    "crt",
    "certificate",
    "client",
    "server",
];

/// Starts of compound words that are words of their own.
const STARTS: [&str; 2] = ["client", "server"];

/// What precedes `ca` in a compound word that names an authority.
const AUTHORITIES: [&str; 12] =
    ["root", "sub", "test", "my", "int", "intermediate", "client", "server", "fake", "bad", "other", "dev"];

/// Words that only look like compounds.
const WHOLE: [&str; 4] = ["observer", "monkey", "turkey", "hotkey"];

/// A path with its words divided at capital letters, between letters and digits, and into the parts of compounds.
fn parts(path: &str) -> String {
    let mut divided = String::with_capacity(path.len() + 8);
    let mut last = ' ';
    for c in path.chars() {
        let capital = last.is_lowercase() && c.is_uppercase();
        if capital || (last.is_alphabetic() && c.is_numeric()) || (last.is_numeric() && c.is_alphabetic()) {
            divided.push(' ');
        }
        divided.push(c);
        last = c;
    }
    let words = divided.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| compound(&word.to_lowercase())).collect::<Vec<_>>().join(" ")
}

/// A lower-case word divided into its parts.
fn compound(word: &str) -> String {
    if WHOLE.contains(&word) {
        return word.to_owned();
    }
    if let Some(start) = word.strip_suffix("ca").filter(|start| AUTHORITIES.contains(start)) {
        return format!("{start} ca");
    }
    for end in ENDS {
        if let Some(start) = word.strip_suffix(end).filter(|start| start.len() > 1) {
            return format!("{} {end}", compound(start));
        }
    }
    for start in STARTS {
        if let Some(rest) = word.strip_prefix(start).filter(|rest| !rest.is_empty()) {
            return format!("{start} {rest}");
        }
    }
    word.to_owned()
}

/// Words that must follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phrase(Words);

impl Phrase {
    /// A phrase; `None` if the text has no word.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let words = Words::of(text);
        (words.0.len() > 1).then_some(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_path_have_parts() {
        for (phrase, path, found) in [
            ("server", "tls/serverRsa2048.pem", true),
            ("client", "certs/goodclient.key", true),
            ("client", "certs/ca1_client1.key", true),
            ("client", "clientkey.pem", true),
            ("ca", "certs/rootca.key", true),
            ("ca", "certs/cakey.pem", true),
            ("tls", "tlskey.pem", true),
            ("ca", "certs/musica.key", false),
            ("server", "lib/observer.key", false),
            ("pem server", "server.pem", false),
            ("x509", "x509.key", true),
        ] {
            assert_eq!(
                Words::of_path(path).has_any(&[Phrase::read(phrase).expect(phrase)]),
                found,
                "{phrase} in {path}"
            );
        }
    }

    #[test]
    fn phrases_are_found_by_their_words() {
        for (phrase, text, found) in [
            ("secure boot", "CN=Acme Secure-Boot 2019", true),
            ("secure boot", "secure_boot_signing_key.pem", true),
            ("secure boot", "secureboot.pem", false),
            ("secure boot", "boot secure", false),
            ("ca", "pki/ca.key", true),
            ("ca", "Cargo.toml", false),
            ("ca", "CN=Example CA", true),
            ("security@", "Acme <security@acme.example>", true),
            ("security@", "Acme Security <mail@acme.example>", false),
            ("@packages", "deb@packages.acme.example", true),
            ("cn=*", "CN=*.example.org", true),
            ("cn=*", "CN=www.example.org", false),
            ("schlüssel", "Großer Schlüssel", true),
            ("a", "", false),
        ] {
            assert_eq!(Words::of(text).has_any(&[Phrase::read(phrase).expect(phrase)]), found, "{phrase} in {text}");
        }
        assert_eq!(Phrase::read(" -_. "), None);
        assert!(!Words::of("a").has_any(&[]));
    }
}
