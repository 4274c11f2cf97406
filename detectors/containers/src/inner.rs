//! Checks of containers in the middle of other bytes, where a magic number alone proves little: one that has four bytes
//! is found by chance in every fourth gigabyte, and programs that read a format contain its magic number.

use std::io::Read;

use keyradius_core::seam::INNER;
use keyradius_readers::stored::le32;

/// Output bytes of a trial after which a stream is believed.
const ENOUGH: usize = 512;

/// Whether a decoder of bytes that may be cut returns [`ENOUGH`] bytes, or all there are, before a fault.
pub(crate) fn decodes(mut decoder: impl Read) -> bool {
    let mut out = [0; ENOUGH];
    let mut held = 0;
    while let Some(room) = out.get_mut(held..).filter(|room| !room.is_empty()) {
        match decoder.read(room) {
            Ok(0) => return held > 0,
            Ok(read) => held += read,
            // A stream may go on in the next window.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return held > 0,
            Err(_) => return false,
        }
    }
    true
}

/// Like [`decodes`], for a format whose blocks may be larger than what is at hand: then the header has to do.
pub(crate) fn decodes_blocks(decoder: impl Read, start: &[u8]) -> bool {
    /// Remembers whether the bytes ended before anything came out.
    struct Cut<R>(R, bool);
    impl<R: Read> Read for Cut<R> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(into);
            self.1 |= read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof);
            read
        }
    }
    let mut decoder = Cut(decoder, false);
    decodes(&mut decoder) || (decoder.1 && start.len() >= INNER)
}

/// Longest dump that may be an example, in bytes: some lines of 16. A key alone, compressed, is hardly longer.
const EXAMPLE: usize = 256;

/// What the start of a gzip stream decompresses to, if no more of the stream is there: pages about dumps show the first
/// lines of one. What is not shown is not unread.
pub(crate) fn shown(bytes: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let mut out = zeroize::Zeroizing::new(Vec::new());
    let is_start = bytes.len() <= EXAMPLE && bytes.starts_with(&[0x1f, 0x8b, 8]);
    let fault = is_start.then(|| flate2::read::GzDecoder::new(bytes).take(1 << 20).read_to_end(&mut out).err())??;
    (fault.kind() == std::io::ErrorKind::UnexpectedEof && !out.is_empty()).then_some(out)
}

/// Whether the bytes begin like a zlib stream. CMF and FLG: deflate, a window of up to 32 KiB, no dictionary.
pub(crate) fn is_zlib(start: &[u8]) -> bool {
    let [cmf, flags, ..] = start else { return false };
    cmf & 0x8f == 8 && flags & 0x20 == 0 && u16::from_be_bytes([*cmf, *flags]).is_multiple_of(31)
}

/// The CRC-32 of Linux, `crc32(~0, ...)`: that of zlib before its last inversion.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    !checksum.sum()
}

/// Whether the little-endian number at an offset is the CRC-32 of `bytes`.
pub(crate) fn is_sum(of: Option<&[u8]>, start: &[u8], at: usize) -> bool {
    of.zip(le32(start, at)).is_some_and(|(bytes, sum)| {
        let mut checksum = flate2::Crc::new();
        checksum.update(bytes);
        checksum.sum() == sum
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyradius_core::read_at::{Cursor, Held};
    use keyradius_core::seam::Reader;

    use super::*;

    #[test]
    fn a_trial_needs_some_output() {
        assert!(decodes(&[7_u8; 2000][..]) && decodes(&[7_u8; 3][..]) && !decodes(&[][..]));
        let sum = flate2::Crc::new().sum().to_le_bytes();
        assert!(is_sum(Some(&[]), &sum, 0) && !is_sum(Some(&[1]), &sum, 0) && !is_sum(None, &sum, 0));
    }

    #[test]
    fn the_start_of_a_stream_in_an_example() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(0));
        std::io::Write::write_all(&mut encoder, &[b'a'; 300]).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(shown(&packed[..200]).unwrap()[..], [b'a'; 185]);
        for other in [&packed[..], &packed[..10], &packed[..300], b"", b"text"] {
            assert_eq!(shown(other), None);
        }
        assert_eq!(shown(&[&packed[..60], &[7; 9]].concat()).map(|out| out.len()), Some(54));
    }

    /// What looks like a container by its magic number, and holds anything after it.
    #[test]
    fn a_magic_number_is_not_enough() {
        for container in super::super::CONTAINERS {
            for magic in container.inner() {
                let id = container.about().id;
                assert!((4..=32).contains(&magic.bytes.len()), "{id}");
                for fill in [0x00, 0x41, 0xff] {
                    let mut bytes = vec![fill; 70_000];
                    bytes[magic.at..magic.at + magic.bytes.len()].copy_from_slice(magic.bytes);
                    assert!(!container.begins(&bytes), "{id} {fill:#x}");
                    assert!(!container.begins(&bytes[..magic.at + magic.bytes.len()]), "{id} {fill:#x}, cut");
                }
            }
        }
    }

    /// Bytes that begin like each container and go on at random: nothing may panic, and nothing may take for ever.
    #[test]
    fn random_bytes_after_a_magic_number_are_harmless() {
        let mut state = 1_u64;
        for container in super::super::CONTAINERS {
            for magic in container.magics().iter().filter(|magic| magic.at < 4096) {
                for round in 0_u32..24 {
                    let length = magic.at + magic.bytes.len() + (64 << (round % 8));
                    let mut bytes: Vec<u8> = (0..length)
                        .map(|_| {
                            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            // Small numbers, which are more often valid.
                            let byte = (state >> 56) as u8;
                            if state >> 33 & 3 < u64::from(round / 8 + 1) { byte & 3 } else { byte }
                        })
                        .collect();
                    bytes[magic.at..magic.at + magic.bytes.len()].copy_from_slice(magic.bytes);
                    // Those that are known by their end as well.
                    let length = container.trailer().map_or(0, |length| length as usize);
                    let at = bytes.len().saturating_sub(length) + magic.at;
                    if length > 0 && at + magic.bytes.len() <= bytes.len() {
                        bytes[at..at + magic.bytes.len()].copy_from_slice(magic.bytes);
                    }
                    let mut seen = crate::collect::Seen::default();
                    let cursor = || Cursor::new(Arc::new(Held::new(bytes.clone())));
                    let _ = match container.reader() {
                        Reader::InOrder(read) => read(&mut &bytes[..], &mut seen),
                        Reader::AnyPlace(read) => read(cursor(), &mut seen),
                    };
                    let _ = (container.begins(&bytes), container.length(&cursor()));
                }
            }
        }
    }
}
