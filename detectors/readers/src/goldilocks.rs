//! Public keys of Ed448 (RFC 8032 5.2) and X448 (RFC 7748 5): arithmetic modulo 2^448 - 2^224 - 1.
//!
//! Like [`super::weierstrass`], this checks found keys: it is not constant-time, and it signs nothing.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U448};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;

type Element = FixedMontyForm<{ U448::LIMBS }>;
type Field = FixedMontyParams<{ U448::LIMBS }>;

/// 2^448 - 2^224 - 1 (RFC 7748 4.2).
const P: Odd<U448> = Odd::<U448>::from_be_hex(
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
);
/// -d of edwards448 (RFC 8032 5.2), and also (A - 2) / 4 of curve448 (RFC 7748 5).
const MINUS_D: u32 = 39_081;
/// Base point of edwards448 (RFC 8032 5.2).
const BASE_X: U448 = U448::from_be_hex(
    "4f1970c66bed0ded221d15a622bf36da9e146570470f1767ea6de324a3d3a46412ae1af72ab66511433b80e18b00938e2626a82bc70cc05e",
);
const BASE_Y: U448 = U448::from_be_hex(
    "693f46716eb6bc248876203756c9c7624bea73736ca3984087789c1e05a0c2d73ad3ff1ce67c39c4fdbd132c4ed7c8ad9808795bf230fa14",
);
/// Base point of curve448 (RFC 7748 4.2).
const BASE_U: u32 = 5;

/// A point of edwards448 in projective coordinates: x = X/Z, y = Y/Z.
struct Point {
    x: Element,
    y: Element,
    z: Element,
}

/// The public key of an Ed448 private key (RFC 8032 5.2.5).
pub(super) fn ed448_public(private: &[u8; 57]) -> Vec<u8> {
    let mut hash = Zeroizing::new([0_u8; 57]);
    let mut shake = Shake256::default();
    shake.update(private);
    shake.finalize_xof().read(hash.as_mut_slice());
    // The 57th octet is cleared, so the scalar is the first 56 octets.
    let mut scalar = Zeroizing::new([0_u8; 56]);
    scalar.iter_mut().zip(hash.iter()).for_each(|(to, from)| *to = *from);
    clamp(&mut scalar);

    let field = Field::new_vartime(P);
    let one = Element::one(&field);
    let minus_d = Element::new(&U448::from_u32(MINUS_D), &field);
    let base = Point { x: Element::new(&BASE_X, &field), y: Element::new(&BASE_Y, &field), z: one };
    let mut sum = Point { x: Element::zero(&field), y: one, z: one };
    for byte in scalar.iter().rev() {
        for bit in (0..8).rev() {
            sum = double(&sum);
            if byte >> bit & 1 == 1 {
                sum = add(&sum, &base, &minus_d);
            }
        }
    }
    // The formulas are complete and P is prime, so Z has an inverse.
    let inverse = sum.z.invert_vartime().into_option().unwrap_or(one);
    let sign = u8::from((sum.x * inverse).retrieve().is_odd().to_bool()) << 7;
    let mut public = little_endian(&(sum.y * inverse));
    public.push(sign);
    public
}

/// RFC 8032 5.2.4, addition. Complete: valid for any two points.
#[allow(clippy::many_single_char_names, reason = "the letters of the RFC")]
fn add(left: &Point, right: &Point, minus_d: &Element) -> Point {
    let a = left.z * right.z;
    let b = a.square();
    let c = left.x * right.x;
    let d = left.y * right.y;
    let minus_e = *minus_d * c * d;
    let f = b + minus_e;
    let g = b - minus_e;
    let h = (left.x + left.y) * (right.x + right.y);
    Point { x: a * f * (h - c - d), y: a * g * (d - c), z: f * g }
}

/// RFC 8032 5.2.4, doubling.
#[allow(clippy::many_single_char_names, reason = "the letters of the RFC")]
fn double(point: &Point) -> Point {
    let b = (point.x + point.y).square();
    let c = point.x.square();
    let d = point.y.square();
    let e = c + d;
    let h = point.z.square();
    let j = e - h.double();
    Point { x: (b - e) * j, y: e * (c - d), z: e * j }
}

/// The public key of an X448 private key (RFC 7748 5 and 6.2): the Montgomery ladder on u = 5.
pub(super) fn x448_public(private: &[u8; 56]) -> Vec<u8> {
    let mut scalar = Zeroizing::new(*private);
    clamp(&mut scalar);
    let field = Field::new_vartime(P);
    let a24 = Element::new(&U448::from_u32(MINUS_D), &field);
    let base = Element::new(&U448::from_u32(BASE_U), &field);
    let (mut x2, mut z2) = (Element::one(&field), Element::zero(&field));
    let (mut x3, mut z3) = (base, Element::one(&field));
    let mut swapped = false;
    for byte in scalar.iter().rev() {
        for bit in (0..8).rev() {
            let set = byte >> bit & 1 == 1;
            if set != swapped {
                std::mem::swap(&mut x2, &mut x3);
                std::mem::swap(&mut z2, &mut z3);
            }
            swapped = set;
            let (sum, difference) = (x2 + z2, x2 - z2);
            let (aa, bb) = (sum.square(), difference.square());
            let e = aa - bb;
            let da = (x3 - z3) * sum;
            let cb = (x3 + z3) * difference;
            x3 = (da + cb).square();
            z3 = base * (da - cb).square();
            x2 = aa * bb;
            z2 = e * (aa + a24 * e);
        }
    }
    if swapped {
        std::mem::swap(&mut x2, &mut x3);
        std::mem::swap(&mut z2, &mut z3);
    }
    // u = 0 represents infinity, which a clamped scalar never reaches from the base point.
    let inverse = z2.invert_vartime().into_option().unwrap_or(z2);
    little_endian(&(x2 * inverse))
}

/// RFC 7748 5 and RFC 8032 5.2.5: clears the two lowest bits, sets bit 447.
fn clamp(scalar: &mut [u8; 56]) {
    let [first, .., last] = scalar;
    *first &= 0xfc;
    *last |= 0x80;
}

fn little_endian(element: &Element) -> Vec<u8> {
    element.retrieve().as_words().iter().flat_map(|word| word.to_le_bytes()).collect()
}
