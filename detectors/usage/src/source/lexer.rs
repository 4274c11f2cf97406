//! Splits source code into words, strings and signs. One reader for all languages: it has to find calls, assignments
//! and strings, not to compile. Comments are left out; only the directive `//go:embed` is kept, as the string that it is.
//!
//! One pass. A string that is not closed ends with its line, or at [`LONGEST`] bytes.

use super::language::Language;

/// Most words, strings and signs of a file: a file of 1 MiB, the largest that is read, has about 300,000.
const TOKENS: usize = 1 << 19;

/// Longest string, in bytes. The longest private key in PEM (RSA of 16,384 bits) has 13 KB.
const LONGEST: usize = 64 << 10;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, keyword or number.
    Word,
    /// A string; its range is without the quotes.
    Text,
    /// The argument of `//go:embed`.
    Embed,
    /// `(`, `[` or `{`.
    Open(u8),
    /// `)`, `]` or `}`.
    Close(u8),
    /// Any other character.
    Sign(u8),
}

/// A word, string or sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Number of the bracket that closes or opens this one; its own number if there is none.
    pub(super) pair: usize,
    /// Whether it is the first of its line.
    pub(super) first: bool,
}

impl Token {
    /// Whether it is this sign.
    pub(super) fn is(&self, sign: u8) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// All tokens of a text.
pub(super) fn tokens(text: &str, language: Language) -> Vec<Token> {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0, language, first: true, open: Vec::new(), out: Vec::new() };
    while lexer.at < lexer.bytes.len() && lexer.out.len() < TOKENS {
        lexer.next();
    }
    lexer.out
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    language: Language,
    /// Whether the next token is the first of its line.
    first: bool,
    /// Numbers of brackets that are open.
    open: Vec<usize>,
    out: Vec<Token>,
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let number = self.out.len();
        let mut pair = number;
        match kind {
            Kind::Open(_) => self.open.push(number),
            Kind::Close(close) => {
                // A bracket that is not closed is skipped.
                let fits =
                    |open: &usize| self.out.get(*open).is_some_and(|token| token.kind == Kind::Open(opening(close)));
                if let Some(at) = self.open.iter().rposition(fits) {
                    pair = self.open.get(at).copied().unwrap_or(number);
                    self.open.truncate(at);
                    if let Some(open) = self.out.get_mut(pair) {
                        open.pair = number;
                    }
                }
            }
            _ => {}
        }
        self.out.push(Token { kind, start, end, pair, first: self.first });
        self.first = false;
    }

    fn next(&mut self) {
        let byte = self.peek(0);
        let language = self.language;
        match byte {
            b'\n' => {
                self.first = true;
                self.at += 1;
            }
            _ if byte.is_ascii_whitespace() => self.at += 1,
            b'/' if language.slash_comments() && self.peek(1) == b'/' => self.line_comment(),
            b'/' if language.slash_comments() && self.peek(1) == b'*' => {
                let length = memchr::memmem::find(self.rest(), b"*/").map_or(self.rest().len(), |at| at + 2);
                self.at += length;
            }
            b'#' if language.hash_comments() && self.peek(1) != b'[' => self.skip_line(),
            b'/' if language.slash_patterns() && self.starts_pattern() => self.pattern(),
            b'"' => self.string(b'"'),
            b'\'' if language.single_quotes() => self.string(b'\''),
            b'\'' => self.character(),
            b'`' if language.back_quotes() => self.string(b'`'),
            b'<' if matches!(language, Language::Php | Language::Ruby) && self.rest().starts_with(b"<<") => {
                self.here_document();
            }
            b'(' | b'[' | b'{' => {
                self.push(Kind::Open(byte), self.at, self.at + 1);
                self.at += 1;
            }
            b')' | b']' | b'}' => {
                self.push(Kind::Close(byte), self.at, self.at + 1);
                self.at += 1;
            }
            _ if is_word(byte) => self.word(),
            _ => {
                self.push(Kind::Sign(byte), self.at, self.at + 1);
                self.at += 1;
            }
        }
    }

    fn skip_line(&mut self) {
        self.at += memchr::memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
    }

    fn line_comment(&mut self) {
        let start = self.at;
        self.skip_line();
        if self.language != Language::Go {
            return;
        }
        let Some(line) = self.bytes.get(start..self.at) else { return };
        if let Some(path) = line.strip_prefix(b"//go:embed ") {
            let end = path.trim_ascii_end().len();
            let first = memchr::memchr2(b' ', b'\t', path).unwrap_or(end).min(end);
            self.push(Kind::Embed, self.at - path.len(), self.at - path.len() + first);
        }
    }

    fn word(&mut self) {
        let length = self.rest().iter().take_while(|&&byte| is_word(byte)).count();
        // `r"..."`, `b'...'`, `@"..."`, `R"x(...)x"`: the string follows and is read as it is.
        let raw = length <= 2
            && self.rest().get(..length).is_some_and(|word| word.iter().all(|byte| b"rRbBuUfFcL".contains(byte)));
        let quote = self.peek(length);
        if raw && (quote == b'"' || (quote == b'\'' && self.language.single_quotes())) {
            self.at += length;
            let is_raw = self.bytes.get(self.at - length..self.at).is_some_and(|word| word.contains(&b'R'));
            if is_raw && self.language == Language::C {
                self.raw_c();
            } else {
                self.string(quote);
            }
            return;
        }
        if raw && quote == b'#' && self.language == Language::Rust {
            let hashes =
                self.bytes.get(self.at + length..).unwrap_or_default().iter().take_while(|&&b| b == b'#').count();
            if self.peek(length + hashes) == b'"' {
                let mut end = vec![b'"'];
                end.extend(std::iter::repeat_n(b'#', hashes));
                self.until(length + hashes + 1, &end);
                return;
            }
        }
        self.push(Kind::Word, self.at, self.at + length);
        self.at += length.max(1);
    }

    /// A string that starts `head` bytes from here and ends before `end`.
    fn until(&mut self, head: usize, end: &[u8]) {
        let start = (self.at + head).min(self.bytes.len());
        let rest = self.bytes.get(start..).unwrap_or_default();
        let rest = rest.get(..rest.len().min(LONGEST)).unwrap_or_default();
        let length = memchr::memmem::find(rest, end).unwrap_or(rest.len());
        self.push(Kind::Text, start, start + length);
        self.at = (start + length + end.len()).min(self.bytes.len());
    }

    /// `R"x(...)x"`, behind the `R`.
    fn raw_c(&mut self) {
        let rest = self.rest();
        let delimiter = memchr::memchr(b'(', rest.get(..rest.len().min(20)).unwrap_or_default());
        let Some(open) = delimiter else { return self.string(b'"') };
        let mut end = vec![b')'];
        end.extend_from_slice(rest.get(1..open).unwrap_or_default());
        end.push(b'"');
        self.until(open + 1, &end);
    }

    /// A string in quotes, with escapes.
    fn string(&mut self, quote: u8) {
        if self.language.triple_quotes() && self.peek(1) == quote && self.peek(2) == quote {
            self.until(3, &[quote, quote, quote]);
            return;
        }
        let verbatim = self.out.last().is_some_and(|token| token.is(b'@') && token.end == self.at);
        let long = quote == b'`' || self.language.long_strings() || verbatim;
        let raw = (quote == b'`' && self.language == Language::Go) || (verbatim && self.language == Language::CSharp);
        let start = self.at + 1;
        let mut end = start;
        while let Some(&byte) = self.bytes.get(end) {
            if byte == quote || (byte == b'\n' && !long) || end - start >= LONGEST {
                break;
            }
            end += if byte == b'\\' && !raw { 2 } else { 1 };
        }
        let end = end.min(self.bytes.len());
        self.push(Kind::Text, start, end);
        self.at = end + usize::from(self.bytes.get(end) == Some(&quote));
    }

    /// One character in single quotes, or a lifetime of Rust.
    fn character(&mut self) {
        let length = match (self.peek(1), self.peek(2), self.peek(3)) {
            (b'\\', _, b'\'') => 4,
            (_, b'\'', _) => 3,
            _ => 1,
        };
        self.push(Kind::Sign(b'\''), self.at, self.at + 1);
        self.at += length;
    }

    /// Whether a `/` here starts a regular expression: it follows no value.
    fn starts_pattern(&self) -> bool {
        self.out.last().is_none_or(|token| match token.kind {
            Kind::Sign(_) | Kind::Open(_) => true,
            Kind::Word => self.bytes.get(token.start..token.end) == Some(b"return"),
            Kind::Text | Kind::Embed | Kind::Close(_) => false,
        })
    }

    fn pattern(&mut self) {
        let rest = self.rest();
        let mut length = 1;
        let mut class = false;
        loop {
            match rest.get(length) {
                None | Some(b'\n') => {
                    // Not a regular expression.
                    self.push(Kind::Sign(b'/'), self.at, self.at + 1);
                    self.at += 1;
                    return;
                }
                Some(b'\\') => length += 1,
                Some(b'[') => class = true,
                Some(b']') => class = false,
                Some(b'/') if !class => break,
                Some(_) => {}
            }
            length += 1;
        }
        self.at += length + 1;
    }

    /// `<<~KEY`, `<<<'KEY'`: the lines up to the word.
    fn here_document(&mut self) {
        let rest = self.rest();
        let line = rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
        let signs = line.iter().take_while(|byte| b"<~-'\" ".contains(byte)).count();
        let word = line.get(signs..).unwrap_or_default();
        let word = word.get(..word.iter().take_while(|&&byte| is_word(byte)).count()).unwrap_or_default().to_vec();
        let body = self.at + line.len();
        let starts = word.first().is_some_and(u8::is_ascii_uppercase) && line.get(2) != Some(&b' ');
        let rest = self.bytes.get(body..).unwrap_or_default();
        let rest = rest.get(..rest.len().min(LONGEST)).unwrap_or_default();
        let close = memchr::memmem::find_iter(rest, &word).find(|&at| {
            let lead = rest.get(..at).unwrap_or_default();
            let lead = lead.get(memchr::memrchr(b'\n', lead).map_or(0, |end| end + 1)..).unwrap_or_default();
            lead.iter().all(u8::is_ascii_whitespace)
        });
        if let Some(close) = close.filter(|_| starts) {
            self.push(Kind::Text, (body + 1).min(body + close), body + close);
            self.at = body + close + word.len();
        } else {
            self.push(Kind::Sign(b'<'), self.at, self.at + 1);
            self.at += 1;
        }
    }
}

const fn opening(close: u8) -> u8 {
    match close {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(language: Language, text: &str) -> Vec<&str> {
        let all = tokens(text, language);
        all.iter()
            .filter(|token| matches!(token.kind, Kind::Text | Kind::Embed))
            .map(|t| &text[t.start..t.end])
            .collect()
    }

    #[test]
    fn strings_of_every_language() {
        for (language, text, expected) in [
            (Language::Script, "a('x', \"y\\\"\", `z\n1`) // 'no'\n/* 'no' */", &["x", "y\\\"", "z\n1"][..]),
            (Language::Script, "a = b.replace(/'/g, 'x') / 2; c = 'y'", &["x", "y"]),
            (
                Language::Python,
                "a = r'x' # 'no'\nb = '''\n'y'\n'''\nit's\nc = f\"{d}/z\"",
                &["x", "\n'y'\n", "s", "{d}/z"],
            ),
            (Language::Go, "//go:embed keys/a.pem\nvar a string\nb := `x\\`", &["keys/a.pem", "x\\"]),
            (Language::Java, "char c = '\"'; String s = \"x\"; d = '\\'';\n\"\"\"\ny\"\"\"", &["x", "\ny"]),
            (Language::Rust, "fn f<'a>(x: &'a str) { r#\"a\"b\"#; \"x\ny\" }", &["a\"b", "x\ny"]),
            (Language::CSharp, "var a = @\"c:\\x\\\"; var b = \"y\";", &["c:\\x\\", "y"]),
            (Language::Php, "$k = <<<EOD\nx y\nEOD;\n$l = 'z'; # no 'x'", &["x y\n", "z"]),
            (Language::Ruby, "k = <<~KEY\n  x\nKEY\nl << 'z'", &["  x\n", "z"]),
            (Language::C, "const char *k = R\"(a\"b)\"; k = \"c\" \"d\";", &["a\"b", "c", "d"]),
            (Language::C, "\"open", &["open"]),
        ] {
            assert_eq!(texts(language, text), expected, "{text}");
        }
    }

    #[test]
    fn brackets_are_paired() {
        let all = tokens("a(b[c)], {d})", Language::Script);
        let pairs: Vec<usize> = all.iter().map(|token| token.pair).collect();
        // `[` is not closed before `)`, so it has no pair; neither has the `]` after it.
        assert_eq!(pairs, [0, 5, 2, 3, 4, 1, 6, 7, 10, 9, 8, 11]);
    }
}
