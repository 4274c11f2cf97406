//! Documents made by hand.

use std::io::Write;

use flate2::write::ZlibEncoder;

use super::*;
use crate::collect::{open, torture};

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn object(number: u32, dict: &str, stream: &[u8]) -> Vec<u8> {
    let head = format!("{number} 0 obj\n<< {dict} /Length {} >>\nstream\n", stream.len());
    [head.as_bytes(), stream, b"\nendstream\nendobj\n"].concat()
}

#[test]
fn streams_are_decoded() {
    let text = b"a text of an attachment, which is long enough".repeat(3);
    let hex = zlib(&text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let file = [
        b"%PDF-1.7\n".to_vec(),
        object(1, "/Filter /FlateDecode", &zlib(&text)),
        object(2, "/Filter [/ASCIIHexDecode /FlateDecode]", format!("{hex}>").as_bytes()),
        object(3, "/Filter /LZWDecode", b"x"),
        object(4, "/Filter /DCTDecode", b"a picture"),
    ]
    .concat();
    let seen = open(&Pdf, &file).unwrap();
    assert_eq!((seen.content("1"), seen.content("2")), (Some(&text[..]), Some(&text[..])));
    assert_eq!(seen.unread, [("3".to_owned(), Reason::Unsupported, "a stream compressed by LZW".to_owned())]);
    torture(&Pdf, &file, 5);
}

#[test]
fn text_of_pages_through_maps() {
    let content = b"BT /F1 9 Tf 72 700 Td (-----BEGIN\\040) Tj [(PRI) -10 (VATE)] TJ 0 -12 Td <0003> Tj T* /F2 9 Tf (plain text of another font, long enough) ' ET";
    let map = b"1 beginbfchar <0003> <004B0045> endbfchar 2 beginbfrange <0010> <0012> <0041> <0020> <0021> [<0058> <0059>] endbfrange";
    let page = b"5 0 << /Type /Page /Contents 1 0 R /Resources << /Font << /F1 3 0 R >> >> >> ";
    let file = [
        b"%PDF-1.7\n".to_vec(),
        object(1, "/Filter /FlateDecode", &zlib(content)),
        object(2, "/Filter /FlateDecode", &zlib(map)),
        b"3 0 obj << /Type /Font /ToUnicode 2 0 R >> endobj\n".to_vec(),
        object(4, "/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &zlib(page)),
    ]
    .concat();
    let seen = open(&Pdf, &file).unwrap();
    let text = String::from_utf8(seen.content("5/text").unwrap().to_vec()).unwrap();
    // The codes of the first font have two bytes: only that of the second line has a text, and a last byte alone.
    assert_eq!(text.lines().collect::<Vec<_>>(), ["X", "KE", "plain text of another font, long enough"], "{text:?}");
    torture(&Pdf, &file, 11);
    let plain = [b"%PDF-1.7\n".to_vec(), object(1, "/Filter /FlateDecode", &zlib(content))].concat();
    let seen = open(&Pdf, &plain).unwrap();
    assert!(seen.content("1/text").unwrap().starts_with(b"-----BEGIN PRIVATE\n"));
}

#[test]
fn encrypted_documents_are_said() {
    let file = b"%PDF-1.7\n1 0 obj << /Filter /Standard >> endobj\ntrailer << /Encrypt 1 0 R >>";
    assert_eq!(open(&Pdf, file).unwrap().reasons(), [Reason::Encrypted]);
    assert!(open(&Pdf, b"%PDF-1.7 and nothing else").is_none());
}

/// Objects that lie in each other, streams without an end, pages that share a list: each would be read for each object.
#[test]
fn work_is_bounded() {
    for unit in [&b"1 0 obj<<"[..], b"1 0 obj<<>>stream\n", b"1 0 obj<<(", b"1 0 obj<</Type/Page/Contents 1 0 R/x<<"] {
        let file = [&b"%PDF-1.7\n"[..], &unit.repeat(200_000)].concat();
        let seen = open(&Pdf, &file).unwrap();
        let told = [(String::new(), Reason::TooSlow, "objects that lie in each other".to_owned())];
        assert_eq!(seen.unread, told, "{}", String::from_utf8_lossy(unit));
    }
}

fn page(number: u32) -> Vec<u8> {
    let dict = "<< /Type /Page /Contents 6 0 R /Resources << /Font << /F 4 0 R >> >> >>";
    format!("{number} 0 obj\n{dict}\nendobj\n").into_bytes()
}

/// Maps that make much of little, and pages that share a stream.
#[test]
fn text_is_bounded() {
    let shown = b"BT /F 12 Tf <0001000200030004> Tj ET\n";
    let long = "0041".repeat(20_000);
    let font = b"4 0 obj\n<< /Type /Font /ToUnicode 5 0 R >>\nendobj\n";
    let file = |map: &str, text: &[u8], pages: u32| {
        let map = object(5, "/Filter /FlateDecode", &zlib(map.as_bytes()));
        let text = object(6, "/Filter /FlateDecode", &zlib(text));
        let pages: Vec<u8> = (100..100 + pages).flat_map(page).collect();
        [&b"%PDF-1.7\n"[..], font, &map, &text, &pages].concat()
    };
    for (map, text, pages) in [
        (format!("1 beginbfrange\n<0000> <ffff> <{long}>\nendbfrange"), shown.to_vec(), 1),
        (format!("1 beginbfrange\n{}endbfrange", "<0000> <ffff> <0041>\n".repeat(100_000)), shown.to_vec(), 1),
        (
            format!("1 beginbfchar\n<0001> <{}>\nendbfchar", "0041".repeat(128)),
            format!("BT /F 12 Tf <{}> Tj ET", "0001".repeat(4_000_000)).into_bytes(),
            1,
        ),
        ("1 beginbfrange\n<0000> <00ff> <0041>\nendbfrange".to_owned(), shown.repeat(100_000), 3_000),
    ] {
        let seen = open(&Pdf, &file(&map, &text, pages)).unwrap();
        let most = seen.members.iter().map(|(_, content)| content.len()).max().unwrap_or(0);
        assert!(most <= 17 << 20, "{most}");
    }
}
