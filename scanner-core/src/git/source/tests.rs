//! Tests of `source`.

use super::*;
use crate::blob::Blob;
use crate::git::made::Folder;
use crate::prefilter::Prefilter;
use crate::seam::Looked;

/// Falls over at every object: nothing else of a run is touched by bytes of others outside of the engine's guards.
#[derive(Default)]
struct Falls(Mutex<Vec<Gap>>);

impl BlobSink for Falls {
    fn blob(&self, _: Blob<'_>) -> Looked {
        panic!("a fault");
    }
    fn gap(&self, gap: Gap) {
        self.0.lock().unwrap().push(gap);
    }
    fn done(&self, _: u64) {}
    fn object(&self, _: u64) {
        panic!("a fault");
    }
    fn prefilter(&self) -> &Prefilter<'_> {
        panic!("a fault");
    }
    fn begins(&self, _: &[u8]) {}
    fn reads_clues(&self) -> bool {
        false
    }
    fn wants_clue(&self, _: &Path) -> bool {
        false
    }
    fn clue(&self, _: Blob<'_>) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn max_bytes(&self) -> u64 {
        u64::MAX
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
    let sink = Falls::default();
    repositories.feed(2, &sink).expect("the run goes on");
    let mut paths: Vec<_> =
        sink.0.into_inner().unwrap().into_iter().filter(|gap| gap.reason == Reason::DetectorFault).collect();
    paths.sort();
    assert_eq!(paths.iter().map(|gap| &gap.origin.path).collect::<Vec<_>>(), [&one, &two]);
}
