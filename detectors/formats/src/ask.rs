//! Helpers for detector tests: run a detector at one hit or at all hits, on bytes in a file of a given name.

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::error::Malformed;
use keyradius_core::material::Material;
use keyradius_core::seam::{Anchor, Detector, Hit, Inspection};
use memchr::memmem;

/// Materials that a detector returns for one hit at the given offset.
pub(crate) fn at(
    detector: &dyn Detector,
    file: &str,
    bytes: impl AsRef<[u8]>,
    (anchor, at): (Anchor<'_>, usize),
) -> Result<Vec<Material>, Malformed> {
    let (origin, mut out) = (Origin::file(file), Inspection::default());
    detector.inspect(Blob::whole(bytes.as_ref(), &origin), Hit { anchor, at }, &mut out)?;
    Ok(out.take())
}

/// Materials that a detector returns for the first hit of the first anchor present. At least one anchor must be
/// present.
pub(crate) fn first(
    detector: &dyn Detector,
    file: &str,
    bytes: impl AsRef<[u8]>,
    anchors: &[Anchor<'_>],
) -> Result<Vec<Material>, Malformed> {
    let bytes = bytes.as_ref();
    let hit = anchors.iter().find_map(|&anchor| Some((anchor, hits(bytes, anchor).next()?)));
    at(detector, file, bytes, hit.expect("an anchor"))
}

/// Materials that a detector returns for all hits of its anchors, in order of offset. Malformed hits are ignored.
pub(crate) fn every(detector: &dyn Detector, file: &str, bytes: impl AsRef<[u8]>) -> Vec<Material> {
    let bytes = bytes.as_ref();
    let anchors = detector.anchors().iter();
    let mut hits: Vec<_> = anchors.flat_map(|&anchor| hits(bytes, anchor).map(move |at| (anchor, at))).collect();
    hits.sort_by_key(|(_, at)| *at);
    hits.into_iter().flat_map(|hit| at(detector, file, bytes, hit).unwrap_or_default()).collect()
}

fn hits<'a>(bytes: &'a [u8], anchor: Anchor<'a>) -> impl Iterator<Item = usize> + 'a {
    memmem::find_iter(bytes, anchor.bytes).filter(move |at| !anchor.at_start || *at == 0)
}
