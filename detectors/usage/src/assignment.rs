//! Settings: a name, a sign and a value, in every syntax of build files.

use std::ops::Range;

use zeroize::Zeroizing;

use super::text::{Dialect, Text};
use super::value::{self, Raw};
use super::word::{decoded, push};

/// Longest name of a setting, in bytes, on each side of the word that was found.
const NAME: usize = 128;

/// Longest value that is read, in bytes: a longer one is a key or data, not a name.
pub(super) const VALUE: usize = 4096;

/// Most white space before the first text of a list, in bytes.
const LIST: usize = 256;

/// Texts between a name and its value in prose.
const SAYS: &[&str] =
    &["is set to ", "is: ", "is ", "was ", "ist: ", "ist ", "->", "=>", "→", "- ", "– ", "— ", ":", "=", "|", "("];

/// A setting.
pub(super) struct Setting {
    /// The name as written, without a leading `-D` or `--`.
    pub(super) name: Range<usize>,
    /// Start of the value.
    pub(super) at: usize,
    /// End of the value.
    pub(super) end: usize,
    /// The value; `None` for a value of several lines: a key, not its name.
    pub(super) value: Option<Raw>,
    /// Whether only a space separates name and value, at the start of a line.
    pub(super) spaced: bool,
}

/// Reads the setting whose name contains the word at `word`.
pub(super) fn read(text: &Text, word: Range<usize>, dialect: Dialect) -> Option<Setting> {
    let reader = Reader { text: text.str(), bytes: text.str().as_bytes(), dialect };
    let (name, option) = reader.name(&word)?;
    reader.behind(text, name, option)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    dialect: Dialect,
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

impl Reader<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn before(&self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.byte(at))
    }

    fn starts(&self, at: usize, text: &str) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(text.as_bytes()))
    }

    /// The whole name around a word, and whether it is written as an option.
    fn name(&self, word: &Range<usize>) -> Option<(Range<usize>, bool)> {
        let (mut start, mut end) = (word.start, word.end);
        while word.start - start < NAME && start > 0 && is_name(self.before(start)) {
            start -= 1;
        }
        while end - word.end < NAME && is_name(self.byte(end)) {
            end += 1;
        }
        if word.start - start >= NAME || end - word.end >= NAME {
            return None;
        }
        let dashes = (start..end).take_while(|&at| self.byte(at) == b'-').count();
        start += dashes;
        // `-Dname=value`, `-Pname=value`: Java, Maven and Gradle.
        if dashes == 1 && matches!(self.byte(start), b'D' | b'P') && self.byte(start + 1).is_ascii_lowercase() {
            start += 1;
        }
        while end > start && matches!(self.before(end), b'.' | b'-') {
            end -= 1;
        }
        if start > word.start || end < word.end {
            return None;
        }
        // A use of a variable, not a setting.
        match self.before(start) {
            b'{' | b'(' if matches!(self.before(start - 1), b'$' | b'%') => return None,
            b'%' if self.byte(end) == b'%' => return None,
            b'$' if matches!(self.dialect, Dialect::Shell | Dialect::Yaml | Dialect::Batch) => return None,
            b'/' if self.before(start - 1) == b'<' => return None,
            _ => {}
        }
        Some((start..end, dashes > 0))
    }

    fn spaces(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t') {
            at += 1;
        }
        at
    }

    fn behind(&self, text: &Text, mut name: Range<usize>, option: bool) -> Option<Setting> {
        let line = text.range(text.line(name.start));
        if self.before(name.start) == b'<' {
            return self.element(name);
        }
        let quote = self.before(name.start);
        let mut at = name.end;
        let quoted = matches!(quote, b'"' | b'\'' | b'`') && self.byte(at) == quote;
        at += usize::from(quoted);
        at += usize::from(self.byte(at) == b']');
        // `storeFile.set(file("x"))` of Kotlin, `storePassword("x")` of Groovy.
        if self.dialect == Dialect::Code && self.byte(at) == b'(' {
            let set = self.text.get(name.clone()).unwrap_or_default();
            name.end = name.start + set.strip_suffix(".set").unwrap_or(set).len();
            return self.value(text, name, at + 1, &line, b'(');
        }
        if quoted && let Some(value) = self.pair(at) {
            return self.value(text, name, value, &line, b':');
        }
        if !quoted && self.dialect == Dialect::Yaml && self.before_word(name.start, "name:") {
            let next = self.spaces(text.range(text.line(name.start) + 1).start);
            if self.starts(next, "value:") {
                let line = text.range(text.line(next));
                return self.value(text, name, next + 6, &line, b':');
            }
        }
        // `KEY:append = "x"`, `KEY:machine ?= "x"`: the overrides of BitBake.
        if self.dialect == Dialect::Shell && self.byte(at) == b':' {
            let mut end = at;
            while end - at < NAME && (is_name(self.byte(end)) || self.byte(end) == b':') {
                end += 1;
            }
            let sign = self.spaces(end);
            let assigns = self.byte(end) == b' ' && (self.byte(sign) == b'=' || self.starts(sign, "?="));
            at = if assigns { end } else { at };
        }
        if self.dialect == Dialect::Prose {
            let at = self.said(at, line.end)?;
            return self.value(text, name, at, &line, b' ');
        }
        let spaced = self.spaces(at);
        let signs = ["??=", "::=", ":=", "?=", "+=", "=>", "=", ":"];
        if let Some(sign) = signs.into_iter().find(|sign| self.starts(spaced, sign)) {
            let behind = spaced + sign.len();
            if (sign == "=" && matches!(self.byte(behind), b'=' | b'~')) || (sign == ":" && self.starts(behind, "//")) {
                return None;
            }
            let tight =
                if sign == "=" && spaced == at && !matches!(self.byte(behind), b' ' | b'\t') { b'=' } else { b':' };
            return self.value(text, name, behind, &line, tight);
        }
        // Before a name at the start of a line there are only spaces and comment signs.
        let lead = self.text.get(line.start.max(name.start.saturating_sub(NAME))..name.start).unwrap_or_default();
        let lead = lead.trim_start();
        let first = lead.is_empty() || lead == "%" || matches!(lead.trim_end(), "#" | "//" | ";" | "*");
        if spaced == at || self.byte(spaced) == b'\n' || self.byte(spaced) == b'\r' {
            return None;
        }
        let defines = [
            "set(",
            "env ",
            "setx ",
            "!define ",
            "#define ",
            "%define ",
            "%global ",
            "arg ",
            "setenv ",
            "--define '",
            "--define \"",
        ];
        let lower = lead.get(lead.len().saturating_sub(16)..).unwrap_or_default().to_ascii_lowercase();
        if defines.iter().any(|word| lower.ends_with(word)) || option {
            return self.value(text, name, spaced, &line, b' ');
        }
        if first {
            let mut setting = self.value(text, name, spaced, &line, b'\n')?;
            setting.spaced = self.dialect != Dialect::Code;
            return Some(setting);
        }
        None
    }

    /// Where prose states the value of a name that ends at `from`: after `is`, signs, emphasis marks and table cells,
    /// `**Password**: x`; after `for NAME is`; and without any of these if the value is quoted or has a digit,
    /// `password hunter2`.
    fn said(&self, from: usize, end: usize) -> Option<usize> {
        let mut at = from;
        let (mut sign, mut for_what) = (false, false);
        while at < end && at - from < NAME {
            let rest = self.text.get(at..end)?;
            let passed = |words: &[&str]| words.iter().find(|word| rest.starts_with(**word)).map(|word| word.len());
            if let Some(length) = passed(&[" ", "\t", "*", "_"]) {
                at += length;
            } else if let Some(length) = passed(SAYS) {
                (at, sign) = (at + length, true);
            } else if at == from && rest.starts_with(',') && !rest.starts_with(", ") {
                // `password,x`: a table of comma-separated values.
                (at, sign) = (at + 1, true);
            } else if !sign && !for_what && rest.starts_with("for ") {
                let what = rest.get(..rest.len().min(NAME)).unwrap_or(rest);
                at += [" is", ":", " ="].iter().filter_map(|says| what.find(says)).min()?;
                for_what = true;
            } else {
                break;
            }
        }
        let rest = self.text.get(at..end)?;
        let word = rest.split_whitespace().next()?;
        let looks = word.starts_with(['"', '\'', '`']) || (at > from && word.bytes().any(|byte| byte.is_ascii_digit()));
        (sign || looks).then_some(at)
    }

    fn before_word(&self, at: usize, word: &str) -> bool {
        let start = self.text.get(at.saturating_sub(word.len() + 8)..at).unwrap_or_default();
        start.trim_end_matches([' ', '"', '\'']).ends_with(word)
    }

    /// After `"name"`: start of the value in `, "value": "x"`, ` value="x"`, `>x</...`, `, "x")`.
    fn pair(&self, at: usize) -> Option<usize> {
        let mut next = at;
        while next - at < 64 && (self.byte(next).is_ascii_whitespace() || self.byte(next) == b',') {
            next += 1;
        }
        let comma = self.bytes.get(at..next).is_some_and(|between| between.contains(&b','));
        let quote = usize::from(matches!(self.byte(next), b'"' | b'\''));
        let word = self.bytes.get(next + quote..next + quote + 5);
        if word.is_some_and(|word| word.eq_ignore_ascii_case(b"value")) {
            let sign = self.spaces(next + quote + 5 + quote);
            return matches!(self.byte(sign), b'=' | b':').then(|| sign + 1);
        }
        if self.dialect == Dialect::Xml && self.byte(at) == b'>' {
            return Some(at);
        }
        let called = comma && self.dialect == Dialect::Code && self.byte(next) != b'\n';
        called.then_some(next)
    }

    /// `<name>value</name>`.
    fn element(&self, name: Range<usize>) -> Option<Setting> {
        let rest = self.bytes.get(name.end..)?;
        let rest = rest.get(..rest.len().min(VALUE)).unwrap_or_default();
        let open = memchr::memchr(b'>', rest)?;
        // A space or the end of the tag must follow: `<keystoreFile>` is not `<keystore>`.
        if open > 0 && (rest.get(open - 1) == Some(&b'/') || !rest.first().is_some_and(u8::is_ascii_whitespace)) {
            return None;
        }
        let at = name.end + open + 1;
        let length = memchr::memchr(b'<', rest.get(open + 1..)?)?;
        let value = decoded(self.text.get(at..at + length)?.trim());
        let raw = Raw { text: value, literal: false, variable: false };
        Some(Setting { name, at, end: at + length, value: Some(raw), spaced: false })
    }

    /// The value at a position. `sign` is what preceded it: `=` directly, `:` with spaces, `(`, a space, or only a
    /// space at the start of a line (`\n`).
    fn value(&self, text: &Text, name: Range<usize>, at: usize, line: &Range<usize>, sign: u8) -> Option<Setting> {
        let at = self.spaces(at);
        let limit = line.end.min(at + VALUE);
        let setting = |value: Option<Raw>, at: usize, end: usize| {
            Some(Setting { name: name.clone(), at, end, value, spaced: false })
        };
        let raw = |text: Zeroizing<String>, literal: bool| Raw { text, literal, variable: false };
        if at >= limit {
            return None;
        }
        if self.dialect == Dialect::Xml && self.byte(at) == b'>' {
            let rest = self.text.get(at + 1..limit)?;
            let length = rest.find('<').unwrap_or(rest.len());
            return setting(Some(raw(decoded(rest.get(..length)?.trim()), false)), at + 1, at + 1 + length);
        }
        let first = self.byte(at);
        if self.dialect == Dialect::Json && first == b'[' {
            // A list of one text: `"key": ["x"]`.
            let rest = self.bytes.get(at + 1..).unwrap_or_default();
            let open = at + 1 + rest.iter().take(LIST).take_while(|byte| byte.is_ascii_whitespace()).count();
            if self.byte(open) != b'"' {
                return None;
            }
            let line = text.range(text.line(open));
            let (value, end) = self.quoted(open, line.end.min(open + VALUE));
            return setting(Some(raw(value, false)), open, end);
        }
        if self.dialect == Dialect::Yaml && matches!(first, b'|' | b'>') {
            return self.block(text, name, line, at);
        }
        if self.dialect == Dialect::Yaml && matches!(first, b'!' | b'&' | b'*') {
            return None;
        }
        if limit - at == VALUE && self.bytes.get(at..limit)?.iter().all(|byte| !byte.is_ascii_whitespace()) {
            return setting(None, at, limit);
        }
        // `f"..."`, `r'...'`, `@"..."`.
        let prefix =
            usize::from(matches!(first, b'f' | b'r' | b'b' | b'u' | b'@') && matches!(self.byte(at + 1), b'"' | b'\''));
        let quote = self.byte(at + prefix);
        if matches!(quote, b'"' | b'\'' | b'`') {
            let (value, end) = self.quoted(at + prefix, limit);
            return setting(Some(raw(value, quote == b'\'')), at + prefix, end);
        }
        if self.dialect == Dialect::Code || (sign == b'(' && self.dialect != Dialect::Prose) {
            let expression = self.text.get(at..limit)?;
            return setting(Some(value::computed(expression)?), at, limit);
        }
        let rest = self.text.get(at..limit)?;
        let quote = self.before(name.start);
        let quote = if self.byte(name.end) == quote { 0 } else { quote };
        let lead = self.bytes.get(line.start.max(name.start.saturating_sub(16))..name.start).unwrap_or_default();
        let lead = lead.trim_ascii_end();
        let lead = lead.strip_suffix(b"\"").unwrap_or(lead).trim_ascii_end();
        let set = lead.is_empty() || lead.to_ascii_lowercase().ends_with(b"set");
        let end = self.bare(rest, sign, quote, set);
        let value = rest.get(..end)?.trim_end();
        let value = if self.dialect == Dialect::Prose { value.trim_matches(['*', '.', ',', '`']) } else { value };
        setting(Some(raw(Zeroizing::new(value.to_owned()), false)), at, at + end)
    }

    /// The text in quotes, and where they end. Without a closing quote, everything up to the limit.
    fn quoted(&self, open: usize, limit: usize) -> (Zeroizing<String>, usize) {
        let quote = self.byte(open);
        let mut out = Zeroizing::new(String::with_capacity(64));
        let mut at = open + 1;
        let escapes = match self.dialect {
            Dialect::Batch | Dialect::PowerShell | Dialect::Xml => false,
            Dialect::Shell | Dialect::Yaml => quote == b'"',
            _ => true,
        };
        while at < limit && self.byte(at) != quote {
            if escapes && self.byte(at) == b'\\' && matches!(self.byte(at + 1), b'"' | b'\'' | b'\\' | b'$' | b'/') {
                at += 1;
            }
            let Some(c) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { break };
            push(&mut out, c.encode_utf8(&mut [0; 4]));
            at += c.len_utf8();
        }
        let out = if self.dialect == Dialect::Xml { decoded(&out) } else { out };
        (out, at + 1)
    }

    /// The end of a value without quotes.
    fn bare(&self, rest: &str, sign: u8, before: u8, set: bool) -> usize {
        if rest.starts_with("${{") || rest.starts_with("{{") {
            return rest.find("}}").map_or(rest.len(), |end| end + 2);
        }
        // `$(cat file)` contains spaces.
        if rest.starts_with("$(") || rest.starts_with('<') || rest.starts_with("<%") {
            let end = rest.find([')', '>']).map_or(rest.len(), |end| end + 1);
            // `$(TOPDIR)/key`.
            let path = rest.get(end..).filter(|more| more.starts_with(['/', '\\'])).unwrap_or_default();
            return end + path.find(|c: char| c.is_whitespace() || "\"';&|)<>".contains(c)).unwrap_or(path.len());
        }
        let word = |more: &[char]| rest.find(|c: char| c.is_whitespace() || more.contains(&c)).unwrap_or(rest.len());
        let line = || rest.find(" #").unwrap_or(rest.len()).min(rest.find('"').unwrap_or(rest.len()));
        match (self.dialect, sign) {
            // `set "K=V"`, `"-Dk=v"`.
            _ if matches!(before, b'"' | b'\'') => rest.find(char::from(before)).unwrap_or(rest.len()),
            // `set K=V`; elsewhere the assignment is an argument of a command.
            (Dialect::Batch, b'=') if !set => word(&['"', '&']),
            (Dialect::Batch, _) => rest.find(" &").unwrap_or(rest.len()).min(rest.find('"').unwrap_or(rest.len())),
            (Dialect::Settings, b'\n') => rest.find(';').unwrap_or(rest.len()).min(line()),
            (Dialect::Settings, _) => rest.trim_end_matches([';', ',']).len(),
            (Dialect::Yaml, b':') if rest.contains(['}', ']']) => word(&[',', '}', ']']),
            (Dialect::Shell | Dialect::Yaml, b':') | (_, b'\n') => line(),
            _ => word(&['"', '\'', ';', '&', '|', ')', '`', ',', '}', ']', '<']),
        }
    }

    /// A YAML block after `|` or `>`: its text if it is one line, `None` as the value if it has more.
    fn block(&self, text: &Text, name: Range<usize>, line: &Range<usize>, at: usize) -> Option<Setting> {
        let head = self.text.get(line.clone())?;
        let indent = head.len() - head.trim_start().len();
        let number = text.line(at);
        let deeper = |number: usize| {
            let content = text.of_line(number);
            !content.trim().is_empty() && content.len() - content.trim_start().len() > indent
        };
        if !deeper(number + 1) {
            return None;
        }
        let range = text.range(number + 1);
        let content = text.of_line(number + 1);
        let start = range.start + (content.len() - content.trim_start().len());
        let alone = !deeper(number + 2) && content.len() <= VALUE;
        let value =
            alone.then(|| Raw { text: Zeroizing::new(content.trim().to_owned()), literal: false, variable: false });
        Some(Setting { name, at: start, end: range.end, value, spaced: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_first(dialect: Dialect, text: &str) -> Option<String> {
        let file = Text::of(text.as_bytes()).unwrap();
        let at = text.find("KEY").unwrap();
        let setting = read(&file, at..at + 3, dialect)?;
        let name = &text[setting.name];
        Some(match setting.value {
            Some(raw) if raw.variable => format!("{name}=${}", *raw.text),
            Some(raw) => format!("{name}={}", *raw.text),
            None => format!("{name}=?"),
        })
    }

    #[test]
    fn every_form_of_a_setting() {
        use Dialect::{Batch, Code, Json, PowerShell, Prose, Settings, Shell, Xml, Yaml};
        for (dialect, text, expected) in [
            (Shell, "MY_KEY=a b", Some("MY_KEY=a")),
            (Shell, "export KEY='a b'; x", Some("KEY=a b")),
            (Shell, "KEY := a b # c", Some("KEY=a b")),
            (Shell, "KEY ?= ${X}/a", Some("KEY=${X}/a")),
            (Shell, "KEY:my-machine = \"a/b\"", Some("KEY=a/b")),
            (Shell, "mvn -Dx.KEY=a b", Some("x.KEY=a")),
            (Shell, "ENV KEY a", Some("KEY=a")),
            (Shell, "tool --my-KEY a b", Some("my-KEY=a")),
            (Shell, "echo $KEY = x", None),
            (Shell, "echo ${KEY} = x", None),
            (Shell, "if [ KEY == x ]", None),
            (Shell, "set(KEY \"a\")", Some("KEY=a")),
            (Batch, "set KEY=a b\r\n", Some("KEY=a b")),
            (Batch, "set \"KEY=a b\"\r\n", Some("KEY=a b")),
            (Batch, "echo %KEY%=x", None),
            (PowerShell, "$env:KEY = 'a'", Some("KEY=a")),
            (Yaml, "  KEY: a # b", Some("KEY=a")),
            (Yaml, "  KEY: \"a # b\"", Some("KEY=a # b")),
            (Yaml, "{KEY: a, x: b}", Some("KEY=a")),
            (Yaml, "KEY: ${{ secrets.X }}", Some("KEY=${{ secrets.X }}")),
            (Yaml, "KEY: |\n  a\nx: y", Some("KEY=a")),
            (Yaml, "KEY: |\n  a\n  b\n", Some("KEY=?")),
            (Yaml, "- name: KEY\n  value: a\n", Some("KEY=a")),
            (Yaml, "KEY: !vault |\n  a\n", None),
            (Json, "\"KEY\": \"a\\\\b\\\"c\",", Some("KEY=a\\b\"c")),
            (Json, "{\"name\": \"KEY\", \"value\": \"a\"}", Some("KEY=a")),
            (Json, "\"KEY\": 1234,", Some("KEY=1234")),
            (Json, "\"KEY\": [\n  \"a\"\n],", Some("KEY=a")),
            (Json, "\"KEY\": [1, 2],", None),
            (Shell, "KEY=$(TOP)/a.key b", Some("KEY=$(TOP)/a.key")),
            (Xml, "<KEY>a &amp; b</KEY>", Some("KEY=a & b")),
            (Xml, "<KEYS>a</KEYS>", Some("KEYS=a")),
            (Xml, "<x KEY=\"a\"/>", Some("KEY=a")),
            (Xml, "<property name=\"KEY\" value=\"a\"/>", Some("KEY=a")),
            (Xml, "<entry key=\"KEY\">a</entry>", Some("KEY=a")),
            (Settings, "KEY = a b", Some("KEY=a b")),
            (Settings, "KEY /a/b;", Some("KEY=/a/b")),
            (Settings, "%KEY a", Some("KEY=a")),
            (Code, "KEY file('a/b')", Some("KEY=a/b")),
            (Code, "KEY = file(\"a\")", Some("KEY=a")),
            (Code, "KEY.set(file(\"a\"))", Some("KEY=a")),
            (Code, "KEY \"a\"", Some("KEY=a")),
            (Code, "KEY System.getenv(\"A\")", Some("KEY=$A")),
            (Code, "KEY = props['a'] as String", Some("KEY=$a")),
            (Code, "KEY = pw", Some("KEY=$pw")),
            (Code, "KEY = os.path.join(\"a\", \"b\")", Some("KEY=a/b")),
            (Code, "env['KEY'] = 'a'", Some("KEY=a")),
            (Code, "put(\"KEY\", \"a\")", Some("KEY=a")),
            (Prose, "The KEY is `a`.", Some("KEY=a")),
            (Prose, "KEY: a.", Some("KEY=a")),
        ] {
            assert_eq!(read_first(dialect, text).as_deref(), expected, "{dialect:?} {text}");
        }
    }
}
