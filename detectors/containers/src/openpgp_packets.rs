//! Compressed data in a sequence of OpenPGP packets: after markers, keys and other packets that `gpg --import` skips.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Container, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::openpgp;
use zeroize::Zeroizing;

use super::openpgp_compressed::{OpenPgpCompressed, is_packet};

/// Compressed data packets after other packets.
#[derive(Debug)]
pub(crate) struct OpenPgpPackets;

static ABOUT: About = About {
    id: "openpgp_packets",
    title: "OpenPGP packets",
    detects: "Compressed data in a sequence of OpenPGP packets that begins a file or the body of an armor, after \
              markers, keys and other packets; literal data that partial lengths cut into parts, as `gpg --store` \
              writes it from standard input.",
    blind_to: "Packets in the middle of a larger file, and compressed data after the first 4 MiB of a file.",
    respond: "Treat the contents as plain text: gpg --import reads them.",
    references: &["RFC 9580 4.2", "GnuPG g10/import.c"],
};

impl Unwrapper for OpenPgpPackets {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        // Compressed data in either packet format; markers, public keys and secret keys before it. Literal data, and
        // one-pass signatures before it.
        const ANCHORS: [Anchor<'static>; 16] = [
            Anchor::at_start(&[0xcb]),
            Anchor::at_start(&[0x90]),
            Anchor::at_start(&[0xc4]),
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
        match data(blob.bytes).ok_or(Malformed::new("compressed or literal data of OpenPGP", 0))? {
            (at, Data::Compressed) => {
                let bytes = blob.bytes.get(at..).unwrap_or_default();
                budget.take(bytes.len() as u64)?;
                // [`OpenPgpCompressed`] opens the entry, out of the same budget.
                let _ = each(Entry { bytes, span: at..blob.bytes.len() });
            }
            (at, Data::InParts) => {
                let mut length = 0;
                let end = openpgp::literal_parts(blob.bytes, at, &mut |part| length += part.len());
                budget.take(length as u64)?;
                let mut joined = Zeroizing::new(Vec::with_capacity(length));
                openpgp::literal_parts(blob.bytes, at, &mut |part| joined.extend_from_slice(part));
                let _ = each(Entry { bytes: &joined, span: at..end.unwrap_or(at) });
            }
        }
        Ok(())
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        data(blob.bytes).is_some()
    }
}

/// Data that has to be decoded before it can be searched.
enum Data {
    Compressed,
    /// Literal data with partial lengths.
    InParts,
}

/// Returns the position of the first such data in a sequence of packets.
fn data(bytes: &[u8]) -> Option<(usize, Data)> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).filter(|rest| is_packet(rest))?;
        if OpenPgpCompressed.claims(rest) {
            return Some((at, Data::Compressed));
        }
        if openpgp::literal_parts(bytes, at, &mut |_| {}).is_some() {
            return Some((at, Data::InParts));
        }
        at = openpgp::packet(bytes, at).ok()?.end;
    }
}
