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

    /// Whether the text contains one of the phrases; `false` for an empty list.
    pub(crate) fn has_any(&self, phrases: &[Phrase]) -> bool {
        phrases.iter().any(|phrase| self.0.contains(&phrase.0.0))
    }
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
