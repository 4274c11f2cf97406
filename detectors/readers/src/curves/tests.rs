//! Tests of `curves`.

use super::super::ber::{self, BerReader};
use super::table::CURVES;
use super::*;
use keyradius_core::hex::hex;

/// A scalar below n: 1, 2, 3 ... with the length of the order, or one byte shorter if that would be too large.
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
fn public_points_match_openssl() {
    // `openssl ec -pubout -conv_form compressed` (3.0.19) on SEC1 keys of `scalar`.
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
        ("P-384", "03c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d2c9ab4cf01021c49ad9cabb3d0b97499aef2f0ab313fa028"),
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
        assert_eq!(curve.bits, super::super::number::bits(curve.p), "{name}");
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
        assert_eq!(by_oid(curve.oid).map(|found| found.name), Some(name), "duplicate OID in the table");
    }
}

#[test]
fn precomputed_values_give_the_same_results() {
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
    // P-224 has p = 1 mod 2^96: the long way to a root, and here no root exists.
    let curve = CURVES.iter().find(|curve| curve.name == "P-224").unwrap();
    assert_eq!(curve.decompress(&[&[2], &[0; 27][..], &[0]].concat()), None);
}

fn parameters(curve: &Curve, base: &[u8]) -> Vec<u8> {
    let field = [ber::encode(OID, &[OID_PRIME_FIELD]), ber::encode_unsigned(curve.p)].concat();
    let coefficients =
        [ber::encode(OCTET_STRING, &[curve.a]), ber::encode(OCTET_STRING, &[curve.b]), ber::encode(3, &[&[0, 7, 7]])];
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
fn explicit_parameters_are_recognised() {
    for curve in CURVES {
        let generator = curve.generator();
        let (x, y) = generator[1..].split_at(generator.len() / 2);
        let compressed = [&[2 + (y.last().unwrap() & 1)], x].concat();
        for base in [&generator, &compressed] {
            let der = parameters(curve, base);
            let explicit = Explicit::read(BerReader::new(&der).any().unwrap()).unwrap();
            assert_eq!(explicit.same_as().map(|same| same.name), Some(curve.name));
            assert_eq!(explicit.public_point(&[7]), curve.public_point(&[7]), "{}", curve.name);
        }
        let other = curve.public_point(&[2]).unwrap();
        let der = parameters(curve, &other);
        let explicit = Explicit::read(BerReader::new(&der).any().unwrap()).unwrap();
        assert!(explicit.same_as().is_none(), "another generator is another curve");
    }
}

#[test]
fn hostile_parameters_terminate() {
    let p256 = by_ssh(b"nistp256").unwrap();
    let huge = [0xff; 128];
    let too_large = [0xff; 129];
    // 1 + 2^1000: p - 1 is divisible by a high power of two, the worst case of Tonelli-Shanks.
    let mut fermat = [0; 126];
    fermat[0] = 1;
    fermat[125] = 1;
    let even = [0xfe; 32];
    for p in [&[][..], &[0], &[1], &[2], &[3], &[5], &[9], &even, &fermat, &huge, &too_large] {
        for base in [[&[4], &[3; 256][..]].concat(), [&[2], &[3; 128][..]].concat(), vec![2, 1], vec![4, 1, 1]] {
            for n in [p, &[1], p256.n, &too_large] {
                let curve = Explicit { p, a: &[3], b: &[1], base: &base, n };
                assert!(curve.same_as().is_none());
                let _ = curve.public_point(&minus_one(&[&[1], &n[n.len().min(1)..]].concat()));
            }
        }
    }
}

#[test]
fn other_fields_are_refused() {
    // SEQ { 1, SEQ { characteristic-two-field } }
    let der = ber::encode(
        SEQUENCE,
        &[
            &ber::encode_unsigned(&[1]),
            &ber::encode(SEQUENCE, &[&ber::encode(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 2]])]),
        ],
    );
    for bytes in [&der[..], &[0x30, 0], &[0x04, 0], &[0x30, 3, 2, 1, 9]] {
        assert!(Explicit::read(BerReader::new(bytes).any().unwrap()).is_err());
    }
}
