//! What tests see of a container.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use keyradius_core::error::Reason;
use keyradius_core::read_at::{Cursor, Held};
use keyradius_core::seam::{Container, Inside, Member, Reader, Unopenable};

/// Everything that was handed out: name and content, or what was said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) unread: Vec<(String, Reason, String)>,
    pub(crate) stop_after: Option<usize>,
    pub(crate) memory: Option<u64>,
}

impl Inside for Seen {
    fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        let name = String::from_utf8_lossy(member.name).into_owned();
        let mut bytes = Vec::new();
        if content.take(64 << 20).read_to_end(&mut bytes).is_err() {
            self.unread.push((name.clone(), Reason::ReadError, "read".to_owned()));
        }
        self.members.push((name, bytes));
        if self.stop_after.is_some_and(|most| self.members.len() >= most) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str) {
        self.unread.push((String::from_utf8_lossy(member.name).into_owned(), reason, detail.to_owned()));
    }

    fn memory(&self) -> u64 {
        self.memory.unwrap_or(64 << 20)
    }
}

impl Seen {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn content(&self, name: &str) -> Option<&[u8]> {
        self.members.iter().find(|(n, _)| n == name).map(|(_, content)| content.as_slice())
    }

    pub(crate) fn reasons(&self) -> Vec<Reason> {
        self.unread.iter().map(|(_, reason, _)| *reason).collect()
    }
}

/// Opens bytes with a container, into `seen`. `None` if it was none of this format, or has none of its magics.
pub(crate) fn open_into(container: &dyn Container, bytes: &[u8], seen: &mut Seen) -> Option<()> {
    if !container.claims(bytes) {
        return None;
    }
    let opened = match container.reader() {
        Reader::InOrder(read) => read(&mut &bytes[..], seen),
        Reader::AnyPlace(read) => read(Cursor::new(Arc::new(Held::new(bytes.to_vec()))), seen),
    };
    match opened {
        Ok(()) => Some(()),
        Err(Unopenable::Malformed(_)) => {
            assert!(seen.members.is_empty(), "malformed, and yet members");
            None
        }
        Err(Unopenable::Closed(reason, detail)) => {
            assert!(seen.members.is_empty(), "closed, and yet members");
            seen.unread.push((String::new(), reason, detail.to_owned()));
            Some(())
        }
        Err(Unopenable::Limit(reason)) => panic!("{reason:?}"),
    }
}

pub(crate) fn open(container: &dyn Container, bytes: &[u8]) -> Option<Seen> {
    let mut seen = Seen::default();
    open_into(container, bytes, &mut seen).map(|()| seen)
}

/// Cuts and flips at every place in steps: nothing may panic.
pub(crate) fn torture(container: &dyn Container, bytes: &[u8], step: usize) {
    for at in (0..bytes.len()).step_by(step.max(1)) {
        let _ = open(container, &bytes[..at]);
        for value in [0, 0x7f, 0xff, bytes[at] ^ 1] {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            let _ = open(container, &changed);
        }
    }
}
