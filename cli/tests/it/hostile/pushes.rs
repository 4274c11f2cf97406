//! Random pushes to a real server: everything reachable afterwards has been searched.
//!
//! Three rules, each compared with git's view of the server, never with keyradius' own:
//!
//! 1. No reachable object contains a key, unless that key was let in: by a push option, or before the hook was installed.
//! 2. An accepted push stores no object with a key that was not let in, whether the object is reachable or not.
//! 3. A push without keys is accepted.
//!
//! `cargo test hostile::pushes` runs a few sequences. `benches/pushes.sh` runs 2,000. A failure prints its seed;
//! `KEYRADIUS_PUSH_SEED=N cargo test hostile::pushes` repeats that sequence.

mod play;
mod server;
mod things;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use play::Tally;

/// Number of sequences in every test run: about 30 s on one core.
const FEW: u64 = 24;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_is_reachable_has_been_searched() {
    let seeds = match number("KEYRADIUS_PUSH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KEYRADIUS_PUSH_SEQUENCES").unwrap_or(FEW),
    };
    let (next, tally, faults) = (AtomicU64::new(seeds.start), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    match catch_unwind(AssertUnwindSafe(|| play::sequence(seed))) {
                        Ok(one) => tally.lock().expect("no panic holds it").add(&one),
                        Err(_) => faults.lock().expect("no panic holds it").push(seed),
                    }
                }
            });
        }
    });
    let (tally, faults) = (tally.into_inner().expect("a tally"), faults.into_inner().expect("faults"));
    super::noted(&tally);
    assert!(faults.is_empty(), "sequences that broke a law, by seed: {faults:?}");
    if seeds.end - seeds.start >= FEW {
        tally.has_tried_everything();
    }
}
