//! RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 8.2.2 and 8.1.2).

use dashu_int::UBig;
use dashu_int::fast_div::ConstDivisor;
use keyradius_core::signature::Hash;
use keyradius_readers::ber::{self, OCTET_STRING, OID, SEQUENCE};
use keyradius_readers::number::{bits, padded};
use keyradius_readers::signature;

use super::{MAX_EXPONENT, MAX_MODULUS, Verdict};

/// The parameters of RSASSA-PSS.
pub(super) struct Pss {
    pub(super) hash: Hash,
    pub(super) mask: Hash,
    pub(super) salt: u32,
}

/// The encoded message in a signature, as long as the modulus. `Err` if the sizes exceed the limits, or the value is not below the modulus.
fn recovered(n: &[u8], e: &[u8], value: &[u8]) -> Result<Vec<u8>, Verdict> {
    if bits(n) > MAX_MODULUS || bits(e) > MAX_EXPONENT {
        return Err(Verdict::Unknown);
    }
    let length = (bits(n) as usize).div_ceil(8);
    let [n, e, s] = [n, e, value].map(UBig::from_be_bytes);
    if n <= UBig::ONE || s >= n {
        return Err(Verdict::Failed);
    }
    let ring = ConstDivisor::new(n);
    let message = ring.reduce(s).pow(&e).residue();
    padded(&message.to_be_bytes(), length).map(|octets| octets.to_vec()).ok_or(Verdict::Failed)
}

/// Verifies with the encoding of RFC 8017 9.2, compared as a whole: nothing is parsed that a forger could stretch.
pub(super) fn pkcs1(n: &[u8], e: &[u8], hash: Hash, digest: &[u8], value: &[u8]) -> Verdict {
    let message = match recovered(n, e, value) {
        Ok(message) => message,
        Err(verdict) => return verdict,
    };
    let oid = ber::encode(OID, &[signature::hash_oid(hash)]);
    let octets = ber::encode(OCTET_STRING, &[digest]);
    // RFC 8017 A.2.4: parameters are NULL; verifiers have to accept absent ones too.
    [&[0x05, 0x00][..], &[]]
        .into_iter()
        .any(|parameters| {
            let info = ber::encode(SEQUENCE, &[&ber::encode(SEQUENCE, &[&oid, parameters]), &octets]);
            let Some(ones) = message.len().checked_sub(info.len() + 3).filter(|ones| *ones >= 8) else { return false };
            message == [&[0, 1][..], &vec![0xff; ones], &[0], &info].concat()
        })
        .into()
}

/// RFC 8017 9.1.2.
pub(super) fn pss(n: &[u8], e: &[u8], parameters: &Pss, digest: &[u8], value: &[u8]) -> Verdict {
    match recovered(n, e, value) {
        Ok(message) => encoded_pss(&message, bits(n), parameters, digest).unwrap_or(false).into(),
        Err(verdict) => verdict,
    }
}

fn encoded_pss(message: &[u8], modulus: u32, parameters: &Pss, digest: &[u8]) -> Option<bool> {
    // The encoded message has one bit less than the modulus.
    let unused = 8 * message.len() as u32 - modulus.checked_sub(1)?;
    let message = if unused == 8 { message.strip_prefix(&[0])? } else { message };
    let unused = unused % 8;
    let (body, last) = message.split_at_checked(message.len().checked_sub(1)?)?;
    let (masked, hash) = body.split_at_checked(body.len().checked_sub(digest.len())?)?;
    let first = *masked.first()?;
    if last != [0xbc] || (unused > 0 && first >> (8 - unused) != 0) {
        return Some(false);
    }
    let mut block: Vec<u8> = masked.iter().zip(mask(parameters.mask, hash, masked.len())).map(|(a, b)| a ^ b).collect();
    if let Some(first) = block.first_mut() {
        *first &= 0xff >> unused;
    }
    let (zeros, rest) = block.split_at_checked(block.len().checked_sub(parameters.salt as usize + 1)?)?;
    let (one, salt) = rest.split_first()?;
    if zeros.iter().any(|byte| *byte != 0) || *one != 1 {
        return Some(false);
    }
    Some(signature::digest(parameters.hash, &[&[0; 8][..], digest, salt].concat()) == hash)
}

/// MGF1 (RFC 8017 B.2.1).
fn mask(hash: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + 64);
    let mut counter = 0_u32;
    while mask.len() < length {
        mask.extend(signature::digest(hash, &[seed, &counter.to_be_bytes()].concat()));
        counter += 1;
    }
    mask.truncate(length);
    mask
}
