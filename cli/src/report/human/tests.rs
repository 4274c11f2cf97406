//! Tests of the human report.

use std::time::Duration;

use super::*;
use crate::report::model::Summary;
use crate::report::samples;

fn page(look: Look) -> String {
    let mut bytes = Vec::new();
    render(&samples::report(), look, &mut bytes).expect("a page");
    String::from_utf8(bytes).expect("UTF-8")
}

fn plain() -> Look {
    Look { width: 100, ..Look::default() }
}

#[test]
fn a_key_is_one_block_of_labelled_lines() {
    let expected = r#"Signing keys

 9.1  T1, perhaps T0  code signing (proven)  RSA 4096 · not protected
  key   spki 1111111111111111 · SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        pgp 5555555555555555555555555555555555555555
  why   Its certificate CN=Acme Release allows code signing until 2027-01-01.
  do    Ask CN=Acme Root to revoke the certificate, then sign with a key in hardware.
  at    deploy.yaml:14!base64@0x40  pkcs8 DER, alias "release\x1b]0;x\x07"
        keys/01.pem:1               pkcs8 PEM
"#;
    let page = page(plain());
    assert!(page.starts_with(expected), "{page}");
    for line in [
        "        and 3 more (-v lists them)\n",
        "  since 2017-07-14, 3416 days · by Ann \\x1b[1m <ann@example.org> · in 1",
        "  cert  CN=Acme \\x1b[31mRelease\\xe2\\x80\\xae · 2024-01-01 to 2027-01-01 · issued by CN=Acme Root\n",
        "  id    kr1:0123456789abcdef · keyradius explain pkcs8 · keyradius explain code_signing\n",
        "\nOther keys\n\n 5.0  T4  purpose unknown  algorithm hidden · weakly encrypted (SHA-1, RC2-40, 2048 iterations)\n",
        "  key   known only by its ciphertext, 0909090909090909\n",
        "  at    old\\xff.p12  pkcs12 DER, in PKCS#12, opened with the storePassword at pass\\x1b[0m.txt:2\n",
        "  rule  HSM-REQUIRED: a file where hardware is required (certs/acme.pem:3)\n",
        "  used  build\\x1b[2J.bat:7 signtool signs with it (by its path)\n",
        "(v1, v2) · revoke as of 2017-07-14\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(!page.contains("proof"), "only -v shows the ledger");
}

#[test]
fn nothing_of_the_input_reaches_the_terminal_unescaped() {
    for verbose in [false, true] {
        let page = page(Look { verbose, public: true, skipped: true, ..plain() });
        assert!(!page.chars().any(|c| c != '\n' && keyradius_core::blob::is_deceptive(c)), "{page:?}");
    }
    let painted = page(Look { color: true, links: true, ..plain() });
    assert!(!painted.contains("\x1b[31mRelease"));
    assert!(painted.contains("\x1b]8;;file:///"));
}

#[test]
fn verbose_shows_everything() {
    let page = page(Look { verbose: true, public: true, skipped: true, ..plain() });
    for text in [
        "keys/11.pem:1",
        "added 2017-07-14 by Ann \\x1b[1m <ann@example.org> (",
        "), removed 2020-09-13 by Ann",
        "spki 1111111111111111111111111111111111111111111111111111111111111111",
        "  proof +100 for code signing: extended key usage codeSigning (certs/acme.pem:3)\n",
        "  maybe tls server (hint), 20 points\n",
        "  score +8.6 base of T1, +0.5 valid = 9.1\n",
        "\nAllowed\n",
        "allowed by keyradius.toml:4: a test key",
        "\nNot read\n  root.key: not permitted (denied)\n",
        "  10 rar files, not opened",
        "\nCertificates and public keys without a matching private key\n  certs/acme.pem:3  certificate CN=Acme",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn the_last_line_never_claims_more_than_was_read() {
    let took = Duration::from_millis(412);
    let empty = samples::empty();
    assert_eq!(summary(&empty, took), "no findings in the inputs read · 0 files, 0 bytes · 0.41 s");
    let mut report = samples::report();
    report.summary = Summary {
        signing_keys: 2,
        other_keys: 2,
        notes: 2,
        signing_notes: 1,
        places: 14,
        allowed: 3,
        unopened: 12,
        ..empty.summary
    };
    assert_eq!(
        summary(&report, took),
        "1 signing key, 1 other key, 2 notes (14 places), 3 allowed; 1 input could not be read (--show-skipped lists them) · \
         12 483 files, 1.2 GB · 5 blobs of history, 7.0 MB · 12 not opened (10 rar, 2 qcow2) · 0.41 s"
    );
    report.summary = Summary { unopened: 0, ..samples::empty().summary };
    report.scan.interrupted = true;
    assert_eq!(
        summary(&report, took),
        "no findings in the inputs read; 1 input could not be read (--show-skipped lists them) · 12 483 files, 1.2 GB · \
         5 blobs of history, 7.0 MB · interrupted · 0.41 s"
    );
}

#[test]
fn ordinary_secrets_come_last_one_line_each() {
    let page = page(plain());
    let expected = "\nOrdinary secrets\n 5.5  npm-token  ci\\x1b[2J.yml:7 and 1 more  checksum fits · revoke it · \
                    kr1:00000000000000bb\n 1.0  jwt        old.txt:3  expired · revoke it · kr1:00000000000000cc\n";
    assert!(page.ends_with(expected), "{page}");
}
