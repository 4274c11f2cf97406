//! What a file is about: a weak hint of what the keys are for that it contains, names or describes.
//!
//! The words are in `detectors/usage/data/topics.toml`. Three kinds of text are read:
//!
//! - the text just before a private key in any file that is read for its use of keys, and then the whole file;
//! - the text around the name of a key file in a program, and then the whole program;
//! - the start of a README, and of the file in which a package describes itself: it concerns every key below its
//!   directory that nothing else explains.
//!
//! The references have tools that begin with `topic`. They weigh less than any use of a key, and do not count as uses.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use keyradius_core::blob::Blob;
use keyradius_core::material::{Encoding, Kind, Material, Name, Reference};
use keyradius_core::seam::UsageHints;
use serde::Deserialize;

use super::text::Text;

/// `topics.toml`, as `build.rs` writes it.
const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/topics.json"));

/// Points of the text around a key or its name, of a whole file, and of a description.
const AROUND: i32 = 20;
const FILE: i32 = 16;
const DESCRIPTION: i32 = 12;

/// Bytes before a key, and around the name of its file, that are its surroundings.
const NEAR: usize = 320;

/// Bytes before a key that may name it.
const NAME: usize = 48;

/// Bytes of a file that are read for its topic.
const WHOLE: usize = 256 << 10;

/// Bytes of a description that are read: its title and its first paragraphs.
const START: usize = 3 << 10;

/// What several words that belong together count: `private_key_jwt` says more than `jwt`.
const PHRASE: usize = 2;

/// Fewest letters and digits of a run that is read as base64, not as a word: a line of base64 has 64 or 76.
const RUN: usize = 48;

/// Most keys and names of keys of one file that get a topic.
const MOST: usize = 64;

/// Extensions of key files, as programs name them.
const EXTENSIONS: [&str; 14] = [
    ".pem",
    ".key",
    ".p8",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".pk8",
    ".priv",
    ".der",
    ".jwk",
    ".pkcs8",
    ".asc",
    ".jceks",
];

/// Longest path, in bytes.
const PATH: usize = 200;

/// Names of files in which a package describes itself, besides those that begin with `readme`.
const MANIFESTS: [&str; 6] = ["package.json", "setup.py", "pyproject.toml", "cargo.toml", "pom.xml", "setup.cfg"];

static TOPICS: LazyLock<Topics> = LazyLock::new(|| {
    // A test checks the text.
    let mut topics: Topics = serde_json::from_str(JSON).unwrap_or_default();
    topics.compile();
    topics
});

/// A subject of texts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    role: String,
    text: String,
    words: Vec<String>,
    /// Words of the key's own name, by the role that they give it.
    #[serde(default)]
    names: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topics {
    topic: Vec<Topic>,
    /// Words that say nothing, and hide the words in them.
    silent: Vec<String>,
    #[serde(skip)]
    words: Option<AhoCorasick>,
    /// The topic of each word, and what it counts; silent words have none.
    #[serde(skip)]
    of_word: Vec<(usize, usize)>,
}

impl Topics {
    fn compile(&mut self) {
        let all = self.topic.iter().enumerate().flat_map(|(number, topic)| {
            topic
                .words
                .iter()
                .map(move |word| ((number, if word.contains([' ', '_', '-']) { PHRASE } else { 1 }), word))
        });
        let (of_word, mut words): (Vec<(usize, usize)>, Vec<&String>) = all.unzip();
        words.extend(&self.silent);
        // Few files are searched, so that compiling costs more than searching.
        let builder = &mut AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
        self.words = builder.kind(Some(AhoCorasickKind::ContiguousNFA)).build(words).ok();
        self.of_word = of_word;
    }

    /// The topic of a text: the one with most words; with twice as many as any other if it has to be `clear`.
    fn of(&self, text: &[u8], clear: bool) -> Option<&Topic> {
        let mut counts = vec![0_usize; self.topic.len()];
        for found in self.words.as_ref()?.find_iter(text) {
            let before = found.start().checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(b' ');
            let first = text.get(found.start()).copied().unwrap_or(b' ');
            // `useJwt` begins a word with its capital.
            let begins = !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && first.is_ascii_uppercase());
            // An address is not about TLS.
            let address = text.get(found.end()..).is_some_and(|rest| rest.starts_with(b"://"));
            if begins
                && !address
                && !is_encoded(text, found.start())
                && let Some((topic, points)) = self.of_word.get(found.pattern().as_usize())
                && let Some(count) = counts.get_mut(*topic)
            {
                *count += points;
            }
        }
        let (number, most) = counts.iter().copied().enumerate().max_by_key(|(_, count)| *count)?;
        let others = counts.iter().enumerate().filter(|(other, _)| *other != number);
        let next = others.map(|(_, count)| *count).max().unwrap_or(0);
        let enough = most > next && (!clear || most >= 2 * next);
        self.topic.get(number).filter(|_| enough)
    }
}

impl Topic {
    /// The role of a key whose name, or the text before it, is this: lower case. The last word decides: a `client-ca.key`
    /// is that of a CA.
    fn role(&self, name: &str) -> &str {
        let ends = |word: &String| {
            let whole = |at: &usize| {
                let byte = |at: Option<usize>| at.and_then(|at| name.as_bytes().get(at)).copied().unwrap_or(b' ');
                let (before, after) = (byte(at.checked_sub(1)), byte(Some(*at + word.len())));
                // Short words are whole ones: `ca` is not in `cache`.
                word.len() > 4 || !(before.is_ascii_alphanumeric() || after.is_ascii_lowercase())
            };
            name.match_indices(word.as_str()).map(|(at, _)| at).filter(whole).map(|at| at + word.len()).max()
        };
        let roles = self.names.iter().flat_map(|(role, words)| words.iter().map(move |word| (role, word)));
        let last = roles.filter_map(|(role, word)| Some((ends(word)?, word.len(), role))).max();
        last.map_or(&self.role, |(_, _, role)| role)
    }
}

/// Whether a place is in a long run of letters and digits, such as base64: words in it are chance.
fn is_encoded(text: &[u8], at: usize) -> bool {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let (before, after) = text.split_at_checked(at).unwrap_or_default();
    let run = before.iter().rev().take(RUN).take_while(part).count() + after.iter().take(RUN).take_while(part).count();
    run >= RUN
}

/// Extensions of texts that are read only if they contain a private key: documents, templates, and languages whose calls
/// are not read.
const TEXTS: [&str; 29] = [
    "adoc", "bats", "erb", "erl", "exp", "feature", "golden", "htm", "html", "ipynb", "j2", "jinja", "lua", "markdown",
    "md", "mdx", "org", "phpt", "pl", "pm", "rst", "sql", "t", "tcl", "tera", "tmpl", "tpl", "txt", "vue",
];

/// Whether the surroundings of keys in a file of this name are read.
pub(super) fn wants(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    TEXTS.iter().any(|text| extension.eq_ignore_ascii_case(text))
}

/// Whether a file describes the directory that it is in.
pub(super) fn describes(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let name = name.to_ascii_lowercase();
    name.starts_with("readme") || MANIFESTS.contains(&name.as_str()) || name.ends_with(".gemspec")
}

/// Reads the start of a description.
pub(super) fn read_description(blob: Blob<'_>, out: &mut UsageHints) {
    let start = blob.bytes.get(..START.min(blob.bytes.len())).unwrap_or_default();
    let Some(topic) = TOPICS.of(start, false) else { return };
    let text = format!("a description of the directory is about {}", topic.text);
    push(Reading { tool: "topic-place", topic: &topic.role, text, weight: DESCRIPTION }, 0..1, Vec::new(), out);
}

/// Reads what the text is about around private keys, and in a program around names of key files.
pub(super) fn read_keys(blob: Blob<'_>, program: bool, out: &mut UsageHints) {
    static KEY: LazyLock<memchr::memmem::Finder<'static>> =
        LazyLock::new(|| memchr::memmem::Finder::new("PRIVATE KEY"));
    let keys: Vec<usize> = KEY.find_iter(blob.bytes).take(2 * MOST).collect();
    if keys.is_empty() && !program {
        return;
    }
    let Some(text) = Text::of(blob.bytes) else { return };
    let bytes = text.str().as_bytes();
    let named = if program { names(text.str()) } else { Vec::new() };
    if keys.is_empty() && named.is_empty() {
        return;
    }
    let whole = || bytes.get(..WHOLE.min(bytes.len())).unwrap_or_default();
    let of_whole: OnceCell<Option<&Topic>> = OnceCell::new();
    let topic = |near: Range<usize>| {
        let near = bytes.get(near).and_then(|near| TOPICS.of(near, false));
        let of_file = || *of_whole.get_or_init(|| TOPICS.of(whole(), true));
        near.map(|topic| (topic, AROUND)).or_else(|| of_file().map(|topic| (topic, FILE)))
    };
    let mut seen = BTreeSet::new();
    for at in keys {
        let line = text.line(at);
        // `-----END` of the key, and keys on one line.
        if bytes.get(at.saturating_sub(24)..at).is_none_or(|before| memchr::memmem::find(before, b"BEGIN").is_none()) {
            continue;
        }
        if !seen.insert(line) || seen.len() > MOST {
            continue;
        }
        let Some((topic, weight)) = topic(at.saturating_sub(NEAR)..at) else { continue };
        let before = bytes.get(at.saturating_sub(NAME)..at).unwrap_or_default();
        let role = topic.role(&String::from_utf8_lossy(before).to_lowercase());
        let about = format!("the text around it is about {}", topic.text);
        push(Reading { tool: "topic-here", topic: role, text: about, weight }, text.span(at..at + 1), Vec::new(), out);
    }
    for (at, path) in named {
        let Some((topic, weight)) = topic(at.saturating_sub(NEAR)..(at + NEAR).min(bytes.len())) else { continue };
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_lowercase();
        let role = topic.role(&name);
        let about = format!("a program about {} names it", topic.text);
        let names = vec![Name::Path(path.trim_start_matches("./").to_owned())];
        push(Reading { tool: "topic-program", topic: role, text: about, weight }, text.span(at..at + 1), names, out);
    }
}

/// What was read of a key.
struct Reading<'a> {
    tool: &'static str,
    topic: &'a str,
    text: String,
    weight: i32,
}

fn push(reading: Reading<'_>, span: Range<usize>, names: Vec<Name>, out: &mut UsageHints) {
    if out.references.len() >= super::REFERENCES {
        return;
    }
    let mut material = Material::new(Kind::Reference, "usage", Encoding::Text, span);
    let (tool, role) = (reading.tool.to_owned(), reading.topic.to_owned());
    material.reference = Some(Box::new(Reference { tool, role, weight: reading.weight, text: reading.text, names }));
    out.references.push(material);
}

/// The paths of key files in a program, each once, with their offsets.
fn names(text: &str) -> Vec<(usize, &str)> {
    let bytes = text.as_bytes();
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'\\');
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for dot in memchr::memchr_iter(b'.', bytes) {
        let rest = bytes.get(dot..).unwrap_or_default();
        let ends = |end: &&&str| {
            rest.starts_with(end.as_bytes())
                && rest.get(end.len()).is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`'))
        };
        let Some(end) = EXTENSIONS.iter().find(ends) else { continue };
        let mut start = dot;
        while start > 0 && dot - start < PATH && bytes.get(start - 1).is_some_and(|&byte| part(byte)) {
            start -= 1;
        }
        let path = text.get(start..dot + end.len()).unwrap_or_default();
        let base = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if base.len() > end.len() && seen.insert(path) {
            out.push((start, path));
        }
        if out.len() >= MOST {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::seam::UsageReader;

    use super::*;

    fn read(path: &str, text: &str) -> Vec<(String, String, i32)> {
        let origin = Origin::file(path);
        let mut out = UsageHints::default();
        crate::Usage.read(Blob::whole(text.as_bytes(), &origin), &mut out);
        let references = out.references.into_iter().filter_map(|material| material.reference);
        references
            .map(|reference| {
                let names: Vec<&str> = reference.names.iter().map(Name::text).collect();
                (reference.role.clone(), names.join(","), reference.weight)
            })
            .collect()
    }

    #[test]
    fn the_table_is_well_formed() {
        let topics: Topics = serde_json::from_str(JSON).expect("topics.toml");
        for topic in &topics.topic {
            assert!(!topic.words.is_empty(), "{}", topic.text);
            let words = topic.words.iter().chain(topic.names.values().flatten());
            assert!(words.clone().all(|word| *word == word.to_lowercase() && word.len() > 1), "{}", topic.text);
        }
    }

    #[test]
    fn texts_have_topics() {
        let begin = ["-----BEGIN", "PRIVATE KEY-----"].join(" ");
        for (path, text, expected) in [
            ("README.md", "# acme-jwt\n\nSigns JSON Web Tokens.".to_owned(), &[("token_issuer", "", 12)][..]),
            ("README.md", "# acme\n\nA small library.".to_owned(), &[]),
            ("README.md", "# acme\n\nSee https://acme.example".to_owned(), &[]),
            ("package.json", r#"{"name": "x", "description": "SFTP for all"}"#.to_owned(), &[("ssh_user", "", 12)]),
            ("a_test.go", format!("package dkim\nconst k = `{begin}`"), &[("email_dkim", "", 20)]),
            ("a.py", format!("CLIENT = ssl_key('''{begin}''')"), &[("tls_client", "", 20)]),
            ("a.py", format!("# a cache for TLS\nK = '{begin}'"), &[("tls_server", "", 20)]),
            ("a.py", format!("K = '{begin}'"), &[]),
            ("a.yaml", format!("saml:\n  idp:\n    pem: {begin}"), &[("token_issuer", "", 20)]),
            ("a.yaml", "saml: keys/a.pem".to_owned(), &[]),
            ("a.js", "const ssh = c('./keys/a.pem')".to_owned(), &[("ssh_user", "keys/a.pem", 20)]),
            ("a.js", format!("// sftp\n{}\nload('k/host.key')", "x\n".repeat(200)), &[("ssh_host", "k/host.key", 16)]),
            ("a.js", "const tls = c('a.crt')".to_owned(), &[]),
            ("a.js", "jwt ssh 'a.pem'".to_owned(), &[]),
            ("a.js", format!("x = '{}Tls{}'\nload('a.pem')", "Ab3".repeat(12), "Ab3".repeat(12)), &[]),
            ("a.js", "OpenSSL.load('a.pem')".to_owned(), &[]),
            ("a.js", "// tls\nload('client-ca.pem')".to_owned(), &[("ca_root_private", "client-ca.pem", 20)]),
            ("a.js", "// tls\nload('ca-client.pem')".to_owned(), &[("tls_client", "ca-client.pem", 20)]),
            ("a.js", "oauth({ private_key_jwt: 'a.pem' })".to_owned(), &[("token_client", "a.pem", 20)]),
        ] {
            let found = read(path, &text);
            let found: Vec<_> =
                found.iter().map(|(role, name, weight)| (role.as_str(), name.as_str(), *weight)).collect();
            assert_eq!(found, expected, "{path}: {text}");
        }
    }
}
