//! What opens archives, compressed streams and images, and what recognises those that are not opened.

use std::io::Read;
use std::ops::ControlFlow;

use super::{About, Unopenable};
use crate::error::Reason;
use crate::read_at::Cursor;

/// A magic number and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Magic {
    /// Byte offset in the container.
    pub at: usize,
    /// The bytes there.
    pub bytes: &'static [u8],
}

impl Magic {
    /// Whether something that begins like this has it.
    pub fn begins(&self, start: &[u8]) -> bool {
        start.get(self.at..).is_some_and(|bytes| bytes.starts_with(self.bytes))
    }
}

/// How a container is read.
#[derive(Clone, Copy)]
pub enum Reader {
    /// From its first byte to its last, each once: it can be opened wherever it comes from, whatever its size.
    InOrder(fn(&mut dyn Read, &mut dyn Inside) -> Result<(), Unopenable>),
    /// At any place: inside of something that is read in order it has to fit into memory.
    AnyPlace(fn(Cursor, &mut dyn Inside) -> Result<(), Unopenable>),
}

/// A container: an archive, a compressed stream, an image. Known by a magic number at its start, opened into members
/// that are read like files of their own.
///
/// It returns [`Unopenable::Malformed`] if it only looked like one, before it handed out any member: its bytes are then
/// read as the bytes they are. What is damaged further on goes to [`Inside::unread`], and what follows is still tried.
pub trait Container: Sync {
    /// What it says of itself.
    fn about(&self) -> &'static About;
    /// One of these must be there; never empty.
    fn magics(&self) -> &'static [Magic];
    /// Whether something that begins like this is one: of all that is there, or of its first bytes.
    fn claims(&self, start: &[u8]) -> bool {
        self.magics().iter().any(|magic| magic.begins(start))
    }
    /// Reads it.
    fn reader(&self) -> Reader;
}

/// A member of a container.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its name as it is stored; empty if it has none (a compressed stream).
    pub name: &'a [u8],
    /// Byte offset in the container of where it is stored, as far as that means anything.
    pub at: u64,
}

/// Who is told what is inside a container.
pub trait Inside {
    /// Looks at one member. `content` is read as far as the limits allow; the caller reports read errors, once. `Break`
    /// means: stop, nothing more may be read.
    fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()>;
    /// Looks at a member that lies in the container as it is, so that it can be read at any place and none of it has to be
    /// held: a partition of a disk, a large file of an image.
    fn stored(&mut self, member: Member<'_>, mut content: Cursor) -> ControlFlow<()> {
        self.member(member, &mut content)
    }
    /// A member, or all that follows, could not be read: encrypted, damaged, a method that is not known. `detail` says
    /// what in a few fixed words.
    fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str);
    /// Searches bytes of the container that no member owns: comments, extra fields, what follows the end. They are not counted
    /// as a member and not opened.
    fn rest(&mut self, at: u64, content: &mut dyn Read) -> ControlFlow<()> {
        self.member(Member { name: b"", at }, content)
    }
    /// What this container may hold in memory now, in bytes (a window, a dictionary, a table).
    fn memory(&self) -> u64;
    /// Says how many bytes this container holds from now on; 0 gives all of them back. An error says that they are more than
    /// [`Self::memory`]: do not allocate them. Waits while another input holds much, so that the sum over all inputs is bounded.
    fn holds(&mut self, bytes: u64) -> Result<(), Reason> {
        if bytes > self.memory() { Err(Reason::TooLarge) } else { Ok(()) }
    }
}

/// A format that is recognised by its first or last bytes and that this build cannot open: counted, so that a report never
/// claims to have read it.
#[derive(Clone, Copy, Debug)]
pub struct Unopened {
    /// Stable id, such as `zip`.
    pub id: &'static str,
    /// Where the magic stands, counted from the start; of a trailer from the end.
    pub at: usize,
    /// The magic.
    pub magic: &'static [u8],
    /// What else must be there, where the magic is short.
    pub and: Option<Magic>,
    /// Whether it stands at the end.
    pub is_trailer: bool,
}

impl Unopened {
    /// A format that is known by bytes near its start.
    pub const fn new(id: &'static str, at: usize, magic: &'static [u8]) -> Self {
        Self { id, at, magic, and: None, is_trailer: false }
    }

    /// The same, with more bytes at another place.
    #[must_use]
    pub const fn and(self, at: usize, bytes: &'static [u8]) -> Self {
        Self { and: Some(Magic { at, bytes }), ..self }
    }

    /// A format that is known by bytes that begin `before` bytes before its end.
    pub const fn trailer(id: &'static str, before: usize, magic: &'static [u8]) -> Self {
        Self { is_trailer: true, ..Self::new(id, before, magic) }
    }

    /// Whether something that begins like this is of the format.
    pub fn begins(&self, start: &[u8]) -> bool {
        let magic = Magic { at: self.at, bytes: self.magic };
        !self.is_trailer && magic.begins(start) && self.and.is_none_or(|magic| magic.begins(start))
    }

    /// Whether something that ends like this is of the format.
    pub fn ends(&self, end: &[u8]) -> bool {
        let trailer = end.len().checked_sub(self.at).and_then(|at| end.get(at..));
        self.is_trailer && trailer.is_some_and(|trailer| trailer.starts_with(self.magic))
    }
}
