//! Compressed data in a sequence of OpenPGP packets: after markers, keys and other packets that `gpg --import` skips.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Container, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::openpgp;

use super::openpgp_compressed::{OpenPgpCompressed, is_packet};

/// Compressed data packets after other packets.
#[derive(Debug)]
pub(crate) struct OpenPgpPackets;

static ABOUT: About = About {
    id: "openpgp_packets",
    title: "OpenPGP packets",
    detects: "Compressed data in a sequence of OpenPGP packets that begins a file or the body of an armor, after \
              markers, keys and other packets.",
    blind_to: "Packets in the middle of a larger file, and compressed data after the first 4 MiB of a file.",
    respond: "Treat the contents as plain text: gpg --import reads them.",
    references: &["RFC 9580 4.2", "GnuPG g10/import.c"],
};

impl Unwrapper for OpenPgpPackets {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        // Compressed data in either packet format; markers, public keys and secret keys before it.
        const ANCHORS: [Anchor<'static>; 13] = [
            Anchor::at_start(&[0xa0]),
            Anchor::at_start(&[0xa1]),
            Anchor::at_start(&[0xa2]),
            Anchor::at_start(&[0xa3]),
            Anchor::at_start(&[0xc8]),
            Anchor::at_start(&[0xa8]),
            Anchor::at_start(&[0xca]),
            Anchor::at_start(&[0x94]),
            Anchor::at_start(&[0x95]),
            Anchor::at_start(&[0x98]),
            Anchor::at_start(&[0x99]),
            Anchor::at_start(&[0xc5]),
            Anchor::at_start(&[0xc6]),
        ];
        &ANCHORS
    }

    fn open(
        &self,
        blob: Blob<'_>,
        _hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let at = compressed(blob.bytes).ok_or(Malformed::new("compressed data of OpenPGP", 0))?;
        let bytes = blob.bytes.get(at..).unwrap_or_default();
        budget.take(bytes.len() as u64)?;
        // [`OpenPgpCompressed`] opens the entry, out of the same budget.
        let _ = each(Entry { bytes, span: at..blob.bytes.len() });
        Ok(())
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        compressed(blob.bytes).is_some()
    }
}

/// Returns the position of the first compressed data in a sequence of packets.
fn compressed(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).filter(|rest| is_packet(rest))?;
        if OpenPgpCompressed.claims(rest) {
            return Some(at);
        }
        at = openpgp::packet(bytes, at).ok()?.end;
    }
}
