//! What is known of one base point beforehand, for curves on which there are many keys: a comb for products, and the points
//! of scalars that anybody would try first.
//!
//! A comb (Lim and Lee 1994) of eight teeth cuts the scalar into eight equal parts and doubles for all of them at once: an
//! eighth of the doublings, and one addition for each instead of one for every second.

use crypto_bigint::Uint;
use zeroize::Zeroizing;

use super::{Affine, Element, Jacobian, Numbers, U256, U384, U576, Weierstrass, bits, in_range};

/// Parts of the scalar.
const TEETH: usize = 8;

/// What was worked out of a base point; the size is that of the field.
#[derive(Debug)]
pub(crate) enum Base {
    Short(Box<Worked<{ U256::LIMBS }>>),
    Middle(Box<Worked<{ U384::LIMBS }>>),
    Long(Box<Worked<{ U576::LIMBS }>>),
}

impl Base {
    /// `base` as 04 x y; `None` if its numbers are larger than those of any named curve, or if it is not a curve. `tried` gives scalars
    /// and limits: [`Self::may_be_tried`] knows k times the scalar for every k up to the limit.
    pub(crate) fn new(numbers: &Numbers<'_>, base: &[u8], tried: &[(&[u8], u32)]) -> Option<Self> {
        match bits(numbers.p) {
            0..=256 => Worked::new(numbers, base, tried).map(|base| Self::Short(Box::new(base))),
            257..=384 => Worked::new(numbers, base, tried).map(|base| Self::Middle(Box::new(base))),
            385..=576 => Worked::new(numbers, base, tried).map(|base| Self::Long(Box::new(base))),
            _ => None,
        }
    }

    /// What [`Numbers::multiply`] gives for this base point.
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

    /// False only for a point (04 x y) that is neither a tried one nor the negative of one; true for those and a few others.
    pub(crate) fn may_be_tried(&self, point: &[u8]) -> bool {
        let known = match self {
            Self::Short(base) => &base.tried,
            Self::Middle(base) => &base.tried,
            Self::Long(base) => &base.tried,
        };
        known.binary_search(&abscissa(point)).is_ok()
    }
}

/// The last eight bytes of x, of a point as 04 x y.
fn abscissa(point: &[u8]) -> u64 {
    let x = point.get(1..1 + point.len() / 2).unwrap_or_default();
    x.last_chunk::<8>().map_or(0, |last| u64::from_be_bytes(*last))
}

#[derive(Debug)]
pub(crate) struct Worked<const L: usize> {
    curve: Weierstrass<L>,
    /// Distance between two teeth, in bits.
    distance: usize,
    /// For every choice of teeth but the empty one the sum of their points, as x and y in Montgomery form.
    sums: Vec<(Uint<L>, Uint<L>)>,
    /// [`abscissa`] of each point that is tried, sorted.
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
            // The tooth alone, then with every choice of those before it.
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
                // The point at infinity belongs to no key.
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

    /// The scalar is below the order.
    fn multiply(&self, scalar: &[u8]) -> Option<Vec<u8>> {
        let field = &self.curve.field;
        let bit = |at: usize| scalar.iter().rev().nth(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        let one = Element::one(field);
        let mut sum = Zeroizing::new(Jacobian { x: one, y: one, z: Element::zero(field) });
        for column in (0..self.distance).rev() {
            *sum = self.curve.double(&sum);
            let teeth =
                (0..TEETH).filter(|tooth| bit(tooth * self.distance + column)).fold(0, |all, tooth| all | 1 << tooth);
            // Sums are in the order of the numbers whose bits are the teeth.
            if let Some(&(x, y)) = usize::checked_sub(teeth, 1).and_then(|at| self.sums.get(at)) {
                let point = (Element::from_montgomery(x, field), Element::from_montgomery(y, field));
                *sum = self.curve.add(&sum, &point);
            }
        }
        let (x, y) = sum.affine()?;
        Some(self.curve.write(&x, &y))
    }
}
