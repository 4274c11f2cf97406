//! The elliptic curves keyradius knows by name, and curves written out in full.
//!
//! Both are short Weierstrass curves over a prime field; curves over fields of characteristic two are not read: they
//! are seen (`by_oid` does not know them, [`Explicit::read`] refuses them) but nothing is computed on them.

mod table;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use scanner_core::error::Malformed;

use super::ber::{INTEGER, OCTET_STRING, OID, SEQUENCE, Value};
use super::weierstrass::{Base, Numbers};

/// id-fieldType prime-field, X9.62 (RFC 3279 2.3.5).
const OID_PRIME_FIELD: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01];
/// characteristic-two-field, 1.2.840.10045.1.2.
const OID_BINARY_FIELD: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x02];

/// A short Weierstrass curve over a prime field. Numbers are big-endian magnitudes.
#[derive(Debug)]
pub(crate) struct Curve {
    /// As OpenSSL prints it (`openssl ecparam -list_curves`), NIST name where there is one: `P-256`.
    pub(crate) name: &'static str,
    /// RFC 7518 6.2.1.1 / RFC 8812 name.
    pub(crate) jose: Option<&'static str>,
    /// RFC 5656 10.1 identifier: `nistp256`.
    pub(crate) ssh: Option<&'static str>,
    /// Content octets of the OID.
    pub(crate) oid: &'static [u8],
    /// Field size in bits.
    pub(crate) bits: u32,
    p: &'static [u8],
    a: &'static [u8],
    b: &'static [u8],
    x: &'static [u8],
    y: &'static [u8],
    n: &'static [u8],
}

/// Largest scalar, of either sign, that is tried for a public point.
const SMALL_SCALAR: u32 = 1000;

/// Keys on one curve that are computed with nothing known beforehand. What [`Base`] works out is as expensive as some fifty.
const FIRST_KEYS: u32 = 64;

/// What is worked out of the generator of each curve of the table once there are many keys on it.
static BASES: [(AtomicU32, OnceLock<Option<Base>>); table::CURVES.len()] =
    [const { (AtomicU32::new(0), OnceLock::new()) }; table::CURVES.len()];

/// Every curve of the table.
pub(crate) fn all() -> &'static [Curve] {
    table::CURVES
}

/// The curve with this name of the table.
pub(crate) fn by_name(name: &str) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.name == name)
}

/// The curve with one of the names that libgcrypt, OpenSSL and GnuTLS give it, or its OID in dots where libgcrypt writes that.
pub(crate) fn by_any_name(name: &[u8]) -> Option<&'static Curve> {
    let name = match str::from_utf8(name).ok()? {
        "nistp192" | "prime192v1" | "secp192r1" | "SECP192R1" | "1.2.840.10045.3.1.1" => "P-192",
        "nistp224" | "secp224r1" | "SECP224R1" | "1.3.132.0.33" => "P-224",
        "nistp256" | "prime256v1" | "secp256r1" | "SECP256R1" | "1.2.840.10045.3.1.7" => "P-256",
        "nistp384" | "secp384r1" | "SECP384R1" | "1.3.132.0.34" => "P-384",
        "nistp521" | "secp521r1" | "SECP521R1" | "1.3.132.0.35" => "P-521",
        "1.3.132.0.10" => "secp256k1",
        "sm2p256v1" => "SM2",
        other => other.strip_prefix("NIST ").unwrap_or(other),
    };
    by_name(name)
}

/// The curve with this OID.
pub(crate) fn by_oid(oid: &[u8]) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.oid == oid)
}

/// The curve with this RFC 5656 identifier.
pub(crate) fn by_ssh(identifier: &[u8]) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.ssh.is_some_and(|name| name.as_bytes() == identifier))
}

/// The curve with this RFC 7518 name.
pub(crate) fn by_jose(name: &[u8]) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.jose.is_some_and(|own| own.as_bytes() == name))
}

impl Curve {
    const fn numbers(&self) -> Numbers<'static> {
        Numbers { p: self.p, a: self.a, b: self.b, n: self.n }
    }

    fn generator(&self) -> Vec<u8> {
        [&[0x04], self.x, self.y].concat()
    }

    /// The point in uncompressed form (04 x y), whatever form it came in; `None` if it is not on the curve.
    pub(crate) fn decompress(&self, point: &[u8]) -> Option<Vec<u8>> {
        self.numbers().uncompressed(point)
    }

    /// The public point of a private scalar, uncompressed; `None` if the scalar is not in 1..n.
    pub(crate) fn public_point(&self, scalar: &[u8]) -> Option<Vec<u8>> {
        match self.base() {
            Some(base) => base.multiply(&self.numbers(), scalar),
            None => self.numbers().multiply(&self.generator(), scalar),
        }
    }

    /// What is known of the generator; `None` for the first keys on a curve.
    fn base(&self) -> Option<&'static Base> {
        let place = table::CURVES.iter().position(|curve| curve.oid == self.oid)?;
        let (keys, base) = BASES.get(place)?;
        if base.get().is_none() && keys.fetch_add(1, Ordering::Relaxed) < FIRST_KEYS {
            return None;
        }
        base.get_or_init(|| self.work_out()).as_ref()
    }

    fn work_out(&self) -> Option<Base> {
        /// By how much the slow search may go beyond its limit: whether it was made must not be seen.
        const BEYOND: u32 = 64;
        let ones = repeated(self.n);
        let tried = tried(&ones).map(|(scalar, limit, _)| (scalar, limit + BEYOND));
        Base::new(&self.numbers(), &self.generator(), &tried)
    }

    /// The scalar of a point (04 x y) of the curve, if it is one that anybody would try.
    pub(crate) fn guess(&self, point: &[u8]) -> Option<Guess> {
        // What may be one of them is compared.
        if self.base().is_some_and(|base| !base.may_be_tried(point)) {
            return None;
        }
        self.written_out(&mut Vec::new()).guess(point)
    }

    /// The same curve as if it had been written out; `base` is where its generator is put.
    pub(crate) fn written_out<'a>(&self, base: &'a mut Vec<u8>) -> Explicit<'a> {
        *base = self.generator();
        Explicit { p: self.p, a: self.a, b: self.b, base, n: self.n }
    }
}

/// A private scalar that anybody would try first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// Up to 1000, or that much below the order of the group.
    Small,
    /// One byte repeated.
    Repeated,
}

/// Scalars and how many of their multiples are tried. `ones` is [`repeated`].
const fn tried(ones: &[u8]) -> [(&[u8], u32, Guess); 2] {
    [(&[1], SMALL_SCALAR, Guess::Small), (ones, u8::MAX as u32, Guess::Repeated)]
}

/// The byte 1 over the length of the order: times b, the byte b repeated.
fn repeated(order: &[u8]) -> Vec<u8> {
    vec![1; strip(order).len()]
}

/// A prime-field curve written out (X9.62 ECParameters): big-endian magnitudes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explicit<'a> {
    pub(crate) p: &'a [u8],
    pub(crate) a: &'a [u8],
    pub(crate) b: &'a [u8],
    /// The base point in any of its forms.
    base: &'a [u8],
    /// Its order.
    pub(crate) n: &'a [u8],
}

impl<'a> Explicit<'a> {
    /// Reads ECParameters (X9.62, RFC 3279 2.3.5); characteristic-two fields are refused.
    pub(crate) fn read(parameters: Value<'a>) -> Result<Self, Malformed> {
        if parameters.tag != SEQUENCE {
            return Err(Malformed::new("ECParameters", 0));
        }
        let mut fields = parameters.children();
        // 1 and 2 differ in what the seed means, 3 adds a hash at the end (SEC 1 C.2).
        if !matches!(fields.value(INTEGER, "ECParameters version")?.small(), Some(1..=3)) {
            return Err(Malformed::new("ECParameters version", 0));
        }
        let mut field = fields.value(SEQUENCE, "ECParameters fieldID")?.children();
        if field.value(OID, "field type")?.content != OID_PRIME_FIELD {
            return Err(Malformed::new("prime field", fields.at()));
        }
        let p = field.value(INTEGER, "field prime")?.unsigned();
        let mut curve = fields.value(SEQUENCE, "ECParameters curve")?.children();
        let a = curve.value(OCTET_STRING, "curve a")?.content;
        let b = curve.value(OCTET_STRING, "curve b")?.content;
        let base = fields.value(OCTET_STRING, "base point")?.content;
        let n = fields.value(INTEGER, "base point order")?.unsigned();
        if !matches!(base.first(), Some(2..=4 | 6 | 7)) || p.is_empty() || n.is_empty() {
            return Err(Malformed::new("ECParameters numbers", fields.at()));
        }
        Ok(Self { p, a, b, base, n })
    }

    /// The size in bits of a field of characteristic two that ECParameters name (X9.62, RFC 3279 2.3.5). Nothing is computed in
    /// such fields; a key on one is a key.
    pub(crate) fn binary_field(parameters: Value<'_>) -> Result<u32, Malformed> {
        let mut fields = parameters.children();
        fields.value(INTEGER, "ECParameters version")?;
        let mut field = fields.value(SEQUENCE, "ECParameters fieldID")?.children();
        if field.value(OID, "field type")?.content != OID_BINARY_FIELD {
            return Err(Malformed::new("binary field", fields.at()));
        }
        let size = field.value(SEQUENCE, "Characteristic-two")?.children().value(INTEGER, "field size")?.small();
        fields.value(SEQUENCE, "ECParameters curve")?;
        fields.value(OCTET_STRING, "base point")?;
        size.filter(|size| (1..=4096).contains(size)).map(|size| size as u32).ok_or(Malformed::new("field size", 0))
    }

    const fn numbers(&self) -> Numbers<'a> {
        Numbers { p: self.p, a: self.a, b: self.b, n: self.n }
    }

    /// The named curve with the same numbers, generator included: another generator would be another curve
    /// (CVE-2020-0601). The cofactor follows from the rest and is not compared.
    pub(crate) fn same_as(&self) -> Option<&'static Curve> {
        self.same_but_for_base()
            .filter(|curve| curve.decompress(self.base).is_some_and(|base| base == curve.generator()))
    }

    /// The named curve with the same numbers, whatever its generator.
    pub(crate) fn same_but_for_base(&self) -> Option<&'static Curve> {
        table::CURVES.iter().find(|curve| {
            [(self.p, curve.p), (self.a, curve.a), (self.b, curve.b), (self.n, curve.n)]
                .into_iter()
                .all(|(own, named)| strip(own) == strip(named))
        })
    }

    /// The point as 04 x y; `None` if it is not on the curve.
    pub(crate) fn uncompressed(&self, point: &[u8]) -> Option<Vec<u8>> {
        self.numbers().uncompressed(point)
    }

    /// The scalar of a point (04 x y) of the curve, if it is one that anybody would try.
    pub(crate) fn guess(&self, point: &[u8]) -> Option<Guess> {
        let ones = repeated(self.n);
        tried(&ones)
            .into_iter()
            .find_map(|(scalar, limit, guess)| self.is_multiple(scalar, limit, point).then_some(guess))
    }

    /// Whether the point is k or -k times `scalar` times the base point, for some k from 1 to `limit`, or a few more.
    fn is_multiple(&self, scalar: &[u8], limit: u32, point: &[u8]) -> bool {
        self.public_point(scalar).is_some_and(|base| self.numbers().is_small_multiple(&base, limit, point))
    }

    /// The public point of a private scalar, uncompressed.
    pub(crate) fn public_point(&self, scalar: &[u8]) -> Option<Vec<u8>> {
        let base = self.numbers().uncompressed(self.base)?;
        self.numbers().multiply(&base, scalar)
    }
}

fn strip(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&b| b == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::ber::{self, Reader};
    use super::super::text::hex;
    use super::table::CURVES;
    use super::*;

    /// A scalar below n: 1, 2, 3 ... of the order's length, or one byte shorter where that would be too large.
    fn scalar(curve: &Curve) -> Vec<u8> {
        let full: Vec<u8> = (1..=curve.n.len() as u8).collect();
        if full.as_slice() < curve.n { full } else { full[..full.len() - 1].to_vec() }
    }

    fn minus_one(number: &[u8]) -> Vec<u8> {
        let mut less = number.to_vec();
        *less.last_mut().unwrap() -= 1;
        less
    }

    #[test]
    fn public_points_are_those_of_openssl() {
        // `openssl ec -pubout -conv_form compressed` (3.0.19) on SEC1 keys made of `scalar`.
        for (name, point) in [
            ("secp112r1", "028cef67222957476c337755361847"),
            ("secp112r2", "02707d97e7e927babb8c0049ca6228"),
            ("secp128r1", "02e43a1baba22adfce13070ebe8b41f7ed"),
            ("secp128r2", "03e2994910150b84e03db9902e624920bc"),
            ("secp160k1", "03e7df639d369b4ab3d7692fb39b1c5dbbb0541d31"),
            ("secp160r1", "02c00e0a9b5c4d0011f4c1974b1a9934d3c88c3d55"),
            ("secp160r2", "038a0905a27383723aaa83c533a294a536cac1d912"),
            ("secp192k1", "024f66169b52c55aaef02abf5d5ab1be9228fb139fe7449b2f"),
            ("P-192", "039c35bcc7634b6d6c76b11a898e83eac59b888b1a1371fed0"),
            ("prime192v2", "03aa4c59a67ddf2924b8e4e195ac7cc69f5518bbf7a9cd6305"),
            ("prime192v3", "02774eca853c6985911dfd46857f135662f65f55ff5f962916"),
            ("secp224k1", "03d5a80b38f666c504380969227ac0a719e44edf12d90bea6ba4f6573e"),
            ("P-224", "03627b7c0b3a2fb7a478ac5670e9973194a5fda0bc0791b07506a73ddd"),
            ("prime239v1", "023ff878b9687e8ee3a4277738df3a8b9d46f1884352f0f84d62fb94bda7e4"),
            ("prime239v2", "025e68fd45ba723db8dd0ad7edbf64810a4969bf12d480452b8c158c4fffbd"),
            ("prime239v3", "0315e12ed32dae90aa91056ff5e2d3a31fd12d9b38358ead522106a81df425"),
            ("secp256k1", "0284bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b0"),
            ("P-256", "02515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f"),
            (
                "P-384",
                "03c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d2c9ab4cf01021c49ad9cabb3d0b97499aef2f0ab313fa028",
            ),
            (
                "P-521",
                "02000366c8c3b22dfb87d0922163cd4b53cd43a24a29f79292fa4ef1288d69ed139a7fc0552120ea1bdb4f88ca0da4eb91de9b077018d5885dbff0e91a66639a9b72a5",
            ),
            ("brainpoolP160r1", "02cc389503519a09b4c09924564027fc64c51b15d4"),
            ("brainpoolP160t1", "0208eb21c28fdb1bb2bc4e7a78096f2c192b9d2854"),
            ("brainpoolP192r1", "0371cbabf359727b74662972f7276521a9639638614e4bdb75"),
            ("brainpoolP192t1", "020a8aa4452552082c817a4a5e5cc13c3004fe16b6a2521d3c"),
            ("brainpoolP224r1", "03bf58b7c63f0dfc2d99e1b26cb59ba682b38729547a017c2b5751adbd"),
            ("brainpoolP224t1", "0295c869cead0fe0a6b42a5f1751a090a5c4ec9b550ce9f1826ae44ffa"),
            ("brainpoolP256r1", "034e366cf3c8a982e423831d6715e722acf03cab8452e3c64d1e3b038caf87fc48"),
            ("brainpoolP256t1", "035015cb98df400b4eff249b3e389436253b555c2622e5288331981bc309f5768f"),
            ("brainpoolP320r1", "0376ae3ad8e5f493791115df5918de27c402c17f2b50b3464c35099a1015df3daf212ffa0fdb2042d6"),
            ("brainpoolP320t1", "0257da4c47f38f0b119be86b47223ebcb119e362936aadf626ba87ba78ab5b07070d40ef157a4da765"),
            (
                "brainpoolP384r1",
                "0278083585d7bc642b9899c0547604dac754db56d69ba822c40d79ba4a33e61d6486869b012305179fd4b2cac97e66cffa",
            ),
            (
                "brainpoolP384t1",
                "035e119196f964eb0d46c23cca3a6a02175891e83a95a86970be07189faec12b454ff60823d8ebc881084db556b5f85a5c",
            ),
            (
                "brainpoolP512r1",
                "021e1195c011872592277227075a078e9f8d562c5e3facf5c4c0f07f884c8552cfe99dba89fcc30bcfb82645176c34e5a1604db7de6e4c8daed9aaefe137e2a7e9",
            ),
            (
                "brainpoolP512t1",
                "0317dd1189aa8f45da6a2715edb11990dbd946d652c2ba8115052504a191c09cb26ccd46c366dd0d8f3f3d1782132838a81008cde64828fee3447c7f5a60e65224",
            ),
            ("SM2", "0346d1086f6e5c938447f05280db707c279a7b459c38f19e4d9a30ad2dadf9f28a"),
        ] {
            let curve = CURVES.iter().find(|curve| curve.name == name).unwrap();
            let public = curve.public_point(&scalar(curve)).unwrap();
            let (x, y) = public[1..].split_at(public.len() / 2);
            let form = 2 + (y.last().unwrap() & 1);
            assert_eq!(hex(&[&[form], x].concat()), point, "{name}");
            let compressed = [&[form], x].concat();
            let hybrid = [&[form + 4], x, y].concat();
            for same in [&compressed, &hybrid, &public] {
                assert_eq!(curve.decompress(same).as_ref(), Some(&public), "{name}");
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_a_curve() {
        for curve in CURVES {
            let name = curve.name;
            let generator = curve.generator();
            assert_eq!(curve.bits, super::super::public::bits(curve.p), "{name}");
            assert_eq!(curve.decompress(&generator).as_ref(), Some(&generator), "{name}: generator off the curve");
            assert_eq!(curve.public_point(&[0, 0, 1]).as_ref(), Some(&generator), "{name}");
            // (n - 1) G = -G, so n G is the point at infinity.
            let last = curve.public_point(&minus_one(curve.n)).unwrap();
            let (x, y) = generator[1..].split_at(generator.len() / 2);
            let odd = y.last().unwrap() & 1;
            assert_eq!(curve.decompress(&[&[3 - odd], x].concat()), Some(last), "{name}: order of the generator");
            for refused in [&[][..], &[0], curve.n, &[0xff; 200]] {
                assert_eq!(curve.public_point(refused), None, "{name}: scalar out of range");
            }
            assert_eq!(by_oid(curve.oid).map(|found| found.name), Some(name), "OID twice in the table");
        }
    }

    #[test]
    fn what_is_worked_out_beforehand_gives_the_same() {
        for curve in CURVES {
            let (name, base, numbers) = (curve.name, curve.work_out().unwrap(), curve.numbers());
            let slow = |scalar: &[u8]| numbers.multiply(&curve.generator(), scalar);
            let any = scalar(curve);
            let ones = repeated(curve.n);
            let sevens = vec![7; ones.len()];
            for scalar in [&any[..], &[1], &[0, 0, 2], &[1, 0], &[3, 0xe8], &ones, &minus_one(curve.n)] {
                assert_eq!(base.multiply(&numbers, scalar), slow(scalar), "{name} {}", hex(scalar));
            }
            for refused in [&[][..], &[0], curve.n, &[0xff; 200]] {
                assert_eq!(base.multiply(&numbers, refused), None, "{name}: scalar out of range");
            }
            for (scalar, guess) in
                [(&[3, 0xe8][..], Some(Guess::Small)), (&minus_one(curve.n), Some(Guess::Small)), (&any, None)]
            {
                let point = slow(scalar).unwrap();
                assert_eq!(base.may_be_tried(&point), guess.is_some(), "{name} {}", hex(scalar));
                assert_eq!(curve.guess(&point), guess, "{name} {}", hex(scalar));
            }
            if let Some(point) = slow(&sevens) {
                assert!(base.may_be_tried(&point), "{name}");
                assert_eq!(curve.guess(&point), Some(Guess::Repeated), "{name}");
            }
        }
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        let curve = by_ssh(b"nistp256").unwrap();
        let good = curve.generator();
        let mut moved = good.clone();
        *moved.last_mut().unwrap() ^= 1;
        let wrong_sign = [&[6 | (good.last().unwrap() & 1 ^ 1)], &good[1..]].concat();
        let beyond_p = [&[4], &[0xff; 64][..]].concat();
        let no_root = [&[2], &[0; 31][..], &[1]].concat();
        let cases = [&[][..], &[0], &[4], &good[..64], &moved, &wrong_sign, &beyond_p, &good[..33], &no_root, &[9; 65]];
        for (case, point) in cases.into_iter().enumerate() {
            assert_eq!(curve.decompress(point), None, "case {case}");
        }
        // P-224 has p = 1 mod 2^96: the long way to a root, and here there is none.
        let curve = CURVES.iter().find(|curve| curve.name == "P-224").unwrap();
        assert_eq!(curve.decompress(&[&[2], &[0; 27][..], &[0]].concat()), None);
    }

    fn parameters(curve: &Curve, base: &[u8]) -> Vec<u8> {
        let field = [ber::encode(OID, &[OID_PRIME_FIELD]), ber::encode_unsigned(curve.p)].concat();
        let coefficients = [
            ber::encode(OCTET_STRING, &[curve.a]),
            ber::encode(OCTET_STRING, &[curve.b]),
            ber::encode(3, &[&[0, 7, 7]]),
        ];
        ber::encode(
            SEQUENCE,
            &[
                &ber::encode_unsigned(&[1]),
                &ber::encode(SEQUENCE, &[&field]),
                &ber::encode(SEQUENCE, &[&coefficients.concat()]),
                &ber::encode(OCTET_STRING, &[base]),
                &ber::encode_unsigned(curve.n),
                &ber::encode_unsigned(&[1]),
            ],
        )
    }

    #[test]
    fn a_curve_written_out_is_recognised() {
        for curve in CURVES {
            let generator = curve.generator();
            let (x, y) = generator[1..].split_at(generator.len() / 2);
            let compressed = [&[2 + (y.last().unwrap() & 1)], x].concat();
            for base in [&generator, &compressed] {
                let der = parameters(curve, base);
                let explicit = Explicit::read(Reader::new(&der).any().unwrap()).unwrap();
                assert_eq!(explicit.same_as().map(|same| same.name), Some(curve.name));
                assert_eq!(explicit.public_point(&[7]), curve.public_point(&[7]), "{}", curve.name);
            }
            let other = curve.public_point(&[2]).unwrap();
            let der = parameters(curve, &other);
            let explicit = Explicit::read(Reader::new(&der).any().unwrap()).unwrap();
            assert!(explicit.same_as().is_none(), "another generator is another curve");
        }
    }

    #[test]
    fn hostile_parameters_are_refused_in_time() {
        let p256 = by_ssh(b"nistp256").unwrap();
        let huge = [0xff; 128];
        let too_large = [0xff; 129];
        // 1 + 2^1000: p - 1 holds a long run of twos, the worst case for Tonelli and Shanks.
        let mut fermat = [0; 126];
        fermat[0] = 1;
        fermat[125] = 1;
        let even = [0xfe; 32];
        for p in [&[][..], &[0], &[1], &[2], &[3], &[5], &[9], &even, &fermat, &huge, &too_large] {
            for base in [[&[4], &[3; 256][..]].concat(), [&[2], &[3; 128][..]].concat(), vec![2, 1], vec![4, 1, 1]] {
                for n in [p, &[1], p256.n, &too_large] {
                    let curve = Explicit { p, a: &[3], b: &[1], base: &base, n };
                    assert!(curve.same_as().is_none());
                    let start = std::time::Instant::now();
                    let _ = curve.public_point(&minus_one(&[&[1], &n[n.len().min(1)..]].concat()));
                    assert!(start.elapsed().as_secs() < 60);
                }
            }
        }
    }

    #[test]
    fn what_is_no_prime_field_is_refused() {
        // SEQ { 1, SEQ { characteristic-two-field } }
        let der = ber::encode(
            SEQUENCE,
            &[
                &ber::encode_unsigned(&[1]),
                &ber::encode(SEQUENCE, &[&ber::encode(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 2]])]),
            ],
        );
        for bytes in [&der[..], &[0x30, 0], &[0x04, 0], &[0x30, 3, 2, 1, 9]] {
            assert!(Explicit::read(Reader::new(bytes).any().unwrap()).is_err());
        }
    }
}
