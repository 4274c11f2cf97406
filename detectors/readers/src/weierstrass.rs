//! Arithmetic on y² = x³ + ax + b over a prime field, for named curves and curves with explicit parameters.
//!
//! Public points are computed from private scalars to prove that they belong together. The scalars come from the
//! scanned files, so nothing here is constant-time. The numbers may be hostile: a modulus that is even, tiny, not prime
//! or enormous gives `None`, never a panic or an endless loop.

mod base;

pub(super) use base::Base;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U256, U384, U576, U1024, Uint};
use zeroize::Zeroizing;

use super::number::bits;

/// Maximum field size, in bits. The largest named curve has 521.
const MAX_FIELD_BITS: u32 = 1024;

/// The numbers of a curve: big-endian magnitudes, leading zeros allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers<'a> {
    pub(super) p: &'a [u8],
    pub(super) a: &'a [u8],
    pub(super) b: &'a [u8],
    /// Order of the base point.
    pub(super) n: &'a [u8],
}

impl Numbers<'_> {
    /// The point as 04 x y, from any form (SEC 1 2.3.4). `None` if it is not on the curve.
    pub(super) fn uncompressed(&self, point: &[u8]) -> Option<Vec<u8>> {
        match bits(self.p) {
            0..=256 => self.uncompressed_in::<{ U256::LIMBS }>(point),
            257..=384 => self.uncompressed_in::<{ U384::LIMBS }>(point),
            385..=576 => self.uncompressed_in::<{ U576::LIMBS }>(point),
            577..=MAX_FIELD_BITS => self.uncompressed_in::<{ U1024::LIMBS }>(point),
            _ => None,
        }
    }

    /// Computes `scalar` times the point `base` (04 x y), as 04 x y. `None` if the scalar is not in 1..n, the point is
    /// not on the curve, or the product is the point at infinity.
    pub(super) fn multiply(&self, base: &[u8], scalar: &[u8]) -> Option<Vec<u8>> {
        // Hasse: a group over p has fewer than p + 1 + 2 sqrt(p) elements, so n has at most one bit more than p. This
        // bounds the scalar, and with it the work.
        if bits(self.n) > bits(self.p) + 1 || !in_range(scalar, self.n) {
            return None;
        }
        match bits(self.p) {
            0..=256 => self.multiply_in::<{ U256::LIMBS }>(base, scalar),
            257..=384 => self.multiply_in::<{ U384::LIMBS }>(base, scalar),
            385..=576 => self.multiply_in::<{ U576::LIMBS }>(base, scalar),
            577..=MAX_FIELD_BITS => self.multiply_in::<{ U1024::LIMBS }>(base, scalar),
            _ => None,
        }
    }

    /// Computes `u` times `base` plus `v` times `point`, as 04 x y; scalars below `n`, zero included. `None` if a point is
    /// not on the curve, or the sum is the point at infinity.
    pub(super) fn combine(&self, u: &[u8], base: &[u8], v: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        let below = |scalar: &[u8]| significant(scalar).is_empty() || in_range(scalar, self.n);
        if bits(self.n) > bits(self.p) + 1 || !below(u) || !below(v) {
            return None;
        }
        match bits(self.p) {
            0..=256 => self.combine_in::<{ U256::LIMBS }>(u, base, v, point),
            257..=384 => self.combine_in::<{ U384::LIMBS }>(u, base, v, point),
            385..=576 => self.combine_in::<{ U576::LIMBS }>(u, base, v, point),
            577..=MAX_FIELD_BITS => self.combine_in::<{ U1024::LIMBS }>(u, base, v, point),
            _ => None,
        }
    }

    /// Whether the point is k or -k times `base` (both 04 x y) for some k from 1 to `limit`, or slightly more. The work
    /// grows with the square root of the limit.
    pub(super) fn is_small_multiple(&self, base: &[u8], limit: u32, point: &[u8]) -> bool {
        match bits(self.p) {
            0..=256 => self.is_small_multiple_in::<{ U256::LIMBS }>(base, limit, point),
            257..=384 => self.is_small_multiple_in::<{ U384::LIMBS }>(base, limit, point),
            385..=576 => self.is_small_multiple_in::<{ U576::LIMBS }>(base, limit, point),
            577..=MAX_FIELD_BITS => self.is_small_multiple_in::<{ U1024::LIMBS }>(base, limit, point),
            _ => None,
        }
        .unwrap_or(false)
    }

    fn uncompressed_in<const L: usize>(&self, point: &[u8]) -> Option<Vec<u8>> {
        let curve = Weierstrass::<L>::new(self)?;
        let (x, y) = curve.read(point)?;
        Some(curve.write(&x, &y))
    }

    fn is_small_multiple_in<const L: usize>(&self, base: &[u8], limit: u32, point: &[u8]) -> Option<bool> {
        let curve = Weierstrass::<L>::new(self)?;
        Some(curve.is_small_multiple(&curve.read(base)?, limit, &curve.read(point)?))
    }

    fn combine_in<const L: usize>(&self, u: &[u8], base: &[u8], v: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        let curve = Weierstrass::<L>::new(self)?;
        let (x, y) = curve.combine(u, &curve.read(base)?, v, &curve.read(point)?).affine()?;
        Some(curve.write(&x, &y))
    }

    fn multiply_in<const L: usize>(&self, base: &[u8], scalar: &[u8]) -> Option<Vec<u8>> {
        let curve = Weierstrass::<L>::new(self)?;
        let base = curve.read(base)?;
        let product = Zeroizing::new(curve.multiply(&base, scalar));
        let (x, y) = product.affine()?;
        Some(curve.write(&x, &y))
    }
}

/// Whether 1 <= scalar < n.
fn in_range(scalar: &[u8], n: &[u8]) -> bool {
    let (scalar, n) = (significant(scalar), significant(n));
    !scalar.is_empty() && (scalar.len(), scalar) < (n.len(), n)
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&b| b == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Converts a magnitude to `L` limbs. `None` if it does not fit.
fn uint<const L: usize>(number: &[u8]) -> Option<Uint<L>> {
    let digits = significant(number);
    (digits.len() * 8 <= Uint::<L>::BITS as usize).then(|| Uint::from_be_slice_truncated(digits, Uint::<L>::BITS))
}

type Element<const L: usize> = FixedMontyForm<L>;

/// A point in affine coordinates.
type Affine<const L: usize> = (Element<L>, Element<L>);

/// A point in Jacobian coordinates: x = X/Z², y = Y/Z³; Z = 0 is the point at infinity.
#[derive(Clone, Copy)]
struct Jacobian<const L: usize> {
    x: Element<L>,
    y: Element<L>,
    z: Element<L>,
}

impl<const L: usize> Jacobian<L> {
    /// Affine coordinates. `None` for the point at infinity (or if a composite modulus has no inverse).
    fn affine(&self) -> Option<Affine<L>> {
        let inverse = Zeroizing::new(self.z.invert_vartime().into_option()?);
        let squared = inverse.square();
        Some((self.x * squared, self.y * squared * *inverse))
    }
}

impl<const L: usize> zeroize::Zeroize for Jacobian<L> {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
        self.z.zeroize();
    }
}

/// A curve ready for arithmetic in `L` limbs.
#[derive(Debug)]
struct Weierstrass<const L: usize> {
    field: FixedMontyParams<L>,
    a: Element<L>,
    b: Element<L>,
    /// Bytes of a coordinate.
    width: usize,
}

impl<const L: usize> Weierstrass<L> {
    fn new(numbers: &Numbers<'_>) -> Option<Self> {
        let p = uint::<L>(numbers.p)?;
        // This form of curve does not work for the primes 2 and 3.
        if p <= Uint::from_u8(3) {
            return None;
        }
        let field = FixedMontyParams::new_vartime(Odd::new(p).into_option()?);
        let width = bits(numbers.p).div_ceil(8) as usize;
        Some(Self { field, a: element(&field, numbers.a)?, b: element(&field, numbers.b)?, width })
    }

    fn jacobian(&self, point: &Affine<L>) -> Jacobian<L> {
        Jacobian { x: point.0, y: point.1, z: Element::one(&self.field) }
    }

    /// Computes x³ + ax + b.
    fn right_side(&self, x: &Element<L>) -> Element<L> {
        (x.square() + self.a) * x + self.b
    }

    /// Reads a point from its octets (SEC 1 2.3.4; 06 and 07 are the hybrid form of X9.62 4.3.6).
    fn read(&self, point: &[u8]) -> Option<Affine<L>> {
        let (&form, coordinates) = point.split_first()?;
        let (x, y) = coordinates.split_at_checked(self.width)?;
        let x = element(&self.field, x)?;
        let right = self.right_side(&x);
        let y = match form {
            2 | 3 if y.is_empty() => {
                let root = square_root(&right)?;
                if is_odd(&root) == (form == 3) { root } else { -root }
            }
            4 | 6 | 7 if y.len() == self.width => element(&self.field, y)?,
            _ => return None,
        };
        let sign_fits = match form {
            2 | 6 => !is_odd(&y),
            3 | 7 => is_odd(&y),
            _ => true,
        };
        (sign_fits && equal(&y.square(), &right)).then_some((x, y))
    }

    /// Writes 04 x y.
    fn write(&self, x: &Element<L>, y: &Element<L>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + 2 * self.width);
        out.push(4);
        for coordinate in [x, y] {
            out.extend(big_endian(&coordinate.retrieve(), self.width));
        }
        out
    }

    /// Double and add, from the most significant bit.
    fn multiply(&self, base: &Affine<L>, scalar: &[u8]) -> Jacobian<L> {
        let one = Element::one(&self.field);
        let mut sum = Jacobian { x: one, y: one, z: Element::zero(&self.field) };
        for byte in significant(scalar) {
            for bit in (0..8).rev() {
                sum = self.double(&sum);
                if byte >> bit & 1 == 1 {
                    sum = self.add(&sum, base);
                }
            }
        }
        sum
    }

    /// Double and add for two scalars at once (Shamir's trick), from the most significant bit.
    fn combine(&self, u: &[u8], base: &Affine<L>, v: &[u8], point: &Affine<L>) -> Jacobian<L> {
        let one = Element::one(&self.field);
        let mut sum = Jacobian { x: one, y: one, z: Element::zero(&self.field) };
        let (u, v) = (significant(u), significant(v));
        let length = u.len().max(v.len());
        // The byte of a scalar at a place, as if both were written with the same length.
        let at = |scalar: &[u8], place: usize| {
            (place + scalar.len()).checked_sub(length).and_then(|place| scalar.get(place)).copied().unwrap_or(0)
        };
        for place in 0..length {
            let (of_u, of_v) = (at(u, place), at(v, place));
            for bit in (0..8).rev() {
                sum = self.double(&sum);
                if of_u >> bit & 1 == 1 {
                    sum = self.add(&sum, base);
                }
                if of_v >> bit & 1 == 1 {
                    sum = self.add(&sum, point);
                }
            }
        }
        sum
    }

    /// Baby-step giant-step (Shanks): k = j * (2m + 1) + i with i from -m to m. The signs of i and k are those of y,
    /// and only x is compared.
    fn is_small_multiple(&self, base: &Affine<L>, limit: u32, point: &Affine<L>) -> bool {
        let m = limit.isqrt().div_ceil(2);
        let infinity = Jacobian { x: base.0, y: base.1, z: Element::zero(&self.field) };
        // 0, 1 ... m times the base, as x and z squared.
        let mut babies = Vec::new();
        let mut sum = infinity;
        for _ in 0..=m {
            babies.push((sum.x, sum.z.square()));
            sum = self.add(&sum, base);
        }
        let width = 2 * m + 1;
        let Some((x, y)) = self.multiply(base, &width.to_be_bytes()).affine() else { return false };
        // Steps from the point by -width and by +width: one direction comes near zero.
        [-y, y].into_iter().any(|y| {
            let giant = (x, y);
            let mut at = Jacobian { x: point.0, y: point.1, z: Element::one(&self.field) };
            (0..=limit / width).any(|_| {
                let zz = at.z.square();
                let met = babies.iter().any(|(x, baby_zz)| match (is_zero(&zz), is_zero(baby_zz)) {
                    (false, false) => equal(&(at.x * baby_zz), &(zz * x)),
                    (both, one) => both == one,
                });
                at = self.add(&at, &giant);
                met
            })
        })
    }

    /// Doubles a point (Explicit-Formulas Database, `dbl-2007-bl`). Infinity and points of order two give Z = 0.
    fn double(&self, point: &Jacobian<L>) -> Jacobian<L> {
        let Jacobian { x, y, z } = point;
        let (xx, yy, zz) = (x.square(), y.square(), z.square());
        let yyyy = yy.square();
        let s = ((*x + yy).square() - xx - yyyy).double();
        let m = xx.double() + xx + self.a * zz.square();
        let t = m.square() - s.double();
        Jacobian { x: t, y: m * (s - t) - yyyy.double().double().double(), z: (*y + z).square() - yy - zz }
    }

    /// Adds a Jacobian and an affine point (Guide to Elliptic Curve Cryptography, algorithm 3.22). Valid for any pair.
    fn add(&self, left: &Jacobian<L>, right: &Affine<L>) -> Jacobian<L> {
        let (x2, y2) = right;
        if is_zero(&left.z) {
            return Jacobian { x: *x2, y: *y2, z: Element::one(&self.field) };
        }
        let zz = left.z.square();
        let h = *x2 * zz - left.x;
        let r = *y2 * zz * left.z - left.y;
        if is_zero(&h) {
            let zero = Element::zero(&self.field);
            return if is_zero(&r) { self.double(left) } else { Jacobian { z: zero, ..*left } };
        }
        let hh = h.square();
        let hhh = hh * h;
        let v = left.x * hh;
        let x = r.square() - hhh - v.double();
        Jacobian { x, y: r * (v - x) - left.y * hhh, z: left.z * h }
    }
}

/// Converts a number to a field element. `None` if it is not below the modulus.
fn element<const L: usize>(field: &FixedMontyParams<L>, number: &[u8]) -> Option<Element<L>> {
    let number = uint::<L>(number)?;
    (number < *field.modulus().as_ref()).then(|| Element::new(&number, field))
}

/// The last `width` bytes of the big-endian form.
fn big_endian<const L: usize>(number: &Uint<L>, width: usize) -> Vec<u8> {
    let words = number.as_words();
    let bytes: Vec<u8> = words.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    bytes.get(bytes.len().saturating_sub(width)..).unwrap_or_default().to_vec()
}

fn equal<const L: usize>(left: &Element<L>, right: &Element<L>) -> bool {
    left.as_montgomery() == right.as_montgomery()
}

fn is_zero<const L: usize>(element: &Element<L>) -> bool {
    element.as_montgomery().is_zero_vartime()
}

fn is_odd<const L: usize>(element: &Element<L>) -> bool {
    element.retrieve().is_odd().to_bool()
}

/// Tonelli-Shanks: a square root; for p = 3 mod 4 a single power. For a number without a root the result is wrong, or
/// `None`: the caller compares. The work is bounded for any modulus, prime or not.
fn square_root<const L: usize>(square: &Element<L>) -> Option<Element<L>> {
    let field = square.params();
    let one = Element::one(field);
    let minus_one = -one;
    let p_minus_one = minus_one.retrieve();
    let twos = p_minus_one.trailing_zeros_vartime();
    let odd_part = p_minus_one.shr_vartime(twos);
    let half = odd_part.shr_vartime(1);
    // root = square^((odd_part + 1) / 2), and then root² = square * rest.
    let power = square.pow_vartime(&half);
    let mut root = power * square;
    let mut rest = power * root;
    if equal(&rest, &one) || is_zero(square) {
        return Some(root);
    }
    if twos == 1 {
        return None;
    }
    // The least non-residue of a prime of cryptographic size is tiny; a modulus without one is not prime.
    let legendre = p_minus_one.shr_vartime(1);
    let mut candidate = one;
    let mut non_residue = None;
    for _ in 0..64 {
        candidate += one;
        if equal(&candidate.pow_vartime(&legendre), &minus_one) {
            non_residue = Some(candidate);
            break;
        }
    }
    let mut unity = non_residue?.pow_vartime(&odd_part);
    let mut order = twos;
    while !equal(&rest, &one) {
        // The least i with rest^(2^i) = 1. It shrinks every time, so the loop ends.
        let mut power = rest;
        let mut i = 0;
        while !equal(&power, &one) {
            power = power.square();
            i += 1;
            if i >= order {
                return None;
            }
        }
        let step = unity.square_repeat_vartime(order - i - 1);
        root *= step;
        unity = step.square();
        rest *= unity;
        order = i;
    }
    Some(root)
}
