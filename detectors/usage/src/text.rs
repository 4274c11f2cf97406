//! The bytes of a file as text with lines, where every offset maps back to the bytes.

use std::ops::Range;
use std::path::Path;

use zeroize::Zeroizing;

/// A file as text. Wiped when dropped, since it contains passwords.
pub(super) struct Text {
    whole: Zeroizing<String>,
    /// Bytes of the file per byte of the text: 2 for UTF-16.
    step: usize,
    /// Bytes of the file before the text: the byte order mark.
    skip: usize,
    /// Start of each line.
    lines: Vec<usize>,
}

impl Text {
    /// Reads bytes as text; `None` if they are not text. Invalid UTF-8, and anything but ASCII in UTF-16, becomes `?`,
    /// so that offsets do not change.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (text, step, skip) = match bytes {
            [0xff, 0xfe, rest @ ..] => (units(rest, u16::from_le_bytes), 2, 2),
            [0xfe, 0xff, rest @ ..] => (units(rest, u16::from_be_bytes), 2, 2),
            [0xef, 0xbb, 0xbf, rest @ ..] => (utf8(rest)?, 1, 3),
            _ => (utf8(bytes)?, 1, 0),
        };
        let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        Some(Self { whole: text, step, skip, lines })
    }

    /// The text.
    pub(super) fn str(&self) -> &str {
        &self.whole
    }

    /// The byte range in the file of a range of the text.
    pub(super) fn span(&self, range: Range<usize>) -> Range<usize> {
        self.skip + range.start * self.step..self.skip + range.end * self.step
    }

    /// The line number of a position, from 0.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at).saturating_sub(1)
    }

    /// The range of a line without its end. Empty after the last line.
    pub(super) fn range(&self, line: usize) -> Range<usize> {
        let Some(&start) = self.lines.get(line) else { return self.whole.len()..self.whole.len() };
        let end = self.lines.get(line + 1).map_or(self.whole.len(), |next| next - 1);
        let end = if end > start && self.whole.as_bytes().get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        start..end
    }

    /// The text of a line.
    pub(super) fn of_line(&self, line: usize) -> &str {
        self.whole.get(self.range(line)).unwrap_or_default()
    }

    /// Number of lines.
    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }
}

fn units(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2));
    for pair in bytes.as_chunks::<2>().0 {
        text.push(u8::try_from(read(*pair)).ok().filter(u8::is_ascii).map_or('?', char::from));
    }
    text
}

fn utf8(bytes: &[u8]) -> Option<Zeroizing<String>> {
    // A byte that never occurs in text: see `keyradius_core::prefilter`.
    if memchr::memchr(0, bytes).is_some() {
        return None;
    }
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Some(text)
}

/// The syntax of a file: what ends a statement, what a comment is, what belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Shell, makefiles, Dockerfiles, `.env`.
    Shell,
    /// `.bat`, `.cmd`.
    Batch,
    /// `.ps1`.
    PowerShell,
    /// Gradle, Groovy, Ruby, Python, Terraform: programs.
    Code,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// XML, MSBuild, WiX.
    Xml,
    /// Properties, INI, TOML, server configuration: one setting per line.
    Settings,
    /// Text for people.
    Prose,
}

impl Dialect {
    /// The dialect of a file, by its name. An unknown name is taken for a script.
    pub(super) fn of(path: &Path, prose: bool) -> Self {
        if prose {
            return Self::Prose;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension {
            "bat" | "cmd" | "nsi" | "nsh" | "iss" => Self::Batch,
            "ps1" | "psm1" | "psd1" => Self::PowerShell,
            "gradle" | "kts" | "groovy" | "rb" | "py" | "tf" | "hcl" | "tfvars" | "sbt" | "php" | "js" | "cjs"
            | "mjs" | "ts" => Self::Code,
            "yml" | "yaml" => Self::Yaml,
            "json" | "json5" | "tfstate" | "its" => Self::Json,
            "xml" | "csproj" | "vbproj" | "fsproj" | "vcxproj" | "wapproj" | "props" | "targets" | "user" | "wxs"
            | "wxi" | "pubxml" | "proj" | "config" | "plist" | "nuspec" => Self::Xml,
            "properties" | "ini" | "cfg" | "conf" | "cnf" | "toml" | "service" | "rpmmacros" | "gitconfig" | "ovpn"
            | "options" | "editorconfig" => Self::Settings,
            _ => match name.as_str() {
                "jenkinsfile" | "fastfile" | "matchfile" | "appfile" | "gymfile" | "podfile" | "rakefile" => Self::Code,
                "distributions" | "nginx.conf" | "sshd_config" | "ssh_config" | "known_hosts" | "authorized_keys" => {
                    Self::Settings
                }
                _ => Self::Shell,
            },
        }
    }

    /// Whether a line that starts like this is commented out.
    pub(super) fn comments(self, line: &str) -> bool {
        let line = line.trim_start();
        let word = |word: &str| {
            line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
                && line.as_bytes().get(word.len()).is_none_or(u8::is_ascii_whitespace)
        };
        match self {
            Self::Shell | Self::Yaml | Self::PowerShell => line.starts_with('#'),
            Self::Batch => {
                line.starts_with("::") || line.starts_with(';') || line.starts_with("//") || word("rem") || word("@rem")
            }
            Self::Code | Self::Json => {
                line.starts_with("//") || line.starts_with('#') || line.starts_with("* ") || line.starts_with("/*")
            }
            Self::Xml => line.starts_with("<!--"),
            Self::Settings => line.starts_with('#') || line.starts_with(';') || line.starts_with('!'),
            Self::Prose => false,
        }
    }

    /// Characters that continue a statement on the next line.
    pub(super) const fn continues(self, byte: u8) -> bool {
        match self {
            Self::Batch => byte == b'^',
            Self::PowerShell => byte == b'`',
            Self::Yaml | Self::Json | Self::Xml => matches!(byte, b'\\' | b'^' | b'`'),
            Self::Shell | Self::Code | Self::Settings | Self::Prose => byte == b'\\',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_map_back_to_the_file() {
        let text = Text::of(b"\xef\xbb\xbfa\xff=1\r\nb=2\n").unwrap();
        assert_eq!(text.str(), "a?=1\r\nb=2\n");
        assert_eq!((text.line(7), text.of_line(0), text.of_line(1), text.span(6..7)), (1, "a?=1", "b=2", 9..10));
        let wide: Vec<u8> = "\u{feff}p=\u{e9}\nq".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let text = Text::of(&wide).unwrap();
        assert_eq!((text.str(), text.span(4..5)), ("p=?\nq", 10..12));
        assert!(Text::of(b"\x7fELF\0").is_none());
    }

    #[test]
    fn comments_by_dialect() {
        for (dialect, line, expected) in [
            (Dialect::Batch, "  REM signtool", true),
            (Dialect::Batch, "remote.cmd", false),
            (Dialect::Shell, "# signtool", true),
            (Dialect::Shell, "signtool # x", false),
            (Dialect::Xml, "<!-- <storepass>", true),
            (Dialect::Settings, ";a=b", true),
            (Dialect::Code, "// storeFile", true),
        ] {
            assert_eq!(dialect.comments(line), expected, "{line}");
        }
    }
}
