//! Standalone packs: bundles (gitformat-bundle, versions 2 and 3) and pack files.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::store::Store;
use keyradius_core::oid::{Format, ObjectId};

/// The first line of a bundle.
const SIGNATURES: [&[u8]; 2] = [b"# v2 git bundle\n", b"# v3 git bundle\n"];

/// Whether a file with this start contains a pack.
pub(crate) fn begins(start: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| start.starts_with(signature)) || super::pack::check_header(start).is_ok()
}

/// Whether a file is a pack, whatever its name.
pub(crate) fn is_pack(path: &Path) -> bool {
    let Ok(store) = Store::open(path) else { return false };
    let mut start = [0; 12];
    let read = store.read_at(0, &mut start).unwrap_or(0);
    super::pack::check_header(start.get(..read).unwrap_or_default()).is_ok()
}

/// The header before the pack.
#[derive(Debug)]
pub(crate) struct Header {
    /// The first line; empty for a pack.
    pub(crate) signature: &'static [u8],
    /// Offset of the pack.
    pub(crate) pack: u64,
    pub(crate) format: Format,
    /// Ref names and the objects that they point to.
    pub(crate) refs: Vec<(String, ObjectId)>,
    /// The number of commits that the reader of the bundle is expected to have.
    pub(crate) prerequisites: usize,
    /// Whether objects were left out (`filter` capability).
    pub(crate) filtered: bool,
}

/// Longest header of a bundle, in bytes: several hundred thousand refs.
const LONGEST: usize = 32 << 20;

/// Reads the header before the pack.
pub(crate) fn header(store: &Store) -> io::Result<Header> {
    let mut header =
        Header { signature: b"", pack: 0, format: Format::Sha1, refs: Vec::new(), prerequisites: 0, filtered: false };
    let mut start = [0; SIGNATURES[0].len()];
    let read = store.read_at(0, &mut start).map_err(|what| io::Error::other(what.what))?;
    let start = start.get(..read).unwrap_or_default();
    let Some(signature) = SIGNATURES.iter().find(|signature| start.starts_with(signature)) else {
        // A pack does not state the length of its object ids; its trailing checksum shows it.
        header.format = pack_format(store)?;
        return Ok(header);
    };
    header.signature = signature;
    let mut at = signature.len();
    let mut lines = io::BufReader::new(store.part(at as u64, LONGEST as u64));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)?;
        at += read;
        if line.pop() != Some(b'\n') {
            let long = if at >= LONGEST { "is too long" } else { "is cut off" };
            return Err(io::Error::other(format!("the bundle header {long}")));
        }
        match line.first() {
            None => {
                header.pack = at as u64;
                return Ok(header);
            }
            Some(b'@') if line == b"@object-format=sha256" => header.format = Format::Sha256,
            Some(b'@') => header.filtered |= line.starts_with(b"@filter="),
            Some(b'-') => header.prerequisites += 1,
            Some(_) => {
                let (hex, name) = line.split_at_checked(header.format.bytes() * 2).unwrap_or((&line, b""));
                if let (Some(id), Some(name)) = (ObjectId::from_hex(header.format, hex), name.strip_prefix(b" ")) {
                    header.refs.push((String::from_utf8_lossy(name).into_owned(), id));
                }
            }
        }
    }
}

/// The hash algorithm of a pack's trailing checksum.
fn pack_format(store: &Store) -> io::Result<Format> {
    use sha2::Digest;
    let Some(body) = store.size().checked_sub(32) else { return Ok(Format::Sha1) };
    let mut trailer = [0; 32];
    store.exact(body, &mut trailer).map_err(|what| io::Error::other(what.what))?;
    let mut digest = sha2::Sha256::new();
    let (mut input, mut chunk) = (store.part(0, body), vec![0; 64 << 10]);
    loop {
        match input.read(&mut chunk)? {
            0 => break,
            read => digest.update(chunk.get(..read).unwrap_or_default()),
        }
    }
    Ok(if digest.finalize().as_slice() == trailer { Format::Sha256 } else { Format::Sha1 })
}

#[cfg(test)]
mod tests {
    use super::super::made::{FORMATS, Folder, PackWriter};
    use super::*;
    use keyradius_core::oid::Kind;

    #[test]
    fn bundle_headers_are_read() {
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
                let header =
                    header(&Store::open(&folder.write("b", &[text.as_bytes(), &pack].concat())).unwrap()).unwrap();
                assert_eq!((header.pack, header.format), (text.len() as u64, format));
                assert_eq!((header.prerequisites, header.filtered), (needs, filter.starts_with("@filter")));
                assert_eq!(header.refs, [("refs/heads/a b".to_owned(), one), ("HEAD".to_owned(), two)]);
                let cut = folder.write("c", &text.as_bytes()[..text.len() - 1]);
                assert!(super::header(&Store::open(&cut).unwrap()).is_err(), "cut off before its end");
            }
        }
    }

    #[test]
    fn the_hash_algorithm_of_a_pack_follows_from_its_checksum() {
        let folder = Folder::new();
        for format in FORMATS {
            let pack = PackWriter::new(format).pack();
            assert!(begins(&pack));
            let header = header(&Store::open(&folder.write("a.pack", &pack)).unwrap()).unwrap();
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
