//! A finding hides only a second reading of its own key: not a key in its attributes, comments or members, after its
//! end, or in its decrypted content.

use std::process::Command;

use crate::patience::run_to_its_end;
use crate::workshop::{Ran, Workshop, base64, key_der, key_pem};

/// A DER value.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let header = match content.len() {
        length @ 0..=0x7f => vec![tag, length as u8],
        length @ 0x80..=0xff => vec![tag, 0x81, length as u8],
        length => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&header[..], content].concat()
}

/// Key 1 in PKCS#8 with key 2 in an attribute (RFC 5958 2).
fn with_attribute() -> Vec<u8> {
    let value = tlv(0x31, &tlv(0x04, &key_der(2)));
    // 1.2.840.113549.1.9.99
    let oid = [0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x63, 0x01];
    let attribute = tlv(0x30, &[&oid[..], &value].concat());
    tlv(0x30, &[&key_der(1)[2..], &tlv(0xa0, &attribute)].concat())
}

fn armor(label: &str, body: &str) -> String {
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("digits")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Runs a tool that the test needs; reports a missing tool.
fn tool(shop: &Workshop, name: &str, args: &[&str]) -> Option<Vec<u8>> {
    match Command::new(name).args(args).current_dir(shop.path()).output() {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => panic!("{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            super::skipped(format_args!("{name} cannot be run: {error}"));
            None
        }
    }
}

/// SPKI digests of the findings.
fn keys(shop: &Workshop, args: &[&str]) -> Vec<String> {
    let args = [&["scan", "--format", "json", "--fail-on", "none", "--history", "none"][..], args].concat();
    let ran = shop.run(&args);
    let report = ran.json();
    let findings = report["findings"].as_array().into_iter().chain(report["allowed"].as_array()).flatten();
    findings.filter_map(|finding| finding["key"]["spki_sha256"].as_str().map(str::to_owned)).collect()
}

/// The digest of a key, from a scan of it alone.
fn name(number: u8) -> String {
    let shop = Workshop::new(&format!("covering_name_{number}_{:?}", std::thread::current().id()));
    shop.file("k", key_der(number));
    keys(&shop, &["k"]).pop().expect("a key")
}

#[test]
fn nothing_covers_another_key() {
    let shop = Workshop::new("covering");
    let (first, second) = (name(1), name(2));
    // The first key is a published one: this is no evidence about the second.
    shop.file("known.tsv", format!("class\tlabel\tsource\trole\tspki_sha256\npublic_test\tx\ty\t\t{first}\n"));
    let both = [key_der(1), key_der(2)].concat();
    let attribute = with_attribute();
    let hidden = base64(&key_der(2));
    let escaped = key_pem(2).replace('\n', "\\n");
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("attribute.der", attribute.clone()),
        ("attribute.pem", armor("PRIVATE KEY", &base64(&attribute)).into()),
        ("behind.pem", armor("PRIVATE KEY", &base64(&both)).into()),
        ("behind.der", both),
        ("padding.pem", key_pem(1).replace("\n-----END", &format!("==\n{hidden}\n-----END")).into()),
        ("header.pem", key_pem(1).replace("KEY-----\nM", &format!("KEY-----\nComment: {hidden}\n\nM")).into()),
        ("env", format!("KEY=\"{}\" # {hidden}\n", key_pem(1).replace('\n', "\\n")).into()),
        ("comments.pem", key_pem(1).replace("KEY-----\nM", &format!("KEY-----\n# {hidden}\nM")).into()),
        ("twice.b64", base64(armor("PRIVATE KEY", &base64(&attribute)).as_bytes()).into()),
        ("thrice.b64", base64(base64(armor("PRIVATE KEY", &base64(&attribute)).as_bytes()).as_bytes()).into()),
        ("attribute.hex", attribute.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")).into()),
        (
            "secret.yaml",
            format!("kind: Secret\ndata:\n  acme_token: \"acme_x {}\"\n", base64(escaped.as_bytes())).into(),
        ),
    ];
    shop.file("keyradius.toml", "[[secret]]\nid = 'acme'\nregex = 'acme_token(?s:.*)'\nanchors = ['acme_token']\n");
    for (file, content) in rows {
        shop.file(file, content);
        let found = keys(&shop, &["--known-keys", "known.tsv", file]);
        assert!(found.contains(&second), "{file}: {found:?}");
        assert_eq!(found.len(), if file == "secret.yaml" { 1 } else { 2 }, "{file}: each key once: {found:?}");
    }
}

#[test]
fn public_material_covers_no_key() {
    let shop = Workshop::new("covering_public");
    let second = name(2);
    shop.file("own.pem", key_pem(1));
    let extension: String = key_der(2).iter().map(|byte| format!(":{byte:02x}")).collect();
    let extension = format!("1.2.3.4.5=DER{extension}");
    let request = ["req", "-x509", "-key", "own.pem", "-subj", "/CN=a", "-outform", "DER"];
    let Some(plain) = tool(&shop, "openssl", &request) else { return };
    let Some(extended) = tool(&shop, "openssl", &[&request[..], &["-addext", &extension]].concat()) else { return };
    let Some(public) = tool(&shop, "openssl", &["pkey", "-in", "own.pem", "-pubout", "-outform", "DER"]) else {
        return;
    };
    let then = |public: &[u8], key: u8| base64(&[public, &key_der(key)].concat());
    let first = name(1);
    for (file, content, key) in [
        ("extension.der", extended.clone(), &second),
        ("extension.pem", armor("CERTIFICATE", &base64(&extended)).into(), &second),
        ("cert_then_key.pem", armor("CERTIFICATE", &then(&plain, 2)).into(), &second),
        ("spki_then_key.pem", armor("PUBLIC KEY", &then(&public, 2)).into(), &second),
        // The certificate's own private half is not a second reading of it.
        ("cert_then_own_key.pem", armor("CERTIFICATE", &then(&plain, 1)).into(), &first),
        ("spki_then_own_key.pem", armor("PUBLIC KEY", &then(&public, 1)).into(), &first),
        ("x5c.json", format!("{{\"keys\":[{{\"x5c\":[\"{}\"]}}]}}", base64(&extended)).into(), &second),
    ] {
        shop.file(file, content);
        assert_eq!(keys(&shop, &[file]), [key.as_str()], "{file}");
    }
}

#[test]
fn comments_of_real_tools_cover_no_key() {
    let shop = Workshop::new("covering_comments");
    let second = name(2);
    for (file, comment) in
        [("pem", key_pem(2)), ("base64", base64(&key_der(2))), ("escaped", key_pem(2).replace('\n', "\\n"))]
    {
        for (kind, password) in [("open", ""), ("locked", "changeit")] {
            let file = format!("{file}_{kind}");
            let args = ["-q", "-t", "ed25519", "-a", "1", "-N", password, "-C", &comment, "-f", &file];
            if tool(&shop, "ssh-keygen", &args).is_none() {
                return;
            }
            let found = keys(&shop, &[&file]);
            assert!(found.contains(&second) && found.len() == 2, "{file}: {found:?}");
        }
    }
}

#[test]
fn what_a_password_opens_covers_no_key() {
    let shop = Workshop::new("covering_opened");
    let (first, second) = (name(1), name(2));
    for (file, plain) in [
        ("attribute", with_attribute()),
        ("behind", [key_der(1), key_der(2)].concat()),
        ("text", { [key_der(1), key_pem(2).into_bytes()].concat() }),
    ] {
        shop.file("plain", plain);
        let enc = ["enc", "-aes-256-cbc", "-pbkdf2", "-iter", "1000", "-md", "sha256", "-S", "0011223344556677"];
        let pass = ["-pass", "pass:changeit", "-in", "plain"];
        let Some(told) = tool(&shop, "openssl", &[&enc[..], &pass, &["-P"]].concat()) else { return };
        let told = String::from_utf8(told).expect("text");
        let iv = told.lines().find_map(|line| line.strip_prefix("iv =")).expect("an IV").trim();
        let iv: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&iv[at * 2..at * 2 + 2], 16).expect("hex")).collect();
        let Some(sealed) = tool(&shop, "openssl", &[&enc[..], &pass].concat()) else { return };
        let sealed = sealed.strip_prefix(b"Salted__").map_or(&sealed[..], |rest| &rest[8..]);
        // EncryptedPrivateKeyInfo with PBES2 (RFC 8018 A.4): the key is the first 32 bytes of PBKDF2, so it is the same
        // as that of `enc`.
        let oid = |last: &[u8]| tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d][..], last].concat());
        let sha256 = tlv(0x30, &[oid(&[2, 9]), vec![5, 0]].concat());
        let salt = tlv(0x04, &[0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]);
        let kdf = tlv(0x30, &[salt, tlv(0x02, &[3, 0xe8]), sha256].concat());
        let aes = tlv(0x06, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2a]);
        let kdf = tlv(0x30, &[oid(&[1, 5, 12]), kdf].concat());
        let pbes2 = tlv(0x30, &[kdf, tlv(0x30, &[aes, tlv(0x04, &iv)].concat())].concat());
        let algorithm = tlv(0x30, &[oid(&[1, 5, 13]), pbes2].concat());
        shop.file(file, armor("ENCRYPTED PRIVATE KEY", &base64(&tlv(0x30, &[algorithm, tlv(0x04, sealed)].concat()))));
        let found = keys(&shop, &[file]);
        assert!(found.contains(&second), "{file}: {found:?}");
        assert!(found.contains(&first), "{file}: {found:?}");
    }
}

#[test]
fn a_public_half_of_another_key_hides_no_private_one() {
    let shop = Workshop::new("covering_halves");
    // The private number of the second key next to the public half of the first, as if disguised as a known or
    // published key: the second key signs. OpenSSL and OpenSSH write both, and a scan of the second alone gives its
    // digest.
    for curve in ["P-256", "P-384", "secp256k1"] {
        let option = format!("ec_paramgen_curve:{curve}");
        let make = || tool(&shop, "openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", &option, "-outform", "DER"]);
        let (Some(first), Some(second)) = (make(), make()) else { return };
        let point = 1 + 2 * if curve == "P-384" { 48 } else { 32 };
        let mixed = [&second[..second.len() - point], &first[first.len() - point..]].concat();
        shop.file("second.der", &second).file("mixed.der", mixed);
        let (alone, found) = (keys(&shop, &["second.der"]), keys(&shop, &["mixed.der"]));
        assert!(!alone.is_empty() && found == alone, "{curve}: {found:?}");
    }
    for name in ["first", "second"] {
        let Some(_) = tool(&shop, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name]) else {
            return;
        };
    }
    // base64 hides the bytes: the binary form of the file is scanned, as a PEM body would be.
    let blob = |name: &str| tool(&shop, "sh", &["-c", &format!("grep -v -- ---- {name} | base64 -d")]);
    let public = |name: &str| tool(&shop, "sh", &["-c", &format!("cut -d' ' -f2 {name}.pub | base64 -d | tail -c 32")]);
    let (Some(second), Some(first_public), Some(second_public)) = (blob("second"), public("first"), public("second"))
    else {
        return;
    };
    let mut mixed = second;
    while let Some(at) = mixed.windows(32).position(|window| window == second_public) {
        mixed[at..at + 32].copy_from_slice(&first_public);
    }
    shop.file("mixed", armor("OPENSSH PRIVATE KEY", &base64(&mixed)));
    assert_eq!(keys(&shop, &["mixed"]), keys(&shop, &["second"]));
}

#[test]
fn many_findings_and_deep_ones_stay_cheap() {
    let shop = Workshop::new("covering_many");
    // Every key contains the next one in an attribute.
    let mut nested = key_der(1);
    for number in 2..200 {
        let attribute = tlv(0xa0, &tlv(0x30, &[vec![0x06, 1, 0x2a], tlv(0x31, &tlv(0x04, &nested))].concat()));
        nested = tlv(0x30, &[&key_der(number)[2..], &attribute].concat());
    }
    shop.file("nested.der", nested);
    let mut command = shop.command(&["scan", "--format", "json", "--fail-on", "none", "nested.der"]);
    let ran = Ran::from(run_to_its_end(&mut command));
    let report = ran.json();
    assert_eq!(report["scan"]["complete"], false, "{ran:?}");
    assert!(report["findings"].as_array().is_some_and(|findings| findings.len() > 20), "{ran:?}");
    assert_eq!(report["coverage"]["gaps"][0]["reason"], "too_deep");
}
