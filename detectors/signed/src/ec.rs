//! ECDSA over curves of a prime field, named or with explicit parameters (FIPS 186-5 6.4.2, SEC 1 4.1.4).

use dashu_int::UBig;
use keyradius_readers::ber::{BerReader, SEQUENCE};
use keyradius_readers::curves::Explicit;
use keyradius_readers::public::Domain;

use super::{Verdict, factors, in_range};

/// Verifies a signature with a point of a curve.
pub(super) fn verify(domain: &Domain<'_>, point: &[u8], digest: &[u8], pair: &[UBig; 2]) -> Verdict {
    let verified = match *domain {
        Domain::Named(curve) | Domain::Explicit { same_as: Some(curve), .. } => {
            with(curve.n, digest, pair, |u, v| curve.combine(u, v, point))
        }
        Domain::Explicit { der, .. } => {
            let parameters = BerReader::new(der).value(SEQUENCE, "ECParameters").and_then(Explicit::read);
            let Ok(curve) = parameters else { return Verdict::Unknown };
            with(curve.n, digest, pair, |u, v| curve.combine(u, v, point))
        }
        Domain::Unknown(_) => return Verdict::Unknown,
    };
    verified.unwrap_or(false).into()
}

/// Whether r is the x coordinate of the combined point, modulo the order.
fn with(
    order: &[u8],
    digest: &[u8],
    pair: &[UBig; 2],
    combine: impl FnOnce(&[u8], &[u8]) -> Option<Vec<u8>>,
) -> Option<bool> {
    let order = UBig::from_be_bytes(order);
    if order <= UBig::ONE || !in_range(pair, &order) {
        return Some(false);
    }
    let [u, v] = factors(pair, digest, &order)?;
    let sum = combine(&u.to_be_bytes(), &v.to_be_bytes())?;
    let (_, coordinates) = sum.split_first()?;
    let (x, _) = coordinates.split_at_checked(coordinates.len() / 2)?;
    let [r, _] = pair;
    Some(UBig::from_be_bytes(x) % order == *r)
}
