//! Names of encodings, as `iconv` accepts them, in which the text of a key can be searched as stored.
//!
//! These encodings store ASCII as ASCII, and use ASCII bytes for nothing else. Stateful encodings (ISO-2022, HZ, UTF-7)
//! are excluded: a change of state, which readers of the text do not see, may be between any two letters.

/// Code pages, named as `CP1252`, `IBM850`, `windows-1250` or by the number alone. EBCDIC pages have numbers in
/// between.
const CODE_PAGES: [u16; 63] = [
    367, 437, 737, 770, 771, 772, 773, 774, 775, 813, 819, 850, 851, 852, 855, 856, 857, 858, 860, 861, 862, 863, 864,
    865, 866, 868, 869, 874, 891, 901, 902, 903, 904, 912, 915, 916, 920, 921, 922, 932, 936, 943, 949, 950, 1046,
    1124, 1125, 1129, 1133, 1161, 1162, 1163, 1167, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258, 65001,
];

/// Prefixes of the number of a code page.
const PAGES: [&str; 6] = ["cp", "ibm", "windows", "win", "ms", ""];

/// All other names, in lower case and without punctuation.
const NAMES: [&str; 72] = [
    "646",
    "ansix341968",
    "armscii8",
    "ascii",
    "big5",
    "big5hkscs",
    "big5hkscs2004",
    "cp10007",
    "cp1361",
    "euccn",
    "eucjisx0213",
    "eucjp",
    "eucjpms",
    "euckr",
    "euctw",
    "gb18030",
    "gb18030pivot",
    "gb2312",
    "gb231280",
    "gbk",
    "georgianacademy",
    "georgianps",
    "hproman8",
    "iso646us",
    "iso885915euro",
    "iso88598i",
    "iso88599e",
    "johab",
    "koi8",
    "koi8r",
    "koi8ru",
    "koi8t",
    "koi8u",
    "ksc5601",
    "ksc56011987",
    "mac",
    "maccentraleurope",
    "maccyrillic",
    "macintosh",
    "macis",
    "macroman",
    "macsami",
    "macuk",
    "macukraine",
    "mik",
    "mskanji",
    "nextstep",
    "pt154",
    "ptcp154",
    "rk1048",
    "roman8",
    "shiftjis",
    "shiftjisx0213",
    "sjis",
    "sjiswin",
    "tcvn",
    "tcvn5712",
    "tis620",
    "tis6200",
    "ucs2",
    "ucs2be",
    "ucs2le",
    "uhc",
    "ujis",
    "us",
    "usascii",
    "utf16",
    "utf16be",
    "utf16le",
    "utf16lebom",
    "utf8",
    "viscii",
];

/// Placeholders that pages about attributes write in place of a name. No program accepts them.
const PLACEHOLDERS: [&str; 6] = ["encoding", "enc", "encodingname", "charset", "name", "value"];

/// Whether files stored under this encoding name can be searched as they are. `name` ends at the blank or the end of
/// the line.
///
/// UTF-16 is included, because it is searched in both byte orders. UTF-32 is not: some programs accept values beyond
/// Unicode in it.
pub(super) fn is_read(name: &[u8]) -> bool {
    // A suffix after a slash changes the output: `ASCII//TRANSLIT` writes full-width letters as ASCII letters.
    if name.contains(&b'/') {
        return false;
    }
    // glibc ignores all other punctuation: `IBM(037` is IBM037.
    let plain: String =
        name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| byte.to_ascii_lowercase() as char).collect();
    let plain = plain.as_str();
    NAMES.contains(&plain)
        || PLACEHOLDERS.contains(&plain)
        || PAGES.iter().filter_map(|start| plain.strip_prefix(start)).any(|page| number(page, &CODE_PAGES))
        || ["iso8859", "8859"].iter().filter_map(|start| plain.strip_prefix(start)).any(is_part)
        || ["latin", "l"].iter().filter_map(|start| plain.strip_prefix(start)).any(|n| between(n, 1, 10))
}

/// Whether these digits are a part of ISO 8859, with or without the year of an edition.
fn is_part(digits: &str) -> bool {
    let edition = |at: usize| {
        let (part, year) = digits.split_at_checked(at)?;
        (between(part, 1, 16) && (year.is_empty() || between(year, 1987, 2003))).then_some(())
    };
    edition(1).or_else(|| edition(2)).is_some()
}

fn number(digits: &str, known: &[u16]) -> bool {
    !digits.starts_with('0') && digits.parse().is_ok_and(|number| known.contains(&number))
}

fn between(digits: &str, low: u16, high: u16) -> bool {
    !digits.starts_with('0') && digits.parse().is_ok_and(|number: u16| (low..=high).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_that_preserve_ascii_are_known_by_name() {
        for name in [
            "UTF-8",
            "utf8",
            "\"UTF-8\"",
            "UTF-16LE-BOM",
            "UTF-16",
            "UCS-2LE",
            "ISO-8859-1",
            "ISO8859-15",
            "iso_8859-11",
            "ISO_8859-1:1987",
            "ISO-8859-16",
            "8859_1",
            "latin1",
            "Latin-9",
            "l1",
            "windows-1252",
            "CP1252",
            "cp437",
            "IBM850",
            "866",
            "CP932",
            "KOI8-R",
            "EUC-JP",
            "euckr",
            "GB18030",
            "GBK",
            "gb2312",
            "Big5",
            "BIG5-HKSCS",
            "Shift_JIS",
            "SJIS",
            "US-ASCII",
            "ascii",
            "macintosh",
            "TIS-620",
            "<encoding>`",
        ] {
            assert!(is_read(name.as_bytes()), "{name}");
        }
        for name in [
            "IBM037",
            "IBM(037",
            "\"IBM 037",
            "CP037",
            "CP500",
            "CP870",
            "CP871",
            "CP875",
            "CP880",
            "CP905",
            "CP918",
            "CP930",
            "CP933",
            "CP935",
            "CP937",
            "CP939",
            "CP1047",
            "CP1140",
            "CP9030",
            "CP12712",
            "CP16804",
            "IBM-1047",
            "OSF10020370",
            "EBCDIC-US",
            "UTF-7",
            "UTF-7-IMAP",
            "UTF-32",
            "UTF-32LE",
            "UCS-4",
            "UCS-4LE",
            "UCS4",
            "UCS-4BE",
            "ISO-10646/UCS4/",
            "ISO-2022-JP",
            "ISO-2022-KR",
            "HZ",
            "ASCII//TRANSLIT",
            "UTF-8//IGNORE",
            "WCHAR_T",
            "INTERNAL",
            "KOI-7",
            "ISO-8859-17",
            "ISO-8859-1999",
            "latin11",
            "cp0437",
            "garbage",
            "",
            "JAVA",
            "C99",
            "DEC-MCS2",
        ] {
            assert!(!is_read(name.as_bytes()), "{name}");
        }
    }
}
