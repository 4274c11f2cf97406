//! Objects in files of their own: `objects/ab/cdef...`, each a zlib stream of header and content.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::inflate::{Inflater, Stream};
use super::map::{Map, read_regular};
use super::oid::{Format, Kind, ObjectId};
use crate::error::Malformed;

/// Bytes that hold every header: the longest kind, a space, twenty digits, a zero.
const HEADER: usize = 32;

/// Largest file that is copied instead of mapped, in bytes: most loose objects are a few hundred.
const COPIED: u64 = 1 << 20;

/// Every loose object of an object directory, sorted, and what lies between them and is none.
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
            match ObjectId::from_hex(format, &hex) {
                Some(id) => ids.push(id),
                None => others.push(file.path()),
            }
        }
    }
    ids.sort_unstable();
    others.sort();
    Ok((ids, others))
}

/// Whether this is the name of a directory of loose objects: the first byte of their names.
pub(crate) fn is_fan_out(name: &std::ffi::OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit)
}

/// Where an object lies.
pub(crate) fn path(objects: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    let (prefix, rest) = hex.split_at(2);
    objects.join(prefix).join(rest)
}

/// A loose object, opened.
pub(crate) struct Loose {
    file: File,
    pub(crate) kind: Kind,
    /// Of the content, in bytes.
    pub(crate) size: u64,
    header: usize,
}

enum File {
    Copied(Vec<u8>),
    Mapped(Map),
}

impl Loose {
    /// Opens it and reads its header. The outer error is the system's, the inner one the object's.
    pub(crate) fn open(path: &Path, inflater: &mut Inflater) -> io::Result<Result<Self, Malformed>> {
        let file = match read_regular(path, COPIED) {
            Err(error) if error.kind() == io::ErrorKind::Other => File::Mapped(Map::open(path)?),
            copied => File::Copied(copied?),
        };
        let mut start = [0; HEADER];
        let parsed = inflater.start(file.bytes(), &mut start).and_then(|got| {
            let what = Malformed::new("header of a loose object", 0);
            let start = start.get(..got).unwrap_or_default();
            let header = memchr::memchr(0, start).ok_or(what)?;
            let mut words = start.get(..header).unwrap_or_default().split(|byte| *byte == b' ');
            let kind = words.next().and_then(Kind::from_id).ok_or(what)?;
            let size = words.next().and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).ok_or(what)?;
            Ok((kind, size, header + 1))
        });
        Ok(parsed.map(|(kind, size, header)| Self { file, kind, size, header }))
    }

    /// Its content, whole, behind the header: `out[returned..]`.
    pub(crate) fn read(&self, inflater: &mut Inflater, out: &mut Vec<u8>) -> Result<usize, Malformed> {
        inflater.exact(self.file.bytes(), self.size.saturating_add(self.header as u64), out)?;
        Ok(self.header)
    }

    /// Its content as a stream.
    pub(crate) fn stream(&self) -> io::Result<impl Read + '_> {
        let mut stream = Stream::new(self.file.bytes(), self.size.saturating_add(self.header as u64));
        let mut header = [0; HEADER];
        stream.read_exact(header.get_mut(..self.header).unwrap_or_default())?;
        Ok(stream)
    }
}

impl File {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Mapped(map) => map.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{FORMATS, Folder, deflate, noise};
    use super::*;

    fn opened(folder: &Folder, header: &str, content: &[u8]) -> Result<Loose, Malformed> {
        let path = folder.write("loose", &deflate(&[header.as_bytes(), content].concat()));
        Loose::open(&path, &mut Inflater::default()).expect("a file")
    }

    #[test]
    fn content_is_what_stands_behind_the_header() {
        let folder = Folder::new();
        // The last does not compress, and so is mapped instead of copied.
        for (kind, length) in [(Kind::Blob, 0), (Kind::Commit, 9), (Kind::Tag, 10), (Kind::Tree, (1 << 20) + 5)] {
            let content = noise(1, length);
            let loose = opened(&folder, &format!("{} {length}\0", kind.id()), &content).unwrap();
            assert_eq!((loose.kind, loose.size), (kind, length as u64));
            assert_eq!(matches!(loose.file, File::Mapped(_)), length > 1 << 20);
            let mut out = Vec::new();
            let start = loose.read(&mut Inflater::default(), &mut out).unwrap();
            assert!(out[start..] == content);
            let mut streamed = Vec::new();
            loose.stream().unwrap().read_to_end(&mut streamed).unwrap();
            assert!(streamed == content);
        }
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let folder = Folder::new();
        for header in [
            "",
            "blob 5",
            "blob\0",
            "blob x\0",
            "bulb 5\0",
            " 5\0",
            "blob -5\0",
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
    fn names_lead_to_files_and_files_to_names() {
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
        for (name, is) in [("00", true), ("fF", true), ("0", false), ("000", false), ("0g", false), ("..", false)] {
            assert_eq!(is_fan_out(std::ffi::OsStr::new(name)), is, "{name}");
        }
    }
}
