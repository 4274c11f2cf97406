//! PEM in every disguise, and texts that only look like PEM.

use super::*;
use crate::text;

/// 48 bytes in two lines. They are not a key, so that scanners do not report this file.
const LINES: [&str; 2] = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "GBkaGxwdHh8gISIjJCUmJygpKissLS4v"];

fn block(before: &str, between: &str, after: &str) -> Vec<u8> {
    format!("-----BEGIN X KEY-----{before}{}{between}{}{after}-----END X KEY-----", LINES[0], LINES[1]).into_bytes()
}

#[test]
fn every_disguise_gives_the_same_body() {
    let expected: Vec<u8> = (0..48).collect();
    for (name, before, between, after) in [
        ("plain", "\n", "\n", "\n"),
        ("CRLF", "\r\n", "\r\n", "\r\n"),
        ("one line", "", "", ""),
        ("blanks", " ", " ", " "),
        ("indented", "\n    ", "\n    ", "\n    "),
        ("escaped", "\\n", "\\n", "\\n"),
        ("escaped twice", "\\\\n", "\\\\n", "\\\\n"),
        ("escaped CRLF", "\\r\\n", "\\r\\n", "\\r\\n"),
        ("unicode escape", "\\u000a", "\\u000A", "\\u000a"),
        ("entity", "&#10;", "&#xA;", "&#13;"),
        ("C", "\\n\"\n  \"", "\\n\"\n  \"", "\\n\"\n  \""),
        ("Java", "\\n\" +\n  \"", "\\n\" +\n  \"", "\\n\" +\n  \""),
        ("plus first", "\\n\"\n  + \"", "\\n\"\n  + \"", "\\n\"\n  + \""),
        ("list", "',\n  '", "',\n  '", "',\n  '"),
        ("Python bytes", "\\n'\n b'", "\\n'\n b'", "\\n'\n b'"),
        ("shell comment", "\n# ", "\n# ", "\n# "),
        ("C++ comment", "\n// ", "\n// ", "\n// "),
        ("javadoc", "\n * ", "\n * ", "\n * "),
        ("mail", "\n> ", "\n> ", "\n> "),
        ("continued", "\\\n", "\\\n", "\\\n"),
        ("headers", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\n", "\n", "\n"),
        ("quotes in a header", "\nComment: it's \"mine\" `now`\nVersion: 1\n\n", "\n", "\n"),
        ("headers in one line", " Proc-Type: 4,ENCRYPTED DEK-Info: DES-EDE3-CBC,00 ", " ", " "),
        ("CRC", "\n", "\n", "\n=abcd\n"),
        ("added by a patch", "\n+", "\n+", "\n+"),
        ("removed by a patch", "\n-", "\n-", "\n-"),
        ("Basic", "\" & vbCrLf & _\n  \"", "\" & vbCrLf & _\n  \"", "\" & vbCrLf & _\n  \""),
        ("Lua", "\\n' ..\n  '", "\\n' ..\n  '", "\\n' ..\n  '"),
        ("appended", "\\n\";\n  pem += \"", "\\n\";\n  pem += \"", "\\n\";\n  pem += \""),
        ("builder", "\\n\")\n  .append(\"", "\\n\")\n  .append(\"", "\\n\")\n  .append(\""),
        ("shell", "\" >> k.pem\necho \"", "\" >> k.pem\necho \"", "\" >> k.pem\necho \""),
        ("SQL", "' || CHR(10) ||\n '", "' || CHR(10) ||\n '", "' || CHR(10) ||\n '"),
        (
            "headers appended",
            "\\n\";\nk += \"Proc-Type: 4,ENCRYPTED\\n\";\nk += \"\\n\";\nk += \"",
            "\\n\";\nk += \"",
            "\\n\";\nk += \"",
        ),
        ("PowerShell", "`n", "`r`n", "`n"),
        ("printf in octal", "\\012", "\\015\\012", "\\012"),
        ("escapes by number", "\\x0a", "\\x0D\\x0A", "\\u{a}"),
        ("rsyslog", "#012", "#015#012", "#012"),
        ("Office Open XML", "_x000D_\n", "_x000D__x000A_", "\n"),
        ("RTF", "\\par ", "\\par\r\n", "\\line\n"),
        ("HTML", "<br/>", "<br>\n", "<BR />"),
        ("paragraphs", "</p>\n<p class=\"k\">", "</p>\n<p class=\"k\">", "</p>\n<p class=\"k\">"),
        ("quoted-printable", "=0A", "=0A=\n", "=0A"),
        // Bytes that OpenSSL skips at the end of a line.
        ("NUL at line ends", "\0\n", "\0\n", "\0\n"),
        ("controls at line ends", "\u{b}\r\n", " \u{1f}\u{7f}\n", "\u{c}\n"),
        ("Latin at line ends", "\u{e9}\n", "\u{ff}\n", "\u{80}\n"),
        ("marks that show nothing", "\n\u{a0}", "\u{200b}", "\u{2028}\n"),
        ("colours", "\u{1b}[0m\n\u{1b}[1;32m", "\u{1b}[0m\n\u{1b}[1;32m", "\u{1b}[K\n"),
        ("quoted-printable CRLF", "=0D=0A=\r\n", "=0D=0A", "=0D=0A"),
    ] {
        let sign = between.strip_prefix('\n').filter(|s| matches!(*s, "+" | "-")).unwrap_or("");
        let text = [sign.as_bytes(), &block(before, between, after)].concat();
        let armor = read(&text, sign.len()).unwrap();
        assert_eq!(armor.body.as_slice(), expected, "{name}");
        assert!(armor.end_seen, "{name}");
        assert_eq!(armor.span, sign.len()..text.len(), "{name}");
    }
}

#[test]
fn slashes_and_pluses_are_digits() {
    let text = b"-----BEGIN X-----\n//+/AAECAwQFBgcICQoLDA0O\n/+AA\n+/AA\n-----END X-----";
    assert_eq!(read(text, 0).unwrap().body.len(), (24 + 4 + 4) / 4 * 3);
    let escaped = b"-----BEGIN X-----\\n\\/\\/+\\/AAECAwQFBgcICQoLDA0O\\n-----END X-----";
    assert_eq!(read(escaped, 0).unwrap().body.get(..3), Some(&[0xff, 0xff, 0xbf][..]));
}

#[test]
fn lines_of_one_digit_and_long_headers() {
    let lines: String = LINES.concat().chars().flat_map(|digit| [digit, '\n']).collect();
    let text = format!("-----BEGIN X KEY-----\n{lines}-----END X KEY-----");
    assert_eq!(read(text.as_bytes(), 0).unwrap().body.as_slice(), (0..48).collect::<Vec<u8>>());
    // A plus sign alone on a line is a digit too.
    let text = "-----BEGIN X-----\n+\n/\n+\n/\nAAECAwQFBgcICQoLDA0O\n-----END X-----";
    assert_eq!(read(text.as_bytes(), 0).unwrap().body.get(..4), Some(&[0xfb, 0xff, 0xbf, 0x00][..]));
    let header = format!("\nComment: {}\n\n", "AAAA ".repeat(20_000));
    let armor = read(&block(&header, "\n", "\n"), 0).unwrap();
    assert_eq!(armor.body.as_slice(), (0..48).collect::<Vec<u8>>());
    assert_eq!(armor.header("comment").map(|value| value.len() <= MAX_HEADER), Some(true));
}

#[test]
fn prefixes_of_every_line_are_skipped() {
    for (name, first, second, third, last) in [
        ("grep -n", "a/k.pem:9:", "a/k.pem:10:", "a/k.pem:11:", "a/k.pem:12:"),
        ("grep -A", "k1.pem:", "k1.pem-", "k1.pem-", "k1.pem-"),
        ("grep -nA", "b.log:99:", "b.log-100-", "b.log-101-", "b.log-102-"),
        ("cat -n", "     9\t", "    10\t", "    11\t", "    12\t"),
        ("table", "  9 | ", " 10 | ", " 11 | ", " 12 | "),
        (
            "log",
            "2024-05-01 10:00:01 app: ",
            "2024-05-01 10:00:02 app: ",
            "2024-05-01 10:00:02 app: ",
            "2024-05-01 10:00:03 app: ",
        ),
    ] {
        let text = format!(
            "text\n{first}-----BEGIN X KEY-----\n{second}{}\n{third}{}\n{last}-----END X KEY-----\n",
            LINES[0], LINES[1]
        );
        let armor = read(text.as_bytes(), 5 + first.len()).unwrap();
        assert_eq!(armor.body.as_slice(), (0..48).collect::<Vec<u8>>(), "{name}");
        assert!(armor.end_seen, "{name}");
    }
}

#[test]
fn entities_and_quoted_printable_digits() {
    let text = b"-----BEGIN X-----&#xA;&#x2f;&#43;&sol;/AAECAwQFBgcICQoLDA0O&#10;-----END X-----";
    assert_eq!(read(text, 0).unwrap().body.get(..3), Some(&[0xff, 0xef, 0xff][..]));
    let text = b"-----BEGIN X-----=0AAAECAwQFBgcICQoLDA0O=\r\nDxARE=\r\nhMUFRYX=3D=0A-----END X-----";
    let armor = read(text, 0).unwrap();
    assert_eq!((armor.body.as_slice(), armor.end_seen), (&(0..24).collect::<Vec<u8>>()[..], true));
}

#[test]
fn soft_line_breaks_are_not_padding() {
    let digits = text::base64(&(0..=255).collect::<Vec<u8>>());
    for separator in ["=\n", "=\r\n"] {
        let lines: Vec<&str> = digits.as_bytes().chunks(75).map(|line| str::from_utf8(line).unwrap()).collect();
        let text = format!("-----BEGIN X-----\n{}\n-----END X-----", lines.join(separator));
        let armor = read(text.as_bytes(), 0).unwrap();
        assert_eq!((armor.body.len(), armor.end_seen), (256, true), "{text}");
    }
    // Padding, the sign of a patch, an END line.
    for sign in ["", "+"] {
        let digits = text::base64(&[7; 56]);
        let text = format!("{sign}-----BEGIN X-----\n{sign}{digits}=\n{sign}-----END X-----");
        let armor = read(text.as_bytes(), sign.len()).unwrap();
        assert_eq!((armor.body.len(), armor.end_seen), (56, true), "{text}");
    }
}

#[test]
fn a_missing_or_foreign_end_is_reported() {
    let cut = format!("-----BEGIN X KEY-----\n{}\n{}\n\nThat was it!", LINES[0], LINES[1]);
    let armor = read(cut.as_bytes(), 0).unwrap();
    assert!(!armor.end_seen && armor.body.starts_with(&(0..48).collect::<Vec<u8>>()));
    let other = format!("-----BEGIN X KEY-----\n{}\n-----END Y-----", LINES[0]);
    assert!(!read(other.as_bytes(), 0).unwrap().end_seen);
}

#[test]
fn digits_are_read_among_other_characters() {
    let expected: Vec<u8> = (0..48).collect();
    let [first, second] = LINES;
    let (left, right) = first.split_at(9);
    for (label, body) in [
        ("X KEY", format!("{left}!*.~{right}\n{second}\n")),
        ("X KEY", format!("~{first}\n{second}\n")),
        ("X KEY", format!("{first}\n{}\n", second.replace('s', "\\s"))),
        ("X KEY", format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n~{first}\n{second}\n")),
        ("PGP X", format!("Comment: a\n\n{left}!{right}\n{second}\n=abcd\n")),
    ] {
        let text = format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n");
        let end = read(text.as_bytes(), 0)
            .map_or(0, |armor| if armor.header("DEK-Info").is_some() { 0 } else { armor.digits.end });
        let all = forgiving(text.as_bytes(), 0, end).unwrap_or_else(|| panic!("{text}"));
        assert!(all.bytes.starts_with(&expected), "{text}");
    }
    let encrypted = format!(
        "-----BEGIN X KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n~{first}\n{second}\n-----END X KEY-----"
    );
    let armor = read(encrypted.as_bytes(), 0).unwrap();
    assert_eq!((armor.body.as_slice(), armor.end_seen), (&expected[..], true));
    // No digits remain, the next BEGIN comes before an END, or the text has no lines.
    for text in [
        String::from_utf8(block("\n", "\n", "\n")).unwrap(),
        String::from_utf8(block("\n", "\n", "\n=abcd\n")).unwrap(),
        format!("-----BEGIN X KEY-----\n{left}!{right}\n-----BEGIN X KEY-----\n{second}\n-----END X KEY-----"),
        format!("-----BEGIN X KEY-----\n{left}!{right}\n"),
        format!("-----BEGIN X KEY-----\\n{left}!{right}\\n{second}\\n-----END X KEY-----"),
    ] {
        let end = read(text.as_bytes(), 0).map_or(0, |armor| armor.digits.end);
        assert!(forgiving(text.as_bytes(), 0, end).is_none(), "{text}");
    }
}

#[test]
fn headers_are_read() {
    let text = block("\nrole: root\ngun: example.com/x\n\n", "\n", "\n");
    let armor = read(&text, 0).unwrap();
    assert_eq!((armor.header("Role"), armor.header("gun")), (Some("root"), Some("example.com/x")));
}

#[test]
fn text_that_quotes_a_header_is_not_a_block() {
    for text in [
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----\0",
        "-----BEGIN RSA PRIVATE KEY-----...-----END RSA PRIVATE KEY-----",
        "-----BEGIN (RSA|EC) PRIVATE KEY-----[\\s\\S]*?",
        "-----BEGIN PRIVATE KEY-----\\nMIIE...",
        "-----BEGIN %s-----\n",
        "-----BEGIN ",
    ] {
        assert!(read(text.as_bytes(), 0).is_err(), "{text}");
    }
}
