//! Files with keys: the forms of a key inside other files, and the edits of such files.
//!
//! The edits target delta compression: a rotated key leaves its header to be copied from the base, a key cut in two is
//! joined by removing the text between, a placeholder is filled in.

use super::repo::find;
use super::rng::Rng;
use crate::workshop::base64;

/// The bytes before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410 7).
const HEAD: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const WORDS: &[&str] = &[
    "alpha", "bucket", "cargo", "deploy", "engine", "forest", "gradle", "harbor", "index", "jitter", "kernel",
    "ledger", "module", "number", "orchid", "packet", "quorum", "router", "server", "tunnel", "update", "vector",
    "window", "yellow",
];

/// How a key is written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dress {
    /// The form written by `openssl`.
    Pem,
    /// Indented under a YAML key.
    Yaml,
    /// String literals of C.
    C,
    /// One line of JSON.
    Json,
    /// Base64 of the DER form, as in configuration values.
    Base64,
    /// DER: the only form for binary files.
    Der,
}

impl Dress {
    pub(crate) const TEXT: [Self; 5] = [Self::Pem, Self::Yaml, Self::C, Self::Json, Self::Base64];

    /// The key's bytes in this form. `body` is base64, or the text in its place.
    fn put_on(self, der: &[u8], body: &str) -> Vec<u8> {
        let label = "PRIVATE KEY";
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        match self {
            Self::Pem => format!("{begin}\n{body}\n{end}\n").into_bytes(),
            Self::Yaml => format!("  tls.key: |\n    {begin}\n    {body}\n    {end}\n").into_bytes(),
            Self::C => {
                format!("static const char k[] =\n  \"{begin}\\n\"\n  \"{body}\\n\"\n  \"{end}\\n\";\n").into_bytes()
            }
            Self::Json => format!("  \"key\": \"{begin}\\n{body}\\n{end}\\n\",\n").into_bytes(),
            Self::Base64 => format!("signing_key = \"{body}\"\n").into_bytes(),
            Self::Der => der.to_vec(),
        }
    }
}

/// A piece of a file.
#[derive(Clone, Debug)]
enum Part {
    Filler(Vec<u8>),
    /// A placeholder instead of a key.
    Placeholder(Dress),
    /// A key; `cut` is a text inserted in its middle.
    Key {
        der: Vec<u8>,
        dress: Dress,
        cut: Option<(usize, Vec<u8>)>,
    },
}

/// A file that can be edited.
#[derive(Clone, Debug)]
pub(crate) struct Doc {
    binary: bool,
    parts: Vec<Part>,
}

impl Doc {
    /// A file of `parts` pieces without a key.
    pub(crate) fn new(rng: &mut Rng, binary: bool, parts: usize) -> Self {
        Self { binary, parts: (0..parts).map(|_| filler(rng, binary)).collect() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.parts.iter().flat_map(Part::bytes).collect()
    }

    /// Adds, removes and changes a few lines.
    pub(crate) fn edit(&mut self, rng: &mut Rng) {
        for _ in 0..rng.between(1, 4) {
            let at = rng.below(self.parts.len() + 1);
            match self.parts.get(at) {
                Some(Part::Filler(_)) if rng.chance(30) => {
                    self.parts.remove(at);
                }
                Some(Part::Filler(_)) if rng.chance(50) => self.parts[at] = filler(rng, self.binary),
                _ => self.parts.insert(at, filler(rng, self.binary)),
            }
        }
    }

    /// Adds a key.
    pub(crate) fn plant(&mut self, rng: &mut Rng, plants: &mut Plants) {
        let dress = if self.binary { Dress::Der } else { *rng.pick(&Dress::TEXT) };
        let key = plants.key(rng, dress);
        self.parts.insert(rng.below(self.parts.len() + 1), key);
    }

    /// Changes a key: rotates it, removes it, cuts it in two, or replaces it with a placeholder. Returns whether there
    /// was one.
    pub(crate) fn trouble(&mut self, rng: &mut Rng, plants: &mut Plants) -> bool {
        let places: Vec<usize> =
            (0..self.parts.len()).filter(|&at| !matches!(self.parts[at], Part::Filler(_))).collect();
        if places.is_empty() {
            return false;
        }
        let at = *rng.pick(&places);
        match &mut self.parts[at] {
            Part::Placeholder(dress) => self.parts[at] = plants.key(rng, *dress),
            Part::Key { cut: cut @ Some(_), .. } => *cut = None,
            Part::Key { dress, der, cut } => match rng.below(10) {
                0..4 => self.parts[at] = plants.key(rng, *dress),
                4..6 => {
                    self.parts.remove(at);
                }
                6..9 => {
                    let length = dress.put_on(der, &base64(der)).len();
                    let Part::Filler(junk) = filler(rng, self.binary) else { return true };
                    *cut = Some((rng.between(1, length), junk));
                }
                _ => self.parts[at] = Part::Placeholder(*dress),
            },
            Part::Filler(_) => {}
        }
        true
    }
}

impl Part {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Filler(bytes) => bytes.clone(),
            Self::Placeholder(dress) => dress.put_on(&[0; 48], "REPLACE-ME"),
            Self::Key { der, dress, cut } => {
                let mut bytes = dress.put_on(der, &base64(der));
                if let Some((at, junk)) = cut {
                    bytes.splice(at..at, junk.iter().copied());
                }
                bytes
            }
        }
    }
}

fn filler(rng: &mut Rng, binary: bool) -> Part {
    if binary {
        let count = rng.between(20, 90);
        return Part::Filler(rng.bytes(count));
    }
    let words: Vec<&str> = (0..rng.between(4, 12)).map(|_| *rng.pick(WORDS)).collect();
    Part::Filler(format!("{}: {}\n", rng.below(1000), words.join(" ")).into_bytes())
}

/// Every key that was made, in every form that it was given.
#[derive(Default)]
pub(crate) struct Plants(Vec<(Vec<u8>, Dress)>);

impl Plants {
    fn key(&mut self, rng: &mut Rng, dress: Dress) -> Part {
        Part::Key { der: self.make(rng, dress), dress, cut: None }
    }

    fn make(&mut self, rng: &mut Rng, dress: Dress) -> Vec<u8> {
        let der = [&HEAD[..], &rng.bytes(32)].concat();
        self.0.push((der.clone(), dress));
        der
    }

    /// A new key as text, for messages and files outside the story.
    pub(crate) fn pem(&mut self, rng: &mut Rng) -> String {
        let der = self.make(rng, Dress::Pem);
        String::from_utf8(Dress::Pem.put_on(&der, &base64(&der))).expect("text")
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a key is completely present in these bytes, as it was written.
    pub(crate) fn any_in(&self, bytes: &[u8]) -> bool {
        // Both forms of a key have a common start for all keys: no need to search for each key.
        let heads = [HEAD.to_vec(), base64(&HEAD).as_bytes()[..20].to_vec()];
        let begins = heads.iter().any(|head| find(head, bytes).is_some());
        begins && self.0.iter().any(|(der, dress)| find(&dress.put_on(der, &base64(der)), bytes).is_some())
    }
}
