//! The report as one JSON document.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::Report;
use crate::report::look::Look;
use keyradius_core::blob::is_deceptive;

use super::words::is_command;

/// Writes the report as indented JSON.
pub(crate) fn render(report: &Report, _: Look, out: &mut dyn Write) -> io::Result<()> {
    pretty(report, out)
}

/// Writes any value as indented JSON, with a final newline.
pub(crate) fn pretty(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Tame(PrettyFormatter::new())))?;
    out.write_all(b"\n")
}

/// Writes any value as JSON on one line, with a final newline.
pub(crate) fn line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Tame(serde_json::ser::CompactFormatter)))?;
    out.write_all(b"\n")
}

/// A formatter whose strings are safe to print. Characters that could act on a terminal, reorder text, be a command to
/// a build server or end a script of a web page are written as `\u` and four digits, which every JSON reader decodes.
struct Tame<F>(F);

impl<F: Formatter> Formatter for Tame<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let (mut plain, mut before) = (0, 'x');
        let mut chars = fragment.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            let acts = is_deceptive(c) || is_command(before, c, next) || (c == '<' && matches!(next, Some('/' | '!')));
            before = if c == '#' { c } else { 'x' };
            if !acts {
                continue;
            }
            writer.write_all(fragment.as_bytes().get(plain..at).unwrap_or_default())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        writer.write_all(fragment.as_bytes().get(plain..).unwrap_or_default())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::schema_faults;
    use crate::report::{REPORT_SCHEMA, samples};

    #[test]
    fn every_report_obeys_the_published_schema() {
        let schema = serde_json::from_str(REPORT_SCHEMA).expect("the schema is JSON");
        for report in samples::reports() {
            let mut bytes = Vec::new();
            render(&report, Look::default(), &mut bytes).expect("a report");
            let value = serde_json::from_slice(&bytes).expect("JSON");
            let faults = schema_faults(&schema, &value);
            assert!(faults.is_empty(), "{faults:#?}");
        }
    }

    /// Within a major version, fields are only added. `UPDATE_EXPECT=1` rewrites the expected file.
    #[cfg(unix)]
    #[test]
    fn the_published_bytes_do_not_change() {
        let mut bytes = Vec::new();
        render(&samples::report(), Look::default(), &mut bytes).expect("a report");
        let written = String::from_utf8(bytes).expect("UTF-8").replace(env!("CARGO_PKG_VERSION"), "0.1.0");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/samples/report.json");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, &written).expect("written");
        }
        assert!(written == std::fs::read_to_string(path).expect("the sample"), "not what was published:\n{written}");
    }

    #[test]
    fn strings_are_safe_to_print_and_keep_their_value() {
        let hostile = "a\u{1b}[2J\u{9b}b\u{202e}c\u{e0041} \"\\ ü ##vso[x] </script> ::a";
        let mut bytes = Vec::new();
        line(&hostile, &mut bytes).expect("JSON");
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(!text.trim_end().chars().any(is_deceptive), "{text}");
        assert!(!text.contains("##vso[") && !text.contains("</script>"), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).expect("JSON"), hostile);
    }
}
