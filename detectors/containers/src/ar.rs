//! `ar` archives: static libraries of every system, Debian packages, Go packages, COFF import libraries.
//!
//! Each member has a textual header of 60 bytes. Long names are in a table of their own (GNU, COFF) or before the
//! content (BSD). A Debian package has three members, two of which are archives and opened further. A damaged header
//! costs only its member, because the next header is searched for.

use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, Stream, number, until_zero};

/// `ar` archives.
#[derive(Debug)]
pub(crate) struct Ar;

static ABOUT: About = About {
    id: "ar",
    title: "ar archive, Debian package",
    detects: "Members of ar archives with short, GNU, BSD and COFF names: static libraries, .deb and .udeb packages, \
              Go packages. A damaged header costs only its member.",
    blind_to: "Thin archives, which contain file names but no content, and the big archives of AIX.",
    respond: "A key in a package is on every machine that installed it: replace the key, then the package.",
    references: &["ar(5)", "deb(5)", "GNU binutils include/aout/ar.h"],
};

/// ar.h: ARMAG.
const MAGIC: [u8; 8] = *b"!<arch>\n";

/// ar.h: ARFMAG, the last two bytes of each header.
const END: &[u8] = b"`\n";

/// Maximum length of a BSD name before the content, in bytes. The systems allow paths of 1024.
const MOST_NAME: u64 = 4096;

impl Container for Ar {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(read)
    }
}

fn read(from: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut stream = Stream::new(from);
    if stream.array() != Some(MAGIC) {
        return Err(Malformed::new("ar magic", 0).into());
    }
    let mut names = Vec::new();
    let mut any = false;
    while let Some((header, skipped)) = next_header(&mut stream) {
        if let Some(at) = skipped {
            if !any {
                return Err(Malformed::new("ar member header", MAGIC.len()).into());
            }
            inside.unread(Member { name: b"", at }, Reason::Damaged, "member header");
        }
        any = true;
        let Some(header) = header else { break };
        if one(&mut stream, inside, &header, &mut names).is_break() {
            break;
        }
        stream.align(0, 2);
    }
    Ok(())
}

/// The relevant fields of a header.
struct Header {
    name: [u8; 16],
    size: u64,
}

impl Header {
    fn read(bytes: &[u8; 60]) -> Option<Self> {
        let name = *bytes.first_chunk()?;
        let size = number(bytes.get(48..58)?, 10)?;
        bytes.ends_with(END).then_some(Self { name, size })
    }
}

/// Returns the next header, and the offset at which skipped bytes begin, if any. `None` at the end.
fn next_header(stream: &mut Stream<'_>) -> Option<(Option<Header>, Option<u64>)> {
    let at = stream.at();
    let mut bytes = [0; 60];
    let there = stream.fill(&mut bytes);
    if there < bytes.len() {
        // Some writers pad the last block.
        let rest = bytes.get(..there).unwrap_or_default();
        return (!rest.iter().all(|byte| matches!(byte, b'\n' | 0))).then_some((None, Some(at)));
    }
    if let Some(header) = Header::read(&bytes) {
        return Some((Some(header), None));
    }
    loop {
        bytes.rotate_left(1);
        let Some([byte]) = stream.array() else { return Some((None, Some(at))) };
        if let Some(last) = bytes.last_mut() {
            *last = byte;
        }
        if let Some(header) = Header::read(&bytes) {
            return Some((Some(header), Some(at)));
        }
    }
}

fn one(stream: &mut Stream<'_>, inside: &mut dyn Inside, header: &Header, names: &mut Vec<u8>) -> ControlFlow<()> {
    let trimmed = header.name.trim_ascii_end();
    let mut size = header.size;
    let mut before = Vec::new();
    let name: &[u8] = match trimmed {
        b"//" if size <= inside.memory() => {
            let Some(table) = stream.held(size, size) else {
                inside.unread(Member { name: trimmed, at: stream.at() }, Reason::Damaged, "cut off");
                return ControlFlow::Break(());
            };
            *names = table;
            let member = Member { name: trimmed, at: stream.at().saturating_sub(size) };
            return inside.member(member, &mut Cursor::new(&*names));
        }
        [b'#', b'1', b'/', digits @ ..] => {
            let length = number(digits, 10).filter(|&length| length <= size);
            if let Some(length) = length.filter(|&length| length > MOST_NAME) {
                // Too long for a name: these bytes are searched, and the rest is the member.
                let at = stream.at();
                let mut name = Exactly::new(&mut *stream, length);
                inside.rest(at, &mut name)?;
                let left = length.saturating_sub(stream.at().saturating_sub(at));
                stream.skip(left);
                let member = Member { name: b"", at: stream.at() };
                return stream.member(inside, member, size - length);
            }
            if let Some(bytes) = length.and_then(|length| stream.held(length, MOST_NAME)) {
                size = size.saturating_sub(bytes.len() as u64);
                before = bytes;
            }
            until_zero(&before)
        }
        [b'/', digits @ ..] if !digits.is_empty() => long_name(names, digits).unwrap_or(trimmed),
        [name @ .., b'/'] if !name.is_empty() && name != b"/" => name,
        name => name,
    };
    let member = Member { name, at: stream.at() };
    stream.member(inside, member, size)
}

/// Returns a name of the table. GNU ends each with `/` and a line feed, COFF with a zero byte.
fn long_name<'a>(names: &'a [u8], digits: &[u8]) -> Option<&'a [u8]> {
    let at = usize::try_from(number(digits, 10)?).ok()?;
    let name = names.get(at..)?.split(|byte| matches!(byte, b'\n' | 0)).next()?;
    Some(name.strip_suffix(b"/").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{Seen, open, open_into, torture};

    fn member(name: &str, content: &str) -> String {
        let pad = if content.len() % 2 == 1 { "\n" } else { "" };
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{content}{pad}", 0, 0, 0, 100_644, content.len())
    }

    fn archive(members: &[(&str, &str)]) -> Vec<u8> {
        let members: String = members.iter().map(|(name, content)| member(name, content)).collect();
        format!("!<arch>\n{members}").into_bytes()
    }

    #[test]
    fn names_of_every_dialect() {
        for (stored, content, name, inside) in [
            ("short.o/", "x", "short.o", "x"),
            ("bsd.o", "xy", "bsd.o", "xy"),
            ("with space.o/", "x", "with space.o", "x"),
            ("#1/12", "a_long_name\0content", "a_long_name", "content"),
            ("/0", "x", "a_very_long_name.o", "x"),
            ("/20", "x", "another_long_name.o", "x"),
            ("/999", "x", "/999", "x"),
            ("#1/99", "short", "", "short"),
            ("/", "\0\0\0\0", "/", "\0\0\0\0"),
            ("/SYM64/", "\0\0\0\0", "/SYM64/", "\0\0\0\0"),
        ] {
            let table = "a_very_long_name.o/\nanother_long_name.o/\n";
            let seen = open(&Ar, &archive(&[("//", table), (stored, content), ("last/", "z")])).unwrap();
            assert_eq!(seen.members.len(), 3, "{stored}");
            assert_eq!(seen.members[1], (name.to_owned(), inside.as_bytes().to_vec()));
            assert_eq!(seen.content("last"), Some(&b"z"[..]), "{stored}");
            assert!(seen.unread.is_empty());
        }
    }

    #[test]
    fn a_damaged_header_costs_its_member_only() {
        let mut bytes = archive(&[("one/", "1"), ("two/", "22"), ("three/", "333")]);
        let at = bytes.windows(4).position(|w| w == b"two/").unwrap();
        bytes[at + 50] = b'x';
        let seen = open(&Ar, &bytes).unwrap();
        assert_eq!((seen.names(), seen.reasons()), (vec!["one", "three"], vec![Reason::Damaged]));
    }

    #[test]
    fn truncation_is_distinguished_from_the_end() {
        let bytes = archive(&[("one/", "1"), ("two/", "22222222")]);
        for (end, names, faults) in [
            (bytes.len(), vec!["one", "two"], 0),
            (bytes.len() - 3, vec!["one", "two"], 1),
            (8 + 62, vec!["one"], 0),
            (8 + 62 + 20, vec!["one"], 1),
            (8, vec![], 0),
        ] {
            let seen = open(&Ar, &bytes[..end]).unwrap();
            assert_eq!((seen.names(), seen.unread.len()), (names, faults), "{end}");
        }
        assert!(
            open(&Ar, b"!<arch>\nis how an archive begins, and this text is none at all, ever, whatever it says.")
                .is_none()
        );
        assert_eq!(open(&Ar, &[&bytes[..], b"\n\n\0"].concat()).unwrap().unread, []);
    }

    #[test]
    fn a_name_that_is_too_long_costs_the_name() {
        let content = format!("{}content", "n".repeat(5000));
        let bytes = archive(&[("#1/5000", &content), ("two/", "22")]);
        let seen = open(&Ar, &bytes).unwrap();
        let contents: Vec<_> = seen.members.iter().map(|(name, content)| (name.as_str(), content.len())).collect();
        assert_eq!((contents, seen.unread), (vec![("", 5000), ("", 7), ("two", 2)], vec![]));
    }

    #[test]
    fn a_break_stops_reading() {
        let mut seen = Seen { stop_after: Some(1), ..Seen::default() };
        open_into(&Ar, &archive(&[("one/", "1"), ("two/", "22")]), &mut seen).unwrap();
        assert_eq!(seen.names(), ["one"]);
        torture(&Ar, &archive(&[("//", "long_long_name.o/\n"), ("/0", "22"), ("#1/4", "abcdef")]), 1);
    }
}
