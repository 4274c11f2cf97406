//! Follows an expression to where its key is: the path of a file, or a key in the source itself.
//!
//! Every string of the expression that looks like the path of a key counts, whatever functions are around it, because
//! files are read in a hundred ways. Names lead to their values and to the bodies of functions, in the same file.

use std::collections::BTreeSet;
use std::ops::Range;

use super::code::Code;
use super::lexer::Kind;

/// Deepest nesting of names in names.
const DEPTH: u32 = 6;

/// Most tokens visited for one expression.
const WORK: usize = 4000;

/// Most tokens visited for all expressions of a file.
pub(super) const ALL_WORK: usize = 1 << 20;

/// Deepest nesting of names in the text of a name.
const FILLS: u32 = 4;

/// Most values of one name that are tried, nearest first.
const VALUES: usize = 4;

/// Longest path, in bytes: longer ones are data.
const PATH: usize = 256;

/// Shortest base64 of a private key: DER of Ed25519 has 48 bytes.
const BASE64: usize = 64;

/// Functions that join the parts of a path.
const JOINS: [&str; 12] =
    ["join", "resolve", "combine", "path", "get", "of", "file", "joinpath", "expand_path", "root", "new", "app_dir"];

/// Names that mean the separator of paths.
const SEPARATORS: [&str; 4] = ["separator", "sep", "SEPARATOR", "DIRECTORY_SEPARATOR"];

/// Extensions of files that contain private keys.
const EXTENSIONS: [&str; 23] = [
    "pem", "key", "p8", "p12", "pfx", "jks", "jceks", "bks", "bcfks", "keystore", "pkcs12", "pkcs8", "pk8", "der",
    "ppk", "pvk", "snk", "asc", "gpg", "sec", "priv", "private", "jwk",
];

/// Where a key is.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Paths as written, without parts that are computed.
    pub(super) paths: BTreeSet<String>,
    /// Offsets of keys in the source.
    pub(super) here: BTreeSet<usize>,
    left: usize,
}

impl Found {
    /// Nothing found yet. `left` is the work left for the file.
    pub(super) fn new(left: usize) -> Self {
        Self { left: left.min(WORK), ..Self::default() }
    }

    /// The work that was done, in tokens.
    pub(super) fn work(&self, left: usize) -> usize {
        left.min(WORK) - self.left
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.here.is_empty()
    }
}

/// Follows the expression of these tokens.
pub(super) fn trace(code: &Code<'_>, range: Range<usize>, out: &mut Found) {
    Trace { code, seen: BTreeSet::new() }.expression(range, DEPTH, out);
}

struct Trace<'a> {
    code: &'a Code<'a>,
    /// First tokens of values and bodies that were followed.
    seen: BTreeSet<usize>,
}

impl Trace<'_> {
    fn expression(&mut self, range: Range<usize>, depth: u32, out: &mut Found) {
        let mut at = range.start;
        while at < range.end && out.left > 0 {
            out.left -= 1;
            let Some(token) = self.code.token(at) else { return };
            at = match token.kind {
                Kind::Text | Kind::Embed => self.string(at, range.end, out),
                Kind::Word => self.name(at, range.end, depth, out),
                _ => at + 1,
            };
        }
    }

    /// A string, and the strings added to it.
    fn string(&mut self, at: usize, end: usize, out: &mut Found) -> usize {
        let start = self.code.token(at).map_or(0, |token| token.start);
        let raw = self.code.word(at);
        if let Some(offset) = key_in(raw) {
            out.here.insert(start + offset);
            // The other lines of the key, in languages that add strings.
            let mut next = at + 1;
            while next < end && (self.adds(next) || self.code.token(next).is_some_and(|t| t.kind == Kind::Text)) {
                next += 1;
            }
            return next;
        }
        // `'private_key': x`: the name of a property.
        let arrow = self.code.is_sign(at + 1, b'=') && self.code.is_sign(at + 2, b'>');
        if self.code.is_sign(at + 1, b':') || arrow {
            return at + 1;
        }
        let (text, next) = self.sum(at, end);
        out.paths.extend(text.and_then(|text| path(&text)));
        next
    }

    /// Whether a token adds strings: `+`, `.` of PHP, `/` of Python's paths, `<>` of Elixir.
    fn adds(&self, at: usize) -> bool {
        self.code
            .token(at)
            .is_some_and(|token| matches!(token.kind, Kind::Sign(b'+' | b'.' | b'/' | b'<' | b'>' | b'\\')))
    }

    /// The text of an operand and of what is added to it; `None` if it is computed. Also the token after it.
    fn sum(&mut self, at: usize, end: usize) -> (Option<String>, usize) {
        let mut text = String::new();
        let mut at = at;
        let mut slash = false;
        // A string that is added to something computed is the rest of a path.
        let mut rest = at.checked_sub(1).is_some_and(|before| self.adds(before));
        while at < end {
            let Some((part, next)) = self.operand(at, end) else { return (None, at + 1) };
            let part = part.trim_start_matches(if rest { '/' } else { '\0' });
            rest = false;
            if slash && !text.is_empty() {
                text.push('/');
            }
            text.push_str(part);
            at = next;
            let plain = self.code.token(at).is_some_and(|token| token.kind == Kind::Text) && at < end;
            let mut operator = at;
            while operator < end && self.adds(operator) {
                slash = self.code.is_sign(operator, b'/');
                operator += 1;
            }
            if text.len() > PATH || (operator == at && !plain) || self.operand(operator, end).is_none() {
                break;
            }
            at = operator;
        }
        (Some(text), at)
    }

    /// A string, or a name of one; and the token after it.
    fn operand(&mut self, at: usize, end: usize) -> Option<(String, usize)> {
        let token = self.code.token(at).filter(|_| at < end)?;
        match token.kind {
            Kind::Text | Kind::Embed => Some((self.filled(self.code.word(at), FILLS), at + 1)),
            Kind::Word => {
                let last = self.last(at, end);
                if SEPARATORS.contains(&self.code.word(last)) {
                    return Some(("/".to_owned(), last + 1));
                }
                let value = self.constant(self.code.word(last), last, FILLS)?;
                Some((value, last + 1))
            }
            _ => None,
        }
    }

    /// The last name of `a.b.c`, before a call.
    fn last(&self, at: usize, end: usize) -> usize {
        let mut last = at;
        loop {
            let mut next = last + 1;
            while next < end
                && self
                    .code
                    .token(next)
                    .is_some_and(|t| matches!(t.kind, Kind::Sign(b'.' | b':' | b'?' | b'!' | b'>' | b'-')))
            {
                next += 1;
            }
            let called = self.code.opens(next + 1, b'(');
            if next == last + 1 || next >= end || !self.code.is_word(next) || called || next - last > 3 {
                return last;
            }
            last = next;
        }
    }

    /// The text of a name whose nearest value is one string.
    fn constant(&self, name: &str, at: usize, depth: u32) -> Option<String> {
        // A name may stand twice in the value of the next one, and so on.
        let depth = depth.checked_sub(1).filter(|_| self.code.spend(1))?;
        let values = self.code.values.get(name)?;
        let later = values.partition_point(|value| value.name < at);
        let value = values.get(later.saturating_sub(1))?;
        let alone = value.range.len() == 1;
        let token = self.code.token(value.range.start).filter(|token| alone && token.kind == Kind::Text)?;
        (token.end - token.start <= PATH).then(|| self.filled(self.code.word(value.range.start), depth))
    }

    /// A string with the values of the names in it; what comes after the last unknown one, if it is below a directory.
    fn filled(&self, raw: &str, depth: u32) -> String {
        let mut out = String::new();
        let mut rest = raw;
        while let Some(open) = rest.find('{') {
            let Some(close) = rest.get(open..).and_then(|inner| inner.find('}')).map(|length| open + length) else {
                break;
            };
            let name = rest.get(open + 1..close).unwrap_or_default().trim();
            out.push_str(rest.get(..open).unwrap_or_default().trim_end_matches(['$', '#']));
            rest = rest.get(close + 1..).unwrap_or_default();
            match self.constant(name.rsplit('.').next().unwrap_or(name), usize::MAX, depth) {
                Some(value) if !value.contains('{') && out.len() <= PATH => out.push_str(&value),
                // `{name}.pem` names nothing.
                _ if rest.starts_with(['/', '\\']) => {
                    out.clear();
                    rest = rest.trim_start_matches(['/', '\\']);
                }
                _ => return String::new(),
            }
        }
        out.push_str(rest);
        // `$dir/a.pem` of Kotlin and PHP, `%s/a.pem`.
        if let Some(at) = out.rfind(['$', '%']) {
            let behind = out.get(at..).unwrap_or_default();
            let slash = behind.find(['/', '\\']);
            return slash.and_then(|slash| behind.get(slash + 1..)).unwrap_or_default().to_owned();
        }
        out.replace("\\\\", "\\")
    }

    /// A name: the parts of a path that it joins, the value that it has, or the function that it calls.
    fn name(&mut self, at: usize, end: usize, depth: u32, out: &mut Found) -> usize {
        let code = self.code;
        let called = code.arguments(at).filter(|_| code.opens(at + 1, b'(') || code.opens(at + 2, b'('));
        if let Some(arguments) = called {
            let name = code.word(at).to_ascii_lowercase();
            if arguments.len() > 1 && JOINS.contains(&name.as_str()) {
                let parts: Vec<Option<String>> = arguments.iter().map(|part| self.whole(part.clone())).collect();
                let known = parts.iter().rposition(Option::is_none).map_or(0, |unknown| unknown + 1);
                let joined: Vec<&str> = parts.iter().skip(known).flatten().map(|part| part.trim_matches('/')).collect();
                let joined = joined.join("/");
                if !joined.is_empty()
                    && let Some(path) = path(&joined)
                {
                    out.paths.insert(path);
                    let open = if code.opens(at + 1, b'(') { at + 1 } else { at + 2 };
                    return code.behind(open).min(end);
                }
            }
            if let Some(body) = code.functions.get(code.word(at)).filter(|_| depth > 0)
                && self.seen.insert(body.start)
            {
                self.expression(body.clone(), depth - 1, out);
            }
            // The arguments are the tokens after the name.
            return at + 1;
        }
        let member = at.checked_sub(1).is_some_and(|before| code.is_sign(before, b'.') || code.is_sign(before, b'>'));
        // `{ key: value }`: a name before its own value.
        if code.is_sign(at + 1, b':') && !code.is_sign(at + 2, b':') && !member {
            return at + 1;
        }
        let (text, next) = self.sum(at, end);
        if let Some(path) = text.and_then(|text| path(&text)) {
            out.paths.insert(path);
            return next;
        }
        let last = self.last(at, end);
        if !self.value(last, depth, out) && last != at {
            self.value(at, depth, out);
        }
        last + 1
    }

    /// The text of an argument: one string, or a sum of strings.
    fn whole(&mut self, range: Range<usize>) -> Option<String> {
        let (text, next) = self.sum(range.start, range.end);
        text.filter(|text| next >= range.end && !text.is_empty())
    }

    /// Follows the values of a name. Returns whether it has one.
    fn value(&mut self, at: usize, depth: u32, out: &mut Found) -> bool {
        let code = self.code;
        let Some(values) = code.values.get(code.word(at)) else { return false };
        if depth == 0 {
            return true;
        }
        let later = values.partition_point(|value| value.name < at);
        let before = values.get(..later).unwrap_or_default().iter().rev();
        let nearest = before.chain(values.get(later..).unwrap_or_default()).take(VALUES);
        for value in nearest {
            // A value does not follow itself.
            if value.range.contains(&at) || value.name == at || !self.seen.insert(value.range.start) {
                continue;
            }
            let known = out.paths.len() + out.here.len();
            self.expression(value.range.clone(), depth - 1, out);
            if out.paths.len() + out.here.len() > known {
                break;
            }
        }
        true
    }
}

/// Offset of a private key in a string: in PEM, or as base64 of DER.
fn key_in(text: &str) -> Option<usize> {
    if let Some(at) = text.find("-----BEGIN ") {
        let head = text.get(at..).unwrap_or_default();
        let head = head.get(..head.len().min(64)).unwrap_or(head);
        return head.contains("PRIVATE KEY").then_some(at);
    }
    let is_base64 =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\n' | b'\\');
    let first = text.as_bytes().get(..BASE64)?;
    (first.starts_with(b"M") && first.iter().all(is_base64)).then_some(0)
}

/// A text as the path of a private key; `None` if it does not look like one.
pub(super) fn path(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("file://").trim_start_matches("file:").trim_start_matches("classpath:");
    if text.len() < 3
        || text.len() > PATH
        || text.contains("://")
        || text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>{}()\"'`;,=*".contains(c))
    {
        return None;
    }
    let base = text.rsplit(['/', '\\']).next().unwrap_or(text).to_ascii_lowercase();
    let words = ["key", "rsa", "dsa", "ed25519", "priv", "ecdsa"];
    let like_key = words.iter().any(|word| base.contains(word));
    let public =
        base.contains("public") || base.rsplit('.').take(2).any(|part| part == "pub") || base.contains("pubkey");
    let fits = match base.rsplit_once('.') {
        Some((stem, "json" | "txt" | "xml")) => {
            !stem.is_empty() && (like_key || stem.contains("account") || stem.contains("credential"))
        }
        Some((stem, extension)) if !stem.is_empty() => EXTENSIONS.contains(&extension),
        Some(_) => false,
        None => {
            like_key
                && (text.contains('/') || base.contains(['_', '-']))
                && !base.starts_with("rsa-")
                && !text.starts_with('/') | text.contains("key")
        }
    };
    (fits && !public).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::*;

    fn found(language: Language, text: &str) -> Vec<String> {
        let code = Code::of(text, language);
        let at = (0..code.tokens.len()).find(|&at| code.word(at) == "USE").unwrap();
        let mut out = Found::new(ALL_WORK);
        for argument in code.arguments(at).unwrap() {
            trace(&code, argument, &mut out);
        }
        let mut all: Vec<String> = out.paths.into_iter().collect();
        all.extend(out.here.iter().map(|at| format!("here:{at}")));
        all
    }

    #[test]
    fn an_expression_leads_to_a_file() {
        for (language, text, expected) in [
            (
                Language::Script,
                "USE(fs.readFileSync(path.join(__dirname, '..', 'keys', 'a.pem'), 'utf8'))",
                &["../keys/a.pem"][..],
            ),
            (Language::Script, "const k = fs.readFileSync(`${__dirname}/keys/a.pem`)\nUSE(k)", &["keys/a.pem"]),
            (Language::Script, "const o = { key: r(__dirname + '/a.key'), cert: r('a.crt') }\nUSE(o)", &["a.key"]),
            (Language::Script, "USE(config.privateKey)\nconfig.privateKey = r('a.pem')", &["a.pem"]),
            (Language::Script, "USE(process.env.KEY)", &[]),
            (
                Language::Go,
                "const p = \"test/sample_key\"\nb, err := os.ReadFile(p)\nk, err := f(b)\nUSE(k)",
                &["test/sample_key"],
            ),
            (
                Language::Go,
                "func load(n string) []byte { return r(filepath.Join(\"testdata\", n)) }\nfunc f() { USE(load(\"a.pem\")) }",
                &["a.pem"],
            ),
            (Language::Go, "//go:embed keys/a.pem\nvar k []byte\nfunc f() { USE(k) }", &["keys/a.pem"]),
            (
                Language::Java,
                "Key load() throws E { return f(getResource(\"/jwt.p8\")); }\nvoid g() { b.USE(load()); }",
                &["/jwt.p8"],
            ),
            (Language::Java, "USE(new File(DIR, \"a.jks\")); static final String DIR = \"conf/x\";", &["conf/x/a.jks"]),
            (Language::Java, "USE(\"a\" + File.separator + \"b.pem\")", &["a/b.pem"]),
            (Language::Python, "k = open(os.path.join(BASE, 'keys', 'a.pem')).read()\nUSE(k)", &["keys/a.pem"]),
            (Language::Python, "K = Path(__file__).parent / 'keys' / 'a.pem'\nUSE(K.read_bytes())", &["keys/a.pem"]),
            (Language::Python, "USE(f'{BASE}/a.pem', 'rb', 'utf-8')", &["a.pem"]),
            (Language::Ruby, "key = OpenSSL::PKey::RSA.new(File.read('config/a.pem'))\nUSE(key)", &["config/a.pem"]),
            (Language::Php, "$k = file_get_contents(__DIR__ . '/../a.key');\nUSE($k);", &["../a.key"]),
            (Language::Rust, "USE(include_bytes!(\"../a.pem\"))", &["../a.pem"]),
            (Language::CSharp, "var k = File.ReadAllText(Path.Combine(\"keys\", \"a.pem\")); USE(k);", &["keys/a.pem"]),
            (Language::Kotlin, "val k = File(\"$dir/keys/a.pem\").readText()\nUSE(k)", &["keys/a.pem"]),
            (Language::Elixir, "k = File.read!(\"priv/a.pem\")\nUSE(k)", &["priv/a.pem"]),
            (Language::C, "#define K \"x\"\nUSE(ctx, \"certs/a.key\", 1);", &["certs/a.key"]),
            (Language::Script, "USE(r('a.pub'), r('public.pem'), 'RS256', 'a b.pem', r('a.crt'))", &[]),
            (Language::Script, "let a = b; let b = a; USE(a)", &[]),
        ] {
            assert_eq!(found(language, text), expected, "{text}");
        }
    }

    #[test]
    fn an_expression_leads_to_a_key_in_the_source() {
        let (begin, end) = (["-----BEGIN", "EC PRIVATE KEY-----"].join(" "), "-----END");
        for (language, text, at) in [
            (Language::Script, format!("const k = `{begin}\nMHc=\n{end}`; USE(k)"), 11),
            (Language::Java, format!("USE(K); String K = \"{begin}\\n\" +\n  \"MHc\";"), 20),
            (Language::Python, format!("K = \"\"\"\n{begin}\n\"\"\"\nUSE(K)"), 8),
            (Language::Go, format!("var k = []byte(`{begin}\n`)\nfunc f() {{ USE(k) }}"), 16),
            (Language::Java, format!("String k = \"{}\"; USE(k);", "MIIEvQIBADANBgkq".repeat(5)), 12),
        ] {
            assert_eq!(found(language, &text), [format!("here:{at}")], "{text}");
        }
        let public = text_of_public();
        assert!(found(Language::Script, &format!("USE(`{public}`)")).is_empty());
    }

    fn text_of_public() -> String {
        ["-----BEGIN", "CERTIFICATE-----\nMII"].join(" ")
    }
}
