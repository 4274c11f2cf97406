//! RSA: sizes of modulus and exponent, and the order of the other checks.

use super::number::PrimeTests;
use super::{Check, Weakness, factor, number, roca, shape};
use keyradius_readers::number::bits;

pub(super) const EVEN: Check = Check {
    id: "rsa-even-modulus",
    finds: "modulus that is even or too small to be one: a damaged or made-up key",
    source: "RFC 8017 3.1",
    cost: "none",
};

pub(super) const SIZE: Check = Check {
    id: "rsa-size",
    finds: "modulus below 2048 bits is weak, below 1024 severe, below 768 computable",
    source: "NIST SP 800-131A; RSA-250 (829 bits) factored in 2020, RSA-768 in 2009",
    cost: "none",
};

pub(super) const ODD_SIZE: Check = Check {
    id: "rsa-odd-size",
    finds: "modulus above 2048 bits whose size is not a multiple of 1024: unusual, a note",
    source: "badkeys `rsawarnings`, which also notes 8192 bits and more",
    cost: "none",
};

pub(super) const EXPONENT: Check = Check {
    id: "rsa-exponent",
    finds: "exponent 1 is computable; 0, even, or not below the modulus is not a key; 3, 35 and 37 are notes",
    source: "RFC 8017 3.1; Bleichenbacher 2006, CVE-2006-4339 (exponent 3); old ssh-keygen (35 and 37)",
    cost: "none",
};

/// Below this many bits, factoring takes days on one or a few rented machines.
const COMPUTABLE_BITS: u32 = 768;

pub(super) fn check(n: &[u8], e: &[u8], tests: &mut PrimeTests, found: &mut Vec<Weakness>) {
    let size = bits(n);
    exponent(n, e, found);
    let odd = n.last().is_some_and(|last| last & 1 == 1);
    if !odd || size < 16 {
        found.push(EVEN.severe("RSA modulus is even or tiny: a damaged or made-up key"));
        return;
    }
    match size {
        0..COMPUTABLE_BITS => found.push(SIZE.computable(format!(
            "RSA modulus of {size} bits: public software factors 512 bits within a day on rented machines, and 768 bits \
             were factored in 2009"
        ))),
        COMPUTABLE_BITS..1024 => found.push(SIZE.severe(format!(
            "RSA modulus of {size} bits: 829 bits were publicly factored in 2020, so a large organisation can do it"
        ))),
        1024..2048 => found.push(SIZE.weak(format!(
            "RSA modulus of {size} bits: standards have required 2048 for signatures since 2014"
        ))),
        _ if !size.is_multiple_of(1024) => found.push(ODD_SIZE.note(format!(
            "RSA modulus of {size} bits: key generators make 2048, 3072 or 4096, so check what made this key"
        ))),
        _ => {}
    }
    shape::check_xz(n, found);
    if size as usize > number::MAX_BITS {
        return;
    }
    let (n, e) = (number::number(n), number::number(e));
    // A modulus with a small factor is a damaged copy of another number: other checks would be meaningless.
    if factor::check_small(&n, tests, found) {
        return;
    }
    factor::check_close(&n, found);
    factor::check_small_d(&n, &e, found);
    roca::check(&n, found);
    shape::check(&n, found);
}

fn exponent(n: &[u8], e: &[u8], found: &mut Vec<Weakness>) {
    let strip = |number: &[u8]| number.iter().copied().skip_while(|&b| b == 0).collect::<Vec<u8>>();
    let (n, e) = (strip(n), strip(e));
    match e.as_slice() {
        [1] => found.push(EXPONENT.computable("RSA exponent 1: every message is its own signature")),
        [] => found.push(EXPONENT.severe("RSA exponent 0: no private key matches")),
        [.., last] if last & 1 == 0 => {
            found.push(EXPONENT.severe("RSA exponent is even: no private key matches, the key is damaged"));
        }
        _ if (e.len(), &e) >= (n.len(), &n) => {
            found.push(EXPONENT.severe("RSA exponent is not below the modulus: the key is damaged or made up"));
        }
        [3] => {
            found.push(EXPONENT.note(
                "RSA exponent 3: sound in itself, but verifiers that do not check padding accept forged signatures",
            ));
        }
        [small @ (35 | 37)] => found.push(EXPONENT.note(format!(
            "RSA exponent {small}: made by ssh-keygen before 2010, like the built-in keys of many appliances"
        ))),
        _ => {}
    }
}
