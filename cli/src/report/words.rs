//! Formats numbers, times and untrusted text for a person.

use std::fmt::Write as _;
use std::time::Duration;

use keyradius_core::blob::is_deceptive;
use keyradius_core::error::Reason;
use keyradius_core::material::{Encoding, ProtectionState, Verdict};

/// A number with its digits in groups of three: `12 483`. Up to four digits are not grouped.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number with its noun: `1 signing key`, `2 signing keys`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A size in bytes, such as `1.2 GB`, in powers of 1000.
pub(crate) fn bytes(number: u64) -> String {
    let mut unit_size = 1_000;
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
        let tenths = number / (unit_size / 10);
        if number < unit_size {
            break;
        }
        if tenths < 10_000 || unit == "PB" {
            return if tenths < 1_000 {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            } else {
                format!("{} {unit}", tenths / 10)
            };
        }
        unit_size = unit_size.saturating_mul(1_000);
    }
    plural(number, "byte", "bytes")
}

/// A duration, such as `0.41 s`, `12.3 s` or `3 min 20 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        format!("{:.2} s", time.as_secs_f64())
    } else if seconds < 100 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// Escapes text from the input, so that it is safe on a terminal and in a build log. [Deceptive](is_deceptive)
/// characters become `\xNN`, byte by byte. So does one character of each build server command: `::` where a line may
/// begin (GitHub), `##` before a word or a bracket (Azure, TeamCity).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        if is_deceptive(c) || is_command(before, c, next) {
            push_bytes(&mut out, c);
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// Escapes lines for standard error, as a last safety net. Like [`escape`], but keeps line ends, and `::` within a
/// line.
pub(crate) fn escape_lines(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (indent, rest) = line.split_at(indent);
        let mut out = indent.to_owned();
        let mut before = if rest.starts_with("::") { ' ' } else { 'x' };
        let mut chars = rest.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            if is_deceptive(c) || is_command(before, c, next) {
                push_bytes(&mut out, c);
            } else {
                out.push(c);
            }
            before = if c == '#' { c } else { 'x' };
        }
        lines.push(out);
    }
    lines.join("\n")
}

/// Whether `c`, between the characters `before` and `next`, belongs to a build server command.
///
/// GitHub's runner accepts `::` at the beginning of a line, after any white space; Azure's agent and TeamCity accept
/// `##vso[`, `##[` and `##teamcity[` anywhere.
pub(crate) const fn is_command(before: char, c: char, next: Option<char>) -> bool {
    match (c, next) {
        (':', Some(':')) => before.is_ascii_whitespace(),
        ('#', Some(next)) => before == '#' && (next == '[' || next.is_ascii_alphabetic()),
        _ => false,
    }
}

fn push_bytes(out: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// Wraps text into lines of at most `width` characters, broken at spaces.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    flow(&text.split(' ').collect::<Vec<_>>(), " ", width)
}

/// Joins parts into lines of at most `width` characters, broken only between parts; a longer part has its own line.
pub(crate) fn flow(parts: &[impl AsRef<str>], between: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    let gap = between.chars().count();
    for part in parts {
        let part = part.as_ref();
        let length = part.chars().count();
        if used > 0 && used + gap + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push_str(between);
                used += gap;
            }
            line.push_str(part);
            used += length;
        }
    }
    lines
}

/// An id as words: `code_signing` becomes `code signing`.
pub(crate) fn spoken(id: &str) -> String {
    escape(&id.replace('_', " "))
}

/// How a key is protected.
pub(crate) const fn protection(state: ProtectionState) -> &'static str {
    match state {
        ProtectionState::Plaintext => "not protected",
        ProtectionState::Opened => "opened",
        ProtectionState::Weak => "weakly encrypted",
        ProtectionState::Strong => "encrypted",
        ProtectionState::Hardware => "bound to hardware",
        ProtectionState::Stub => "a stub: the key is elsewhere",
    }
}

/// What the structure of an ordinary secret proves.
pub(crate) const fn verdict(verdict: Verdict, expired: bool) -> &'static str {
    match (verdict, expired) {
        (_, true) => "expired",
        (Verdict::Checksum, false) => "checksum fits",
        (Verdict::Decodes, false) => "decodes",
        (Verdict::Shape, false) => "shape only",
    }
}

/// Why an input was not read.
pub(crate) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Permission => "not permitted",
        Reason::Vanished => "vanished during the scan",
        Reason::ReadError => "reading failed",
        Reason::SpecialFile => "a FIFO, socket or device: not opened",
        Reason::PseudoFileSystem => "a pseudo file system without stored files",
        Reason::LinksNotFollowed => "symbolic links are not followed",
        Reason::TargetUnread => "a named target was not read",
        Reason::OtherFileSystem => "on another file system, skipped as requested",
        Reason::TooLarge => "larger than --max-file-size or --max-held",
        Reason::TooDeep => "nested deeper than --max-depth",
        Reason::TooMuchOutput => "unpacks to more than --max-expanded or --max-ratio",
        Reason::TooSlow => "took longer than --timeout-per-file or --timeout-per-archive",
        Reason::TooMany => "contains more matches or members than the limit",
        Reason::Encrypted => "encrypted",
        Reason::Unsupported => "uses a compression or variant that this version does not support",
        Reason::Damaged => "damaged",
        Reason::MissingBase => "delta bases are missing",
        Reason::MissingObjects => "objects are missing",
        Reason::Ambiguous => "git may read it differently from keyradius",
        Reason::Shallow => "a shallow clone",
        Reason::IndexRebuilt => "damaged index; the pack was indexed again",
        Reason::ReadElsewhere => "already read for another repository",
        Reason::Unknown => "not a git object",
        Reason::HistoryLeftOut => "history skipped as requested",
        Reason::DetectorFault => "a detector failed: a bug in keyradius",
        Reason::PasswordsNotTried => "locked; not every password was tried",
        Reason::NearPasswordsNotTried => "locked; nearby passwords were not tried: raise --max-password-work",
        Reason::Interrupted => "interrupted",
    }
}

/// How a material is encoded.
pub(crate) const fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Pem => "PEM",
        Encoding::Der => "DER",
        Encoding::Text => "text",
        Encoding::Binary => "binary",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (number, told) in [(0, "0"), (999, "999"), (1234, "1234"), (12483, "12 483"), (1_234_567, "1 234 567")] {
            assert_eq!(count(number), told);
        }
        for (number, told) in [
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (99_950, "99.9 kB"),
            (123_456, "123 kB"),
            (999_999, "999 kB"),
            (1_200_000_000, "1.2 GB"),
            (u64::MAX, "18446 PB"),
        ] {
            assert_eq!(bytes(number), told, "{number}");
        }
        for (millis, told) in [(0, "0.00 s"), (412, "0.41 s"), (12_340, "12.3 s"), (200_000, "3 min 20 s")] {
            assert_eq!(duration(Duration::from_millis(millis)), told);
        }
    }

    #[test]
    fn untrusted_text_cannot_act() {
        for (text, safe) in [
            ("CN=Acme, O=Ünïcode 鍵", "CN=Acme, O=Ünïcode 鍵"),
            ("a\u{1b}[31mb", "a\\x1b[31mb"),
            ("a\nb\tc", "a\\x0ab\\x09c"),
            ("x\u{202e}y", "x\\xe2\\x80\\xaey"),
            ("\u{9b}2J", "\\xc2\\x9b2J"),
            ("z\u{200b}", "z\\xe2\\x80\\x8b"),
            ("::error::x", "\\x3a:error::x"),
            ("CN=a ::add-mask::b", "CN=a \\x3a:add-mask::b"),
            ("std::io, fe80::1", "std::io, fe80::1"),
            ("##vso[task] ###[x] ## a #1", "#\\x23vso[task] ##\\x23[x] ## a #1"),
        ] {
            assert_eq!(escape(text), safe);
        }
    }

    #[test]
    fn escaped_lines_keep_their_line_ends() {
        let said = "note: a::b\n  ::error::x\n\u{1b}[2J ##teamcity[x ::y";
        assert_eq!(escape_lines(said), "note: a::b\n  \\x3a:error::x\n\\x1b[2J #\\x23teamcity[x ::y");
        assert_eq!(escape_lines(""), "");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable x", 4), ["unbreakable", "x"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(flow(&["a b", "c d", "e"], " · ", 9), ["a b · c d", "e"]);
    }
}
