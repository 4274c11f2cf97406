//! The proof law: a generator puts text around the lines of PEM, of DER in base64 and of PKCS#12 in base64.

use keyradius_core::blob::Origin;
use keyradius_core::budget::Limits;
use keyradius_readers::curves;
use keyradius_readers::text::base64;

use super::*;

/// Everything that is read from a text.
fn open(text: &[u8]) -> Vec<Vec<u8>> {
    let origin = Origin::file("x");
    let mut found = Vec::new();
    for anchor in Assembled.anchors() {
        for at in memchr::memmem::find_iter(text, anchor.bytes).filter(|at| !anchor.at_start || *at == 0) {
            let budget = Budget::new(Limits::default());
            let _ = Assembled.open(Blob::whole(text, &origin), Hit { anchor: *anchor, at }, &budget, &mut |entry| {
                found.push(entry.bytes.to_vec());
                ControlFlow::Continue(())
            });
        }
    }
    found
}

/// Bytes that look random, the same for the same seed.
fn noise(seed: u32) -> impl Iterator<Item = u8> {
    std::iter::successors(Some(seed | 1), |x| {
        let x = x ^ (x << 13);
        let x = x ^ (x >> 17);
        Some(x ^ (x << 5))
    })
    .map(|x| (x >> 11) as u8)
}

/// A value: tag, length of three bytes, content.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, high, low], content].concat()
}

/// A key in PKCS#8 whose point belongs to its scalar.
fn ec_key(curve: &str, oid: &[u8], size: usize) -> Vec<u8> {
    let curve = curves::by_ssh(curve.as_bytes()).unwrap();
    let scalar: Vec<u8> = [0].into_iter().chain(noise(size as u32)).take(size).collect();
    let point = curve.public_point(&scalar).unwrap();
    let inner = [&[2, 1, 1][..], &value(4, &scalar), &value(0xa1, &value(3, &[&[0][..], &point].concat()))];
    let algorithm = [&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1][..], oid].concat();
    let algorithm = [&[0x30, u8::try_from(algorithm.len()).unwrap()], &algorithm[..]].concat();
    value(0x30, &[&[2, 1, 0], &algorithm[..], &value(4, &value(0x30, &inner.concat()))].concat())
}

/// A structure that begins like an RSA key in PKCS#8, with an OCTET STRING of `length` bytes.
fn pkcs8(length: u16) -> Vec<u8> {
    let start = [2, 1, 0, 0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let content: Vec<u8> = noise(u32::from(length)).take(usize::from(length)).collect();
    value(0x30, &[&start[..], &value(4, &content)].concat())
}

/// A structure that begins like a PKCS#12.
fn pkcs12(length: u16) -> Vec<u8> {
    let content: Vec<u8> = noise(7 * u32::from(length)).take(usize::from(length)).collect();
    let data = [&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1][..], &value(0xa0, &value(4, &content))].concat();
    value(0x30, &[&[2, 1, 3][..], &value(0x30, &data)].concat())
}

fn lines(der: &[u8], width: usize) -> Vec<String> {
    let mut text = base64(der);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text.as_bytes().chunks(width).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
}

/// The three carriers of the proof law: PEM, and base64 of DER and of PKCS#12.
fn carriers() -> Vec<(&'static str, Vec<u8>, Vec<String>)> {
    let mut all = Vec::new();
    let p256 = ec_key("nistp256", &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 32);
    let p521 = ec_key("nistp521", &[6, 5, 0x2b, 0x81, 4, 0, 0x23], 66);
    for (der, width) in [(pkcs8(1192), 64), (pkcs8(1191), 76), (p256, 64), (p521, 64)] {
        let mut pem = lines(&der, width);
        pem.insert(0, "-----BEGIN PRIVATE KEY-----".to_owned());
        pem.push("-----END PRIVATE KEY-----".to_owned());
        all.push(("PEM", der.clone(), pem));
        all.push(("DER", der.clone(), lines(&der, width)));
    }
    for length in [2561, 1055] {
        all.push(("PKCS#12", pkcs12(length), lines(&pkcs12(length), 76)));
    }
    all
}

/// Whether other readers read the text: the digits are there with blanks between them.
fn is_plain(text: &str, der: &[u8]) -> bool {
    let digits: String = text.split_ascii_whitespace().collect();
    digits.contains(&base64(der))
}

fn check(name: &str, der: &Vec<u8>, text: &str) {
    let found = open(text.as_bytes());
    assert!(found.contains(der) || is_plain(text, der), "{name}: {} readings of\n{}", found.len(), &text[..400]);
}

/// Pieces of text that are put around lines. `#` is the number of the line, `@` a number of constant length.
const PIECES: [&str; 34] = [
    "> ",
    "# ",
    "// ",
    " * ",
    "@: ",
    "#: ",
    "     #\t",
    "2026-01-02T03:04:@Z ",
    "[@] ",
    "abc",
    "Xy9",
    "n",
    "K",
    "/",
    "+",
    "{+",
    "key.pem:#:",
    "KEY_LINE_# = ",
    "echo ",
    " >> k.pem",
    " | ",
    "&gt; ",
    "\x1b[36;1m",
    "\x1b[0m",
    "<td>",
    "</td>",
    "\u{a0}",
    "\u{200b}",
    "$",
    "^M",
    "\\",
    "##[debug]",
    "\t0x@:",
    "{\"log\":\"",
];

fn piece(text: &str, number: usize) -> String {
    text.replace('#', &number.to_string()).replace('@', &format!("{:04}", number * 37))
}

#[test]
fn any_prefix_and_suffix() {
    for (name, der, lines) in carriers() {
        for prefix in PIECES.into_iter().chain([""]) {
            for suffix in ["", " +", "xyz", "\x1b[0m", "\",", "</span>", "$", ">>k.pem", "9"] {
                let line = |(n, line): (usize, &String)| piece(prefix, n) + line + &piece(suffix, n) + "\n";
                let text: String = lines.iter().enumerate().map(line).collect();
                check(&format!("{name}, {prefix:?}, {suffix:?}"), &der, &text);
            }
        }
    }
}

#[test]
fn any_separator() {
    const BREAKS: [&str; 22] = [
        "%0A",
        "%0D%0A",
        "\\x0a",
        "\\012",
        "#012",
        "`n",
        "_x000A_",
        "\\u{a}",
        "|",
        ";",
        ",",
        "\\par ",
        "\\line ",
        "&#xA;",
        "&#13;",
        "\u{2028}",
        "\u{feff}",
        "\\\\n",
        "\\r\\n",
        "<br>",
        "</w:t></w:r></w:p><w:p><w:r><w:t>",
        "\r\n3e8\r\n",
    ];
    for (name, der, lines) in carriers() {
        for separator in BREAKS {
            check(&format!("{name}, {separator:?}"), &der, &format!("key: {} and more", lines.join(separator)));
        }
        for separator in PIECES {
            let text =
                lines.iter().enumerate().fold("key: ".to_owned(), |text, (n, line)| text + line + &piece(separator, n));
            check(&format!("{name}, {separator:?}"), &der, &(text + " and more"));
        }
    }
}

#[test]
fn generated_separators() {
    let (name, der, lines) = carriers().swap_remove(7);
    for seed in 1..200 {
        let length = 1 + (seed as usize * 7) % 23;
        let separator: String = noise(seed).map(|byte| char::from(b' ' + byte % 95)).take(length).collect();
        // These would be digits or a break of their own.
        check(&format!("{name}, {separator:?}"), &der, &format!("{}{separator}end", lines.join(&separator)));
    }
}

#[test]
fn records_cut_anywhere() {
    let der = pkcs8(1218);
    let body = lines(&der, 64).join("\\r\\n");
    for size in [1, 3, 50, 64, 100, 333] {
        let text = format!("-----BEGIN PRIVATE KEY-----\\r\\n{body}\\r\\n-----END PRIVATE KEY-----");
        // The cut is between escapes.
        let units: Vec<&str> = text.split_inclusive(|_| true).collect();
        let mut records = vec![String::new()];
        for unit in units {
            let last = records.last_mut().unwrap();
            if last.len() >= size && !last.ends_with('\\') {
                records.push(unit.to_owned());
            } else {
                last.push_str(unit);
            }
        }
        let cast = records.iter().enumerate().fold("{\"version\": 2}\n".to_owned(), |text, (n, record)| {
            text + &format!("[{n}.5, \"o\", \"{record}\"]\n")
        });
        let found = open(cast.as_bytes());
        let is_text = |text: &Vec<u8>| open(text).contains(&der) || is_plain(&String::from_utf8_lossy(text), &der);
        assert!(found.contains(&der) || found.iter().any(is_text), "{size}");
    }
}

#[test]
fn overstruck_text() {
    let text: String = "-----BEGIN X KEY-----".chars().flat_map(|c| [c, '\x08', c]).collect();
    let (origin, budget) = (Origin::file("x"), Budget::new(Limits::default()));
    let blob = Blob::whole(text.as_bytes(), &origin);
    assert!(Assembled.claims(blob) && !Assembled.claims(Blob::whole(b"a\x08b", &origin)));
    assert!(!Assembled.claims(Blob::whole(b"\x7fELF\x02\0\x08\0\x01", &origin)), "a program");
    let mut found = Vec::new();
    let _ = Assembled.open(blob, Hit::START, &budget, &mut |entry| {
        found.push(entry.bytes.to_vec());
        ControlFlow::Continue(())
    });
    assert_eq!(found, [b"-----BEGIN X KEY-----".to_vec()]);
}

#[test]
fn complete_keys_are_left_to_other_readers() {
    for (name, _, lines) in carriers() {
        assert_eq!(open(lines.join("\n").as_bytes()), Vec::<Vec<u8>>::new(), "{name}");
    }
}

#[test]
fn other_text_is_not_read() {
    let der = pkcs8(1218);
    let cut = lines(&der, 64)[..5].join("\n");
    for text in [
        format!("-----BEGIN PRIVATE KEY-----\n{cut}\n...\n"),
        "const BEGIN: &str = \"-----BEGIN PRIVATE KEY-----\";\n".repeat(200),
        format!("{cut}{}", "word ".repeat(3000)),
    ] {
        assert_eq!(open(text.as_bytes()), Vec::<Vec<u8>>::new(), "{text}");
    }
}
