//! Bit patterns of a modulus: the product of two random primes looks random.

use dashu_int::UBig;
use dashu_int::ops::BitTest;

use super::{Check, Weakness};

pub(super) const PATTERN: Check = Check {
    id: "rsa-byte-pattern",
    finds: "the same byte 16 times in a row within the modulus",
    source: "badkeys `pattern`; happens to one random key in 2^112",
    cost: "0.001 ms",
};

pub(super) const BIAS: Check = Check {
    id: "rsa-bit-bias",
    finds: "too many or too few one bits in the modulus; a note if the lower half looks random, as in vanity keys",
    source: "badkeys `rsabias`",
    cost: "0.001 ms",
};

pub(super) const SLEEVES: Check = Check {
    id: "rsa-short-sleeves",
    finds: "zero bits at the same place of every word of the modulus, so that it factors as a polynomial: computable",
    source: "CompleteFTP 10.0.0 to 12.0.0; Ryan and Böck, Factoring short-sleeve RSA keys with polynomials, 2026",
    cost: "0.001 ms, and only with bit bias",
};

pub(super) const XZ: Check = Check {
    id: "rsa-xz-form",
    finds: "modulus that begins like a command for the xz 5.6 backdoor: not a key but an attack",
    source: "CVE-2024-3094",
    cost: "none",
};

/// Below this size, zeros in a pattern prove nothing.
const SLEEVES_MIN_BITS: usize = 500;

/// Checks for repeated bytes, bias and lanes of zero bits.
pub(super) fn check(n: &UBig, found: &mut Vec<Weakness>) {
    let bytes = n.to_be_bytes();
    if bytes.windows(16).any(|run| run.iter().all(|byte| Some(byte) == run.first())) {
        found.push(PATTERN.weak("RSA modulus repeats one byte 16 times or more: not the product of two random primes"));
    }
    let bits = n.bit_len();
    // Five or more standard deviations for every size in its class.
    let margin = match bits {
        0..=1000 => 17,
        1001..=2000 => 12,
        _ => 10,
    };
    let normal = 50 - margin + 1..=50 + margin;
    let share = percent(n);
    let mut low = n.clone();
    low.clear_high_bits(bits / 2);
    let low_share = percent(&low);
    if share < 40 && low_share < 40 && bits >= SLEEVES_MIN_BITS {
        found.push(if lanes(n, 128, 16..64) || lanes(n, 32, 20..30) {
            SLEEVES.computable(
                "RSA modulus has zero bits at the same place of every word, as CompleteFTP made them: it factors as a polynomial",
            )
        } else {
            BIAS.weak(format!("RSA modulus has {share} % one bits: its primes have too many zero bits"))
        });
    } else if !normal.contains(&share) {
        found.push(if normal.contains(&low_share) {
            BIAS.note(format!("RSA modulus has {share} % one bits, all in its upper half: chosen for its looks"))
        } else {
            BIAS.weak(format!("RSA modulus has {share} % one bits: not the product of two random primes"))
        });
    }
}

/// Share of one bits, rounded down.
fn percent(number: &UBig) -> usize {
    (number.count_ones() * 100).checked_div(number.bit_len()).unwrap_or_default()
}

/// Whether every lane of `width` bits is zero at `zeros`, except the lowest (the search for a prime changes that one),
/// and at most one lane is zero altogether: a number of mostly zeros is something else.
fn lanes(n: &UBig, width: usize, zeros: std::ops::Range<usize>) -> bool {
    let lanes = n.to_chunks(width);
    let mut empty = 0;
    for lane in lanes.iter().skip(1) {
        if zeros.clone().any(|bit| lane.bit(bit)) {
            return false;
        }
        empty += usize::from(lane.is_zero());
    }
    empty < 2
}

/// The backdoor reads a * b + c, from the first 16 bytes of the modulus in SSH's encoding, as the number of a command.
pub(super) fn check_xz(n: &[u8], found: &mut Vec<Weakness>) {
    /// Commands are numbered 0 to 3.
    const LAST: u64 = 3;
    let digits = n.iter().copied().skip_while(|&b| b == 0);
    // A zero byte precedes a set first bit (RFC 4251 5, mpint).
    let sign = n.iter().find(|&&b| b != 0).filter(|&&b| b >= 0x80).map(|_| 0);
    let head: Vec<u8> = sign.into_iter().chain(digits).take(16).collect();
    let Ok([a0, a1, a2, a3, b0, b1, b2, b3, c @ ..]) = <[u8; 16]>::try_from(head) else { return };
    let a = u64::from(u32::from_le_bytes([a0, a1, a2, a3]));
    let b = u64::from(u32::from_le_bytes([b0, b1, b2, b3]));
    // Zeros at the start of a sparse modulus are not a command.
    if a != 0 && b != 0 && (a * b).wrapping_add(u64::from_le_bytes(c)) <= LAST {
        found.push(
            XZ.severe(
                "RSA modulus has the form of a command for the xz backdoor (CVE-2024-3094): find out who sent it",
            ),
        );
    }
}
