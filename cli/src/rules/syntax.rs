//! Converts regular expressions of Go (RE2) to the syntax of the `regex` crate, over bytes.
//!
//! Most of the syntax is the same. The dangerous differences cause no error: `\<` is a literal in Go and the start of a
//! word here, `[a&&b]` is a class of three characters in Go and an intersection here. All differences are rewritten and
//! reported.

use std::fmt::Write as _;

/// A converted pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Converted {
    /// The pattern in the syntax of the `regex` crate.
    pub(crate) pattern: String,
    /// Descriptions of what was rewritten, without duplicates.
    pub(crate) rewritten: Vec<&'static str>,
}

/// Converts a pattern. The result may still fail to compile.
pub(crate) fn convert(pattern: &str) -> Converted {
    let mut out = Converter { chars: pattern.chars().collect(), at: 0, out: String::new(), rewritten: Vec::new() };
    out.run();
    Converted { pattern: out.out, rewritten: out.rewritten }
}

struct Converter {
    chars: Vec<char>,
    at: usize,
    out: String,
    rewritten: Vec<&'static str>,
}

impl Converter {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn note(&mut self, what: &'static str) {
        if !self.rewritten.contains(&what) {
            self.rewritten.push(what);
        }
    }

    fn literal(&mut self, c: char) {
        if !c.is_alphanumeric() && c.is_ascii() && !c.is_ascii_control() && c != '_' && c != '<' && c != '>' && c != ' '
        {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.escape(false),
                '[' => self.class(),
                '{' if !self.is_repetition() => {
                    self.note("a `{` that repeats nothing is `\\{`");
                    self.out.push_str("\\{");
                    self.at += 1;
                }
                other => {
                    self.out.push(other);
                    self.at += 1;
                }
            }
        }
    }

    /// Whether `{` begins `{n}`, `{n,}` or `{n,m}` after something that can be repeated.
    fn is_repetition(&self) -> bool {
        if self.at == 0 || matches!(self.chars.get(self.at - 1), Some('(' | '|')) && !self.is_escaped(self.at - 1) {
            return false;
        }
        let rest: String = self.chars.iter().skip(self.at + 1).take_while(|c| **c != '}').collect();
        if !self.chars.iter().skip(self.at + 1).any(|c| *c == '}') {
            return false;
        }
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match rest.split_once(',') {
            None => number(&rest),
            Some((least, most)) => number(least) && (most.is_empty() || number(most)),
        }
    }

    fn is_escaped(&self, at: usize) -> bool {
        self.chars.iter().take(at).rev().take_while(|c| **c == '\\').count() % 2 == 1
    }

    fn escape(&mut self, in_class: bool) {
        let Some(next) = self.peek(1) else {
            self.out.push('\\');
            self.at += 1;
            return;
        };
        match next {
            '<' | '>' => {
                self.note("`\\<` and `\\>` are the characters themselves");
                self.out.push(next);
                self.at += 2;
            }
            'Q' if !in_class => {
                self.note("`\\Q...\\E` is written out");
                self.at += 2;
                while let Some(c) = self.peek(0) {
                    if c == '\\' && self.peek(1) == Some('E') {
                        self.at += 2;
                        return;
                    }
                    self.literal(c);
                    self.at += 1;
                }
            }
            '0'..='7' if next == '0' || self.peek(2).is_some_and(|c| c.is_digit(8)) => {
                self.note("an octal number is written in hex");
                let digits: String =
                    self.chars.iter().skip(self.at + 1).take(3).take_while(|c| c.is_digit(8)).collect();
                let value = u32::from_str_radix(&digits, 8).unwrap_or_default();
                let _ = write!(self.out, "\\x{{{value:X}}}");
                self.at += 1 + digits.len();
            }
            'C' if !in_class => {
                self.note("`\\C`, any byte, is `(?s:.)`");
                self.out.push_str("(?s:.)");
                self.at += 2;
            }
            // In Go, any escaped punctuation is a literal; in this crate too, except `_`.
            '_' => {
                self.out.push('_');
                self.at += 2;
            }
            _ => {
                self.out.push('\\');
                self.out.push(next);
                self.at += 2;
            }
        }
    }

    /// Converts a character class in brackets.
    fn class(&mut self) {
        self.out.push('[');
        self.at += 1;
        if self.peek(0) == Some('^') {
            self.out.push('^');
            self.at += 1;
        }
        let mut first = true;
        // Whether the previous item can begin a range.
        let mut from = false;
        while let Some(c) = self.peek(0) {
            match c {
                ']' if first => {
                    self.out.push_str("\\]");
                    self.at += 1;
                    from = true;
                }
                ']' => {
                    self.out.push(']');
                    self.at += 1;
                    return;
                }
                '[' if self.posix() => from = false,
                '[' => {
                    self.note("a `[` in a class is `\\[`");
                    self.out.push_str("\\[");
                    self.at += 1;
                    from = true;
                }
                '&' | '~' if self.peek(1) == Some(c) => {
                    self.note("`&&` and `~~` in a class are the characters themselves");
                    let _ = write!(self.out, "{c}\\{c}");
                    self.at += 2;
                    from = true;
                }
                '-' => from = self.dash(from, first),
                '\\' => {
                    let set = matches!(self.peek(1), Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P'));
                    self.escape(true);
                    from = !set;
                }
                other => {
                    self.out.push(other);
                    self.at += 1;
                    from = true;
                }
            }
            first = false;
        }
    }

    /// Converts a dash in a class, which is part of a range or a literal. Returns whether the next item may begin a
    /// range.
    fn dash(&mut self, from: bool, first: bool) -> bool {
        let next = self.peek(1);
        let before_set = next == Some('\\') && matches!(self.peek(2), Some('d' | 'D' | 's' | 'S' | 'w' | 'W'));
        if from && !first && next.is_some() && next != Some(']') && !before_set {
            if next == Some('-') || next == Some('[') {
                self.note("a range that ends in `-` or `[` is written with `\\`");
                self.out.push_str("-\\");
                self.out.extend(next);
            } else if next == Some('\\') {
                self.out.push('-');
                self.at += 1;
                self.escape(true);
                return false;
            } else {
                self.out.push('-');
                self.out.extend(next);
            }
            self.at += 2;
            return false;
        }
        if !first && next != Some(']') {
            self.note("a `-` in a class that is not part of a range is `\\-`");
        }
        self.out.push_str("\\-");
        self.at += 1;
        true
    }

    /// Copies `[:alnum:]` and other POSIX classes unchanged; `false` if there is none.
    fn posix(&mut self) -> bool {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        if self.peek(1) != Some(':') {
            return false;
        }
        let rest: String = self.chars.iter().skip(self.at + 2).take(10).collect();
        let name = rest.split(":]").next().unwrap_or_default();
        if !rest.contains(":]") || !NAMES.contains(&name.trim_start_matches('^')) {
            return false;
        }
        let _ = write!(self.out, "[:{name}:]");
        self.at += name.chars().count() + 4;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_rewritten_with_the_same_meaning() {
        // A pattern of Go, a text that it matches, a text that it does not match, and whether it is rewritten.
        for (go, hits, misses, changed) in [
            (r"a{", "a{", "a", true),
            (r"{{.*}}", "{{x}}", "x", true),
            (r"a{,5}", "a{,5}", "aaa", true),
            (r"a{2}b{1,}c{1,2}", "aabc", "abc", false),
            (r"^\${(?:[A-Z_]+)}$", "${X_Y}", "$X", true),
            (r"\<a\>", "<a>", " a ", true),
            (r"^[ --z]$", "+", "a", true),
            (r"^[a&&b]$", "&", "c", true),
            (r"^[a~~b]$", "~", "c", true),
            (r"^[[a]$", "[", "b", true),
            (r"^[[:alnum:]_]$", "a", ":", false),
            (r"^[\w-.]$", "-", "!", true),
            (r"^[a-\d]$", "-", "b", true),
            (r"^[]a]$", "]", "b", false),
            (r"^[^]a]$", "b", "]", false),
            (r"^[a-z0-9-]$", "-", "A", false),
            (r"^[+\-/]$", "-", ",", false),
            (r"\Qa.b\E+", "a.bb", "axb", true),
            (r"^\012$", "\n", "0", true),
            (r"^\x60\/\_\'$", "`/_'", "x", false),
            (r"(?P<n>a)(?<m>b)", "ab", "ba", false),
            (r"(?U)a+", "aa", "b", false),
            (r"(?i)key(?-i:X)", "KEYX", "KEYx", false),
            (r"\Aa\z", "a", "a\n", false),
            (r"^[\[\]]$", "]", "a", false),
            (r"^[A-Za-z\-_]{3}$", "a-_", "a.b", false),
        ] {
            let converted = convert(go);
            let regex = keyradius_secrets::compile(&converted.pattern).expect(go);
            assert!(regex.is_match(hits.as_bytes()), "{go} as {} on {hits:?}", converted.pattern);
            assert!(!regex.is_match(misses.as_bytes()), "{go} as {} on {misses:?}", converted.pattern);
            assert_eq!(!converted.rewritten.is_empty(), changed, "{go}: {:?}", converted.rewritten);
        }
    }
}
