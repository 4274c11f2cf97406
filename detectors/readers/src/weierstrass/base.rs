//! Precomputed values of a base point, for curves with many keys: a comb for multiplication, and the points of scalars
//! that anybody would guess first.
//!
//! A comb (Lim and Lee 1994) of eight teeth splits the scalar into eight equal parts and doubles for all of them at
//! once. This needs an eighth of the doublings, and one addition per doubling instead of one for every second bit.

use crypto_bigint::Uint;
use zeroize::Zeroizing;

use super::{Affine, Element, Jacobian, Numbers, U256, U384, U576, Weierstrass, bits, in_range};

/// Number of parts of the scalar.
const TEETH: usize = 8;

/// The precomputed values of a base point, by field size.
#[derive(Debug)]
pub(crate) enum Base {
    Short(Box<Worked<{ U256::LIMBS }>>),
    Middle(Box<Worked<{ U384::LIMBS }>>),
    Long(Box<Worked<{ U576::LIMBS }>>),
}

impl Base {
    /// Precomputes values for `base` (04 x y). `None` if the numbers are larger than those of any named curve, or are
    /// not a curve. `tried` is scalars and limits: [`Self::may_be_tried`] recognises k times the scalar for every k up
    /// to the limit.
    pub(crate) fn new(numbers: &Numbers<'_>, base: &[u8], tried: &[(&[u8], u32)]) -> Option<Self> {
        match bits(numbers.p) {
            0..=256 => Worked::new(numbers, base, tried).map(|base| Self::Short(Box::new(base))),
            257..=384 => Worked::new(numbers, base, tried).map(|base| Self::Middle(Box::new(base))),
            385..=576 => Worked::new(numbers, base, tried).map(|base| Self::Long(Box::new(base))),
            _ => None,
        }
    }

    /// The result of [`Numbers::multiply`] for this base point.
    pub(crate) fn multiply(&self, numbers: &Numbers<'_>, scalar: &[u8]) -> Option<Vec<u8>> {
        if !in_range(scalar, numbers.n) {
            return None;
        }
        match self {
            Self::Short(base) => base.multiply(scalar),
            Self::Middle(base) => base.multiply(scalar),
            Self::Long(base) => base.multiply(scalar),
        }
    }

    /// Whether a point (04 x y) may be a tried point or the negative of one. False only if it is neither; true for
    /// these and a few others.
    pub(crate) fn may_be_tried(&self, point: &[u8]) -> bool {
        let known = match self {
            Self::Short(base) => &base.tried,
            Self::Middle(base) => &base.tried,
            Self::Long(base) => &base.tried,
        };
        known.binary_search(&abscissa(point)).is_ok()
    }
}

/// The last eight bytes of x, for a point as 04 x y.
fn abscissa(point: &[u8]) -> u64 {
    let x = point.get(1..1 + point.len() / 2).unwrap_or_default();
    x.last_chunk::<8>().map_or(0, |last| u64::from_be_bytes(*last))
}

#[derive(Debug)]
pub(crate) struct Worked<const L: usize> {
    curve: Weierstrass<L>,
    /// Distance between two teeth, in bits.
    distance: usize,
    /// For every nonempty choice of teeth the sum of their points, as x and y in Montgomery form.
    sums: Vec<(Uint<L>, Uint<L>)>,
    /// [`abscissa`] of each tried point, sorted.
    tried: Vec<u64>,
}

impl<const L: usize> Worked<L> {
    fn new(numbers: &Numbers<'_>, base: &[u8], tried: &[(&[u8], u32)]) -> Option<Self> {
        let curve = Weierstrass::<L>::new(numbers)?;
        let base = curve.read(base)?;
        let distance = (bits(numbers.n) as usize).div_ceil(TEETH);
        let mut sums: Vec<Affine<L>> = Vec::with_capacity((1 << TEETH) - 1);
        let mut tooth = base;
        for place in 0..TEETH {
            // The tooth alone, then its sum with every choice of earlier teeth.
            sums.push(tooth);
            for other in 0..(1 << place) - 1 {
                let sum = curve.add(&curve.jacobian(&tooth), sums.get(other)?).affine()?;
                sums.push(sum);
            }
            if place + 1 < TEETH {
                let mut next = curve.jacobian(&tooth);
                (0..distance).for_each(|_| next = curve.double(&next));
                tooth = next.affine()?;
            }
        }
        let mut known = Vec::new();
        for (scalar, limit) in tried {
            let step = curve.multiply(&base, scalar).affine()?;
            let mut sum = curve.jacobian(&step);
            for _ in 0..*limit {
                // The point at infinity is not a key.
                if let Some((x, y)) = sum.affine() {
                    known.push(abscissa(&curve.write(&x, &y)));
                }
                sum = curve.add(&sum, &step);
            }
        }
        known.sort_unstable();
        let sums = sums.iter().map(|(x, y)| (*x.as_montgomery(), *y.as_montgomery())).collect();
        Some(Self { curve, distance, sums, tried: known })
    }

    /// Multiplies the base point. The scalar must be below the order.
    fn multiply(&self, scalar: &[u8]) -> Option<Vec<u8>> {
        let field = &self.curve.field;
        let bit = |at: usize| scalar.iter().rev().nth(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        let one = Element::one(field);
        let mut sum = Zeroizing::new(Jacobian { x: one, y: one, z: Element::zero(field) });
        for column in (0..self.distance).rev() {
            *sum = self.curve.double(&sum);
            let teeth =
                (0..TEETH).filter(|tooth| bit(tooth * self.distance + column)).fold(0, |all, tooth| all | 1 << tooth);
            // Sums are indexed by the number whose bits select the teeth.
            if let Some(&(x, y)) = usize::checked_sub(teeth, 1).and_then(|at| self.sums.get(at)) {
                let point = (Element::from_montgomery(x, field), Element::from_montgomery(y, field));
                *sum = self.curve.add(&sum, &point);
            }
        }
        let (x, y) = sum.affine()?;
        Some(self.curve.write(&x, &y))
    }
}
