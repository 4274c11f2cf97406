//! Statements: lines that belong together, because one continues on the next or because they form one list.

use std::cell::OnceCell;
use std::ops::Range;

use super::text::{Dialect, Text};

/// A sequence of lines that is read as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The range in the text, without the end of the last line.
    pub(super) range: Range<usize>,
    /// Whether the statement is commented out.
    pub(super) comment: bool,
}

/// The statements of a text, computed at first use.
pub(super) struct Statements<'a> {
    text: &'a Text,
    dialect: Dialect,
    list: OnceCell<Vec<Statement>>,
}

impl<'a> Statements<'a> {
    /// The statements of a text.
    pub(super) const fn of(text: &'a Text, dialect: Dialect) -> Self {
        Self { text, dialect, list: OnceCell::new() }
    }

    /// All statements, in order.
    pub(super) fn all(&self) -> &[Statement] {
        self.list.get_or_init(|| statements(self.text, self.dialect))
    }
}

/// All statements of a text, in order. One pass over its lines.
fn statements(text: &Text, dialect: Dialect) -> Vec<Statement> {
    let mut out: Vec<Statement> = Vec::new();
    let mut block_comment = false;
    let mut previous = Line::default();
    for number in 0..text.count() {
        let range = text.range(number);
        let content = text.of_line(number);
        let mut line = Line::of(content, dialect);
        let ends_comment = match dialect {
            Dialect::Xml => content.rfind("-->") >= content.rfind("<!--") && content.contains("-->"),
            _ => content.contains("*/"),
        };
        line.comment |= block_comment;
        block_comment = (block_comment || line.opens_comment) && !ends_comment;
        // A folded YAML block (`run: >-`) continues while lines are indented deeper than its head.
        if let Some(indent) = previous.folded
            && (line.indent > indent || content.trim().is_empty())
        {
            line.folded = Some(indent);
        }
        let joins = (previous.continues && !content.trim().is_empty())
            || (line.folded.is_some() && line.folded == previous.folded)
            || (line.item && previous.leads(&line));
        match out.last_mut() {
            Some(last) if joins && last.comment == line.comment => last.range.end = range.end,
            _ => out.push(Statement { range, comment: line.comment }),
        }
        previous = line;
    }
    out
}

/// Facts of a line that decide whether the next line belongs to it.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "facts of a line that do not depend on each other")]
struct Line {
    indent: usize,
    comment: bool,
    opens_comment: bool,
    /// The line ends in a continuation character.
    continues: bool,
    /// The line consists of one or more list items.
    item: bool,
    /// The line is an item of a YAML list: such items belong together only at the same depth.
    dash: bool,
    /// The line ends where list items may follow.
    opens_list: bool,
    /// Indent of the head, if the line is the head of a folded block or in the block.
    folded: Option<usize>,
}

impl Line {
    fn of(content: &str, dialect: Dialect) -> Self {
        let trimmed = content.trim();
        let indent = content.len() - content.trim_start().len();
        let last = trimmed.as_bytes().last().copied().unwrap_or_default();
        let comment = dialect.comments(content);
        let dash = dialect == Dialect::Yaml && trimmed.starts_with("- ") && !is_mapping(trimmed);
        let item = match dialect {
            Dialect::Yaml => dash || is_strings(trimmed),
            Dialect::Xml => is_argument(trimmed),
            Dialect::Json | Dialect::Code | Dialect::Settings | Dialect::PowerShell => is_strings(trimmed),
            Dialect::Shell | Dialect::Batch | Dialect::Prose => false,
        };
        let folded = (dialect == Dialect::Yaml
            && [": >", ": >-", ": >+", "- >", "- >-"].iter().any(|head| trimmed.ends_with(head)))
        .then_some(indent);
        Self {
            indent,
            comment,
            opens_comment: match dialect {
                Dialect::Xml => trimmed.contains("<!--"),
                Dialect::Code | Dialect::Json => trimmed.starts_with("/*"),
                _ => false,
            },
            continues: dialect.continues(last),
            item,
            dash,
            opens_list: matches!(last, b'[' | b'(' | b',') || (dialect == Dialect::Xml && trimmed.starts_with('<')),
            folded,
        }
    }

    /// Whether an item on the next line belongs to this line.
    fn leads(&self, next: &Self) -> bool {
        if next.dash { self.dash && self.indent == next.indent } else { self.opens_list || (self.item && !self.dash) }
    }
}

/// Whether an item of a YAML list is a mapping (`- name: x`).
fn is_mapping(item: &str) -> bool {
    let rest = item.trim_start_matches("- ").trim_start();
    if rest.starts_with(['"', '\'']) {
        return false;
    }
    rest.ends_with(':') || rest.contains(": ")
}

/// Whether a line consists of quoted strings, with only names and list punctuation between them.
fn is_strings(trimmed: &str) -> bool {
    if !trimmed.starts_with(['"', '\'']) {
        return false;
    }
    let mut quote = None;
    let mut escaped = false;
    for byte in trimmed.bytes() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if byte == b'\\' => escaped = true,
            Some(open) if byte == open => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if matches!(byte, b':' | b'=' | b'{') => return false,
            Some(_) | None => {}
        }
    }
    quote.is_none()
}

/// Whether a line of XML is one argument of a command: Ant's `<arg value="x"/>`, Maven's `<argument>x</argument>`.
fn is_argument(trimmed: &str) -> bool {
    ["<arg ", "<arg>", "<argument>", "<param>", "<string>"].iter().any(|tag| trimmed.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(dialect: Dialect, text: &str) -> Vec<String> {
        let text = Text::of(text.as_bytes()).unwrap();
        let statements = statements(&text, dialect);
        statements
            .into_iter()
            .filter(|s| !s.range.is_empty())
            .map(|s| format!("{}{}", if s.comment { "#" } else { "" }, text.str()[s.range].replace('\n', "|")))
            .collect()
    }

    #[test]
    fn lines_are_grouped_into_statements() {
        for (dialect, text, expected) in [
            (Dialect::Shell, "a \\\n b\nc", &["a \\| b", "c"][..]),
            (Dialect::Batch, "a ^\r\n b\r\nc:\\", &["a ^\r| b", "c:\\"]),
            (Dialect::PowerShell, "a `\n b\nc", &["a `| b", "c"]),
            (
                Dialect::Yaml,
                "args:\n  - sign\n  - --key\n  - x\n- name: y",
                &["args:", "  - sign|  - --key|  - x", "- name: y"],
            ),
            (Dialect::Yaml, "run: >-\n  a\n  b\nnext: c", &["run: >-|  a|  b", "next: c"]),
            (
                Dialect::Json,
                "\"a\": [\n\"x\",\n\"y\"\n],\n\"b\": \"c\",\n\"d\": \"e\"",
                &["\"a\": [|\"x\",|\"y\"", "],", "\"b\": \"c\",", "\"d\": \"e\""],
            ),
            (Dialect::Code, "run([\n \"x\", y,\n \"z\"])\nq()", &["run([| \"x\", y,| \"z\"])", "q()"]),
            (
                Dialect::Xml,
                "<exec executable=\"x\">\n<arg value=\"a\"/>\n<arg value=\"b\"/>\n</exec>",
                &["<exec executable=\"x\">|<arg value=\"a\"/>|<arg value=\"b\"/>", "</exec>"],
            ),
            (Dialect::Xml, "<!-- a\nb\n-->\nc", &["#<!-- a", "#b", "#-->", "c"]),
            (Dialect::Shell, "# a\nb", &["## a", "b"]),
        ] {
            assert_eq!(lines(dialect, text), expected, "{text}");
        }
    }
}
