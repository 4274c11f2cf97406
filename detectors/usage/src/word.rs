//! Splits commands into words, like the common shells.
//!
//! One reader for all shells: the relevant differences (escape characters, quotes) follow from the dialect. It is more
//! lenient than a shell, since a command may be in a string of YAML, JSON, Groovy or XML. Every byte is read a bounded
//! number of times: an unclosed quote or bracket is searched for once.

use zeroize::Zeroizing;

use super::text::Dialect;

/// Longest variable in brackets, in bytes: a longer text is a program in brackets, or the bracket is not closed.
const GROUP: usize = 512;

/// The kind of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word without quotes.
    Plain,
    /// A word with quotes in it.
    Quoted,
    /// The end of a command.
    Break,
    /// `|`.
    Pipe,
    /// `>` or `>>`: the next word is a file.
    Redirect,
}

/// A word.
pub(super) struct Word {
    /// The word without quotes and escapes.
    pub(super) text: Zeroizing<String>,
    /// Start of the word in the text.
    pub(super) at: usize,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether nothing is expanded: in the single quotes of a shell.
    pub(super) literal: bool,
}

impl Word {
    /// Whether it is a word and not a separator.
    pub(super) const fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Quoted)
    }
}

/// Splits a statement. `base` is its offset; with `fixed`, every word gets this offset (the words of a string, whose
/// escapes have moved them).
pub(super) fn words(text: &str, base: usize, fixed: bool, dialect: Dialect) -> Vec<Word> {
    if dialect == Dialect::Xml && !fixed {
        return xml(text, base);
    }
    Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        base,
        fixed,
        dialect,
        unclosed: [false; 128],
        next: [0; 3],
        out: Vec::new(),
    }
    .read()
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    base: usize,
    fixed: bool,
    dialect: Dialect,
    /// Quotes that do not occur again in the rest.
    unclosed: [bool; 128],
    /// The next `}`, `)` and `>`, as far as they were searched for.
    next: [usize; 3],
    out: Vec<Word>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, at: usize, text: Zeroizing<String>, literal: bool) {
        let at = if self.fixed { self.base } else { self.base + at };
        self.out.push(Word { text, at, kind, literal });
    }

    fn read(mut self) -> Vec<Word> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let at = self.at;
            let separator = match byte {
                b'|' => Some(Kind::Pipe),
                b'>' => Some(Kind::Redirect),
                b';' | b'&' | b')' | b']' | b'}' => Some(Kind::Break),
                _ => None,
            };
            if let Some(kind) = separator {
                self.at += 1;
                let doubled = matches!(byte, b'&' | b'|' | b'>') && self.peek(0) == byte;
                self.at += usize::from(doubled);
                let kind = if byte == b'|' && doubled { Kind::Break } else { kind };
                self.push(kind, at, Zeroizing::default(), false);
                continue;
            }
            match byte {
                _ if byte.is_ascii_whitespace() => self.at += 1,
                b',' | b'[' | b'(' => self.at += 1,
                b'{' if self.peek(1) != b'{' => self.at += 1,
                b'@' if matches!(self.peek(1), b'(' | b'{') => self.at += 1,
                _ if self.ends_line() > 0 => self.at += self.ends_line(),
                b'`' if self.dialect == Dialect::Shell => self.at += 1,
                b'#' if self.starts_comment() => self.skip_line(),
                _ => self.word(),
            }
        }
        self.out
    }

    /// Length of a continuation character with the end of the line; 0 if there is none.
    fn ends_line(&self) -> usize {
        // Groovy writes `\\` for the shell's backslash in its strings.
        let doubled = usize::from(self.peek(0) == b'\\' && self.peek(1) == b'\\');
        if !self.dialect.continues(self.peek(doubled)) {
            return 0;
        }
        match (self.peek(doubled + 1), self.peek(doubled + 2)) {
            (b'\n', _) => doubled + 2,
            (b'\r', b'\n') => doubled + 3,
            _ => 0,
        }
    }

    fn starts_comment(&self) -> bool {
        let alone = self.at == 0 || self.bytes.get(self.at - 1).is_some_and(u8::is_ascii_whitespace);
        alone && matches!(self.dialect, Dialect::Shell | Dialect::Yaml | Dialect::PowerShell) && self.at > 0
    }

    fn skip_line(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    fn word(&mut self) {
        let start = self.at;
        let mut text = Zeroizing::new(String::with_capacity(32));
        let (mut kind, mut literal) = (Kind::Plain, false);
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.ends_line() > 0 {
                break;
            }
            match byte {
                b'"' | b'\'' if self.opens_quote(start, byte) => {
                    if let Some(end) = self.closing(byte) {
                        kind = Kind::Quoted;
                        literal |= byte == b'\'';
                        self.unquote(byte, end, &mut text);
                        continue;
                    }
                    // Never closed: the quote belongs to something around the statement.
                    self.at += 1;
                    if text.is_empty() {
                        continue;
                    }
                    break;
                }
                b'$' | b'%' | b'{' | b'<' if let Some(length) = self.group() => {
                    push(&mut text, self.text.get(self.at..self.at + length).unwrap_or_default());
                    self.at += length;
                }
                b'\\' | b'^' | b'`' if self.escapes(byte) => {
                    self.at += 1;
                    self.take_char(&mut text);
                }
                _ if byte.is_ascii_whitespace() => break,
                b';' | b'|' | b'>' | b')' | b']' | b'}' => break,
                b'&' if self.peek(1) == b'&' || self.peek(1).is_ascii_whitespace() => break,
                b'(' => {
                    // `run(`: a function name is not a word of a command.
                    self.at += 1;
                    self.push(Kind::Break, start, Zeroizing::default(), false);
                    return;
                }
                b',' if kind == Kind::Quoted || self.peek(1).is_ascii_whitespace() || self.peek(1) == 0 => break,
                b'`' if self.dialect == Dialect::Shell => break,
                _ => self.take_char(&mut text),
            }
        }
        if self.at == start {
            // No case above accepted the character: skip it.
            self.at += 1;
        }
        if kind == Kind::Quoted || !text.is_empty() {
            self.push(kind, start, text, literal);
        }
    }

    fn take_char(&mut self, text: &mut Zeroizing<String>) {
        let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            self.at += 1;
            return;
        };
        push(text, c.encode_utf8(&mut [0; 4]));
        self.at += c.len_utf8();
    }

    /// Whether a quote starts a string here: in the middle of a word it may be an apostrophe.
    fn opens_quote(&self, start: usize, quote: u8) -> bool {
        if quote == b'\'' && self.dialect == Dialect::Batch {
            return false;
        }
        let before = if self.at == start { 0 } else { self.bytes.get(self.at - 1).copied().unwrap_or(0) };
        quote == b'"' || !before.is_ascii_alphanumeric() || self.at - start == 1
    }

    /// Whether a character escapes the next one.
    fn escapes(&self, byte: u8) -> bool {
        let next = self.peek(1);
        let special = matches!(
            next,
            b'"' | b'\''
                | b'$'
                | b';'
                | b'&'
                | b'|'
                | b'('
                | b')'
                | b'<'
                | b'>'
                | b'*'
                | b'?'
                | b'['
                | b']'
                | b'#'
                | b' '
                | b'!'
                | b'`'
                | b'%'
        );
        match byte {
            b'^' => self.dialect == Dialect::Batch && (special || next == b'^'),
            b'`' => self.dialect == Dialect::PowerShell,
            _ if self.dialect == Dialect::Batch => next == b'"',
            _ => self.dialect != Dialect::PowerShell && (special || next == b'\\'),
        }
    }

    /// The closing quote for the quote at the current position.
    fn closing(&mut self, quote: u8) -> Option<usize> {
        let index = usize::from(quote);
        if self.unclosed.get(index).copied().unwrap_or(true) {
            return None;
        }
        let mut at = self.at + 1;
        while let Some(&byte) = self.bytes.get(at) {
            if byte == quote {
                return Some(at);
            }
            at += if self.escape_in(quote, at) { 2 } else { 1 };
        }
        if let Some(known) = self.unclosed.get_mut(index) {
            *known = true;
        }
        None
    }

    /// Whether the byte at a position in quotes escapes the next.
    fn escape_in(&self, quote: u8, at: usize) -> bool {
        let next = self.bytes.get(at + 1).copied().unwrap_or(0);
        match self.bytes.get(at) {
            Some(b'\\') => match self.dialect {
                Dialect::Batch => next == b'"',
                Dialect::PowerShell => false,
                Dialect::Shell | Dialect::Yaml if quote == b'\'' => false,
                _ => matches!(next, b'"' | b'\'' | b'\\' | b'$' | b'`' | b'/'),
            },
            Some(b'`') => self.dialect == Dialect::PowerShell && quote == b'"',
            _ => false,
        }
    }

    /// Adds the quoted text up to `end`, and moves past the closing quote.
    fn unquote(&mut self, quote: u8, end: usize, text: &mut Zeroizing<String>) {
        self.at += 1;
        while self.at < end {
            if self.escape_in(quote, self.at) {
                self.at += 1;
            } else if self.dialect == Dialect::Json
                && self.peek(0) == b'\\'
                && matches!(self.peek(1), b'n' | b't' | b'r')
            {
                self.at += 2;
                push(text, "\n");
                continue;
            }
            self.take_char(text);
        }
        self.at = end + 1;
    }

    /// Length of `$(..)`, `${..}`, `${{ .. }}`, `{{ .. }}`, `%{..}`, `<..>` at the current position, including the
    /// brackets.
    fn group(&mut self) -> Option<usize> {
        let (open, close, from, number) = match (self.peek(0), self.peek(1)) {
            (b'$' | b'%', b'{') => (b'{', b'}', 1, 0),
            (b'$', b'(') => (b'(', b')', 1, 1),
            (b'{', b'{') => (b'{', b'}', 0, 0),
            (b'<', next) if next.is_ascii_alphanumeric() || next == b'%' => (b'<', b'>', 0, 2),
            _ => return None,
        };
        // Without a closing bracket in reach, nesting is not counted.
        let next = self.next.get_mut(number)?;
        if *next < self.at {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            *next = memchr::memchr(close, rest).map_or(usize::MAX, |length| self.at + length);
        }
        if *next - self.at > GROUP {
            return None;
        }
        let mut depth = 0_u32;
        let rest = self.bytes.get(self.at + from..).unwrap_or_default();
        for (at, &byte) in rest.iter().enumerate().take(GROUP) {
            if byte == open {
                depth += 1;
            } else if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Some(from + at + 1);
                }
            }
        }
        None
    }
}

/// Appends to a text that may be a password: when it grows, the old buffer is wiped.
pub(super) fn push(text: &mut Zeroizing<String>, more: &str) {
    if text.capacity() - text.len() < more.len() {
        let mut larger = Zeroizing::new(String::with_capacity((text.len() + more.len()) * 2));
        larger.push_str(text);
        std::mem::swap(text, &mut larger);
    }
    text.push_str(more);
}

/// The words of XML: attribute values and text between tags.
fn xml(text: &str, base: usize) -> Vec<Word> {
    let mut out = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if bytes.get(at) != Some(&b'<') {
            let length = memchr::memchr(b'<', rest).unwrap_or(rest.len());
            let content = text.get(at..at + length).unwrap_or_default();
            if !content.trim().is_empty() {
                let from = at + (content.len() - content.trim_start().len());
                let plain = decoded(content.trim());
                out.extend(words(&plain, base + from, true, Dialect::Xml));
            }
            at += length;
            continue;
        }
        let closes = rest.starts_with(b"</");
        at += 1;
        // The attribute values, up to the end of the tag.
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'>' => break,
                b'"' | b'\'' => {
                    let value = bytes.get(at + 1..).unwrap_or_default();
                    let Some(length) = memchr::memchr(byte, value) else {
                        return out;
                    };
                    let plain = decoded(text.get(at + 1..at + 1 + length).unwrap_or_default());
                    out.push(Word { text: plain, at: base + at + 1, kind: Kind::Quoted, literal: false });
                    at += length + 2;
                }
                _ => at += 1,
            }
        }
        at += 1;
        if closes && at < bytes.len() && !text.get(at..).unwrap_or_default().trim_start().starts_with('<') {
            out.push(Word { text: Zeroizing::default(), at: base + at, kind: Kind::Break, literal: false });
        }
    }
    out
}

/// Replaces XML entities in a text.
pub(super) fn decoded(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        out.push_str(before);
        let known = [("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&#34;", "\"")];
        let (from, to) = known.into_iter().find(|(from, _)| entity.starts_with(from)).unwrap_or(("&", "&"));
        out.push_str(to);
        rest = entity.get(from.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(dialect: Dialect, text: &str) -> Vec<String> {
        words(text, 0, false, dialect)
            .into_iter()
            .map(|word| match word.kind {
                Kind::Plain => word.text.to_string(),
                Kind::Quoted => format!("'{}'", *word.text),
                Kind::Break => ";".to_owned(),
                Kind::Pipe => "|".to_owned(),
                Kind::Redirect => ">".to_owned(),
            })
            .collect()
    }

    #[test]
    fn splits_as_the_shells_do() {
        use Dialect::{Batch, Code, Json, PowerShell, Shell, Xml, Yaml};
        for (dialect, text, expected) in [
            (Shell, "a --k=\"x y\" 'b c' d\\ e && f | g > h", "a '--k=x y' 'b c' d e ; f | g > h"),
            (Shell, "a $(SIGN TOOL) ${X} $Y # rest", "a $(SIGN TOOL) ${X} $Y"),
            (Shell, "a \\\n  b", "a b"),
            (Shell, "say don't \"quote", "say don't quote"),
            (Batch, "\"C:\\p f\\s.exe\" /f C:\\k\\x.pfx /p a^&b", "'C:\\p f\\s.exe' /f C:\\k\\x.pfx /p a&b"),
            (Batch, "a /p \"it's\"", "a /p 'it's'"),
            (PowerShell, "& \"a\" /f `\n x -List @('b', \"c\")", "; 'a' /f x -List 'b' 'c' ;"),
            (Yaml, "run: a -p ${{ secrets.X }} -q", "run: a -p ${{ secrets.X }} -q"),
            (Yaml, "args: [\"sign\", --key, 'x']", "args: 'sign' --key 'x' ;"),
            (Json, "\"cmd\": \"a /f \\\"b c\\\"\"", "'cmd:' 'a /f \"b c\"'"),
            (Code, "run([\"a\", x, 'b'])", "; 'a' x 'b' ; ;"),
            (Code, "sh \"\"\"a b\"\"\"", "sh 'a b'"),
            (Xml, "<Exec Command=\"a &quot;b c&quot; /p d\"/>", "'a \"b c\" /p d'"),
            (Xml, "<argument>-k</argument>\n<argument>x y</argument>", "-k x y"),
            (Shell, "a /p <password>", "a /p <password>"),
        ] {
            assert_eq!(split(dialect, text).join(" "), expected, "{text}");
        }
    }
}
