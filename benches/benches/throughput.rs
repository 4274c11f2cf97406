//! Throughput: the prefilter on text and on program bytes, then every detector on the samples of its own family.
//!
//! `cargo bench -p keyradius-benches`

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use keyradius_core::blob::Window;
use keyradius_core::prefilter::Prefilter;
use keyradius_detectors::{DETECTORS, UNWRAPPERS};

fn main() {
    divan::main();
}

/// The size of a window, so that memory speed is included.
const SIZE: usize = 4 << 20;

fn prefilter(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let prefilter = Prefilter::new(&keyradius_detectors::keys());
    let mut seen = Vec::new();
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        seen.clear();
        prefilter.find(black_box(bytes), Window::whole(bytes.len()), &mut seen);
        seen.len()
    });
}

#[divan::bench]
fn prefilter_on_text(bencher: Bencher<'_, '_>) {
    prefilter(bencher, &keyradius_benches::source_text(SIZE));
}

#[divan::bench]
fn prefilter_on_program_bytes(bencher: Bencher<'_, '_>) {
    prefilter(bencher, &keyradius_benches::program_bytes(SIZE));
}

fn ids() -> Vec<&'static str> {
    DETECTORS.iter().map(|d| d.about().id).chain(UNWRAPPERS.iter().map(|u| u.about().id)).collect()
}

/// The engine on all samples of one family: every hit parsed and verified.
#[divan::bench(args = ids())]
fn samples_of(bencher: Bencher<'_, '_>, id: &str) {
    let bytes = keyradius_benches::family(id);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| keyradius_detectors::engine().bytes(id, black_box(&bytes)).occurrences.len());
}
