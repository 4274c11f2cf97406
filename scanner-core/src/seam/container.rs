//! Traits that open archives, compressed streams and images, and types that recognise formats that are not opened.

use std::io::Read;
use std::ops::ControlFlow;

use super::{About, Unopenable};
use crate::error::Reason;
use crate::read_at::Cursor;

/// A magic number and its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Magic {
    /// Byte offset in the container.
    pub at: usize,
    /// The bytes at that offset.
    pub bytes: &'static [u8],
}

impl Magic {
    /// Whether bytes with this start have the magic.
    pub fn begins(&self, start: &[u8]) -> bool {
        start.get(self.at..).is_some_and(|bytes| bytes.starts_with(self.bytes))
    }
}

/// The way a container is read.
#[derive(Clone, Copy)]
pub enum Reader {
    /// Sequentially, each byte once: works for any source and any size.
    InOrder(fn(&mut dyn Read, &mut dyn Inside) -> Result<(), Unopenable>),
    /// At any offset: inside a container that is read sequentially, it must fit into memory.
    AnyPlace(fn(Cursor, &mut dyn Inside) -> Result<(), Unopenable>),
}

/// A container: an archive, a compressed stream, an image. Recognised by a magic number at its start; opened into
/// members that are read like files.
///
/// A reader returns [`Unopenable::Malformed`] before handing out any member if the input only looked like its format:
/// the bytes are then searched as they are. Later damage is reported to [`Inside::unread`], and the reader still tries
/// what follows.
pub trait Container: Sync {
    /// The description of the container.
    fn about(&self) -> &'static About;
    /// One of these must match; never empty.
    fn magics(&self) -> &'static [Magic];
    /// Whether bytes with this start are such a container. `start` is the whole input or its first bytes.
    fn claims(&self, start: &[u8]) -> bool {
        self.magics().iter().any(|magic| magic.begins(start))
    }
    /// Magic numbers by which it is recognised in the middle of other bytes, 4 to 32 bytes each; empty if it is not
    /// looked for there. They are searched in everything that contains control bytes.
    fn inner(&self) -> &'static [Magic] {
        &[]
    }
    /// Whether bytes from the middle of others begin such a container: more than its magic must fit, because any file
    /// may contain that. `start` ends with the window in which it was seen, at most [`INNER`] bytes later.
    fn begins(&self, start: &[u8]) -> bool {
        self.claims(start)
    }
    /// The length of a container that begins with these bytes and may be followed by others, in bytes; `None` if only
    /// reading can tell.
    fn length(&self, _bytes: &Cursor) -> Option<u64> {
        None
    }
    /// Whether the headers of its members look like the start of such a container, so that those between its first
    /// and its last member are none.
    fn has_headers(&self) -> bool {
        false
    }
    /// Whether all that its reader reads while it hands out a member belongs to the member. Otherwise, containers of their
    /// own may begin there.
    fn is_exact(&self) -> bool {
        true
    }
    /// The extension of names under which [`Self::begins`] decides, for a format without a magic number.
    fn extension(&self) -> Option<&'static str> {
        None
    }
    /// The length of a trailer that begins with the magic numbers of [`Self::inner`], if they are at the end of the
    /// container: it then gets everything from the start of the input to the end of the trailer.
    fn trailer(&self) -> Option<u64> {
        None
    }
    /// The function that reads it.
    fn reader(&self) -> Reader;
}

/// How many bytes [`Container::begins`] gets, at most.
pub const INNER: usize = 64 << 10;

/// A member of a container.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The name as stored; empty if there is none (a compressed stream).
    pub name: &'a [u8],
    /// Byte offset of the member in the container, as far as that is meaningful.
    pub at: u64,
}

/// Receives what is inside a container.
pub trait Inside {
    /// Scans one member. `content` is read as far as the limits allow; the caller reports read errors, once. `Break`
    /// means: stop, read nothing more.
    fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()>;
    /// Scans a member stored unmodified in the container, so that it can be read at any offset without being held in
    /// memory: a partition of a disk, a large file of an image.
    fn stored(&mut self, member: Member<'_>, mut content: Cursor) -> ControlFlow<()> {
        self.member(member, &mut content)
    }
    /// Scans a member whose content was handed out before in another form, such as the text of a page of which the
    /// drawing commands are a member too. What other members have is not reported again.
    fn view(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        self.member(member, content)
    }
    /// Reports that a member, or all that follows, could not be read: encrypted, damaged, or an unknown method.
    /// `detail` is a fixed text.
    fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str);
    /// Searches bytes of the container that belong to no member: comments, extra fields, trailing bytes. They are not
    /// counted as a member and not opened.
    fn rest(&mut self, at: u64, content: &mut dyn Read) -> ControlFlow<()> {
        self.member(Member { name: b"", at }, content)
    }
    /// Memory that this container may use, in bytes (a window, a dictionary, a table).
    fn memory(&self) -> u64;
    /// Sets how many bytes this container uses from now on; 0 releases all. An error means that `bytes` exceeds
    /// [`Self::memory`]: do not allocate them. Waits while another input uses more than its share, so that the sum over
    /// all inputs is bounded.
    fn holds(&mut self, bytes: u64) -> Result<(), Reason> {
        if bytes > self.memory() { Err(Reason::TooLarge) } else { Ok(()) }
    }
}

/// A format that is recognised by its first or last bytes and that this build cannot open. Counted, so that a report
/// never claims to have read it.
#[derive(Clone, Copy, Debug)]
pub struct Unopened {
    /// Stable id, such as `zip`.
    pub id: &'static str,
    /// Offset of the magic from the start; for a trailer, from the end.
    pub at: usize,
    /// The magic.
    pub magic: &'static [u8],
    /// Another magic that must match, if this one is short.
    pub and: Option<Magic>,
    /// A word that must occur within the first `WORDS` bytes, if the magic may begin any text; empty if there is none.
    pub word: &'static [u8],
    /// Whether the magic is at the end.
    pub is_trailer: bool,
}

/// Where [`Unopened::word`] must occur, in bytes from the start.
const WORDS: usize = 4 << 10;

impl Unopened {
    /// A format recognised by bytes near its start.
    pub const fn new(id: &'static str, at: usize, magic: &'static [u8]) -> Self {
        Self { id, at, magic, and: None, word: b"", is_trailer: false }
    }

    /// Requires more bytes at another offset.
    #[must_use]
    pub const fn and(self, at: usize, bytes: &'static [u8]) -> Self {
        Self { and: Some(Magic { at, bytes }), ..self }
    }

    /// Requires a word near the start.
    #[must_use]
    pub const fn with(self, word: &'static [u8]) -> Self {
        Self { word, ..self }
    }

    /// A format recognised by bytes that begin `before` bytes before its end.
    pub const fn trailer(id: &'static str, before: usize, magic: &'static [u8]) -> Self {
        Self { is_trailer: true, ..Self::new(id, before, magic) }
    }

    /// Whether bytes with this start are of the format.
    pub fn begins(&self, start: &[u8]) -> bool {
        let magic = Magic { at: self.at, bytes: self.magic };
        !self.is_trailer
            && magic.begins(start)
            && self.and.is_none_or(|magic| magic.begins(start))
            && (self.word.is_empty() || {
                let near = start.get(..start.len().min(WORDS)).unwrap_or_default();
                memchr::memmem::find(near, self.word).is_some()
            })
    }

    /// Whether bytes with this end are of the format.
    pub fn ends(&self, end: &[u8]) -> bool {
        let trailer = end.len().checked_sub(self.at).and_then(|at| end.get(at..));
        self.is_trailer && trailer.is_some_and(|trailer| trailer.starts_with(self.magic))
    }
}
