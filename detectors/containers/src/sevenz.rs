//! 7z archives, decoded by the `sevenz-rust2` crate on one thread: LZMA, LZMA2, PPMd, bzip2, deflate and the filters for
//! machine code.
//!
//! Members are compressed together in blocks. A block that is damaged, encrypted or compressed by another method costs
//! only its own members. The dictionary size of a block is checked against the memory of the run before decoding.
//!
//! The list of members is a header at the end of the archive, which is usually compressed itself. The crate would
//! decompress it completely and allocate every entry that it declares. Here it is decompressed within the memory of the
//! run and counted ([`header`]) before the crate reads it.

mod header;

use std::io::{self, Read};

use flate2::Crc;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{held, le32, le64};
use sevenz_rust2::{Archive, Block, BlockDecoder, Coder, EncoderMethod, Error, Password};

use super::compressed::{BESIDE, BZIP2};
use super::inner::is_sum;
use header::{Counts, DAMAGED, ENCODED, Refused};

/// 7z archives.
#[derive(Debug)]
pub(crate) struct SevenZ;

static ABOUT: About = About {
    id: "sevenz",
    title: "7z archive",
    detects: "Members of 7z archives, solid or not, compressed by LZMA, LZMA2, PPMd, bzip2 or deflate, with filters.",
    blind_to: "Encrypted members and encrypted headers, and the methods of forks (Zstandard, Brotli, LZ4), all \
               reported as not read. Archives that are split into volumes. Self-extracting executables are read as \
               executables.",
    respond: "Treat the contents as plain text: whoever has the archive has the key.",
    references: &["7-Zip DOC/7zFormat.txt"],
};

/// 7zFormat.txt: kSignature.
const MAGIC: &[u8] = &[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c];

/// Length of the start of an archive, in bytes: magic, version, and position of the header (7zFormat.txt,
/// "SignatureHeader").
const START: usize = 32;

/// Maximum number of times that a header may be compressed. 7-Zip does it once, but its reader is a loop (7zIn.cpp,
/// ReadDatabase2).
const MOST_ENCODED: usize = 4;

/// Number of bytes at the end of an unfinished archive in which 7-Zip searches for a header (7zIn.cpp, kCheckSize).
const UNFINISHED: u64 = 512;

impl Container for SevenZ {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        // The checksum of the start header: 7zFormat.txt.
        self.claims(start) && start.get(6) == Some(&0) && is_sum(start.get(12..32), start, 8)
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        let header = held(bytes, 0, 32, 32)?;
        32_u64.checked_add(le64(&header, 12)?)?.checked_add(le64(&header, 20)?)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = [0; START];
    let read = bytes.read_from(0, &mut start).unwrap_or_default();
    // Only version 0.
    if read < START || !start.starts_with(MAGIC) || start.get(6) != Some(&0) {
        return Err(Malformed::new("7z header", 6).into());
    }
    match List::read(&bytes, &start, inside) {
        Ok(Some(list)) => list.members(&bytes, inside),
        Ok(None) => {}
        Err((reason, detail)) => inside.unread(Member { name: b"", at: 0 }, reason, detail),
    }
    Ok(())
}

/// The list of members.
struct List {
    archive: Archive,
    /// Memory of the list, in bytes.
    memory: u64,
}

impl List {
    /// Reads the list at the end of an archive that begins with `start`. `None` if the archive is empty and has no
    /// list.
    fn read(bytes: &Cursor, start: &[u8], inside: &mut dyn Inside) -> Result<Option<Self>, Refused> {
        let Some(place) = Place::of(bytes, start)? else { return Ok(None) };
        let mut header = Header::stored(bytes, &place, inside)?;
        for _ in 0..MOST_ENCODED {
            if header.content().first() != Some(&ENCODED) {
                return Self::of(header, inside).map(Some);
            }
            header = header.unpacked(bytes, inside)?;
        }
        if header.content().first() == Some(&ENCODED) {
            return Err((Reason::TooDeep, "header"));
        }
        Self::of(header, inside).map(Some)
    }

    /// Lets the crate parse an uncompressed header.
    fn of(mut header: Header, inside: &mut dyn Inside) -> Result<Self, Refused> {
        let memory = Counts::of(header.content())?.memory();
        // The crate copies the header.
        let header_twice = 2 * header.image.len() as u64;
        inside.holds(memory.saturating_add(header_twice)).map_err(|reason| (reason, "header"))?;
        header.seal();
        let archive = Archive::read(&mut io::Cursor::new(header.image), &Password::empty()).map_err(|error| {
            let refused = fault(&error);
            if refused.0 == Reason::Damaged { DAMAGED } else { refused }
        })?;
        inside.holds(memory).map_err(|reason| (reason, "header"))?;
        Ok(Self { archive, memory })
    }

    /// Requests the memory for decoding a block.
    fn hold(&self, block: &Block, beside: u64, inside: &mut dyn Inside) -> Result<(), Refused> {
        let memory = decoding(block)?.saturating_add(self.memory);
        inside.holds(memory).map_err(|reason| (reason, "dictionary"))?;
        inside.holds(memory.saturating_add(beside)).map_err(|reason| (reason, "header"))
    }

    /// Hands out the members, block by block.
    fn members(&self, bytes: &Cursor, inside: &mut dyn Inside) {
        let password = Password::empty();
        let mut source = bytes.clone();
        for (number, block) in self.archive.blocks.iter().enumerate() {
            let mut unused = bytes.clone();
            let list = BlockDecoder::new(1, number, &self.archive, &password, &mut unused);
            let entries = list.entries();
            if let Err((reason, detail)) = self.hold(block, 0, inside) {
                for entry in entries.iter().filter(|entry| entry.has_stream) {
                    inside.unread(Member { name: entry.name.as_bytes(), at: 0 }, reason, detail);
                }
                continue;
            }
            let mut shown = 0;
            let mut stopped = false;
            let decoder = BlockDecoder::new(1, number, &self.archive, &password, &mut source);
            let result = decoder.for_each_entries(&mut |entry, content| {
                shown += 1;
                let content: &mut dyn Read = content;
                if entry.has_stream {
                    stopped = inside.member(Member { name: entry.name.as_bytes(), at: 0 }, content).is_break();
                }
                Ok(!stopped)
            });
            if stopped {
                return;
            }
            // The members handed out have reported their errors themselves.
            if let Err(error) = result {
                let (reason, detail) = fault(&error);
                for entry in entries.iter().skip(shown).filter(|entry| entry.has_stream) {
                    inside.unread(Member { name: entry.name.as_bytes(), at: 0 }, reason, detail);
                }
            }
        }
    }
}

/// The position of the header of an archive.
struct Place {
    at: u64,
    length: u64,
    /// `None` if the archive is unfinished.
    checksum: Option<u32>,
}

impl Place {
    /// Reads the position. `None` if the archive is finished and empty.
    fn of(bytes: &Cursor, start: &[u8]) -> Result<Option<Self>, Refused> {
        let fields = start.get(12..).unwrap_or_default();
        let own_checksum = le32(start, 8).ok_or(DAMAGED)?;
        if own_checksum == 0 && fields.iter().all(|&byte| byte == 0) {
            return Self::unfinished(bytes).map(Some).ok_or((Reason::Damaged, "never finished"));
        }
        if crc(fields) != own_checksum {
            return Err(DAMAGED);
        }
        let (after, length) = le64(fields, 0).zip(le64(fields, 8)).ok_or(DAMAGED)?;
        let at = after.saturating_add(START as u64);
        if at.checked_add(length).is_none_or(|end| end > bytes.size()) {
            return Err((Reason::Damaged, "cut off"));
        }
        if length == 0 {
            return if bytes.size() == START as u64 { Ok(None) } else { Err(DAMAGED) };
        }
        Ok(Some(Self { at, length, checksum: le32(fields, 16) }))
    }

    /// Searches for the header of an unfinished archive: the last bytes that begin like one, up to the end of the
    /// archive.
    fn unfinished(bytes: &Cursor) -> Option<Self> {
        let from = bytes.size().saturating_sub(UNFINISHED).max(START as u64);
        let mut end = [0; UNFINISHED as usize];
        let read = bytes.read_from(from, &mut end).ok()?;
        let end = end.get(..read).filter(|end| end.ends_with(&[0]))?;
        // A compressed header begins with the position of its data, an uncompressed one with the streams of the
        // archive.
        let at = end.windows(2).rposition(|pair| matches!(pair, [ENCODED, 0x06] | [0x01, 0x04]))?;
        Some(Self { at: from + at as u64, length: (read - at) as u64, checksum: None })
    }
}

/// A header, compressed or not.
struct Header {
    /// An archive that consists of the header only: room for the start of an archive, then the header.
    image: Vec<u8>,
}

impl Header {
    fn stored(bytes: &Cursor, place: &Place, inside: &mut dyn Inside) -> Result<Self, Refused> {
        inside.holds(place.length.saturating_mul(2)).map_err(|reason| (reason, "header"))?;
        let mut header = Self::with_room(place.length)?;
        bytes.part(place.at, place.length).read_to_end(&mut header.image).map_err(|_| DAMAGED)?;
        let fits = place.checksum.is_none_or(|checksum| checksum == crc(header.content()));
        if fits && header.content().len() as u64 == place.length { Ok(header) } else { Err(DAMAGED) }
    }

    /// Creates an empty header with room for `length` bytes.
    fn with_room(length: u64) -> Result<Self, Refused> {
        const TOO_LARGE: Refused = (Reason::TooLarge, "header");
        let room = usize::try_from(length).ok().and_then(|length| length.checked_add(START)).ok_or(TOO_LARGE)?;
        let mut image = Vec::new();
        image.try_reserve_exact(room).map_err(|_| TOO_LARGE)?;
        image.resize(START, 0);
        Ok(Self { image })
    }

    fn content(&self) -> &[u8] {
        self.image.get(START..).unwrap_or_default()
    }

    /// Completes the start, so that the image is a valid archive.
    fn seal(&mut self) {
        let length = self.content().len() as u64;
        let place = [&[0; 8][..], &length.to_le_bytes(), &crc(self.content()).to_le_bytes()].concat();
        let start = [MAGIC, &[0, 4], &crc(&place).to_le_bytes(), &place].concat();
        self.image.splice(..START, start);
    }

    /// Decompresses this header. A compressed header is the only member of an archive without a list.
    fn unpacked(self, bytes: &Cursor, inside: &mut dyn Inside) -> Result<Self, Refused> {
        // The streams, their (empty) list of parts, and one file without a name (7zFormat.txt, "Header").
        let list = [&[0x01, 0x04][..], header::encoded(self.content())?, &[0x08, 0, 0, 0x05, 1, 0, 0]].concat();
        drop(self);
        let mut header = Self::with_room(list.len() as u64)?;
        header.image.extend(list);
        let list = List::of(header, inside)?;
        let (block, file) = list.archive.blocks.first().zip(list.archive.files.first()).ok_or(DAMAGED)?;
        list.hold(block, file.size.saturating_add(START as u64), inside)?;
        let mut unpacked = Self::with_room(file.size)?;
        let (password, mut source) = (Password::empty(), bytes.clone());
        BlockDecoder::new(1, 0, &list.archive, &password, &mut source)
            .for_each_entries(&mut |file, content| {
                content.take(file.size).read_to_end(&mut unpacked.image)?;
                Ok(true)
            })
            .map_err(|error| fault(&error))?;
        if unpacked.content().len() as u64 == file.size { Ok(unpacked) } else { Err(DAMAGED) }
    }
}

/// Returns the memory for decoding a block, in bytes, or the reason not to decode it.
fn decoding(block: &Block) -> Result<u64, Refused> {
    block.coders.iter().map(coder_memory).try_fold(0_u64, |sum, memory| Ok(sum.saturating_add(memory?)))
}

fn coder_memory(coder: &Coder) -> Result<u64, Refused> {
    let properties = coder.properties();
    let four = || le32(properties, 1).map(u64::from);
    let memory = match coder.encoder_method_id() {
        EncoderMethod::ID_AES256_SHA256 => return Err((Reason::Encrypted, "AES-256")),
        // Properties, which give the number of tables of 768 probabilities, and dictionary size.
        EncoderMethod::ID_LZMA => four().map(|dictionary| {
            let properties = properties.first().copied().unwrap_or_default();
            let bits = properties % 9 + properties / 9 % 5;
            dictionary + (1536 << bits)
        }),
        // Order and memory size.
        EncoderMethod::ID_PPMD => four(),
        // The size is encoded as two bits and a shift.
        EncoderMethod::ID_LZMA2 => properties.first().map(|&bits| (2 | u64::from(bits & 1)) << (bits / 2 + 11).min(40)),
        EncoderMethod::ID_BZIP2 => Some(BZIP2),
        EncoderMethod::ID_COPY => return Ok(0),
        _ => None,
    };
    Ok(memory.unwrap_or_default().saturating_add(BESIDE))
}

/// Returns the CRC-32 of bytes.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Maps an error of the crate. Its texts may contain names from the archive, so none is passed on.
fn fault(error: &Error) -> (Reason, &'static str) {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => (Reason::Encrypted, "AES-256"),
        Error::UnsupportedCompressionMethod(method) if method.contains("AES") => (Reason::Encrypted, "AES-256"),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            (Reason::Unsupported, "method")
        }
        Error::MaxMemLimited { .. } => (Reason::TooLarge, "dictionary"),
        _ => (Reason::Damaged, "packed data"),
    }
}

#[cfg(test)]
mod tests;
