//! Tests of `source`.

use super::*;
use crate::made::{Folder, PackWriter};
use keyradius_core::blob::Blob;
use keyradius_core::budget::Limits;
use keyradius_core::engine::{Engine, Progress};
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Format, Kind};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection, Knowledge, Looked, Packed, Sink};

/// Panics at every object: outside of the engine's own guards, nothing else of a run handles bytes of others.
struct Falls;

impl Sink for Falls {
    fn blob(&self, _: Blob<'_>) -> Looked {
        panic!("a fault");
    }
    fn open(&self, _: &Origin, _: Packed<'_>) -> Option<Looked> {
        panic!("a fault");
    }
}

/// Feeds repositories to a sink that falls over.
struct Falling<'r>(&'r Repositories);

impl Source for Falling<'_> {
    fn feed(&self, jobs: usize, to: Feed<'_>) -> Result<(), SourceError> {
        self.0.feed(jobs, Feed { run: to.run, sink: &Falls })
    }
}

/// Has the anchor that makes the scan hand an object to the sink.
struct Anchored;

impl Detector for Anchored {
    fn about(&self) -> &'static About {
        &About { id: "anchored", title: "", detects: "", blind_to: "", respond: "", references: &[] }
    }
    fn anchors(&self) -> &[Anchor<'_>] {
        const { &[Anchor::anywhere(b"bytes")] }
    }
    fn inspect(&self, _: Blob<'_>, _: Hit<'_>, _: &mut Inspection) -> Result<(), Malformed> {
        Ok(())
    }
}

#[test]
fn a_panic_affects_only_its_repository() {
    let folder = Folder::new();
    let mut made = PackWriter::new(Format::Sha1);
    made.whole(Kind::Blob, b"any bytes");
    let one = folder.write("one.pack", &made.pack());
    let two = folder.write("two.pack", &made.pack());
    let repositories = Repositories::default();
    repositories.found(Found::Pack(one.clone()));
    repositories.found(Found::Pack(two.clone()));
    let knowledge = Knowledge { detectors: vec![&Anchored], ..Knowledge::default() };
    let engine = Engine::new(knowledge, Limits::default());
    let harvest = engine.scan(&[&Falling(&repositories)], 2, &Progress::default()).expect("the run goes on");
    let mut paths: Vec<_> = harvest.gaps.into_iter().filter(|gap| gap.reason == Reason::DetectorFault).collect();
    paths.sort();
    assert_eq!(paths.iter().map(|gap| &gap.origin.path).collect::<Vec<_>>(), [&one, &two]);
}
