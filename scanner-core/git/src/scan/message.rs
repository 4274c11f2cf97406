//! Scans messages of commits and tags that are not text: git accepts any bytes, and servers pass them on.

use std::io::Read;
use std::path::PathBuf;

use super::Scan;
use keyradius_core::blob::{Blob, Origin, Wrap};
use keyradius_core::error::Reason;
use keyradius_core::oid::{Kind, ObjectId};
use keyradius_core::seam::{Looked, Packed};
use keyradius_core::source::stream::Windows;

/// Largest header of a commit or tag that is too large to be built, in bytes: about twenty thousand parents.
const LONGEST_HEADER: u64 = 1 << 20;

impl Scan<'_> {
    /// Scans a commit or tag that is not built.
    pub(super) fn stream_text(
        &self,
        id: ObjectId,
        kind: Kind,
        bytes: &mut dyn Read,
        windows: &mut Windows,
    ) -> (Looked, Option<String>) {
        let origin = Origin::object(self.name, id);
        let mut start = Vec::new();
        let fault = bytes.take(LONGEST_HEADER).read_to_end(&mut start).err();
        let message = match message_at(&start) {
            _ if fault.is_some() => None,
            Some(_) => self.message(id, kind, &start, bytes),
            None => {
                let detail = format!("its header is longer than {LONGEST_HEADER} bytes: its message was not opened");
                self.gap(Some(id), Reason::TooLarge, detail);
                None
            }
        };
        let (looked, faulty) = match message {
            Some(mut looked) => {
                let header = start.get(..message_at(&start).unwrap_or_default()).unwrap_or_default();
                looked |= self.to.sink.blob(Blob::whole(header, &origin));
                (looked, None)
            }
            None => windows.feed_part(&mut start.chain(bytes), &origin, self.to),
        };
        if looked.wipe {
            zeroize::Zeroize::zeroize(&mut start);
        }
        (looked, faulty.or(fault.map(|error| error.to_string())))
    }

    /// Opens the message of a commit or a tag if it is a container instead of text: a way to push a key that is in no
    /// file. `start` contains at least the header, `rest` what follows `start`.
    pub(super) fn message(&self, id: ObjectId, kind: Kind, start: &[u8], rest: &mut dyn Read) -> Option<Looked> {
        let at = match kind {
            Kind::Commit | Kind::Tag => message_at(start)?,
            Kind::Blob | Kind::Tree => return None,
        };
        let message = start.get(at..).filter(|message| self.to.run.is_container(message))?;
        let origin = Origin::object(self.name, id).inside(Wrap::member("message", at as u64, PathBuf::new()));
        self.to.sink.open(&origin, Packed::Stream(message, rest))
    }
}

/// Offset of the message of a commit or a tag: after the first empty line.
fn message_at(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\n\n").map(|at| at + 2)
}
