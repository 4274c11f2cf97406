//! Negatives generated from a seed: too large to store, but the same on every machine.

use crate::expect::{Generated, Noise};

/// Heads of DER keys, which are anchors. Those of Ed25519 are left out: any 32 bytes after them are a key.
const DER_HEADS: &[&[u8]] = &[
    b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00",
    b"\x30\x82\x02\x5c\x02\x01\x00\x02\x81\x81\x00",
    b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82",
    b"\x30\x77\x02\x01\x01\x04\x20",
    b"\x30\x82\x09\xa0\x02\x01\x03\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01",
    b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01",
    b"openssh-key-v1\0",
];

/// Labels of PEM blocks.
const LABELS: &[&str] = &[
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
    "CERTIFICATE",
];

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Generates the bytes of a negative.
pub fn generate(what: &Generated) -> Vec<u8> {
    let mut random = SplitMix(what.seed);
    let mut out = Vec::with_capacity(what.bytes + 4096);
    while out.len() < what.bytes {
        match what.kind {
            Noise::Zeros => out.resize(what.bytes, 0),
            Noise::Random => random.bytes(8, &mut out),
            Noise::Base64 => random.base64(64, &mut out),
            Noise::Base64Wrapped => {
                random.base64(76, &mut out);
                out.push(b'\n');
            }
            Noise::Der => {
                let gap = random.below(200);
                random.bytes(gap, &mut out);
                out.extend_from_slice(random.pick(DER_HEADS).unwrap_or_default());
            }
            Noise::Pem => {
                let label = random.pick(LABELS).unwrap_or_default();
                out.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
                for _ in 0..random.below(30) {
                    random.base64(64, &mut out);
                    out.push(b'\n');
                }
                if random.below(2) == 0 {
                    out.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
                }
            }
        }
    }
    out
}

/// SplitMix64 (Steele, Lea and Flood 2014): short, portable, and good enough for noise.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % limit.max(1)
    }

    fn bytes(&mut self, count: usize, out: &mut Vec<u8>) {
        let end = out.len() + count;
        while out.len() < end {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(end);
    }

    fn base64(&mut self, count: usize, out: &mut Vec<u8>) {
        for _ in 0..count {
            let at = self.below(BASE64.len());
            out.extend(BASE64.get(at));
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len());
        from.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_result() {
        let what = |kind, seed| Generated { name: String::new(), kind, seed, bytes: 1000 };
        for kind in [Noise::Random, Noise::Base64, Noise::Base64Wrapped, Noise::Der, Noise::Pem] {
            let first = generate(&what(kind, 1));
            assert!(first.len() >= 1000);
            assert_eq!(first, generate(&what(kind, 1)));
            assert_ne!(first, generate(&what(kind, 2)));
        }
    }
}
