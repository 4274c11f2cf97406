//! Public keys of Ed448 (RFC 8032 5.2) and X448 (RFC 7748 5): arithmetic modulo 2^448 - 2^224 - 1.
//!
//! Like `weierstrass`, this checks found keys: it is not constant-time, and it signs nothing.

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
/// Order of the base point of edwards448 (RFC 8032 5.2), big-endian.
const ORDER: [u8; 56] = [
    0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7c, 0xca, 0x23, 0xe9, 0xc4, 0x4e, 0xdb, 0x49, 0xae, 0xd6,
    0x36, 0x90, 0x21, 0x6c, 0xc2, 0x72, 0x8d, 0xc5, 0x8f, 0x55, 0x23, 0x78, 0xc2, 0x92, 0xab, 0x58, 0x44, 0xf3,
];
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
    encoded(&multiply(&base, scalar.as_slice(), &minus_d))
}

/// A scalar, little-endian and of any length, times a point.
fn multiply(base: &Point, scalar: &[u8], minus_d: &Element) -> Point {
    let one = Element::one(base.x.params());
    let mut sum = Point { x: Element::zero(base.x.params()), y: one, z: one };
    for byte in scalar.iter().rev() {
        for bit in (0..8).rev() {
            sum = double(&sum);
            if byte >> bit & 1 == 1 {
                sum = add(&sum, base, minus_d);
            }
        }
    }
    sum
}

/// The 57 octets of a point (RFC 8032 5.2.2).
fn encoded(point: &Point) -> Vec<u8> {
    // The formulas are complete and P is prime, so Z has an inverse.
    let inverse = point.z.invert_vartime().into_option().unwrap_or(point.z);
    let sign = u8::from((point.x * inverse).retrieve().is_odd().to_bool()) << 7;
    let mut octets = little_endian(&(point.y * inverse));
    octets.push(sign);
    octets
}

/// Reads a point (RFC 8032 5.2.3). `None` if the octets are not a point.
fn decoded(octets: &[u8; 57], field: &Field) -> Option<Point> {
    let [y @ .., sign] = octets;
    if sign & 0x7f != 0 {
        return None;
    }
    let y = U448::from_le_slice(y);
    if y >= *P.as_ref() {
        return None;
    }
    let one = Element::one(field);
    let y = Element::new(&y, field);
    // x² = (y² - 1) / (d y² - 1) = (1 - y²) / (1 + (-d) y²).
    let squared = y.square();
    let numerator = one - squared;
    let denominator = one + Element::new(&U448::from_u32(MINUS_D), field) * squared;
    let square = numerator * denominator.invert_vartime().into_option()?;
    // P = 3 mod 4: a root is the power (P + 1) / 4, and P + 1 = 2^448 - 2^224.
    let exponent = P.as_ref().shr_vartime(2).wrapping_add(&U448::ONE);
    let root = square.pow_vartime(&exponent);
    let odd = sign >> 7 == 1;
    if root.square().retrieve() != square.retrieve() || (odd && root.retrieve() == U448::ZERO) {
        return None;
    }
    let x = if root.retrieve().is_odd().to_bool() == odd { root } else { -root };
    Some(Point { x, y, z: one })
}

/// Whether an Ed448 signature with an empty context verifies (RFC 8032 5.2.7, without the factor 4).
pub fn ed448_verifies(public: &[u8; 57], message: &[u8], signature: &[u8; 114]) -> bool {
    let (commitment, scalar) = signature.split_at(57);
    let [scalar @ .., last] = scalar else { return false };
    if *last != 0 || scalar.iter().rev().ge(ORDER.iter()) {
        return false;
    }
    let mut shake = Shake256::default();
    // dom4(0, ""), RFC 8032 2.
    shake.update(b"SigEd448\0\0");
    shake.update(commitment);
    shake.update(public);
    shake.update(message);
    let mut challenge = [0_u8; 114];
    shake.finalize_xof().read(&mut challenge);

    let field = Field::new_vartime(P);
    let Some(key) = decoded(public, &field) else { return false };
    let minus_d = Element::new(&U448::from_u32(MINUS_D), &field);
    let base = Point { x: Element::new(&BASE_X, &field), y: Element::new(&BASE_Y, &field), z: Element::one(&field) };
    let negative = Point { x: -key.x, y: key.y, z: key.z };
    let sum = add(&multiply(&base, scalar, &minus_d), &multiply(&negative, &challenge, &minus_d), &minus_d);
    encoded(&sum) == commitment
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
