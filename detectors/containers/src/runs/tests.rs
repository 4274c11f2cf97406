//! Tests of `runs.rs`.

use std::io::Write;

use flate2::Compression;
use keyradius_core::blob::Origin;
use keyradius_core::budget::Limits;
use keyradius_readers::text::base64 as to_base64;

use super::*;

fn open(text: &[u8]) -> Vec<Vec<u8>> {
    let origin = Origin::file("x");
    let blob = Blob::whole(text, &origin);
    let mut found = Vec::new();
    let start = ANCHORS.iter().any(|anchor| text.starts_with(anchor.bytes)).then_some(0);
    for at in start.into_iter().chain(Runs.places(blob)) {
        let budget = Budget::new(Limits::default());
        let _ = Runs.open(blob, Hit { at, ..Hit::START }, &budget, &mut |entry| {
            assert!(entry.span.contains(&at), "{:?} at {at}", entry.span);
            found.push(entry.bytes.to_vec());
            ControlFlow::Continue(())
        });
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Text that does not compress well.
fn text(lines: u32) -> String {
    (0..lines).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761))).collect::<Vec<_>>().concat()
}

fn base32(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |group: &[u8]| (0..5).fold(0, |value, at| value << 1 | group.get(at).copied().unwrap_or(0));
    bits.chunks(5).map(|group| char::from(digits[usize::from(value(group))])).collect()
}

fn wrapped(text: &str, width: usize) -> String {
    text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn compressed_and_doubly_encoded_runs_are_found_anywhere() {
    let plain = text(60);
    let packed = zlib(plain.as_bytes());
    let cases: Vec<(&str, String, Vec<u8>)> = vec![
        ("zlib, base64", to_base64(&packed), packed.clone()),
        ("zlib, hex", hex(&packed), packed.clone()),
        ("zlib, base32", base32(&packed), packed),
        ("deflate, base64", to_base64(&deflate(plain.as_bytes())), plain.clone().into_bytes()),
        ("base64 of hex", to_base64(hex(plain.as_bytes()).as_bytes()), hex(plain.as_bytes()).into_bytes()),
        ("hex of base64", hex(to_base64(plain.as_bytes()).as_bytes()), to_base64(plain.as_bytes()).into_bytes()),
        ("base32 of text", base32(plain.as_bytes()), plain.clone().into_bytes()),
    ];
    for (what, run, expected) in cases {
        for offset in 0..STRIDE {
            let filler = "a b ".repeat(40);
            let before = filler.get(..40 + offset).unwrap();
            let document = format!("{{\"a\": \"{before}\", \"k\": \"{run}\", \"z\": 1}}");
            let found = open(document.as_bytes());
            assert_eq!(found.len(), 1, "{what} after {offset}");
            assert!(found[0].starts_with(&expected), "{what} after {offset}");
        }
        for width in [60, 64, 76] {
            let found = open(format!("data: |\n{}\n\nend of it\n", wrapped(&run, width)).as_bytes());
            assert!(found.iter().any(|one| one.starts_with(&expected)), "{what} in lines of {width}");
        }
    }
}

#[test]
fn ordinary_text_and_digests_are_no_runs() {
    let digest = |n: u32| {
        hex(&(0..64).map(|at| (n.wrapping_add(at).wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>())
    };
    let random: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    for text in [
        (0..200).map(|n| format!("{}  file{n}\n", digest(n))).collect::<Vec<_>>().concat(),
        format!("\"integrity\": \"sha512-{}\",", to_base64(&random[..64])),
        format!("url(data:image/png;base64,{})", to_base64(&random)),
        wrapped(&to_base64(&random), 64),
        "some_words_that_are_long_and_only_have_digits_of_base64_in_them_as_names_of_tests_do".to_owned(),
        "An ordinary text with lines that nobody would take for anything else. ".repeat(100),
        "const TABLE: [u32; 4] = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344];\n".repeat(50),
    ] {
        assert_eq!(open(text.as_bytes()), Vec::<Vec<u8>>::new(), "{}", &text[..60]);
    }
}

#[test]
fn ascii85_uuencode_yenc_and_patches() {
    let plain = b"Man is distinguished, not only by his reason, but by this singular passion from other animals";
    // The text of the example in Wikipedia's article, up to here.
    let coded = "9jqo^BlbD-BleB1DJ+*+F(f,q/0JhKF<GL>Cj@.4Gp$d7F!,L7@<6@)/0JDEF<G%<+EV:2F!,O<DJ+*.@<*K0@<6L(Df-\\0Ec5e;DffZ(EZee.Bl.9pF\"AGXBPCsi+DGm>@3BB/F*&OCAfu2/AKY";
    for document in [
        format!("{{\"k\": \"<~{}~>\"}}", coded.replace('\\', "\\\\").replace('"', "\\\"")),
        format!("<~{coded}~>"),
        format!("before\n<~{}~>", wrapped(coded, 70)),
    ] {
        let found = open(document.as_bytes());
        assert!(found.iter().any(|one| one.starts_with(&plain[..80])), "{document}");
    }
    let yenc: Vec<u8> = plain.iter().map(|byte| byte.wrapping_add(42)).collect();
    let article =
        [&b"Path: x\r\n\r\n=ybegin line=128 size=93 name=x\r\n"[..], &yenc, b"\r\n=yend size=93\r\n"].concat();
    assert_eq!(open(&article), [plain.to_vec()]);
    assert_eq!(open(&article[11..]), [plain.to_vec()]);
    let uu = |bytes: &[u8], zero: char| -> String {
        bytes
            .chunks(45)
            .map(|line| {
                let digit = |value: u8| if value == 0 { zero } else { char::from(value + b' ') };
                let groups = line.chunks(3).flat_map(|three| {
                    let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
                    let bits = at(0) << 16 | at(1) << 8 | at(2);
                    (0..4).map(move |n| (bits >> (18 - 6 * n) & 63) as u8)
                });
                format!("{}{}\n", digit(line.len() as u8), groups.map(digit).collect::<String>())
            })
            .collect::<Vec<_>>()
            .concat()
    };
    let long: Vec<u8> = [&plain[..], &[0, 0, 0, 7], &plain[..]].concat();
    for zero in [' ', '`'] {
        for before in ["begin 644 x\n", "cat << E\nbegin 644 name\n", ""] {
            let found = open(format!("{before}{}`\nend\n", uu(&long, zero)).as_bytes());
            assert_eq!(found, std::slice::from_ref(&long), "{before}");
        }
    }
    // `git diff --binary` of a new file with 40 letters.
    let packed = zlib(&[b'A'; 40]);
    let group = |four: &[u8]| {
        let mut value = u32::from_be_bytes(std::array::from_fn(|at| four.get(at).copied().unwrap_or(0)));
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
                [(value % 85) as usize];
            value /= 85;
        }
        String::from_utf8(digits.to_vec()).unwrap()
    };
    let line =
        format!("{}{}", char::from(b'A' + packed.len() as u8 - 1), packed.chunks(4).map(group).collect::<String>());
    let patch = format!("diff --git a/x b/x\nGIT binary patch\nliteral 40\n{line}\n\nliteral 0\nHcmV?d00001\n\n");
    assert_eq!(open(patch.as_bytes()), [vec![b'A'; 40]]);
}

#[test]
fn damaged_runs_are_harmless() {
    let packed = to_base64(&zlib(text(40).as_bytes()));
    for cut in 0..packed.len() {
        open(format!("k={}", &packed[..cut]).as_bytes());
        open(format!("<~{}~>", &packed[..cut]).as_bytes());
        open(format!("diff --git \nGIT binary patch\nliteral 9\n{}", &packed[..cut]).as_bytes());
        open(format!("=ybegin x\n={}=", &packed[..cut]).as_bytes());
    }
}

#[test]
fn lists_of_numbers_in_any_language() {
    let pem = format!("-----BEGIN X-----\n{}\n-----END X-----\n", to_base64(text(30).as_bytes()));
    let der = [&[0x30, 0x77, 2, 1, 1, 4, 0x20][..], text(14).as_bytes()].concat();
    let mut lost = Vec::new();
    for bytes in [pem.as_bytes(), &der] {
        let list = |one: &dyn Fn(u8) -> String, between: &str, width: usize, line: &str| {
            let line_of = |line: &[u8]| line.iter().map(|byte| one(*byte)).collect::<Vec<_>>().join(between);
            bytes.chunks(width).map(line_of).collect::<Vec<_>>().join(line)
        };
        for (what, open_with, body) in [
            ("C", "char k[]={ ", list(&|b| format!("0x{b:02X}"), ",", 20, ",\n    ")),
            ("C, unsigned", "x = {\n", list(&|b| format!("0x{b:02x}u"), ", ", 12, ",\n    ")),
            ("octal", "x = {\n", list(&|b| format!("{b:04o}"), ", ", 12, ",\n    ")),
            ("characters", "x = {", list(&|b| format!("'\\x{b:02x}'"), ", ", 12, ",\n    ")),
            ("Basic", "k = {", list(&|b| format!("&H{b:02X}"), ", ", 12, ", _\n    ")),
            ("Pascal", "k: array = (", list(&|b| format!("${b:02X}"), ", ", 12, ",\n    ")),
            ("assembler", "key:\n  db ", list(&|b| format!("0{b:02X}h"), ", ", 12, "\n  db ")),
            ("assembler, decimal", "key:\n  .byte ", list(&|b| b.to_string(), ",", 12, "\n  .byte ")),
            ("VHDL", "k := (", list(&|b| format!("x\"{b:02X}\""), ", ", 10, ",\n ")),
            ("VHDL, based", "k := (", list(&|b| format!("16#{b:02X}#"), ", ", 10, ",\n ")),
            ("Verilog", "k = {", list(&|b| format!("8'h{b:02x}"), ", ", 10, ",\n ")),
            ("memory", "// key\n", list(&|b| format!("{b:02x}"), "\n", 16, "\n")),
            ("Lisp", "(k #(\n", list(&|b| format!("#x{b:02X}"), " ", 12, "\n   ")),
            ("Java", "k = {", list(&|b| format!("(byte) {}", b.cast_signed()), ", ", 10, ",\n ")),
            ("Kotlin", "k = byteArrayOf(\n ", list(&|b| format!("0x{b:02x}.toByte()"), ", ", 8, ",\n ")),
            ("YAML", "key:\n- ", list(&|b| b.to_string(), "\n- ", 16, "\n- ")),
            ("text", "k: ", list(&|b| b.to_string(), "\nk: ", 16, "\nk: ")),
            ("JSON", "{\"data\": [\n", list(&|b| b.to_string(), ",\n", 16, ",\n")),
            ("indices", "f() {\n", list(&|b| format!("k[i] = 0x{b:02x};"), "\n", 16, "\n")),
            ("conversions", "K := (\n  ", list(&|b| format!("to_unsigned({b},8)"), ", ", 8, ",\n  ")),
            ("binary", "k = {", list(&|b| format!("8'b{b:08b}"), ", ", 8, ",\n  ")),
            ("bits", "// key\n", list(&|b| format!("{b:08b}"), "\n", 16, "\n")),
            ("concatenation", "k = ", list(&|b| format!("Chr({b})"), " & ", 8, " & _\n  ")),
            ("dots", "$k = ", list(&|b| format!("chr({b})"), ".", 8, ".\n")),
            ("hash signs", "k := ", list(&|b| format!("#{b}"), "", 12, "+\n  ")),
            ("semicolons", "let k = [|", list(&|b| format!("{b}uy"), "; ", 12, ";\n")),
            ("comments", "k = {\n  ", list(&|b| format!("0x{b:02x}"), ", ", 12, ", // 0x0008\n  ")),
            ("labels", "k:\n  0x0000: ", list(&|b| format!("0x{b:02x}"), ", ", 12, ",\n  0x0008: ")),
            ("strings", "k = [", list(&|b| format!("\"{b:02X}\""), ", ", 12, ",\n  ")),
            ("elements", "<a>\n", list(&|b| format!("<int>{b}</int>"), "\n", 12, "\n")),
            ("signed, blanks", "  ", list(&|b| format!("{:4}", b.cast_signed()), " ", 12, "\n  ")),
            ("Go", "key=[", list(&|b| b.to_string(), " ", 16, " ")),
        ] {
            let document = format!("some text before the list\n{open_with}{body});\nand text after it\n");
            let found = open(document.as_bytes());
            // The text after some lists begins like their numbers.
            if !found.iter().any(|one| one.windows(bytes.len()).any(|part| part == bytes)) {
                let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
                lost.push(format!("{what}: {lengths:?} of {}", bytes.len()));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn text_of_escapes() {
    let plain = format!("-----BEGIN X-----\n{}", text(12));
    for one in [
        (|byte| format!("\\{byte:03o}")) as fn(u8) -> String,
        |byte| format!("%{byte:02X}"),
        |byte| format!("\\u00{byte:02x}"),
        |byte| format!("&#{byte};"),
        |byte| format!("&#x{byte:x};"),
    ] {
        let run: String = plain.bytes().map(one).collect();
        let found = open(format!("k = \"{run}\"\nend\n").as_bytes());
        assert_eq!(found, [plain.clone().into_bytes()], "{run}");
    }
}

#[test]
fn counters_are_no_numbers() {
    type Form = (&'static str, fn(usize, u8) -> String, &'static str);
    let der = [&[0x30, 0x77, 2, 1, 1, 4, 0x20][..], text(14).as_bytes()].concat();
    let forms: [Form; 4] = [
        ("f() {\n", |at, b| format!("  k[{at}] = (byte) {};", b.cast_signed()), "\n"),
        ("{\"key\":{", |at, b| format!("\"{at}\":{b}"), ","),
        ("K := (\n", |at, b| format!("{at} => x\"{b:02X}\""), ",\n"),
        ("i,b\n", |at, b| format!("{at},{b}"), "\n"),
    ];
    for (opening, one, between) in forms {
        let list: Vec<String> = der.iter().enumerate().map(|(at, byte)| one(at, *byte)).collect();
        let document = format!("{opening}{}\n}}}}\n", list.join(between));
        assert!(open(document.as_bytes()).contains(&der), "{document:.90}");
    }
}

#[test]
fn dumps_of_words_and_of_other_digits() {
    let der = [&[0x30, 0x77, 2, 1, 1, 4, 0x20][..], text(14).as_bytes()].concat();
    let der = &der[..112];
    let lines = |one: &dyn Fn(usize, &[u8]) -> String| -> String {
        der.chunks(16).enumerate().map(|(at, line)| one(16 * at, line) + "\n").collect()
    };
    let words = |line: &[u8], one: &dyn Fn(u32) -> String| -> String {
        line.chunks(4).map(|word| one(u32::from_le_bytes(word.try_into().unwrap()))).collect()
    };
    let bytes = |line: &[u8], one: &dyn Fn(u8) -> String| -> String { line.iter().map(|byte| one(*byte)).collect() };
    for (name, dump) in [
        ("od -tx4", lines(&|at, line| format!("{at:07o}{}", words(line, &|word| format!(" {word:08x}"))))),
        ("od -An -tx4", lines(&|_, line| words(line, &|word| format!(" {word:08x}")))),
        ("od -to4", lines(&|at, line| format!("{at:07o}{}", words(line, &|word| format!(" {word:011o}"))))),
        ("od -Ad -tu1", lines(&|at, line| format!("{at:07}{}", bytes(line, &|byte| format!(" {byte:3}"))))),
        (
            "od -td1",
            lines(&|at, line| format!("{at:07o}{}", bytes(line, &|byte| format!(" {:4}", byte.cast_signed())))),
        ),
        ("xxd -e", lines(&|at, line| format!("{at:08x}:{}  text", words(line, &|word| format!(" {word:08x}"))))),
        (
            "gdb x/xb",
            lines(&|at, line| format!("0x{at:x} <key+{at}>:{}", bytes(line, &|byte| format!("\t0x{byte:02x}")))),
        ),
        (
            "gdb x/xw",
            lines(&|at, line| format!("0x{at:x} <key+{at}>:{}", words(line, &|word| format!("\t0x{word:08x}")))),
        ),
    ] {
        for text in [dump.clone(), format!("$ command\n{dump}$ exit\n")] {
            assert!(open(text.as_bytes()).iter().any(|one| one == der), "{name}\n{text}");
        }
    }
    for text in
        ["1 2 3 4 5 6 7 8\n".repeat(40), "0000000 000000 000000\n".repeat(40), "2024-01-01 12:00 17\n".repeat(40)]
    {
        assert_eq!(open(text.as_bytes()), Vec::<Vec<u8>>::new(), "{text:.40}");
    }
}

#[test]
fn base85_without_marks() {
    // base64.b85encode and zmq's z85encode of the same bytes: a text of 60 letters.
    let plain: Vec<u8> = b"-----BEGIN X-----\n".iter().copied().chain((0..90).map(|n| b'a' + n % 26)).collect();
    let encode = |digits: &[u8]| -> String {
        let group = |four: &[u8]| {
            let mut word = u32::from_be_bytes(four.try_into().unwrap());
            let mut out = [0; 5];
            for digit in out.iter_mut().rev() {
                *digit = digits[(word % 85) as usize];
                word /= 85;
            }
            String::from_utf8(out.to_vec()).unwrap()
        };
        plain.chunks(4).map(group).collect()
    };
    let zeromq = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    for digits in [base85::DIGITS.as_slice(), zeromq] {
        let document = format!("key = '{}'\n", encode(digits));
        assert_eq!(open(document.as_bytes()), [plain.as_slice()], "{document}");
    }
}

#[test]
fn a_dump_of_values_is_read_once() {
    // Without a first line, the dump has no start to find.
    let line = format!("    4:d=1  hl=4 l= 128 prim: INTEGER           :{}\n", "C0FFEE42".repeat(32));
    let text = line.repeat(10_000);
    let origin = Origin::file("x");
    let window = 4096 + 1;
    assert!(Runs.places(Blob::whole(text.as_bytes(), &origin)).len() <= text.len() / line.len() / window + 2);
}

#[test]
fn containers_and_programs_are_promising_and_pictures_are_not() {
    let pe = [&b"MZ"[..], &[0; 62], b"PE\0\0"].concat();
    let starts: [(&[u8], bool); 7] = [
        (b"hsqs\x02\0\0\0", true),
        (b"\x89HDF\r\n\x1a\n\0", true),
        (b"SQLite format 3\0", true),
        (b"\x7fELF\x02\x01\x01", true),
        (&pe, true),
        (b"MZ is how this text begins", false),
        (b"\x89PNG\r\n\x1a\n", false),
    ];
    for (start, is_one) in starts {
        let head = [start, &[0; 700]].concat();
        assert_eq!(is_container(&head), is_one, "{}", start.escape_ascii());
    }
}

#[test]
fn dumps_of_short_values_and_with_indents_are_read() {
    let dump = |indent: &str, digits: &str| {
        format!(
            "    0:d=0  hl=2 l=  46 cons: SEQUENCE          \n    2:d=1  hl=2 l=   1 prim: {indent}INTEGER           :00\n\
             \u{20}   5:d=1  hl=2 l=   5 cons: {indent}SEQUENCE          \n    7:d=2  hl=2 l=   3 prim: {indent}{indent}OBJECT            :ED25519\n\
             \u{20}  12:d=1  hl=2 l=  34 prim: {indent}OCTET STRING      [HEX DUMP]:{digits}\n"
        )
    };
    let digits = format!("0420{}", "C0FFEE42".repeat(8));
    for indent in ["", " "] {
        let [found] = open(dump(indent, &digits).as_bytes()).try_into().expect("one dump");
        assert_eq!(found[..16], [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20], "{indent:?}");
    }
}
