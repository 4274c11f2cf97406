//! Blocks of settings: one pair of braces, one depth of YAML, one XML element, or one section.

use std::cell::OnceCell;

use super::text::{Dialect, Text};

/// The innermost block of every position of a text, computed at first use.
pub(super) struct Scopes<'a> {
    text: &'a Text,
    /// Where a block starts to be the innermost one, and its number: the offset where it was opened.
    starts: OnceCell<Vec<(usize, usize)>>,
    dialect: Dialect,
}

/// Deepest nesting that is distinguished; deeper blocks count as one.
const DEPTH: usize = 256;

/// Most lines that are looked at for the names of blocks around a setting.
const LOOK: usize = 512;

/// Most bytes that are looked at for the names of braces around a setting.
const BYTES: usize = 32 << 10;

impl<'a> Scopes<'a> {
    /// The blocks of a text.
    pub(super) const fn of(text: &'a Text, dialect: Dialect) -> Self {
        Self { text, starts: OnceCell::new(), dialect }
    }

    /// Computes the blocks in one pass over the text.
    fn starts(&self) -> &[(usize, usize)] {
        self.starts.get_or_init(|| match self.dialect {
            Dialect::Code | Dialect::Json => braces(self.text.str()),
            Dialect::Yaml => indents(self.text),
            Dialect::Xml => elements(self.text.str()),
            Dialect::Settings => sections(self.text),
            Dialect::Shell | Dialect::Batch | Dialect::PowerShell | Dialect::Prose => Vec::new(),
        })
    }

    /// Names of the blocks around a position, outermost first, in lower case. Blocks of XML have none here.
    pub(super) fn heads(&self, at: usize) -> Vec<String> {
        let mut out = match self.dialect {
            Dialect::Yaml => parents(self.text, at),
            Dialect::Code | Dialect::Json => openers(self.text.str(), at),
            Dialect::Settings => {
                section(self.text, at).and_then(|line| head(self.text.of_line(line))).into_iter().collect()
            }
            _ => Vec::new(),
        };
        out.reverse();
        out
    }

    /// Whether a block around a position has one of these words in its name; a section, anywhere in its text.
    pub(super) fn in_block(&self, at: usize, words: &[String]) -> bool {
        if words.is_empty() {
            return true;
        }
        let has = |text: &str| words.iter().any(|word| text.contains(&word.to_lowercase()));
        if self.dialect == Dialect::Settings {
            let start = section(self.text, at).unwrap_or(0);
            let lines = (start..self.text.count()).take(LOOK);
            let own = lines.take_while(|&line| line == start || !self.text.of_line(line).trim_start().starts_with('['));
            return own.map(|line| self.text.of_line(line).to_ascii_lowercase()).any(|line| has(&line));
        }
        self.heads(at).iter().any(|head| has(head))
    }

    /// The block of a position.
    pub(super) fn at(&self, at: usize) -> usize {
        // The name of an element is after its `<`: it belongs to the block around the element.
        let at = if self.dialect == Dialect::Xml { at.saturating_sub(1) } else { at };
        let starts = self.starts();
        let index = starts.partition_point(|(start, _)| *start <= at);
        index.checked_sub(1).and_then(|index| starts.get(index)).map_or(0, |(_, block)| *block)
    }
}

/// Names of the lines above a line that are indented less, innermost first.
fn parents(text: &Text, at: usize) -> Vec<String> {
    let depth = |line: &str| {
        let trimmed = line.trim_start();
        line.len() - trimmed.len() + if trimmed.starts_with("- ") { 2 } else { 0 }
    };
    let number = text.line(at);
    let mut indent = depth(text.of_line(number));
    let mut out = Vec::new();
    for number in (0..number).rev().take(LOOK) {
        let line = text.of_line(number);
        if line.trim().is_empty() || line.trim_start().starts_with('#') || depth(line) >= indent {
            continue;
        }
        indent = depth(line);
        out.extend(line.split(':').next().and_then(|key| head(key.trim_start().trim_start_matches("- "))));
        if indent == 0 {
            break;
        }
    }
    out
}

/// Texts before the braces around a position, innermost first.
fn openers(text: &str, at: usize) -> Vec<String> {
    let bytes = text.as_bytes();
    let start = at.saturating_sub(BYTES);
    let mut closed = 0_usize;
    let mut out = Vec::new();
    for place in (start..at).rev() {
        match bytes.get(place) {
            Some(b'}') => closed += 1,
            Some(b'{') if closed > 0 => closed -= 1,
            Some(b'{') => {
                let before = bytes.get(start..place).unwrap_or_default();
                let line = memchr::memrchr(b'\n', before).map_or(start, |end| start + end + 1);
                let line = text.get(line..place).unwrap_or_default();
                // Of `{"a": {"b": {`, the last name.
                out.extend(head(line.rsplit(['{', ',', ';']).next().unwrap_or(line)));
            }
            _ => {}
        }
        if out.len() >= 16 {
            break;
        }
    }
    out
}

/// The line of the section header above a position.
fn section(text: &Text, at: usize) -> Option<usize> {
    (0..=text.line(at)).rev().take(LOOK).find(|&line| text.of_line(line).trim_start().starts_with('['))
}

/// The name of a block: without quotes, brackets and signs.
fn head(text: &str) -> Option<String> {
    let name = text.trim().trim_end_matches([':', '=', '(', ' ', '>']).trim_matches(['[', ']', ' ', '"', '\'']);
    (!name.is_empty() && name.len() <= 128).then(|| name.to_ascii_lowercase())
}

fn braces(text: &str) -> Vec<(usize, usize)> {
    let mut stack: Vec<usize> = Vec::new();
    let mut out = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if stack.len() < DEPTH => stack.push(at),
            b'}' => {
                stack.pop();
            }
            _ => continue,
        }
        out.push((at + 1, stack.last().map_or(0, |open| open + 1)));
    }
    out
}

/// Lines of one depth under one parent are a block; every list item is a separate block.
fn indents(text: &Text) -> Vec<(usize, usize)> {
    let mut stack: Vec<(usize, usize)> = Vec::new();
    let mut out = Vec::new();
    for number in 0..text.count() {
        let line = text.of_line(number);
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let start = text.range(number).start;
        let mut indent = line.len() - trimmed.len();
        let item = trimmed.starts_with("- ");
        if item {
            indent += 2;
        }
        while stack.last().is_some_and(|(depth, _)| *depth > indent || (item && *depth == indent)) {
            stack.pop();
        }
        if stack.last().is_none_or(|(depth, _)| *depth < indent) && stack.len() < DEPTH {
            stack.push((indent, start + 1));
        }
        out.push((start, stack.last().map_or(0, |(_, block)| *block)));
    }
    out
}

/// Inside a tag the block is the tag; after it, the open element.
fn elements(text: &str) -> Vec<(usize, usize)> {
    let mut stack: Vec<usize> = Vec::new();
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'<', rest)) {
        let open = at + found;
        let Some(length) = bytes.get(open..).and_then(|rest| memchr::memchr(b'>', rest)) else { break };
        let close = open + length;
        at = close + 1;
        match (bytes.get(open + 1), bytes.get(close.saturating_sub(1))) {
            (Some(b'/'), _) => {
                stack.pop();
                out.push((close + 1, stack.last().copied().unwrap_or(0)));
            }
            (Some(b'!' | b'?'), _) => {}
            (_, closing) => {
                out.push((open + 1, open + 1));
                if closing != Some(&b'/') && stack.len() < DEPTH {
                    stack.push(open + 1);
                }
                out.push((close + 1, stack.last().copied().unwrap_or(0)));
            }
        }
    }
    out
}

/// `[section]` of INI and TOML.
fn sections(text: &Text) -> Vec<(usize, usize)> {
    let starts = (0..text.count()).filter(|&number| text.of_line(number).trim_start().starts_with('['));
    starts.map(|number| text.range(number).start).map(|start| (start, start + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_names() {
        for (dialect, text, expected) in [
            (Dialect::Yaml, "server:\n  ssl:\n    HERE: x", &["server", "ssl"][..]),
            (Dialect::Yaml, "a:\n- signing:\n    # x\n    HERE: x", &["a", "signing"]),
            (Dialect::Yaml, "a:\n  b: c\nHERE: x", &[]),
            (Dialect::Json, "{\"a\": {\"x\": {}, \"b\": {\"HERE\": 1}}}", &["a", "b"]),
            (Dialect::Code, "resource \"t\" \"n\" {\n  c {\n  }\n  HERE = 1", &["resource \"t\" \"n"]),
            (Dialect::Settings, "[ CA_default ]\nx=1\nHERE=2", &["ca_default"]),
        ] {
            let whole = Text::of(text.as_bytes()).unwrap();
            assert_eq!(Scopes::of(&whole, dialect).heads(text.find("HERE").unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn settings_are_grouped_into_blocks() {
        for (dialect, text, together, apart) in [
            (Dialect::Code, "a { A B } c { C }", ['A', 'B'], ['A', 'C']),
            (Dialect::Yaml, "x:\n  A: 1\n  B: 2\ny:\n  C: 3\n", ['A', 'B'], ['A', 'C']),
            (Dialect::Yaml, "- A: 1\n  B: 2\n- C: 3\n", ['A', 'B'], ['A', 'C']),
            (Dialect::Xml, "<q><A>1</A><B>2</B></q><p><C/></p>", ['A', 'B'], ['A', 'C']),
            (Dialect::Xml, "<q A='1' B='2'/><p C='3'/>", ['A', 'B'], ['A', 'C']),
            (Dialect::Settings, "[a]\nA=1\nB=2\n[b]\nC=3", ['A', 'B'], ['A', 'C']),
            (Dialect::Shell, "A=1\nB=2\n", ['A', 'B'], ['A', 'A']),
        ] {
            let whole = Text::of(text.as_bytes()).unwrap();
            let scopes = Scopes::of(&whole, dialect);
            let at = |c: char| scopes.at(text.find(c).unwrap());
            assert_eq!(at(together[0]), at(together[1]), "{text}");
            assert!(dialect == Dialect::Shell || at(apart[0]) != at(apart[1]), "{text}");
        }
    }
}
