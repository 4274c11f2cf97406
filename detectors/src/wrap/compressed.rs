//! What all compressed streams share: one stream in, one member out.

use std::io::{self, Read};

use scanner_core::error::Malformed;
use scanner_core::seam::{Inside, Member, Unopenable};

/// How much of a compressed stream is read at once, in bytes.
pub(crate) const READ: usize = 64 << 10;

/// Hands out what a decoder gives as the one member. It was no stream of this kind if not even its first bytes could be
/// decoded; a fault further on is a gap, told of by the reader of the member.
pub(crate) fn only_member(
    decoder: &mut dyn Read,
    inside: &mut dyn Inside,
    what: &'static str,
) -> Result<(), Unopenable> {
    let mut first = [0; 512];
    let read = first_bytes(decoder, &mut first).map_err(|_| Malformed::new(what, 0))?;
    let first = first.get(..read).unwrap_or_default();
    // The decoder goes on where the first bytes end.
    let _ = inside.member(Member { name: b"", at: 0 }, &mut Read::chain(first, decoder));
    Ok(())
}

/// Reads once, if that gives anything.
fn first_bytes(decoder: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match decoder.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ops::ControlFlow;

    use scanner_core::error::Reason;

    use super::*;

    /// Keeps all that comes out.
    #[derive(Default)]
    pub(crate) struct Collected {
        pub(crate) members: Vec<(String, Vec<u8>, Option<String>)>,
        pub(crate) unread: Vec<(String, Reason, String)>,
    }

    impl Inside for Collected {
        fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
            let mut bytes = Vec::new();
            let fault = content.read_to_end(&mut bytes).err().map(|error| error.to_string());
            self.members.push((String::from_utf8_lossy(member.name).into_owned(), bytes, fault));
            ControlFlow::Continue(())
        }

        fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str) {
            self.unread.push((String::from_utf8_lossy(member.name).into_owned(), reason, detail.to_owned()));
        }

        fn memory(&self) -> u64 {
            64 << 20
        }
    }

    /// What comes out of bytes, and how it ended.
    pub(crate) fn open(
        container: &dyn scanner_core::seam::Container,
        bytes: &[u8],
    ) -> (Result<(), Unopenable>, Collected) {
        use scanner_core::random::{Cursor, Held};
        use scanner_core::seam::Reader;
        let mut collected = Collected::default();
        let result = match container.reader() {
            Reader::InOrder(read) => read(&mut &bytes[..], &mut collected),
            Reader::AnyPlace(read) => read(Cursor::new(std::sync::Arc::new(Held::new(bytes.to_vec()))), &mut collected),
        };
        (result, collected)
    }
}
