//! DSA and Diffie-Hellman: sizes, and degenerate values.

use dashu_int::UBig;
use dashu_int::ops::BitTest;

use super::number::{MAX_BITS, number};
use super::{Check, Weakness};
use keyradius_readers::number::bits;

pub(super) const SIZE: Check = Check {
    id: "dsa-size",
    finds: "p below 2048 bits or q of 160: weak; p below 1024: severe; p of 512 or less: computable",
    source: "NIST SP 800-131A; FIPS 186-5 (DSA withdrawn); Logjam, CVE-2015-4000 (512 bits)",
    cost: "none",
};

pub(super) const SPARSE: Check = Check {
    id: "dsa-sparse",
    finds: "p of 1024 bits with zero bits at the same place of every word: the private key has these gaps, computable",
    source: "CompleteFTP 10.0.0 to 23.0.4; badkeys `dsasparse`",
    cost: "none",
};

pub(super) const DEGENERATE: Check = Check {
    id: "dsa-degenerate",
    finds: "public value or generator 0, 1 or p - 1, for DSA and Diffie-Hellman: not a key, or a key that everyone has",
    source: "FIPS 186-4 4.1; NIST SP 800-56A 5.6.2.3; Klima and Rosa 2001 (generator)",
    cost: "none",
};

pub(super) const DH_SIZE: Check = Check {
    id: "dh-size",
    finds: "Diffie-Hellman group below 2048 bits: weak; 1024 and below: severe",
    source: "Logjam, CVE-2015-4000; NIST SP 800-56A",
    cost: "none",
};

/// Discrete logarithms of this size took 10 core-minutes each, after a precomputation of some core-years per group.
const COMPUTABLE_BITS: u32 = 512;

/// The size of CompleteFTP's DSA keys.
const SPARSE_BITS: usize = 1024;

pub(super) fn check(p: &[u8], q: &[u8], g: &[u8], y: &[u8], found: &mut Vec<Weakness>) {
    let (size, order) = (bits(p), bits(q));
    found.extend(match size {
        0..=COMPUTABLE_BITS => Some(SIZE.computable(format!(
            "DSA of {size} bits: discrete logarithms of this size take some core-years with public software"
        ))),
        513..1024 => Some(SIZE.severe(format!("DSA of {size} bits: within reach of a large organisation"))),
        1024..2048 => {
            Some(SIZE.weak(format!("DSA of {size} bits with q of {order}: below what standards allow since 2014")))
        }
        _ if order <= 160 => {
            Some(SIZE.weak(format!("DSA of {size} bits with q of {order}: no stronger than the small q")))
        }
        _ => None,
    });
    if size as usize > MAX_BITS {
        return;
    }
    let (p, g, y) = (number(p), number(g), number(y));
    if is_sparse(&p) {
        found.push(SPARSE.computable(
            "DSA prime has zero bits at the same place of every word, as CompleteFTP made them: so has the private number, \
             and such keys were recovered",
        ));
    }
    found.extend(match special(&g, &p) {
        Some(1) => Some(DEGENERATE.computable("DSA generator is 1: signatures can be made without the private key")),
        Some(_) => Some(DEGENERATE.severe("DSA generator is 0 or p - 1: no signature is possible")),
        None => None,
    });
    found.extend(match special(&y, &p) {
        Some(1) => Some(DEGENERATE.computable("DSA public value is 1: the private key is zero")),
        Some(_) => Some(DEGENERATE.severe("DSA public value is 0 or p - 1: no private key matches")),
        None => None,
    });
}

pub(super) fn check_dh(p: &[u8], y: &[u8], found: &mut Vec<Weakness>) {
    let size = bits(p);
    found.extend(match size {
        0..=COMPUTABLE_BITS => {
            Some(DH_SIZE.computable(format!("Diffie-Hellman group of {size} bits: broken by Logjam (CVE-2015-4000)")))
        }
        513..=1024 => Some(DH_SIZE.severe(format!("Diffie-Hellman group of {size} bits: within reach of a state"))),
        1025..2048 => Some(DH_SIZE.weak(format!("Diffie-Hellman group of {size} bits: below the 2048 of standards"))),
        _ => None,
    });
    if size as usize <= MAX_BITS && special(&number(y), &number(p)).is_some() {
        found.push(DEGENERATE.computable("Diffie-Hellman public value is 0, 1 or p - 1: every shared secret is known"));
    }
}

/// 0, 1 or 2 for a value of 0, 1 or -1 modulo p; `None` for other values.
fn special(value: &UBig, p: &UBig) -> Option<u8> {
    if p.is_zero() {
        return Some(0);
    }
    let value = value % p;
    if value.is_zero() {
        Some(0)
    } else if value == UBig::ONE {
        Some(1)
    } else {
        (value + UBig::ONE == *p).then_some(2)
    }
}

/// Whether p has a top word of 800000xx, and then 32-bit words from bit 168 on whose bits 4 to 23 are zero.
fn is_sparse(p: &UBig) -> bool {
    /// Top bits of p, from bit 1000: one, then 23 zeros.
    const TOP: u64 = 0x80_0000;
    /// First bit above the lowest words, which the search for a prime changes.
    const FROM: usize = 168;
    if p.bit_len() != SPARSE_BITS || p >> 1000 != UBig::from(TOP) {
        return false;
    }
    // The words up to the highest bit, which only sets the length of p.
    (FROM..SPARSE_BITS - 1).all(|bit| !p.bit(bit) || !(4..24).contains(&((bit - FROM) % 32)))
}
