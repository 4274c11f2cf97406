//! Every container, one by one: it is given the magic number that it is known by, and what follows is fuzzed.

#![no_main]

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use keyradius_core::error::Reason;
use keyradius_core::read_at::{Cursor, Held};
use keyradius_core::seam::{Inside, Member, Reader};
use keyradius_detectors::CONTAINERS;
use libfuzzer_sys::fuzz_target;

/// Reads what it is handed, as far as a small limit goes.
struct Sink {
    left: u64,
}

impl Inside for Sink {
    fn member(&mut self, _: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        let read = std::io::copy(&mut content.take(self.left), &mut std::io::sink()).unwrap_or_default();
        self.left = self.left.saturating_sub(read + 16);
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn unread(&mut self, _: Member<'_>, _: Reason, _: &str) {}

    fn memory(&self) -> u64 {
        8 << 20
    }
}

fuzz_target!(|data: &[u8]| {
    let [which, magic, rest @ ..] = data else { return };
    let container = CONTAINERS[usize::from(*which) % CONTAINERS.len()];
    let magics = container.magics();
    let magic = magics[usize::from(*magic) % magics.len()];
    let mut bytes = rest.to_vec();
    // Only what is near: an ISO image would be all padding.
    let end = magic.at + magic.bytes.len();
    if end <= 2048 {
        bytes.resize(bytes.len().max(end), 0);
        bytes[magic.at..end].copy_from_slice(magic.bytes);
    }
    let mut sink = Sink { left: 4 << 20 };
    let _ = match container.reader() {
        Reader::InOrder(read) => read(&mut &bytes[..], &mut sink),
        Reader::AnyPlace(read) => read(Cursor::new(Arc::new(Held::new(bytes))), &mut sink),
    };
});
