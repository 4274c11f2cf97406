//! Tests of `source`.

use super::*;
use crate::blob::Blob;
use crate::budget::Limits;
use crate::engine::{Engine, Progress};
use crate::error::Malformed;
use crate::git::made::Folder;
use crate::seam::{About, Anchor, Detector, Hit, Inspection, Knowledge, Looked, Packed, Sink};

/// Falls over at every object: nothing else of a run is touched by bytes of others outside of the engine's guards.
struct Falls;

impl Sink for Falls {
    fn blob(&self, _: Blob<'_>) -> Looked {
        panic!("a fault");
    }
    fn open(&self, _: &Origin, _: Packed<'_>) -> Option<Looked> {
        panic!("a fault");
    }
}

/// Has the anchor for which an object is handed to the sink.
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
fn a_fault_in_a_repository_costs_that_repository_alone() {
    let folder = Folder::new();
    let mut made = crate::git::made::PackWriter::new(Format::Sha1);
    made.whole(Kind::Blob, b"any bytes");
    let one = folder.write("one.pack", &made.pack());
    let two = folder.write("two.pack", &made.pack());
    let repositories = Repositories::default();
    repositories.found(Found::Pack(one.clone()));
    repositories.found(Found::Pack(two.clone()));
    let knowledge = Knowledge { detectors: vec![&Anchored], ..Knowledge::default() };
    let (engine, progress) = (Engine::new(knowledge, Limits::default()), Progress::default());
    let run = engine.run(&progress);
    repositories.feed(2, Feed { run: &run, sink: &Falls }).expect("the run goes on");
    let mut paths: Vec<_> =
        run.finish(Vec::new()).gaps.into_iter().filter(|gap| gap.reason == Reason::DetectorFault).collect();
    paths.sort();
    assert_eq!(paths.iter().map(|gap| &gap.origin.path).collect::<Vec<_>>(), [&one, &two]);
}
