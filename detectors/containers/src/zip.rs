//! ZIP and all formats based on it: jar, apk, aab, ipa, whl, nupkg, vsix, docx, and programs with a ZIP at their end.
//!
//! The central directory leads to the members, as it does for every program that opens such a file. Every member is
//! described twice, in the directory and in its local header, and programs differ in which they read. Where the two
//! disagree (method, encryption, sizes, name), the member is read both ways and the archive is reported as damaged.
//! Bytes that the directory does not lead to (a stub in front, the signing block of an APK, members deleted only from
//! the directory) are searched as raw bytes, and read as separate archives from the first local header in them. The
//! directory itself, comments and extra fields are searched too. If the directory is missing or damaged, the local
//! headers are followed. Declared sizes are not trusted: a member is the output of its decoder, and data after the end
//! of its compressed stream is read as well.
//!
//! Existing libraries read only what the directory lists, so the container is parsed here. The decoders are libraries.

mod decode;
mod directory;
mod local;
mod owned;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use keyradius_core::error::Reason;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use decode::Decoder;
use directory::Directory;
use local::Local;
use owned::Owned;

/// ZIP archives.
#[derive(Debug)]
pub(crate) struct Zip;

static ABOUT: About = About {
    id: "zip",
    title: "ZIP archive",
    detects: "ZIP archives (jar, apk, aab, ipa, whl, nupkg, vsix, docx and so on), including ZIP64. Each member is \
              scanned like a file, and so is data between the members.",
    blind_to: "Encrypted members, and members compressed by methods older than deflate (shrink, reduce, implode); each \
               is reported as not read. Archives that are split over several files.",
    respond: "Treat the contents as plain text.",
    references: &["PKWARE APPNOTE.TXT 6.3.10"],
};

impl Container for Zip {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // A local file header, the end of an empty archive, the markers of a split one (APPNOTE 4.3.7, 4.3.16, 8.5.3).
        &[
            Magic { at: 0, bytes: b"PK\x03\x04" },
            Magic { at: 0, bytes: b"PK\x05\x06" },
            Magic { at: 0, bytes: b"PK\x07\x08PK\x03\x04" },
            Magic { at: 0, bytes: b"PK00PK\x03\x04" },
        ]
    }

    fn inner(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: b"PK\x03\x04" }]
    }

    fn begins(&self, start: &[u8]) -> bool {
        // Version, method and flags, and a name of usual length without control bytes.
        let name = usize::from(u16_at(start, 26));
        let is_name = (1..=1024).contains(&name)
            && start.get(30..30 + name).is_some_and(|name| name.iter().all(|byte| *byte >= b' '));
        is_name
            && start.starts_with(b"PK\x03\x04")
            && start.get(4).is_some_and(|version| *version <= 63)
            && matches!(u16_at(start, 8), 0..=6 | 8 | 9 | 12 | 14 | 93 | 95 | 96..=99)
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        directory::length(bytes)
    }

    fn has_headers(&self) -> bool {
        true
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(open)
    }
}

/// Minimum number of bytes between members that are searched: no key is shorter, but data descriptors (up to 24) are.
const GAP: u64 = 32;

/// Maximum number of members that are read both ways because their headers disagree. Further ones are a gap.
const MOST_TWICE: usize = 1 << 16;

/// A member as described by one of its headers.
pub(crate) struct Found {
    pub(crate) name: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) encrypted: bool,
    /// Stored bytes; `None` if only decoding can tell.
    pub(crate) packed: Option<u64>,
    /// Bytes after decoding; `None` if only decoding can tell.
    pub(crate) unpacked: Option<u64>,
    /// Offset of the local header.
    pub(crate) header: u64,
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn open(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let directories = directory::find(&bytes);
    let Some(first) = directories.first() else { return local::walk(&bytes, inside) };
    let mut archive = Archive { bytes: &bytes, inside, owned: Owned::default(), twice: BTreeSet::new() };
    if directories.len() > 1 {
        archive.damaged(first.start, "the 32-bit and the ZIP64 end record disagree");
    }
    for directory in &directories {
        if archive.directory(directory).is_break() {
            return Ok(());
        }
    }
    let _ = archive.between();
    Ok(())
}

/// An archive being read.
struct Archive<'a> {
    bytes: &'a Cursor,
    inside: &'a mut dyn Inside,
    owned: Owned,
    /// Offsets of headers whose members were already read according to the local header, because it disagrees with the
    /// directory.
    twice: BTreeSet<u64>,
}

impl Archive<'_> {
    fn damaged(&mut self, at: u64, what: &str) {
        self.inside.unread(Member { name: b"", at }, Reason::Damaged, what);
    }

    /// Reads the members listed in a directory, then the directory itself: names, extra fields and comments are
    /// searched as raw bytes.
    fn directory(&mut self, directory: &Directory) -> ControlFlow<()> {
        self.owned.push(directory.start, directory.end);
        let mut entries = directory::Entries::new(self.bytes, directory);
        let mut count = 0_u64;
        loop {
            match entries.next() {
                Ok(Some((mut entry, written))) => self.entry(&mut entry, written, directory)?,
                Ok(None) => break,
                Err(_) => {
                    // Members no longer reachable are found between the others.
                    self.damaged(directory.start, "central directory");
                    break;
                }
            }
            count += 1;
        }
        if !directory.counts(count) {
            self.damaged(directory.start, "number of entries");
        }
        // The end record and its comment follow.
        self.search(directory.start, self.bytes.size())
    }

    /// Reads one member. If data before the archive makes the offset ambiguous, the members at both offsets are read.
    fn entry(&mut self, entry: &mut Found, written: u64, directory: &Directory) -> ControlFlow<()> {
        if written != entry.header && local::entry(self.bytes, written).is_some() {
            if local::entry(self.bytes, entry.header).is_some() {
                self.damaged(written, "offset leads to two members");
                self.described_member(entry, directory)?;
            }
            entry.header = written;
        }
        self.described_member(entry, directory)
    }

    /// Reads one member. If directory and local header disagree, the member is read according to both.
    fn described_member(&mut self, entry: &Found, directory: &Directory) -> ControlFlow<()> {
        let Some(local) = local::entry(self.bytes, entry.header) else {
            self.inside.unread(Member { name: &entry.name, at: entry.header }, Reason::Damaged, "local header");
            return ControlFlow::Continue(());
        };
        let packed = entry.packed.unwrap_or_default();
        let end = local.data.saturating_add(packed).min(self.bytes.size());
        self.owned.push(entry.header, end);
        self.extra(&local)?;
        let outcome = hand_out(entry, &self.bytes.part(local.data, packed), local.data, self.inside)?;
        let unclear = local.found.packed.is_none() && (outcome.failed || !self.described(end, packed, directory));
        let disagreement = disagreement(entry, &local.found, unclear);
        if disagreement.is_empty() || self.twice.contains(&entry.header) {
            return ControlFlow::Continue(());
        }
        let member = Member { name: &entry.name, at: entry.header };
        let what = format!("directory and local header disagree: {}", disagreement.join(", "));
        self.inside.unread(member, Reason::Damaged, &what);
        if self.twice.len() >= MOST_TWICE {
            self.inside.unread(member, Reason::TooMany, "too many members whose headers disagree: read once");
            return ControlFlow::Continue(());
        }
        self.twice.insert(entry.header);
        if let Some(end) = local.found.packed.map(|packed| local.data.saturating_add(packed)) {
            self.owned.push(entry.header, end.min(self.bytes.size()));
        }
        local.hand_out(self.bytes, self.inside)
    }

    /// Whether a member of unknown length ends where the directory says: a data descriptor there repeats its length
    /// (APPNOTE 4.3.9), or the next record follows immediately.
    fn described(&self, end: u64, packed: u64, directory: &Directory) -> bool {
        let mut after = [0; 24];
        let read = self.bytes.read_from(end, &mut after).unwrap_or_default();
        let after = after.get(..read).unwrap_or_default();
        let fields = after.strip_prefix(b"PK\x07\x08").unwrap_or(after);
        let repeats = |fields: &[u8]| {
            fields.len() >= 12 && (u64::from(u32_at(fields, 4)) == packed || u64_at(fields, 4) == packed)
        };
        // A checksum may look like the signature.
        repeats(fields)
            || repeats(after)
            || end >= directory.start
            || after.starts_with(b"PK\x03\x04")
            || after.starts_with(b"PK\x01\x02")
    }

    /// Searches the extra field of a local header.
    fn extra(&mut self, local: &Local) -> ControlFlow<()> {
        let length = local.data.saturating_sub(local.extra);
        if length < GAP {
            return ControlFlow::Continue(());
        }
        self.inside.rest(local.extra, &mut self.bytes.part(local.extra, length))
    }

    /// Reads the bytes that no member owns.
    fn between(&mut self) -> ControlFlow<()> {
        let Some(ranges) = self.owned.ranges() else {
            self.damaged(0, "members are in too many pieces: the archive was searched as raw bytes");
            return ControlFlow::Continue(());
        };
        let mut at = 0;
        for (start, end) in ranges {
            if start.saturating_sub(at) >= GAP {
                let part = self.bytes.part(at, start - at);
                if !is_blank(&part) {
                    self.unowned(at, start)?;
                }
            }
            at = at.max(end);
        }
        ControlFlow::Continue(())
    }

    /// Reads unowned bytes: before the first local header in them as raw bytes, from there on as an archive.
    fn unowned(&mut self, start: u64, end: u64) -> ControlFlow<()> {
        let header = local::next_header(&self.bytes.part(start, end - start), 0).map_or(end, |at| start + at);
        for (from, to) in [(start, header), (header, end)] {
            if to.saturating_sub(from) >= GAP {
                self.inside.member(Member { name: b"", at: from }, &mut self.bytes.part(from, to - from))?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Searches structural bytes, and reads members hidden in them.
    fn search(&mut self, start: u64, end: u64) -> ControlFlow<()> {
        let part = self.bytes.part(start, end.saturating_sub(start));
        if part.size() < GAP {
            return ControlFlow::Continue(());
        }
        self.inside.rest(start, &mut part.clone())?;
        match local::next_header(&part, 0) {
            Some(at) => {
                let hidden = part.part(at, u64::MAX);
                self.inside.member(Member { name: b"", at: start + at }, &mut hidden.clone())
            }
            None => ControlFlow::Continue(()),
        }
    }
}

/// Lists the fields in which the two descriptions of a member disagree.
fn disagreement(entry: &Found, local: &Found, unclear: bool) -> Vec<&'static str> {
    let known = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| a != b);
    [
        (entry.method != local.method, "method"),
        (entry.encrypted != local.encrypted, "encryption"),
        (known(entry.packed, local.packed) || unclear, "packed size"),
        (known(entry.unpacked, local.unpacked), "size"),
        (entry.name != local.name, "name"),
    ]
    .into_iter()
    .filter_map(|(differs, what)| differs.then_some(what))
    .collect()
}

/// The outcome of reading a member.
#[derive(Clone, Copy, Default)]
struct Outcome {
    /// Whether its decoder failed.
    failed: bool,
}

/// Hands out the content of a member, or reports why that is impossible. `data` is the offset of the content in the
/// archive.
fn hand_out(entry: &Found, content: &Cursor, data: u64, inside: &mut dyn Inside) -> ControlFlow<(), Outcome> {
    let member = Member { name: &entry.name, at: entry.header };
    if entry.name.ends_with(b"/") && entry.packed == Some(0) {
        return ControlFlow::Continue(Outcome::default());
    }
    if entry.encrypted {
        inside.unread(member, Reason::Encrypted, "encrypted member");
        return ControlFlow::Continue(Outcome::default());
    }
    let mut packed = content.clone();
    let mut decoder = match Decoder::new(entry.method, &mut packed, inside) {
        Ok(decoder) => decoder,
        Err((reason, what)) => {
            inside.unread(member, reason, what);
            return ControlFlow::Continue(Outcome { failed: reason == Reason::Damaged });
        }
    };
    let flow = inside.member(member, &mut decoder);
    let (failed, used) = (decoder.failed, decoder.used());
    drop(decoder);
    // Releasing memory cannot fail.
    let _ = inside.holds(0);
    flow?;
    // A deflate stream marks its own end. Data between that and the end of the member was added to it.
    if let Some(used) =
        used.filter(|used| !failed && entry.packed.is_some_and(|packed| packed.saturating_sub(*used) >= GAP))
    {
        inside.unread(member, Reason::Damaged, "bytes after the compressed data");
        inside.member(Member { name: b"", at: data.saturating_add(used) }, &mut content.part(used, u64::MAX))?;
    }
    ControlFlow::Continue(Outcome { failed })
}

/// Whether a part is padding: at most one page, and all bytes zero.
fn is_blank(part: &Cursor) -> bool {
    let mut page = [0; 4096];
    part.size() <= page.len() as u64
        && part.read_from(0, &mut page).is_ok_and(|read| page.iter().take(read).all(|byte| *byte == 0))
}

/// Reads `N` bytes at an offset, or nothing.
fn exactly<const N: usize>(bytes: &Cursor, at: u64) -> Option<[u8; N]> {
    let mut into = [0; N];
    (bytes.read_from(at, &mut into).ok()? == N).then_some(into)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
