//! Tests of `base64`.

use keyradius_core::blob::Origin;
use keyradius_core::budget::Limits;
use keyradius_readers::text::{base64, base64url};

use super::*;

#[test]
fn anchors_match_the_encoded_bytes() {
    let sources: [&[u8]; 6] = [
        b"-----BEGIN ",
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d],
        &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65],
        &[0x02, 0x01, 0x00, 0x02, 0x82],
        &[0x02, 0x01, 0x01, 0x04, 0x20],
    ];
    for (source, anchors) in sources.iter().zip(ANCHORS.chunks(3)) {
        for (before, (anchor, place)) in anchors.iter().enumerate() {
            let coded = base64(&[&[0x55; 2][..before], source, &[0x55; 3]].concat());
            let at = coded.find(str::from_utf8(anchor.bytes).unwrap());
            assert_eq!(at.map(|at| at % 4), Some(usize::from(*place)), "{coded}");
        }
    }
    let dsa = base64(&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04]);
    assert!(dsa.starts_with("KoZIzj"), "the three cut anchors serve EC and DSA");
}

fn open(text: &str) -> Option<(Vec<u8>, std::ops::Range<usize>)> {
    let origin = Origin::file("x");
    let (anchor, at) = ANCHORS.iter().find_map(|(anchor, _)| {
        let at = memchr::memmem::find(text.as_bytes(), anchor.bytes)?;
        (!anchor.at_start || at == 0).then_some((*anchor, at))
    })?;
    let mut found = None;
    let budget = Budget::new(Limits::default());
    let blob = Blob::whole(text.as_bytes(), &origin);
    let _ = Base64.open(blob, Hit { anchor, at }, &budget, &mut |entry| {
        found = Some((entry.bytes.to_vec(), entry.span));
        ControlFlow::Continue(())
    });
    found
}

#[test]
fn runs_are_followed_both_ways() {
    let plain: Vec<u8> = [&b"xy-----BEGIN "[..], &[0xfb; 90]].concat();
    let coded = base64(&plain);
    let wrapped = |separator: &str, width: usize| {
        let lines: Vec<&str> = coded.as_bytes().chunks(width).map(|l| str::from_utf8(l).unwrap()).collect();
        lines.join(separator)
    };
    for text in [
        coded.clone(),
        format!("data: {coded}\n"),
        format!("  \"tls.key\": \"{coded}==\",\n next"),
        format!("key: |\n    {}\nother: word\n", wrapped("\n    ", 64)),
        format!("\"{}\"", wrapped("\\n", 76)),
        format!("{}\r\n-- end", wrapped("\r\n", 76)),
        format!("x={}", wrapped("\\\n", 64)),
        base64url(&plain),
        format!("String key =\n    \"{}\";\n", wrapped("\" +\n    \"", 64)),
        format!("key = ('{}')", wrapped("\\n'\n  b'", 60)),
        format!("[\"{}\"]", wrapped("\", \"", 64)),
        format!("k = '{}'", wrapped("' ..\n  '", 70)),
    ] {
        let (bytes, span) = open(&text).unwrap();
        assert_eq!(bytes, plain, "{text}");
        assert_eq!(span.len().min(coded.len()), coded.len(), "{text}");
    }
}

/// Text as quoted in other formats: signs and line breaks are escaped.
#[test]
fn escapes_in_a_run_are_undone() {
    let plain: Vec<u8> = [&[0xfb, 0xff, 0xbe, 0xfb][..], b"-----BEGIN ", &[0xfb; 20], &[0xff; 70]].concat();
    let coded = base64(&plain);
    assert!(coded.contains('+') && coded.contains('/'));
    let lines: Vec<&str> = coded.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    for (plus, slash, between) in [
        ("%2B", "%2F", ""),
        ("%2b", "%2f", "%0D%0A"),
        ("+", "\\/", "\\r\\n"),
        ("\\u002B", "/", "\\u000a"),
        ("\\\\u002b", "\\\\/", "\\\\n"),
        ("\\x2B", "\\x2f", "\\x0A"),
        ("&#43;", "&#x2F;", "&#xA;"),
        ("&plus;", "&sol;", "\n"),
        ("+", "/", "#012"),
        ("+", "/", "`n"),
        ("+", "/", "\\015\\012"),
    ] {
        let quoted = lines.join("\n").replace('+', plus).replace('/', slash).replace('\n', between);
        for text in [format!("key={quoted}&go=1"), format!("\"{quoted}\"")] {
            let (bytes, span) = open(&text).unwrap_or_default();
            assert_eq!((bytes.as_slice(), text.get(span)), (&plain[..], Some(&quoted[..])), "{text}");
        }
    }
}

#[test]
fn the_last_line_of_a_run_ends_with_its_text() {
    let plain: Vec<u8> = [b"-----BEGIN ", &[0xfb; 127][..]].concat();
    let coded = base64(&plain);
    let lines: Vec<&str> = coded.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    for (between, behind) in [
        ("\n", " "),
        ("\n", "]]>"),
        ("\\n", "\\\""),
        ("\\r\\n", "\\u0022"),
        ("\r\n", "}"),
        ("\n    ", " ) ; end"),
        ("\n", "\u{e9}"),
    ] {
        let text = format!("x: {}{behind}\n", lines.join(between));
        assert_eq!(open(&text).unwrap_or_default().0, plain, "{text}");
    }
}

#[test]
fn soft_line_breaks_do_not_end_a_run_and_padding_does() {
    let plain: Vec<u8> = [b"-----BEGIN ", &[0xfb; 200][..]].concat();
    let coded = base64(&plain);
    let lines: Vec<&str> = coded.as_bytes().chunks(75).map(|line| str::from_utf8(line).unwrap()).collect();
    for separator in ["=\n", "=\r\n"] {
        let text = lines.join(separator);
        assert_eq!(open(&text).unwrap_or_default().0, plain, "{text}");
    }
    let text = format!("{}=\n{}", base64(&[7; 47]), base64(&plain));
    assert_eq!(open(&text).unwrap_or_default().0, plain, "padding ends a text");
}

#[test]
fn glued_text_does_not_shift_the_digits() {
    let coded = base64(&[&b"-----BEGIN "[..], &[7; 60]].concat());
    for glued in ["a", "ab", "abc", "abcd", "/etc/"] {
        let (bytes, _) = open(&format!("{glued}{coded}")).unwrap();
        assert!(memchr::memmem::find(&bytes, b"-----BEGIN ").is_some(), "{glued}");
    }
}

#[test]
fn a_run_may_begin_with_a_short_line_after_a_sign() {
    let coded = base64(&[&[7; 9][..], b"-----BEGIN ", &[0xfb; 60]].concat());
    let (bytes, span) = open(&format!("{}=abcd{}\n{}\n", "Q".repeat(40), &coded[..12], &coded[12..])).unwrap();
    assert_eq!(span.start, 41);
    assert!(bytes.ends_with(&[&[7; 9][..], b"-----BEGIN ", &[0xfb; 60]].concat()));
    let (_, span) = open(&format!("some words\n{coded}\n")).unwrap();
    assert_eq!(span.start, 11);
}

#[test]
fn items_of_a_list_are_not_joined() {
    let coded = base64(&[&b"-----BEGIN "[..], &[0xfb; 92]].concat());
    let (bytes, span) = open(&format!("[\"{coded}\", \"b3RoZXIgdGhpbmdzIGFsdG9nZXRoZXI\"]")).unwrap();
    assert_eq!((bytes.len(), span), (103, 2..2 + coded.len()));
}

#[test]
fn anchors_of_twice_encoded_keys() {
    for (source, anchors) in [
        ("LS0tLS1CRUdJTi", &ANCHORS[18..21]),
        ("MII", &ANCHORS[21..22]),
        ("MAUGAytl", &ANCHORS[22..25]),
        ("AFBgMrZ", &ANCHORS[25..28]),
        ("wBQYDK2", &ANCHORS[28..31]),
        ("KoZIzj", &ANCHORS[31..34]),
        ("qGSM4", &ANCHORS[34..37]),
        ("qhkjO", &ANCHORS[37..40]),
    ] {
        for (before, (anchor, place)) in anchors.iter().enumerate() {
            let coded = base64(&[&[0x55; 2][..before], source.as_bytes(), &[0x55; 3]].concat());
            let at = coded.find(str::from_utf8(anchor.bytes).unwrap());
            assert_eq!(at.map(|at| at % 4), Some(usize::from(*place)), "{coded}");
        }
    }
}

#[test]
fn files_of_base64_only() {
    for start in [
        &[0x30, 0x81, 0x87, 2][..],
        &[0x30, 0x77, 2, 1, 1],
        &[0x94, 0x58, 4, 0x65],
        &[0x95, 3, 0x98, 4, 0x65],
        &[0xc5, 0x58, 4, 0x65],
        &[0xc5, 0xc3, 0x98, 4, 0x65],
        &[0, 0, 0, 2, 0, 0, 0, 0x14],
        &[0x1e, 0xf1, 0xb5, 0xb0, 0, 0, 0, 0],
        &[7, 2, 0, 0, 0, 0xa4, 0, 0],
        b"MIGHAgEAMBM",
        b"MHcCAQEEIA",
        b"MC4CAQAwBQ",
    ] {
        let plain = [start, &[0x55; 60]].concat();
        let (bytes, _) = open(&base64(&plain)).unwrap();
        assert_eq!(bytes, plain);
    }
}

#[test]
fn files_that_begin_with_digits_are_claimed() {
    let claims = |text: &str| Base64.claims(Blob::whole(text.as_bytes(), &Origin::file("x")));
    let coded = base64(&(0..60).collect::<Vec<u8>>());
    for (text, expected) in [
        (coded.as_str(), true),
        (&format!("{}\r\n{}", &coded[..64], &coded[64..]), true),
        (&coded[..39], false),
        (&format!("{} {}", &coded[..20], &coded[20..]), false),
        (&format!("{}\n", "/".repeat(76)), false),
        (&format!("---{coded}"), false),
        // The text may be hexadecimal as well: the engine asks both unwrappers.
        (&"0123456789abcdef".repeat(4), true),
    ] {
        assert_eq!(claims(text), expected, "{text}");
    }
}

#[test]
fn streams_in_the_middle_of_a_file() {
    let gzip = [&[0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 2, 255][..], &[0x55; 60]].concat();
    let zip = [&[b'P', b'K', 3, 4, 20, 0, 0, 8, 8, 0][..], &[0x55; 60]].concat();
    let long = |start: &[u8]| [start, &[0x55; 60]].concat();
    let others = [
        long(b"\xfd7zXZ\0\0\x04"),
        long(b"\x28\xb5\x2f\xfd\x24"),
        long(b"BZh11AY&SY"),
        long(b"BZh91AY&SY"),
        long(b"\x04\x22\x4d\x18\x64"),
        long(b"7z\xbc\xaf\x27\x1c\0\x04"),
        // Flags of gzip: text, header checksum, extra field, name, comment.
        long(b"\x1f\x8b\x08\x1f\0\0\0\0\x07\x63"),
        long(b"\x1f\x8b\x08\x08\0\0\0\0\0\x03k.pem\0"),
    ];
    for plain in [&gzip, &zip].into_iter().chain(&others) {
        for coded in [base64(plain), base64url(plain)] {
            // Letters before the stream are not part of it.
            let (bytes, span) = open(&format!("data: path,{coded}\n")).unwrap();
            assert_eq!((&bytes, span.start), (plain, 11));
        }
    }
    for (start, at, byte) in
        [(&gzip, 3, 0x20), (&zip, 3, 5), (&zip, 8, 7), (&zip, 9, 1), (&others[2], 9, b'X'), (&others[1], 3, 0xfc)]
    {
        let mut plain = start.clone();
        plain[at] = byte;
        assert_eq!(open(&format!("data: {}\n", base64(&plain))), None, "{plain:x?}");
    }
    assert_eq!(open(&format!("data: {}", &base64(&gzip)[..36])), None, "too short");
}

#[test]
fn words_are_not_runs() {
    assert_eq!(open("AAAA,KoZIhvcNA;AAgEAAo,CAQACg"), None);
}
