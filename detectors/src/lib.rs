//! Everything that knows key formats. Opens no file, prints nothing.
//!
//! An [`Engine`](keyradius_core::engine::Engine) finds keys in bytes, files or git histories. [`judge()`] turns its
//! harvest into findings: which keys there are, what would still trust their signatures, and what could not be read.
//!
//! ```
//! use keyradius_detectors::{Judging, judge};
//!
//! // An Ed25519 key in PKCS#8, as OpenSSL writes it, with a made-up seed.
//! let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
//! der.extend((0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(11)));
//!
//! let harvest = keyradius_detectors::engine().bytes("release/sign.der", &der);
//! let judgement = judge(harvest, &Judging::at(1_795_132_800));
//! let key = &judgement.findings[0];
//! assert_eq!(key.algorithm.as_ref().unwrap().name, "Ed25519");
//! assert_eq!(key.occurrences[0].origin.to_string(), "release/sign.der");
//! // Only a run without gaps shows that there is nothing else.
//! assert!(judgement.gaps.is_empty());
//! ```
//!
//! `examples/scan_bytes.rs` scans a file this way, `examples/own_detector.rs` adds a detector, `examples/own_source.rs`
//! a source. See also `docs/embed.md`.

pub mod facts;
pub mod hunt;
mod judge;
mod knowledge;
pub mod open;
mod unsaid;

pub use judge::{Judgement, Judging, judge, judge_facts};
pub use keyradius_containers::{CONTAINERS, UNWRAPPERS};
pub use keyradius_formats::DETECTORS;
pub use knowledge::{SECRETS, engine, everything, everything_and, keys};
