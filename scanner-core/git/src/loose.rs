//! Loose objects: `objects/ab/cdef...`, each a zlib stream of header and content.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::inflate::{DAMAGED, Inflater, Stream, room};
use super::store::{Part, Store};
use keyradius_core::blob::{Origin, Wrap};
use keyradius_core::error::{Gap, Malformed, Reason};
use keyradius_core::oid::{Format, Kind, ObjectId};
use keyradius_core::seam::Feed;
use keyradius_core::source::stream::Windows;

/// Enough bytes for every header: the longest kind, a space, twenty digits, a zero byte.
const HEADER: usize = 32;

/// Largest file that is read at once, in bytes: most loose objects have a few hundred.
const COPIED: u64 = 1 << 20;

/// Compressed bytes that are enough to inflate the header: the code of a dynamic block takes 300 at most.
const START: usize = 512;

/// Every loose object of an object directory, sorted, and the other paths among them.
pub(crate) fn list(objects: &Path, format: Format) -> io::Result<(Vec<ObjectId>, Vec<PathBuf>)> {
    let (mut ids, mut others) = (Vec::new(), Vec::new());
    for entry in objects.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_fan_out(&name) {
            continue;
        }
        let files = match entry.path().read_dir() {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => {
                others.push(entry.path());
                continue;
            }
        };
        for file in files {
            let file = file?;
            let hex = [name.as_encoded_bytes(), file.file_name().as_encoded_bytes()].concat();
            match ObjectId::from_hex(format, &hex).filter(|_| !hex.iter().any(u8::is_ascii_uppercase)) {
                Some(id) => ids.push(id),
                None => others.push(file.path()),
            }
        }
    }
    ids.sort_unstable();
    others.sort();
    Ok((ids, others))
}

/// Whether this is the name of a directory of loose objects: the first byte of their ids.
pub(crate) fn is_fan_out(name: &std::ffi::OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == 2 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a file is named like a loose object, with either hash algorithm.
pub(crate) fn is_named(path: &Path) -> bool {
    let is_hex = |name: &[u8]| name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let in_fan_out = path.parent().and_then(Path::file_name).is_some_and(is_fan_out);
    in_fan_out
        && path
            .file_name()
            .map(std::ffi::OsStr::as_encoded_bytes)
            .is_some_and(|n| matches!(n.len(), 38 | 62) && is_hex(n))
}

/// The path of a loose object.
pub(crate) fn path(objects: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    let (prefix, rest) = hex.split_at(2);
    objects.join(prefix).join(rest)
}

/// An open loose object.
pub(crate) struct Loose {
    store: Store,
    /// The bytes of the file, if it is small.
    copied: Option<Vec<u8>>,
    pub(crate) kind: Kind,
    /// Size of the content, in bytes.
    pub(crate) size: u64,
    header: usize,
}

impl Loose {
    /// Opens a loose object and reads its header. The outer error is the system's, the inner one the object's.
    pub(crate) fn open(path: &Path, inflater: &mut Inflater) -> io::Result<Result<Self, Malformed>> {
        Self::of(Store::open(path)?, inflater)
    }

    /// Like [`Self::open`], for an open file.
    fn of(store: Store, inflater: &mut Inflater) -> io::Result<Result<Self, Malformed>> {
        let failed = |what: Malformed| io::Error::other(what.what);
        let mut first = [0; START];
        let mut copied = None;
        let start = if store.size() <= COPIED {
            let mut bytes = vec![0; store.size() as usize];
            store.exact(0, &mut bytes).map_err(failed)?;
            copied.insert(bytes).as_slice()
        } else {
            store.exact(0, &mut first).map_err(failed)?;
            &first
        };
        let header = header(start, inflater);
        Ok(header.map(|(kind, size, header)| Self { store, copied, kind, size, header }))
    }

    /// The bytes of the file from an offset on.
    pub(crate) fn part(&self, from: u64) -> Part<'_> {
        self.store.part(from, u64::MAX)
    }

    /// The size of the file in bytes.
    pub(crate) const fn stored(&self) -> u64 {
        self.store.size()
    }

    /// Reads the header and the content into `out`; the content is `out[returned.0..]`. Also returns how many bytes of
    /// the file the stream has.
    pub(crate) fn read(&self, inflater: &mut Inflater, out: &mut Vec<u8>) -> Result<(usize, u64), Malformed> {
        let size = self.size.saturating_add(self.header as u64);
        if let Some(copied) = &self.copied {
            return Ok((self.header, inflater.exact(copied, size, out)? as u64));
        }
        room(self.store.size(), size, out)?;
        let damaged = Malformed::new(DAMAGED, 0);
        let mut stream = Stream::new(self.store.part(0, u64::MAX), size);
        stream.read_exact(out).map_err(|_| damaged)?;
        stream.read(&mut [0]).map_err(|_| damaged)?;
        Ok((self.header, stream.consumed().ok_or(damaged)?))
    }

    /// The content as a stream.
    pub(crate) fn stream(&self) -> io::Result<Stream<Part<'_>>> {
        let mut stream = Stream::new(self.store.part(0, u64::MAX), self.size.saturating_add(self.header as u64));
        let mut header = [0; HEADER];
        stream.read_exact(header.get_mut(..self.header).unwrap_or_default())?;
        Ok(stream)
    }
}

/// The kind and size of the object whose file begins with `start`, and the length of its header.
fn header(start: &[u8], inflater: &mut Inflater) -> Result<(Kind, u64, usize), Malformed> {
    let mut inflated = [0; HEADER];
    let got = inflater.start(start, &mut inflated)?;
    let what = Malformed::new("header of a loose object", 0);
    let inflated = inflated.get(..got).unwrap_or_default();
    let header = memchr::memchr(0, inflated).ok_or(what)?;
    let mut words = inflated.get(..header).unwrap_or_default().split(|byte| *byte == b' ');
    let kind = words.next().and_then(Kind::from_id).ok_or(what)?;
    let size = words.next().and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).ok_or(what)?;
    if words.next().is_some() {
        return Err(what);
    }
    Ok((kind, size, header + 1))
}

/// Whether a file with this start is a loose object.
pub(crate) fn begins(start: &[u8]) -> bool {
    // The first two bytes of a zlib stream (RFC 1950): nearly every other file is rejected here.
    let is_zlib = start.first_chunk().is_some_and(|two| two[0] & 0x0f == 8 && u16::from_be_bytes(*two) % 31 == 0);
    is_zlib && header(start.get(..START).unwrap_or(start), &mut Inflater::default()).is_ok()
}

/// Scans a file that is a loose object outside of a repository: its content, then the file as it is.
pub(crate) fn look_at(file: std::fs::File, origin: &Origin, windows: &mut Windows, to: Feed<'_>) {
    let opened = Store::of(file).and_then(|store| Loose::of(store, &mut Inflater::default()));
    let fault = match opened {
        Ok(Ok(object)) => {
            let inside = origin.inside(Wrap::member("loose", 0, PathBuf::new()));
            let content = object.stream().map(|mut content| windows.feed_part(&mut content, &inside, to).1);
            let raw = windows.feed_part(&mut object.part(0), origin, to).1;
            to.run.count_file(object.stored());
            content.unwrap_or_else(|error| Some(error.to_string())).or(raw)
        }
        Ok(Err(what)) => Some(what.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(detail) = fault {
        to.run.gap(Gap::new(origin.clone(), Reason::Damaged, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{self, FORMATS, Folder, deflate, noise};
    use super::*;

    fn opened(folder: &Folder, header: &str, content: &[u8]) -> Result<Loose, Malformed> {
        let path = folder.write("loose", &deflate(&[header.as_bytes(), content].concat()));
        Loose::open(&path, &mut Inflater::default()).expect("a file")
    }

    #[test]
    fn content_follows_the_header() {
        let folder = Folder::new();
        // The last content does not compress, so it is read in pieces.
        for (kind, length) in [(Kind::Blob, 0), (Kind::Commit, 9), (Kind::Tag, 10), (Kind::Tree, (1 << 20) + 5)] {
            let content = noise(1, length);
            let loose = opened(&folder, &format!("{} {length}\0", kind.id()), &content).unwrap();
            assert_eq!((loose.kind, loose.size), (kind, length as u64));
            assert_eq!(loose.copied.is_none(), length > 1 << 20);
            let mut out = Vec::new();
            let (start, read) = loose.read(&mut Inflater::default(), &mut out).unwrap();
            assert!(out[start..] == content);
            assert_eq!(read, loose.stored());
            let mut streamed = Vec::new();
            loose.stream().unwrap().read_to_end(&mut streamed).unwrap();
            assert!(streamed == content);
        }
    }

    #[test]
    fn a_checksum_apart_from_the_last_byte_is_read() {
        let folder = Folder::new();
        let header = b"blob 5307994\0";
        let content = [&header[..], &noise(1, made::STORED_APART - header.len())].concat();
        let path = folder.write("loose", &made::stored(&content));
        let loose = Loose::open(&path, &mut Inflater::default()).expect("a file").unwrap();
        let read = loose.read(&mut Inflater::default(), &mut Vec::new());
        assert_eq!(read.map(|(_, read)| read), Ok(loose.stored()));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let folder = Folder::new();
        for header in [
            "",
            "blob 5",
            "blob\0",
            "blob x\0",
            "bulb 5\0",
            " 5\0",
            "blob -5\0",
            "blob 5 5\0",
            "blob 5                               \0",
        ] {
            assert!(opened(&folder, header, b"12345").is_err(), "{header:?}");
        }
        for size in [0, 4, 6, u64::MAX] {
            let loose = opened(&folder, &format!("blob {size}\0"), b"12345").unwrap();
            assert!(loose.read(&mut Inflater::default(), &mut Vec::new()).is_err(), "{size}");
            assert!(loose.stream().unwrap().read_to_end(&mut Vec::new()).is_err(), "{size}");
        }
        let path = folder.write("loose", b"blob 5\x0012345");
        assert!(Loose::open(&path, &mut Inflater::default()).unwrap().is_err(), "not deflated");
        assert!(Loose::open(&folder.path().join("none"), &mut Inflater::default()).is_err());
    }

    #[test]
    fn ids_map_to_paths_and_paths_to_ids() {
        for format in FORMATS {
            let folder = Folder::new();
            let mut ids: Vec<_> = (0..5_u8).map(|n| ObjectId::of(format, Kind::Blob, &[n])).collect();
            for id in &ids {
                let relative = path(Path::new(""), id);
                folder.write(relative.to_str().unwrap(), b"");
            }
            ids.sort();
            folder.write("ab/tmp_obj_x", b"");
            folder.write("ab/0123", b"");
            folder.write("pack/pack-a.pack", b"");
            folder.write("zz/00", b"");
            folder.write("abc/00", b"");
            let (found, others) = list(folder.path(), format).unwrap();
            assert_eq!(found, ids);
            assert_eq!(others, [folder.path().join("ab/0123"), folder.path().join("ab/tmp_obj_x")]);
        }
        for (name, is) in
            [("00", true), ("ff", true), ("fF", false), ("0", false), ("000", false), ("0g", false), ("..", false)]
        {
            assert_eq!(is_fan_out(std::ffi::OsStr::new(name)), is, "{name}");
        }
        for (folder, length, is) in
            [("ab", 38, true), ("ab", 62, true), ("ab", 37, false), ("ab", 40, false), ("abc", 38, false)]
        {
            assert_eq!(is_named(&Path::new(folder).join("0".repeat(length))), is, "{folder}, {length} digits");
        }
        assert!(!is_named(&Path::new("ab").join("x".repeat(38))));
    }
}
