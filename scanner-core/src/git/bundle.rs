//! Packs that lie by themselves: bundles (gitformat-bundle, versions 2 and 3) and pack files.

use std::path::Path;

use super::map::Map;
use super::oid::{Format, ObjectId};

/// How a file says that it is a bundle.
const SIGNATURES: [&[u8]; 2] = [b"# v2 git bundle\n", b"# v3 git bundle\n"];

/// Whether a file that begins like this holds a pack.
pub(crate) fn begins(start: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| start.starts_with(signature)) || super::pack::check_header(start).is_ok()
}

/// What stands before the pack.
#[derive(Debug)]
pub(crate) struct Header {
    /// Where the pack begins.
    pub(crate) pack: usize,
    pub(crate) format: Format,
    /// Names and what they stand for.
    pub(crate) refs: Vec<(String, ObjectId)>,
    /// Commits that the reader of the bundle is expected to have.
    pub(crate) prerequisites: usize,
    /// Whether objects were left out (`filter` capability).
    pub(crate) filtered: bool,
}

/// Reads what stands before the pack.
pub(crate) fn header(path: &Path) -> std::io::Result<Header> {
    parse(Map::open(path)?.bytes())
}

/// Does the same with the bytes of a file.
pub(crate) fn parse(bytes: &[u8]) -> std::io::Result<Header> {
    let mut header = Header { pack: 0, format: Format::Sha1, refs: Vec::new(), prerequisites: 0, filtered: false };
    let Some(signature) = SIGNATURES.iter().find(|signature| bytes.starts_with(signature)) else {
        // A pack says nowhere how long its names are; its trailing checksum does.
        header.format = pack_format(bytes);
        return Ok(header);
    };
    let mut at = signature.len();
    while let Some(length) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let line = bytes.get(at..at + length).unwrap_or_default();
        at += length + 1;
        match line.first() {
            None => {
                header.pack = at;
                return Ok(header);
            }
            Some(b'@') if line == b"@object-format=sha256" => header.format = Format::Sha256,
            Some(b'@') => header.filtered |= line.starts_with(b"@filter="),
            Some(b'-') => header.prerequisites += 1,
            Some(_) => {
                let (hex, name) = line.split_at_checked(header.format.bytes() * 2).unwrap_or((line, b""));
                if let (Some(id), Some(name)) = (ObjectId::from_hex(header.format, hex), name.strip_prefix(b" ")) {
                    header.refs.push((String::from_utf8_lossy(name).into_owned(), id));
                }
            }
        }
    }
    Err(std::io::Error::other("the header of the bundle is cut off"))
}

/// Which hash the trailer of a pack is made with.
fn pack_format(bytes: &[u8]) -> Format {
    use sha2::Digest;
    let Some((body, trailer)) = bytes.len().checked_sub(32).and_then(|at| bytes.split_at_checked(at)) else {
        return Format::Sha1;
    };
    if sha2::Sha256::digest(body).as_slice() == trailer { Format::Sha256 } else { Format::Sha1 }
}

#[cfg(test)]
mod tests {
    use super::super::made::{FORMATS, Folder, PackWriter};
    use super::super::oid::Kind;
    use super::*;

    #[test]
    fn what_stands_before_the_pack_is_read() {
        let folder = Folder::new();
        for format in FORMATS {
            let (one, two) = (ObjectId::of(format, Kind::Commit, b"1"), ObjectId::of(format, Kind::Commit, b"2"));
            let (signature, capabilities) = match format {
                Format::Sha1 => ("# v2 git bundle\n", ""),
                Format::Sha256 => ("# v3 git bundle\n", "@object-format=sha256\n"),
            };
            for (filter, needs) in [("", 0), ("@filter=blob:none\n", 1), ("@other=x\n", 2)] {
                let needed = format!("-{one} what it says\n").repeat(needs);
                let refs = format!("{one} refs/heads/a b\n{two} HEAD\nnonsense\n{two}\n");
                let text = format!("{signature}{capabilities}{filter}{needed}{refs}\n");
                let pack = PackWriter::new(format).pack();
                let header = header(&folder.write("b", &[text.as_bytes(), &pack].concat())).unwrap();
                assert_eq!((header.pack, header.format), (text.len(), format));
                assert_eq!((header.prerequisites, header.filtered), (needs, filter.starts_with("@filter")));
                assert_eq!(header.refs, [("refs/heads/a b".to_owned(), one), ("HEAD".to_owned(), two)]);
                let cut = folder.write("c", &text.as_bytes()[..text.len() - 1]);
                assert!(super::header(&cut).is_err(), "cut off before its end");
            }
        }
    }

    #[test]
    fn a_pack_says_by_its_checksum_how_long_its_names_are() {
        let folder = Folder::new();
        for format in FORMATS {
            let pack = PackWriter::new(format).pack();
            assert!(begins(&pack));
            let header = header(&folder.write("a.pack", &pack)).unwrap();
            assert_eq!((header.pack, header.format, header.refs.len()), (0, format, 0));
        }
        for (start, is) in [
            (&b"# v2 git bundle\n"[..], true),
            (b"# v3 git bundle\n", true),
            (b"# v4 git bundle\n", false),
            (b"PACK\0\0\0\x02\0\0\0\0", true),
            (b"PACK is a word", false),
            (b"", false),
        ] {
            assert_eq!(begins(start), is, "{start:?}");
        }
    }
}
