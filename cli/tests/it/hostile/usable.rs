//! Keys with a wrong number that still sign: keys that OpenSSL and Node sign with are found, under the public half that
//! verifies.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::workshop::{Workshop, base64};

/// The numbers of RSAPrivateKey in the order of RFC 8017 A.1.2, without the version.
const NAMES: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

fn run(folder: &Path, program: &str, args: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new(program).args(args).current_dir(folder).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn openssl(folder: &Path, args: &str) -> Vec<u8> {
    run(folder, "openssl", &args.split(' ').collect::<Vec<_>>()).unwrap_or_else(|| panic!("openssl {args}"))
}

/// Whether OpenSSL signs with a file, and the signature verifies with PUBLIC.
fn signs(folder: &Path, name: &str) -> bool {
    let options: &[&str] = match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("snk") => &["-inform", "MSBLOB"],
        Some("pvk") => &["-inform", "PVK", "-passin", "pass:"],
        _ => &[],
    };
    let read = run(folder, "openssl", &[&["pkey", "-in", name, "-out", "READ"], options].concat());
    let files = ["-rawin", "-in", "PUBLIC", "-out", "SIGNATURE"];
    let verify = "pkeyutl -verify -pubin -inkey PUBLIC -rawin -in PUBLIC -sigfile SIGNATURE";
    read.is_some()
        && run(folder, "openssl", &[&["pkeyutl", "-sign", "-inkey", "READ"][..], &files].concat()).is_some()
        && run(folder, "openssl", &verify.split(' ').collect::<Vec<_>>()).is_some()
}

/// The JWK files with which Node makes a signature that PUBLIC verifies. `None` without Node.
fn node_signs(folder: &Path, names: &[String]) -> Option<Vec<String>> {
    const SCRIPT: &str = "
        const crypto = require('crypto'), fs = require('fs');
        const message = Buffer.from('message'), open = fs.readFileSync('PUBLIC');
        for (const name of process.argv.slice(1)) try {
            const key = crypto.createPrivateKey({ key: JSON.parse(fs.readFileSync(name)), format: 'jwk' });
            const digest = key.asymmetricKeyType.startsWith('ed') ? null : 'sha256';
            if (crypto.verify(digest, message, open, crypto.sign(digest, message, key))) console.log(name);
        } catch (error) {}";
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let output = run(folder, "node", &[&["-e", SCRIPT, "--"], &names[..]].concat())?;
    Some(String::from_utf8(output).expect("names").lines().map(str::to_owned).collect())
}

/// The places of PUBLIC's key in a report.
fn found(shop: &Workshop, folder: &str) -> Vec<String> {
    openssl(shop.path(), "pkey -pubin -in PUBLIC -outform DER -out SPKI");
    let digest = String::from_utf8(openssl(shop.path(), "dgst -sha256 -r SPKI")).expect("hex");
    let report = shop.run(&["scan", "--format", "json", folder]).json();
    let all = report["findings"].as_array().expect("findings").iter();
    let own = all.filter(|finding| finding["key"].to_string().contains(&digest[..64]));
    let places = own.flat_map(|finding| finding["occurrences"].as_array().expect("occurrences"));
    let proven = places.map(|place| place["path"].as_str().expect("a path").to_owned());
    proven.collect()
}

fn base64url(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_").replace('=', "")
}

fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between)
}

/// A DER value.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = base64(der);
    let lines: Vec<&str> = (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The INTEGERs of a SEQUENCE, without the zero that keeps a number positive.
fn integers(der: &[u8]) -> Vec<Vec<u8>> {
    let (mut at, mut numbers) = (4, Vec::new());
    while at < der.len() {
        let long = usize::from(der[at + 1] & 0x7f);
        let (from, length) = match der[at + 1] {
            short @ 0..=0x7f => (at + 2, usize::from(short)),
            _ => (at + 2 + long, der[at + 2..at + 2 + long].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))),
        };
        numbers.push(der[from..from + length].iter().copied().skip_while(|byte| *byte == 0).collect());
        at = from + length;
    }
    numbers
}

/// The numbers of an RSA key of 1024 bits in every format that contains them.
fn rsa_files(numbers: &[Vec<u8>]) -> Vec<(&'static str, Vec<u8>)> {
    let [n, e, d, p, q, dp, dq, qi] = numbers else { panic!("eight numbers") };
    let padded = |number: &[u8], size: usize| [vec![0; size - number.len()], number.to_vec()].concat();
    let little = |number: &[u8], size: usize| padded(number, size).into_iter().rev().collect::<Vec<_>>();
    let word = |number: usize| (number as u32).to_le_bytes().to_vec();
    let positive = |number: &[u8]| der(2, &[&[0], number].concat()[usize::from(number[0] < 0x80)..]);
    let fields: Vec<u8> = [der(2, &[0])].into_iter().chain(numbers.iter().map(|n| positive(n))).flatten().collect();
    let halves: Vec<u8> = [p, q, dp, dq, qi].into_iter().flat_map(|number| little(number, 64)).collect();
    let head = [&[7, 2, 0, 0, 0, 0xa4, 0, 0][..], b"RSA2", &word(1024), &little(e, 4)].concat();
    let blob = [head, little(n, 128), halves, little(d, 128)].concat();
    let pvk = [0xb0b5_f11e, 0, 1, 0, 0, blob.len()].map(word).concat();
    let big: Vec<u8> = [p, q, dp, dq, qi].into_iter().flat_map(|number| padded(number, 64)).collect();
    let sizes = [1024, e.len(), 128, 64, 64].map(word).concat();
    let cng = [&b"RSA3"[..], &sizes, e, &padded(n, 128), &big, &padded(d, 128)].concat();
    let members: Vec<String> =
        NAMES.iter().zip(numbers).map(|(name, number)| format!("\"{name}\":\"{}\"", base64url(number))).collect();
    let element = |name: &str, number: &[u8]| format!("<{name}>{}</{name}>", base64(number));
    let xml: String = ["Modulus", "Exponent", "P", "Q", "DP", "DQ", "InverseQ", "D"]
        .iter()
        .zip([n, e, p, q, dp, dq, qi, d])
        .map(|(name, number)| element(name, number))
        .collect();
    let lines: String =
        ["Modulus", "PublicExponent", "PrivateExponent", "Prime1", "Prime2", "Exponent1", "Exponent2", "Coefficient"]
            .iter()
            .zip(numbers)
            .map(|(name, number)| format!("{name}: {}\n", base64(number)))
            .collect();
    let dump: String = ["modulus", "publicExponent", "privateExponent", "prime1", "prime2"]
        .iter()
        .zip(numbers)
        .map(|(name, number)| match *name {
            "publicExponent" => format!("{name}: 0 (0x{})\n", hex(number, "")),
            name => format!("{name}:\n    00:{}\n", hex(number, ":")),
        })
        .collect();
    let list: String =
        ["n", "e", "d", "p", "q"].iter().zip(numbers).map(|(name, n)| format!("({name} #00{}#)", hex(n, ""))).collect();
    vec![
        ("key.pem", pem("RSA PRIVATE KEY", &der(0x30, &fields)).into_bytes()),
        ("key.snk", blob.clone()),
        ("key.pvk", [pvk, blob].concat()),
        ("key.cng", cng),
        ("key.jwk", format!("{{\"kty\":\"RSA\",{}}}", members.join(",")).into_bytes()),
        ("key.xml", format!("<RSAKeyValue>{xml}</RSAKeyValue>").into_bytes()),
        ("Kexample.private", format!("Private-key-format: v1.3\nAlgorithm: 8 (RSASHA256)\n{lines}").into_bytes()),
        ("key.txt", format!("Private-Key: (1024 bit, 2 primes)\n{dump}").into_bytes()),
        ("key.key", format!("Key: (private-key (rsa {list}))\n").into_bytes()),
    ]
}

#[test]
fn an_rsa_key_with_a_wrong_number_is_found_as_what_it_signs_as() {
    let shop = Workshop::new("hostile-usable-rsa");
    if run(shop.path(), "openssl", &["version"]).is_none() {
        return super::skipped("no openssl: nobody says which keys sign");
    }
    openssl(shop.path(), "genrsa -out KEY 1024");
    openssl(shop.path(), "pkey -in KEY -pubout -out PUBLIC");
    let numbers = integers(&openssl(shop.path(), "rsa -in KEY -traditional -outform DER"))[1..].to_vec();
    let (mut jwks, mut missed) = (Vec::new(), Vec::new());
    for (at, name) in NAMES.iter().enumerate().skip(1) {
        let mut wrong = numbers.clone();
        *wrong[at].last_mut().expect("a byte") ^= 2;
        for (file, text) in rsa_files(&wrong) {
            shop.file(&format!("keys/{name}/{file}"), text);
        }
        jwks.push(format!("keys/{name}/key.jwk"));
    }
    let found = found(&shop, "keys");
    let by_node = node_signs(shop.path(), &jwks);
    for name in &NAMES[1..] {
        let file = |file: &str| format!("keys/{name}/{file}");
        // OpenSSL blinds with e, so a wrong e spoils its signatures. An attacker with d can sign without OpenSSL.
        if *name != "e" {
            for tool in ["key.pem", "key.snk", "key.pvk"] {
                assert!(signs(shop.path(), &file(tool)), "openssl does not sign: {tool} with a wrong {name}");
            }
            let by_node = by_node.as_ref().is_none_or(|signed| signed.contains(&file("key.jwk")));
            assert!(by_node, "node does not sign: key.jwk with a wrong {name}");
        }
        // The other formats contain the same numbers.
        missed.extend(rsa_files(&numbers).into_iter().map(|(name, _)| file(name)).filter(|file| !found.contains(file)));
    }
    if by_node.is_none() {
        super::skipped("no node: nobody says which JWK sign");
    }
    assert!(missed.is_empty(), "missed: {missed:#?}");
}

#[test]
fn a_key_of_one_number_is_found_as_what_it_signs_as() {
    let shop = Workshop::new("hostile-usable-curves");
    if run(shop.path(), "openssl", &["version"]).is_none() {
        return super::skipped("no openssl: nobody says which keys sign");
    }
    // The point of another, published key: RFC 7517 A.1, and RFC 8032 7.1 test 1.
    let (x, y) = ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    for (kind, algorithm) in [("ec", "EC -pkeyopt ec_paramgen_curve:P-256"), ("okp", "ed25519")] {
        openssl(shop.path(), &format!("genpkey -algorithm {algorithm} -out KEY"));
        openssl(shop.path(), "pkey -in KEY -pubout -out PUBLIC");
        let spki = openssl(shop.path(), "pkey -in KEY -pubout -outform DER");
        let private = openssl(shop.path(), "pkey -in KEY -outform DER");
        let zero = |bytes: &[u8]| base64url(&[&[0], bytes].concat());
        let files = if kind == "ec" {
            // SEC1 in PKCS#8: the scalar comes before the point.
            let at = private.windows(2).rposition(|two| two == [0x04, 0x20]).expect("a scalar") + 2;
            let (d, point) = (&private[at..at + 32], &spki[spki.len() - 64..]);
            let (own_x, own_y) = point.split_at(32);
            let jwk = |d: &str, rest: &str| format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"{d}\"{rest}}}");
            let both = |x: &str, y: &str| format!(",\"x\":\"{x}\",\"y\":\"{y}\"");
            let own = both(&base64url(own_x), &base64url(own_y));
            vec![
                ("foreign.jwk", jwk(&base64url(d), &both(x, y))),
                ("zero-d.jwk", jwk(&zero(d), &own)),
                ("zero-x.jwk", jwk(&base64url(d), &both(&zero(own_x), &base64url(own_y)))),
                ("escaped.jwk", jwk(&base64url(d), &own).replace("\"d\"", "\"\\u0064\"").replace("kty", "k\\u0074y")),
                ("missing.json", jwk(&base64url(d), "")),
            ]
        } else {
            let (d, own) = (&private[private.len() - 32..], base64url(&spki[spki.len() - 32..]));
            let jwk = |d: &str, x: &str| format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"{d}\"{x}}}");
            let with = |x: &str| format!(",\"x\":\"{x}\"");
            let first = format!("\\u{:04x}{}", base64url(d).as_bytes()[0], &base64url(d)[1..]);
            vec![
                ("foreign.jwk", jwk(&base64url(d), &with("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))),
                ("escaped.jwk", jwk(&base64url(d), &with(&own)).replace("\"d\"", "\"\\u0064\"")),
                ("escaped-kty.jwk", jwk(&base64url(d), &with(&own)).replace("kty", "\\u006b\\u0074\\u0079")),
                ("escaped-value.jwk", jwk(&first, &with(&own))),
                ("missing.json", jwk(&base64url(d), "")),
            ]
        };
        let path = |name: &str| format!("{kind}/{name}");
        for (name, text) in &files {
            shop.file(&path(name), text);
        }
        let names: Vec<String> = files.iter().map(|(name, _)| path(name)).collect();
        let found = found(&shop, kind);
        let missed: Vec<_> = names.iter().filter(|name| !found.contains(name)).collect();
        assert!(missed.is_empty(), "missed: {missed:?}");
        match node_signs(shop.path(), &names) {
            // Node requires the coordinates; other libraries do not read them.
            Some(signed) => {
                let refused = |name: &&String| !signed.contains(name) && !name.ends_with("missing.json");
                assert_eq!(names.iter().find(refused), None, "node does not sign with it");
            }
            None => super::skipped("no node: nobody says which JWK sign"),
        }
    }
}

/// The seed of an Ed25519 key with a given public half, in the formats that contain both.
fn seed_files(seed: &[u8], half: &[u8]) -> Vec<(&'static str, String)> {
    let both = [seed, half].concat();
    let minisign = [&b"Ed\0\0B2"[..], &[0; 48], &[5; 8], &both, &[9; 32]].concat();
    let signify = [&b"EdBK\0\0\0\0"[..], &[3; 16], &[0; 8], &[5; 8], &both].concat();
    let nix = base64(&both);
    let (seed, half) = (hex(seed, ""), hex(half, ""));
    let colons = |digits: &str| {
        digits.as_bytes().chunks(2).map(|two| String::from_utf8_lossy(two)).collect::<Vec<_>>().join(":")
    };
    vec![
        ("minisign.key", format!("untrusted comment: minisign secret key\n{}\n", base64(&minisign))),
        ("signify.sec", format!("untrusted comment: signify secret key\n{}\n", base64(&signify))),
        ("intoto.json", format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{half}","private":"{seed}"}}}}"#)),
        ("go-tuf.json", format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{half}","private":"{seed}{half}"}}}}"#)),
        ("cache-priv-key.pem", format!("cache.example.org-1:{nix}")),
        ("id.json", format!("{both:?}")),
        ("pay.ts", format!("const payer = Keypair.fromSecretKey(Uint8Array.from({both:?}));\n")),
        ("dump.txt", format!("ED25519 Private-Key:\npriv:\n    {}\npub:\n    {}\n", colons(&seed), colons(&half))),
        ("agent.key", format!("Key: (private-key (ecc (curve Ed25519)(flags eddsa)(q #40{half}#)(d #{seed}#)))\n")),
    ]
}

#[test]
fn a_seed_beside_a_foreign_public_half_is_found_as_what_it_signs_as() {
    let shop = Workshop::new("hostile-usable-seeds");
    if run(shop.path(), "openssl", &["version"]).is_none() {
        return super::skipped("no openssl: nobody says which keys sign");
    }
    openssl(shop.path(), "genpkey -algorithm ed25519 -out KEY");
    openssl(shop.path(), "pkey -in KEY -pubout -out PUBLIC");
    let private = openssl(shop.path(), "pkey -in KEY -outform DER");
    let seed = &private[private.len() - 32..];
    // The key of someone who extracts the seed from a file: RFC 8410 7.
    let alone = [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..], seed].concat();
    shop.file("SEED", pem("PRIVATE KEY", &alone));
    assert!(signs(shop.path(), "SEED"), "openssl does not sign with the seed alone");
    openssl(shop.path(), "genpkey -algorithm ed25519 -out OTHER");
    let other = openssl(shop.path(), "pkey -in OTHER -pubout -outform DER");
    let mut missed = Vec::new();
    for (folder, half) in [("foreign", &other[other.len() - 32..]), ("made-up", &[0x11; 32])] {
        let files = seed_files(seed, half);
        for (name, text) in &files {
            shop.file(&format!("{folder}/{name}"), text);
        }
        let found = found(&shop, folder);
        missed.extend(files.iter().map(|(name, _)| format!("{folder}/{name}")).filter(|path| !found.contains(path)));
    }
    assert!(missed.is_empty(), "missed: {missed:#?}");
}

#[test]
fn a_scalar_beside_a_point_that_is_on_no_curve_is_found_as_what_it_signs_as() {
    let shop = Workshop::new("hostile-usable-points");
    if run(shop.path(), "openssl", &["version"]).is_none() {
        return super::skipped("no openssl: nobody says which keys sign");
    }
    let mut missed = Vec::new();
    for (curve, oid, magic, name) in [
        ("P-256", &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7][..], b"ECS2", "prime256v1"),
        ("P-384", &[0x2b, 0x81, 4, 0, 0x22], b"ECS4", "secp384r1"),
    ] {
        openssl(shop.path(), &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out KEY"));
        openssl(shop.path(), "pkey -in KEY -pubout -out PUBLIC");
        let spki = openssl(shop.path(), "pkey -in KEY -pubout -outform DER");
        let private = openssl(shop.path(), "pkey -in KEY -outform DER");
        // SEC1 in PKCS#8: the scalar precedes the point, which follows the tags of its field and of a BIT STRING.
        let size = if curve == "P-256" { 32 } else { 48 };
        let head = [2, 1, 1, 4, size as u8];
        let at = private.windows(5).position(|five| five == head).expect("a scalar") + 5;
        let scalar = &private[at..at + size];
        let alone = [der(2, &[1]), der(4, scalar), der(0xa0, &der(6, oid))].concat();
        shop.file("SCALAR", pem("EC PRIVATE KEY", &der(0x30, &alone)));
        assert!(signs(shop.path(), "SCALAR"), "openssl does not sign with the scalar alone");
        // The coordinates swapped.
        let (x, y) = spki[spki.len() - 2 * size..].split_at(size);
        let (x, y) = (y, x);
        let point = hex(&[&[4], x, y].concat(), "");
        let colons = |bytes: &[u8]| hex(bytes, ":");
        let dump = format!(
            "Private-Key: (bit)\npriv:\n    {}\npub:\n    {}\n",
            colons(scalar),
            colons(&[&[4], x, y].concat())
        );
        let files = [
            ("dump.txt", format!("{dump}ASN1 OID: {name}\nNIST CURVE: {curve}\n").into_bytes()),
            ("unnamed.txt", dump.into_bytes()),
            (
                "certtool.txt",
                format!(
                    "\tKey Security Level: High\n\ncurve:\t{}\nprivate key:\n\t{}\n\nx:\n\t{}\n\ny:\n\t{}\n\n",
                    if curve == "P-256" { "SECP256R1" } else { "SECP384R1" },
                    colons(scalar),
                    colons(x),
                    colons(y)
                )
                .into_bytes(),
            ),
            ("key.cng", [&magic[..], &(size as u32).to_le_bytes(), x, y, scalar].concat()),
            (
                "agent.key",
                format!("Key: (private-key (ecc (curve \"NIST {curve}\")(q #{point}#)(d #{}#)))\n", hex(scalar, ""))
                    .into_bytes(),
            ),
        ];
        for (file, text) in &files {
            shop.file(&format!("{curve}/{file}"), text);
        }
        let found = found(&shop, curve);
        missed.extend(files.iter().map(|(file, _)| format!("{curve}/{file}")).filter(|path| !found.contains(path)));
    }
    assert!(missed.is_empty(), "missed: {missed:#?}");
}

/// A wrong number does not lower the severity of a key that still signs; only a key that cannot sign is rated lower.
#[test]
fn only_what_cannot_sign_is_played_down() {
    let shop = Workshop::new("hostile-usable-severity");
    if run(shop.path(), "openssl", &["version"]).is_none() {
        return super::skipped("no openssl: nobody makes the key");
    }
    openssl(shop.path(), "genrsa -out KEY 1024");
    let numbers = integers(&openssl(shop.path(), "rsa -in KEY -traditional -outform DER"))[1..].to_vec();
    for (changed, formats, remark, damaged) in [
        (&["d"][..], 9, "the private exponent does not fit", false),
        (&["p"], 9, "the primes do not fit the modulus", false),
        (&["d", "p"], 9, "only one prime divides the modulus", false),
        (&["d", "p", "q"], 9, "the numbers do not fit together", true),
    ] {
        let mut wrong = numbers.clone();
        for name in changed {
            let at = NAMES.iter().position(|other| other == name).expect("a name");
            *wrong[at].last_mut().expect("a byte") ^= 2;
        }
        let folder = format!("docs-{}", changed.join("-"));
        for (name, text) in rsa_files(&wrong) {
            shop.file(&format!("{folder}/{name}"), text);
        }
        let ran = shop.run(&["scan", "--format", "json", &folder]);
        let report = ran.json();
        let [finding] = report["findings"].as_array().expect("findings").as_slice() else {
            panic!("{folder}: {ran:?}")
        };
        let said: Vec<&Value> = finding["occurrences"].as_array().expect("occurrences").iter().collect();
        assert!(said.iter().all(|place| place["notes"].to_string().contains(remark)), "{folder}: {said:#?}");
        let told = finding["modifiers"].to_string().contains("damaged or made up");
        assert_eq!((said.len(), told, ran.code), (formats, damaged, Some(1)), "{folder}: {finding:#}");
    }
}
