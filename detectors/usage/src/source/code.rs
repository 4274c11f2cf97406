//! The parts of source code that lead from a key to the call that takes it: values of names, bodies of functions,
//! arguments of calls.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::language::Language;
use super::lexer::{Kind, Token, tokens};

/// Tokens between an attribute and the body of the item that it is about.
const ITEM: usize = 64;

/// Most tokens of one value. A longer one is data.
const VALUE: usize = 4096;

/// Most steps for all values and bodies of a file, for each of its tokens: values contain each other.
const STEPS: usize = 32;

/// Most names before a type annotation, in tokens: `x: &'static Option<[u8; 3]>`.
const ANNOTATION: usize = 24;

/// Most links of a chain of calls: `a.b(c).d(e)`.
const CHAIN: usize = 24;

/// Words before `(` that are not names of functions.
const KEYWORDS: [&str; 14] = [
    "if", "for", "while", "switch", "catch", "return", "function", "func", "fn", "sizeof", "elsif", "elseif", "match",
    "when",
];

/// A name that gets a value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Number of the token that is the name.
    pub(super) name: usize,
    /// The tokens of the value.
    pub(super) range: Range<usize>,
}

/// Source code, read.
pub(super) struct Code<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) language: Language,
    /// Every assignment and property, by its name, in order.
    pub(super) values: BTreeMap<&'a str, Vec<Value>>,
    /// Bodies of functions, by name.
    pub(super) functions: BTreeMap<&'a str, Range<usize>>,
    /// Steps left. Without any, values are empty.
    left: Cell<usize>,
}

impl<'a> Code<'a> {
    /// Reads source code. Time is linear in its size.
    pub(super) fn of(text: &'a str, language: Language) -> Self {
        let tokens = tokens(text, language);
        let left = Cell::new(VALUE.saturating_add(STEPS.saturating_mul(tokens.len())));
        let mut code = Self { text, tokens, language, values: BTreeMap::new(), functions: BTreeMap::new(), left };
        for number in 0..code.tokens.len() {
            code.assignment(number);
            code.function(number);
        }
        code
    }

    /// Takes steps of what is left. Returns whether there were as many.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(steps));
        left >= steps
    }

    pub(super) fn token(&self, number: usize) -> Option<&Token> {
        self.tokens.get(number)
    }

    /// The text of a token: a name without `$`, a string without its quotes.
    pub(super) fn word(&self, number: usize) -> &'a str {
        let Some(token) = self.token(number) else { return "" };
        let word = self.text.get(token.start..token.end).unwrap_or_default();
        if token.kind == Kind::Word { word.trim_start_matches('$') } else { word }
    }

    pub(super) fn is_sign(&self, number: usize, sign: u8) -> bool {
        self.token(number).is_some_and(|token| token.is(sign))
    }

    pub(super) fn is_word(&self, number: usize) -> bool {
        self.token(number).is_some_and(|token| token.kind == Kind::Word)
    }

    fn is_text(&self, number: usize) -> bool {
        self.token(number).is_some_and(|token| token.kind == Kind::Text)
    }

    pub(super) fn opens(&self, number: usize, bracket: u8) -> bool {
        self.token(number).is_some_and(|token| token.kind == Kind::Open(bracket))
    }

    /// The parts of a program that are built for tests only, in bytes: `#[cfg(test)] mod tests { }` of Rust.
    pub(super) fn tests(&self) -> Vec<Range<usize>> {
        if self.language != Language::Rust {
            return Vec::new();
        }
        let attribute = |at: &usize| {
            self.is_sign(*at, b'#')
                && self.opens(at + 1, b'[')
                && self.word(at + 2) == "cfg"
                && self.opens(at + 3, b'(')
                && self.word(at + 4) == "test"
                && self.behind(at + 3) == at + 6
        };
        let body = |at: usize| {
            let after = self.behind(at + 1);
            let open = (after..after + ITEM).find(|&at| self.opens(at, b'{') || self.is_sign(at, b';'))?;
            let start = self.token(open).filter(|_| self.opens(open, b'{'))?.start;
            Some(start..self.token(self.behind(open).checked_sub(1)?)?.end)
        };
        (0..self.tokens.len()).filter(attribute).filter_map(body).collect()
    }

    /// Whether two tokens touch.
    fn touch(&self, first: usize, second: usize) -> bool {
        let end = self.token(first).map(|token| token.end);
        end.is_some() && end == self.token(second).map(|token| token.start)
    }

    /// Number of the token after the bracket that closes the one at `open`.
    pub(super) fn behind(&self, open: usize) -> usize {
        self.token(open).map_or(open, |token| token.pair).max(open) + 1
    }

    /// The end of an expression: at a comma, a semicolon, a closing bracket, or the end of a line that does not continue.
    fn end(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(token) = self.token(at).filter(|_| at < start + VALUE && self.spend(1)) {
            match token.kind {
                Kind::Close(_) | Kind::Sign(b',' | b';') => return at,
                _ if at > start && token.first && self.language.lines_end() && !self.continues(at) => return at,
                Kind::Open(_) => at = self.behind(at),
                _ => at += 1,
            }
        }
        at
    }

    /// Whether a line that starts at this token continues the one before.
    fn continues(&self, at: usize) -> bool {
        let operator = |token: &Token| matches!(token.kind, Kind::Sign(sign) if b"+-/=&|?:<>.\\*".contains(&sign));
        self.token(at).is_some_and(operator) || at.checked_sub(1).and_then(|at| self.token(at)).is_some_and(operator)
    }

    /// Records the value at this token if it is a sign between a name and a value.
    fn assignment(&mut self, at: usize) {
        let Some(token) = self.token(at) else { return };
        let (names, from) = match token.kind {
            Kind::Sign(b'=') => {
                let adjacent = |sign: u8| self.is_sign(at + 1, sign) && self.touch(at, at + 1);
                if adjacent(b'>') {
                    // `'key' => value`, `:key => value`.
                    (
                        at.checked_sub(1)
                            .into_iter()
                            .filter(|&name| self.is_text(name) || self.is_word(name))
                            .collect(),
                        at + 2,
                    )
                } else if adjacent(b'=') || adjacent(b'~') {
                    return;
                } else {
                    (self.names_before(at), at + 1)
                }
            }
            Kind::Sign(b':') => {
                let Some(name) = at.checked_sub(1) else { return };
                let double = (self.is_sign(at + 1, b':') && self.touch(at, at + 1)) || self.is_sign(name, b':');
                let starts = name
                    .checked_sub(1)
                    .and_then(|before| self.token(before))
                    .is_none_or(|before| matches!(before.kind, Kind::Open(_) | Kind::Sign(b',')))
                    || self.token(name).is_some_and(|token| token.first);
                let named = self.is_text(name) || self.is_word(name);
                if double || !starts || !named || (self.is_sign(at + 1, b'=') && self.touch(at, at + 1)) {
                    return;
                }
                (vec![name], at + 1)
            }
            // `//go:embed a.pem` before `var key []byte`.
            Kind::Embed => {
                let name = at + 1 + usize::from(self.word(at + 1) == "var");
                (vec![name], at)
            }
            _ => return,
        };
        let range = from..if token.kind == Kind::Embed { at + 1 } else { self.end(from) };
        for name in names {
            self.values.entry(self.word(name)).or_default().push(Value { name, range: range.clone() });
        }
    }

    /// The names that `=` at this token gives a value.
    fn names_before(&self, equals: usize) -> Vec<usize> {
        let Some(mut at) = equals.checked_sub(1) else { return Vec::new() };
        if matches!(self.token(at).map(|token| token.kind), Some(Kind::Sign(b'=' | b'!' | b'<' | b'>' | b'~')))
            && self.touch(at, equals)
        {
            return Vec::new();
        }
        while self.token(at).is_some_and(|token| matches!(token.kind, Kind::Sign(b':' | b'+' | b'|' | b'?' | b'&')))
            && self.touch(at, at + 1)
        {
            let Some(before) = at.checked_sub(1) else { return Vec::new() };
            at = before;
        }
        if let Some(token) = self.token(at).filter(|token| token.kind == Kind::Close(b']')) {
            // `env['KEY'] = x`, `char key[] = x`.
            let open = token.pair;
            if open + 2 == at && self.is_text(open + 1) {
                return vec![open + 1];
            }
            let Some(before) = open.checked_sub(1) else { return Vec::new() };
            at = before;
        }
        if let Some(name) = self.declared(at) {
            return vec![name];
        }
        let mut names = Vec::new();
        loop {
            if !self.is_word(at) {
                return names;
            }
            names.push(at);
            match at.checked_sub(2) {
                Some(before) if self.is_sign(at - 1, b',') && names.len() < 4 => at = before,
                before => {
                    // `f(x, key=y)` is not `x, key = y`.
                    let starts = self.token(at).is_some_and(|token| token.first)
                        || before
                            .is_some_and(|before| matches!(self.word(before + 1), "var" | "let" | "const" | "{" | ";"));
                    names.truncate(if starts || before.is_none() { names.len() } else { 1 });
                    return names;
                }
            }
        }
    }

    /// The name before a type: `const key: string`, `var key []byte`, `static KEY: &str`.
    fn declared(&self, end: usize) -> Option<usize> {
        let go = self.language == Language::Go;
        if !go
            && !matches!(
                self.language,
                Language::Script | Language::Kotlin | Language::Rust | Language::Swift | Language::Python
            )
        {
            return None;
        }
        let mut at = end;
        for _ in 0..ANNOTATION {
            let token = self.token(at)?;
            if go && matches!(self.word(at), "var" | "const") {
                return Some(at + 1);
            }
            let single = token.is(b':')
                && !self.is_sign(at + 1, b':')
                && !at.checked_sub(1).is_some_and(|at| self.is_sign(at, b':'));
            if !go && single && at.checked_sub(1).is_some_and(|name| self.is_word(name)) {
                return Some(at - 1);
            }
            if matches!(token.kind, Kind::Close(_)) && token.pair < at {
                at = token.pair;
            }
            if token.first || matches!(token.kind, Kind::Sign(b';' | b'=') | Kind::Open(b'{') | Kind::Text) {
                return None;
            }
            at = at.checked_sub(1)?;
        }
        None
    }

    /// Records the function whose name is this token.
    fn function(&mut self, name: usize) {
        if !self.is_word(name) || KEYWORDS.contains(&self.word(name)) {
            return;
        }
        let before = name.checked_sub(1).map_or("", |before| self.word(before));
        if matches!(before, "def" | "defp") {
            if let Some(body) = self.indented(name) {
                self.functions.entry(self.word(name)).or_insert(body);
            }
            return;
        }
        if !self.opens(name + 1, b'(') || matches!(before, "new" | "return" | "." | "await" | "throw") {
            return;
        }
        let first = self.behind(name + 1);
        let mut at = first;
        for _ in 0..CHAIN {
            let Some(token) = self.token(at) else { return };
            match token.kind {
                Kind::Open(b'{') => {
                    let body = at + 1..self.behind(at).saturating_sub(1);
                    self.functions.entry(self.word(name)).or_insert(body);
                    return;
                }
                Kind::Sign(b'=') if before == "fun" || self.language == Language::Kotlin && before == "def" => {
                    let body = at + 1..self.end(at + 1);
                    self.functions.entry(self.word(name)).or_insert(body);
                    return;
                }
                Kind::Open(b'(' | b'[') => at = self.behind(at),
                Kind::Word if !token.first || !self.language.lines_end() => at += 1,
                Kind::Sign(b':' | b'<' | b'>' | b'-' | b'*' | b'?' | b',' | b'&' | b'.') => at += 1,
                _ => return,
            }
        }
    }

    /// The lines below a `def` that are indented deeper.
    fn indented(&self, name: usize) -> Option<Range<usize>> {
        let column = |number: usize| {
            let start = self.token(number)?.start;
            let line = memchr::memrchr(b'\n', self.text.as_bytes().get(..start)?).map_or(0, |end| end + 1);
            Some(start - line)
        };
        let start = (0..=name).rev().take(CHAIN).find(|&number| self.token(number).is_some_and(|token| token.first))?;
        let own = column(start)?;
        let ends =
            |number: &usize| self.token(*number).is_some_and(|t| t.first) && column(*number).is_some_and(|c| c <= own);
        let last = self.tokens.len().min(name + 1 + VALUE);
        let end = (name + 1..last).find(|number| !self.spend(1) || ends(number)).unwrap_or(last);
        Some(name + 1..end)
    }

    /// The arguments of a call whose name is at this token; `None` if it is not called.
    pub(super) fn arguments(&self, name: usize) -> Option<Vec<Range<usize>>> {
        let mut at = name + 1;
        at += usize::from(self.is_sign(at, b'!') || self.is_sign(at, b'?'));
        if self.is_sign(at, b'<') || (self.is_sign(at, b':') && self.is_sign(at + 2, b'<')) {
            // `parse::<T>(x)`, `f<T>(x)`.
            at = (at..at + CHAIN).find(|&at| self.opens(at, b'('))?;
        }
        if self.opens(at, b'(') || self.opens(at, b'{') {
            return Some(self.split(at + 1..self.behind(at).saturating_sub(1)));
        }
        // `encode payload, key` of Ruby and Elixir.
        let bare = matches!(self.language, Language::Ruby | Language::Elixir);
        let value = self.token(at).is_some_and(|token| {
            !token.first && matches!(token.kind, Kind::Word | Kind::Text | Kind::Sign(b':' | b'@'))
        });
        if !bare || !value {
            return None;
        }
        let mut out = Vec::new();
        loop {
            let end = self.end(at);
            out.push(at..end);
            if !self.is_sign(end, b',') || out.len() > CHAIN {
                return Some(out);
            }
            at = end + 1;
        }
    }

    /// Splits tokens at their commas, outside of brackets.
    pub(super) fn split(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let (mut start, mut at) = (range.start, range.start);
        while at < range.end {
            match self.token(at).map(|token| token.kind) {
                Some(Kind::Sign(b',')) => {
                    out.push(start..at);
                    at += 1;
                    start = at;
                }
                Some(Kind::Open(_)) => at = self.behind(at).min(range.end),
                _ => at += 1,
            }
        }
        if start < range.end {
            out.push(start..range.end);
        }
        out
    }

    /// The names before a call, nearest first: `b`, `a` of `a.b().c`. Calls in between are skipped.
    pub(super) fn receivers(&self, name: usize) -> Vec<&'a str> {
        let mut out = Vec::new();
        let mut at = name;
        while out.len() < CHAIN {
            let Some(mut before) = at.checked_sub(1) else { break };
            let mut link = false;
            while self
                .token(before)
                .is_some_and(|t| matches!(t.kind, Kind::Sign(b'.' | b':' | b'>' | b'-' | b'?' | b'!' | b'&')))
            {
                link = true;
                match before.checked_sub(1) {
                    Some(next) => before = next,
                    None => return out,
                }
            }
            if !link {
                // `new SignJWT(...)`: the word before is not part of the name.
                break;
            }
            while let Some(close) = self.token(before).filter(|token| matches!(token.kind, Kind::Close(_))) {
                match close.pair.checked_sub(1).filter(|_| close.pair != before) {
                    Some(next) => before = next,
                    None => return out,
                }
            }
            if !self.is_word(before) {
                break;
            }
            out.push(self.word(before));
            at = before;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(language: Language, text: &str) -> Vec<String> {
        let code = Code::of(text, language);
        let mut all: Vec<(usize, String)> = Vec::new();
        for (name, values) in &code.values {
            for value in values {
                let of = |at: usize| code.token(at).map_or(text.len(), |token| token.start);
                let end = code.token(value.range.end.saturating_sub(1)).map_or(text.len(), |token| token.end);
                let text = text.get(of(value.range.start)..end).unwrap_or_default();
                all.push((value.name, format!("{name}={text}")));
            }
        }
        all.sort();
        all.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn names_and_their_values() {
        for (language, text, expected) in [
            (Language::Script, "const a = f(b, c)\nlet d: Buffer = e;", &["a=f(b, c)", "d=e"][..]),
            (Language::Script, "f({ key: g(x), cert })\nif (a == b) {}", &["key=g(x)"]),
            (Language::Go, "a, err := f(b)\nvar c []byte = d\nconst e = `x`", &["a=f(b)", "err=f(b)", "c=d", "e=x"]),
            (Language::Java, "private final String K = \"a\" +\n \"b\"; x.y = z;", &["K=a\" +\n \"b", "y=z"]),
            (Language::Python, "a = (b +\n  c)\nf(x, key=d)\n{'e': g}", &["a=(b +\n  c)", "key=d", "e=g"]),
            (Language::Ruby, "a ||= b\nh = { :k => v, l: w }", &["a=b", "h={ :k => v, l: w }", "k=v", "l=w"]),
            (Language::Php, "$a['b'] = $c;\n['d' => e($f)]", &["b=$c", "d=e($f)"]),
            (Language::Rust, "static A: &str = b; let c: Option<[u8; 3]> = d;", &["A=b", "c=d"]),
            (Language::C, "static const char k[] = a b;", &["k=a b"]),
            (Language::Kotlin, "val a: String = b\nval c = d\n  .e()", &["a=b", "c=d\n  .e()"]),
        ] {
            assert_eq!(values(language, text), expected, "{text}");
        }
    }

    #[test]
    fn functions_have_bodies() {
        for (language, text) in [
            (Language::Script, "function load(p) { return x(p) }"),
            (Language::Java, "private Key load(String p) throws IOException {\n x(p);\n}"),
            (Language::Go, "func load(p string) (*rsa.Key, error) {\n x(p)\n}"),
            (Language::Python, "def load(p):\n    x(p)\nother()"),
            (Language::Ruby, "def load(p)\n  x(p)\nend"),
            (Language::Kotlin, "fun load(p: String) = x(p)"),
            (Language::Rust, "fn load(p: &str) -> Vec<u8> {\n x(p)\n}"),
        ] {
            let code = Code::of(text, language);
            let body = code.functions.get("load").cloned().unwrap_or_default();
            assert!(body.clone().any(|at| code.word(at) == "x"), "{text}");
            assert!(!body.clone().any(|at| code.word(at) == "other"), "{text}");
        }
    }

    #[test]
    fn calls_have_receivers_and_arguments() {
        for (language, text, receivers, count) in [
            (Language::Script, "a.b(c).SIGN(d, {e, f}, g)", &["b", "a"][..], 3),
            (Language::Script, "new SIGN(x)", &[], 1),
            (Language::Php, "$a->b()::SIGN($c)", &["b", "a"], 1),
            (Language::Rust, "a::b::SIGN(c, d)?", &["b", "a"], 2),
            (Language::Ruby, "JWT.SIGN payload, key, 'RS256'\nx", &["JWT"], 3),
            (Language::Go, "tls.SIGN{A: b, C: d}", &["tls"], 2),
        ] {
            let code = Code::of(text, language);
            let name = (0..code.tokens.len()).find(|&at| code.word(at) == "SIGN").unwrap();
            assert_eq!(code.receivers(name), receivers, "{text}");
            assert_eq!(code.arguments(name).map(|all| all.len()), Some(count), "{text}");
        }
    }
}
