//! Every trait between the rooms, on one page.

use std::io::{self, Read};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::blob::{Blob, Origin};
use crate::budget::{Budget, Limits};
use crate::error::{Gap, Malformed, Reason, SourceError};
use crate::lock::Lock;
use crate::material::{Material, Occurrence};
use crate::prefilter::Prefilter;
use crate::random::Cursor;
use crate::secret::Secret;

/// What a detector or unwrapper says of itself: `explain`, SARIF rules and `docs/detectors.md` are made from it.
#[derive(Debug)]
pub struct About {
    /// Its id: the name of its file, of its corpus folder and of its heading in the docs.
    pub id: &'static str,
    /// A short title.
    pub title: &'static str,
    /// What it detects and how it is sure.
    pub detects: &'static str,
    /// What it cannot see.
    pub blind_to: &'static str,
    /// What to do about a find.
    pub respond: &'static str,
    /// Standards and sources.
    pub references: &'static [&'static str],
}

/// A short literal that must be present before a detector has anything to do.
///
/// Bounded length is a promise that reading git history depends on: bytes without any anchor need no second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor<'a> {
    /// The literal, [`Anchor::MIN`] to [`Anchor::MAX`] bytes (a start anchor may be shorter).
    pub bytes: &'a [u8],
    /// Whether it counts only as the very first bytes of a blob.
    pub at_start: bool,
}

impl<'a> Anchor<'a> {
    /// Shortest literal that may be searched for anywhere.
    pub const MIN: usize = 4;
    /// Longest literal.
    pub const MAX: usize = 32;

    /// A literal that may stand anywhere.
    pub const fn anywhere(bytes: &'a [u8]) -> Self {
        Self { bytes, at_start: false }
    }

    /// A literal that counts at the start of a blob only.
    pub const fn at_start(bytes: &'a [u8]) -> Self {
        Self { bytes, at_start: true }
    }
}

/// An anchor that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// Which one.
    pub anchor: Anchor<'a>,
    /// Where it begins, as an index into the blob's bytes.
    pub at: usize,
}

impl Hit<'_> {
    /// The start of a blob that an unwrapper claims as a whole.
    pub const START: Self = Self { anchor: Anchor::at_start(b""), at: 0 };
}

/// Bytes that a detector decoded to read its finding: the body of a PEM block.
#[derive(Debug)]
pub struct Decoded {
    /// What they were decoded from: the id of the unwrapper that reads the same digits, such as `base64`, or of the detector.
    pub kind: &'static str,
    /// The encoded text, in the blob.
    pub span: Range<usize>,
    /// The bytes, wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The bits after the last whole byte, from the highest bit down; the rest of it is zero.
    pub tail: u8,
    /// By how many bits the bytes may be shifted to read digits that were added without a separator: 2, 4 and 6 for base64.
    pub shifts: &'static [u32],
}

/// What a detector has to say about a hit.
#[derive(Debug)]
pub struct Inspection {
    materials: Vec<Material>,
    decoded: Vec<Decoded>,
    /// Bytes that the detector may still read in this blob, beyond those of what it finds.
    left: usize,
    refused: bool,
    unread: Option<(Reason, &'static str)>,
}

impl Default for Inspection {
    fn default() -> Self {
        Self { materials: Vec::new(), decoded: Vec::new(), left: usize::MAX, refused: false, unread: None }
    }
}

impl Inspection {
    /// Something was found. Its span must lie in the blob. Hits inside the span are still asked; what they give is dropped
    /// if it is only a second reading of the same key.
    pub fn found(&mut self, material: Material) {
        self.materials.push(material);
    }

    /// Hands over what was decoded on the way to a finding, or to the conclusion that there is none. It is searched like a
    /// blob of its own: no detector uses every byte that it decodes, and what it leaves (attributes, comments, trailing bytes)
    /// may hold another key. Of several with the same span the first counts.
    pub fn decoded(&mut self, decoded: Decoded) {
        self.decoded.push(decoded);
    }

    /// Says that what stands here is a key by its own word and whole, and that the detector cannot read it. It becomes a gap, unless
    /// another detector reads it or something is found in what was decoded.
    pub const fn unread(&mut self, reason: Reason, detail: &'static str) {
        self.unread = Some((reason, detail));
    }

    /// Takes what was said of something unread.
    pub const fn take_unread(&mut self) -> Option<(Reason, &'static str)> {
        self.unread.take()
    }

    /// Takes everything decoded so far.
    pub fn take_decoded(&mut self) -> Vec<Decoded> {
        std::mem::take(&mut self.decoded)
    }

    /// Everything found so far.
    pub fn materials(&self) -> &[Material] {
        &self.materials
    }

    /// Counts bytes that were read for a hit, where hits that are close together make a detector read the same bytes again.
    pub const fn work(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Whether the detector may look at another hit of the blob. If not, it returns at once, and the engine reports that.
    pub const fn may_work(&mut self) -> bool {
        self.refused |= self.left == 0;
        self.left > 0
    }

    /// Sets how many bytes may be read from now on; returns how many were left, and whether a hit was refused.
    pub const fn allow(&mut self, bytes: usize) -> (usize, bool) {
        let before = (self.left, self.refused);
        (self.left, self.refused) = (bytes, false);
        before
    }

    /// Takes everything found so far.
    pub fn take(&mut self) -> Vec<Material> {
        std::mem::take(&mut self.materials)
    }
}

/// Turns an anchor hit in a blob into materials.
pub trait Detector: Sync {
    /// What it says of itself.
    fn about(&self) -> &'static About;
    /// Its anchors; never empty, unless it has [`Self::literals`].
    fn anchors(&self) -> &[Anchor<'_>];
    /// More anchors that may stand anywhere, for a detector that learns them when it is made: rules of a user.
    fn literals(&self) -> &[Vec<u8>] {
        &[]
    }
    /// Called once per hit, on any thread. What was found stays found; `Err` says why it only looked like one, `Ok`
    /// without a find says that the hit was none of this detector's business.
    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed>;
    /// Reads a locked container of this format as [`Self::inspect`] kept it in [`Material::locked`], so that passwords can be tried
    /// on it; `None` if none can open it.
    fn lock<'b>(&self, _kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        None
    }
    /// How files of this format begin that are worth opening when they are encoded as a whole, where no anchor says so: objects of
    /// a git history are decoded only if they begin like one.
    fn starts(&self) -> &'static [&'static [u8]] {
        &[]
    }
}

/// One blob that came out of a wrapper.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The bytes inside.
    pub bytes: &'a [u8],
    /// Where the wrapped bytes lie in the blob around them.
    pub span: Range<usize>,
}

/// Why a wrapper gave nothing, or not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopenable {
    /// It only looked like one.
    Malformed(Malformed),
    /// It is one by more than its magic, and nothing of it can be read: why, and what in a few fixed words. A gap; its bytes are
    /// searched as they are.
    Closed(Reason, &'static str),
    /// A limit of the run bit: a gap.
    Limit(Reason),
}

impl From<Malformed> for Unopenable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Reason> for Unopenable {
    fn from(reason: Reason) -> Self {
        Self::Limit(reason)
    }
}

/// Opens a wrapper into more blobs.
pub trait Unwrapper: Sync {
    /// What it says of itself.
    fn about(&self) -> &'static About;
    /// Its anchors; never empty.
    fn anchors(&self) -> &[Anchor<'_>];
    /// Hands every blob inside to `each`. Every byte that is produced is taken from the budget first.
    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable>;
    /// Whether a blob is one from its first byte on, whatever is inside and whether or not an anchor shows. Asked of the
    /// start of every blob, so it may cost next to nothing. [`Self::open`] is then called with [`Hit::START`]; if nothing
    /// comes of it, the blob is still read as it is. Objects of a git history are not asked but where an anchor is.
    fn claims(&self, _blob: Blob<'_>) -> bool {
        false
    }
    /// Whether the text inside has the lines of the text around it, so that they are counted in it.
    fn keeps_lines(&self) -> bool {
        false
    }
    /// How many digits a piece of a run has, for an encoding whose digits form groups. A run is opened once for each
    /// alignment of its groups that a hit asks for: two runs may have been put together without a separator.
    fn digits(&self, _text: &[u8]) -> usize {
        0
    }
    /// The alignment that a hit asks for, below 32, if so many digits of the run stand before it.
    fn alignment(&self, _hit: Hit<'_>, _digits: usize) -> u32 {
        0
    }
}

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

/// Bytes that can be read at any place: a file, or something held in memory.
pub trait Random: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;
    /// Reads bytes from a place; 0 at the end and behind it.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
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
    /// Looks at one member. `content` is read as far as the limits allow; a fault in it is told of by the reader of this,
    /// once. `Break` means: stop, nothing more may be read.
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

/// A named part of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// First byte in the file.
    pub start: u64,
    /// Byte behind the last.
    pub end: u64,
    /// Its name. From the input: escape before printing.
    pub name: String,
}

/// Tells where in a program a find lies. Asked only about programs in which something was found.
pub trait Mapper: Sync {
    /// Whether something that begins like this is a program.
    fn begins(&self, start: &[u8]) -> bool;
    /// Its sections; none if it is no program.
    fn sections(&self, program: Cursor) -> Vec<Section>;
}

/// A text that may be the password of a keystore.
#[derive(Debug)]
pub struct Candidate {
    /// The text.
    pub secret: Secret<Vec<u8>>,
    /// Where it stands.
    pub origin: Origin,
    /// The line, from 1.
    pub line: u64,
    /// The field that holds it, such as `storePassword`.
    pub field: String,
    /// Names of keystores and keys that stand in the same statement: paths as written, aliases.
    pub about: Vec<String>,
}

impl Candidate {
    /// What candidates are sorted by: where they stand, then what they are.
    #[allow(clippy::type_complexity, reason = "a key to sort by, of borrowed parts")]
    pub fn place(&self) -> (&Origin, u64, &str, &[String], &[u8]) {
        (&self.origin, self.line, &self.field, &self.about, self.secret.expose())
    }
}

/// What was read of a file that may use keys.
#[derive(Debug, Default)]
pub struct Clues {
    /// Lines that name keys: materials of [`crate::material::Kind::Reference`].
    pub references: Vec<Material>,
    /// Possible passwords.
    pub candidates: Vec<Candidate>,
    /// Whether the file contains more possible passwords than were taken from it.
    pub not_all: bool,
}

/// Reads the files that use keys: build scripts, CI configuration, properties. Asked by name, because their words are
/// too common to be anchors.
pub trait ClueReader: Sync {
    /// Whether a file of this name may use keys.
    fn wants(&self, path: &Path) -> bool;
    /// Reads such a file, held whole.
    fn read(&self, blob: Blob<'_>, out: &mut Clues);
}

/// Where bytes come from.
pub trait Source: Sync {
    /// Feeds every blob to the sink, on up to `jobs` threads.
    fn feed(&self, jobs: usize, sink: &dyn BlobSink) -> Result<(), SourceError>;

    /// Called once, when all sources were fed, with everything that was found: to add to the places of what came from
    /// this source what is too dear to be found out for every blob. Only for what was found, such as the commit that
    /// brought it.
    fn settle(&self, _jobs: usize, _found: &mut Vec<Occurrence>, _sink: &dyn BlobSink) {}
}

/// What a source feeds.
pub trait BlobSink: Sync {
    /// Looks at one blob, or one window of it. `Break` means: stop, the run is over.
    fn blob(&self, blob: Blob<'_>) -> Looked;
    /// Something could not be read.
    fn gap(&self, gap: Gap);
    /// One input was read to its end: for progress and coverage. `bytes` is its size.
    fn done(&self, bytes: u64);
    /// One object of a git history was read to its end. `bytes` is its size.
    fn object(&self, bytes: u64);
    /// The anchors, for sources that can tell without building a blob that it holds none.
    fn prefilter(&self) -> &Prefilter<'_>;
    /// Says how a blob begins that was not fed, because it holds no anchor: it may be of a format that is not opened.
    fn begins(&self, start: &[u8]);
    /// Whether files that use keys are read at all.
    fn reads_clues(&self) -> bool;
    /// Whether a file of this name may use keys.
    fn wants_clue(&self, path: &Path) -> bool;
    /// Looks only for what uses keys in a file, held whole.
    fn clue(&self, blob: Blob<'_>);
    /// Whether the run is over.
    fn cancelled(&self) -> bool;
    /// The largest input that may be read, in bytes.
    fn max_bytes(&self) -> u64;
    /// All limits of the run.
    fn limits(&self) -> Limits {
        Limits::default()
    }
    /// Tells in which sections of a program its finds lie; nothing if it is none.
    fn map(&self, _start: &[u8], _found: &mut [Occurrence], _program: &dyn Fn() -> Cursor) {}
    /// Whether what begins like this is a container that can be opened.
    fn contains(&self, _start: &[u8]) -> bool {
        false
    }
    /// Opens a container. `None` if it was none: read its bytes as they are.
    fn unpack(&self, _origin: &Origin, _input: Packed<'_>) -> Option<Looked> {
        None
    }
}

/// The bytes of a container, as its source can give them.
pub enum Packed<'a> {
    /// At any place.
    Random(Arc<dyn Random>),
    /// In order; the first of them again, which were looked at already.
    Stream(&'a [u8], &'a mut dyn Read),
}

/// What the sink says of a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts about a blob")]
pub struct Looked {
    /// Stop feeding: the run was interrupted.
    pub stop: bool,
    /// A private key was found: wipe the buffer before it is used again.
    pub wipe: bool,
    /// Anything was found.
    pub found: bool,
    /// A private key was found.
    pub key: bool,
}

impl std::ops::BitOrAssign for Looked {
    fn bitor_assign(&mut self, other: Self) {
        self.stop |= other.stop;
        self.wipe |= other.wipe;
        self.found |= other.found;
        self.key |= other.key;
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

/// Everything the engine is told about formats: built in, and of whoever embeds it.
#[derive(Clone, Default)]
pub struct Knowledge<'k> {
    /// All detectors.
    pub detectors: Vec<&'k dyn Detector>,
    /// All unwrappers.
    pub unwrappers: Vec<&'k dyn Unwrapper>,
    /// All containers. The first whose magic is there is asked; then those whose magic stands at another place, because one file
    /// may be several things at once.
    pub containers: Vec<&'k dyn Container>,
    /// What tells the sections of programs.
    pub mapper: Option<&'k dyn Mapper>,
    /// Formats that are recognised and not opened.
    pub unopened: &'k [Unopened],
    /// What reads files that use keys; `None` where only keys are looked for.
    pub clues: Option<&'k dyn ClueReader>,
}
