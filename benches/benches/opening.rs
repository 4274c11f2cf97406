//! Cost of opening locked keystores: one trial of every scheme in nominal and in real nanoseconds, then a run over
//! 10,000 damaged keystores. Hardly any of these open: some are damaged in a part that does not matter, and equal
//! copies count once. Measures processor time, so that the machine may be in use.
//!
//!   cargo bench -p keyradius-benches --bench opening

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement, not a library"
)]

use std::time::Instant;

use keyradius_core::blob::Origin;
use keyradius_core::material::Occurrence;
use keyradius_core::seam::Candidate;
use keyradius_core::secret::Secret;
use keyradius_detectors::open::{Options, open_all};

/// Number of keystores in the second part.
const MANY: usize = 10_000;

/// One sample per scheme.
const SAMPLES: &[(&str, &str)] = &[
    ("jks", "rsa.jks"),
    ("jks", "rsa.jceks"),
    ("legacy_pem", "aes_256_cbc_rsa.pem"),
    ("legacy_pem", "des_ede3_cbc_rsa.pem"),
    ("putty", "v2_rsa2048_enc.ppk"),
    ("putty", "v3_rsa2048_enc.ppk"),
    ("openpgp", "v1_simple.gpg"),
    ("openpgp", "rsa2048_enc.gpg"),
    ("openssh", "ed25519_enc"),
    ("openssh", "rsa2048_3des_cbc"),
    ("encrypted_pkcs8", "iter_1_ec.der"),
    ("encrypted_pkcs8", "pbes1_md5_des_rsa.der"),
    ("encrypted_pkcs8", "pkcs12_3des_rsa.der"),
    ("encrypted_pkcs8", "pbes2_default_rsa.der"),
    ("encrypted_pkcs8", "prf_hmacwithsha512_ec.der"),
    ("encrypted_pkcs8", "prf_hmacwithmd5_ec.der"),
    ("encrypted_pkcs8", "iter_600000_ec.der"),
    ("encrypted_pkcs8", "scrypt_rsa.der"),
    ("pkcs12", "openssl_iter1.p12"),
    ("pkcs12", "openssl_legacy.p12"),
    ("pkcs12", "openssl_rsa.p12"),
    ("pkcs12", "openssl_sha512.p12"),
    ("pkcs12", "keytool_rsa.p12"),
    ("pkcs12", "keytool_legacy.p12"),
    ("pkcs12", "nss_rsa.p12"),
];

fn sample(family: &str, file: &str) -> Option<Vec<u8>> {
    let case = keyradius_corpus::expect::load(&keyradius_corpus::cases_dir().join(family)).unwrap();
    let at = case.expect.samples.iter().position(|sample| sample.file == file)?;
    Some(case.contents[at].clone())
}

/// Finds a locked key and damages it so that no password opens it, differently for each `number`.
fn spoiled(path: &str, bytes: &[u8], number: u32) -> Vec<Occurrence> {
    let mut occurrences = keyradius_detectors::engine().bytes(path, bytes).occurrences;
    for occurrence in &mut occurrences {
        if let Some(locked) = &occurrence.material.locked {
            let mut bytes = locked.bytes().unwrap().to_vec();
            // The damaged byte: in the modulus of a key without MAC; in the private section of OpenSSH. PuTTY files are
            // text, so a digit of the body is replaced by another digit.
            let at = match occurrence.material.format {
                "legacy_pem" => bytes.len() / 8,
                "encrypted_pkcs8" => bytes.len() / 3,
                "openssh" => bytes.len() * 7 / 10,
                _ => bytes.len() * 3 / 4,
            };
            if occurrence.material.format == "putty" {
                let digits = number.to_be_bytes().map(|byte| b'A' + byte % 16);
                bytes[at..at + 4].iter_mut().zip(digits).for_each(|(to, from)| {
                    if to.is_ascii_alphanumeric() {
                        *to = from;
                    }
                });
            } else {
                bytes[at..at + 4].iter_mut().zip((number + 1).to_be_bytes()).for_each(|(to, from)| *to ^= from);
            }
            occurrence.material.locked = Some(keyradius_core::material::Locked::new(&bytes));
        }
    }
    occurrences
}

fn candidate(path: String, word: String) -> Candidate {
    Candidate {
        secret: Secret::new(word.into_bytes()),
        origin: Origin::file(path),
        line: 1,
        field: "storePassword".to_owned(),
        about: Vec::new(),
    }
}

/// Processor time of this process, in nanoseconds; independent of other load on the machine.
fn on_processor() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn main() {
    println!("{:<46} {:>7} {:>14} {:>14} {:>6}", "one trial", "tried", "nominal ns", "real ns", "ratio");
    for (family, file) in SAMPLES {
        let Some(bytes) = sample(family, file) else {
            println!("{family}/{file}: not there");
            continue;
        };
        let mut occurrences = spoiled("d/k", &bytes, 7);
        let candidates = (0..50).map(|n| candidate("d/x.env".to_owned(), format!("wrong{n}"))).collect();
        let began = on_processor();
        let summary = open_all(&mut occurrences, candidates, &Options::default(), 1, &|| false);
        let real = on_processor() - began;
        if summary.opened > 0 {
            println!("{family}/{file}: opened despite the damage");
        }
        let trials = summary.tried.max(1);
        println!(
            "{:<46} {:>7} {:>14} {:>14} {:>6}",
            format!("{family}/{file}"),
            summary.tried,
            summary.cost / trials,
            real / trials,
            format!("{:.2}", real as f64 / summary.cost.max(1) as f64),
        );
    }
    let samples: Vec<(String, Vec<u8>)> =
        SAMPLES.iter().filter_map(|(family, file)| Some((format!("{family}-{file}"), sample(family, file)?))).collect();
    let mut occurrences = Vec::new();
    let mut candidates = Vec::new();
    for number in 0..MANY {
        let (name, bytes) = &samples[number % samples.len()];
        occurrences.extend(spoiled(&format!("d/{number}/{name}"), bytes, number as u32));
        for n in 0..5 {
            candidates.push(candidate(format!("d/{number}/key.properties"), format!("wrong{number}-{n}")));
        }
    }
    occurrences.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
    let (began, on) = (Instant::now(), on_processor());
    let summary = open_all(&mut occurrences, candidates.into_iter().collect(), &Options::default(), 1, &|| false);
    println!(
        "\n{} locked keystores, one thread: {:.1} s ({:.1} s on a processor), {} passwords tried, {:.1} nominal s, {} opened, {} gaps",
        summary.containers,
        began.elapsed().as_secs_f64(),
        (on_processor() - on) as f64 / 1e9,
        summary.tried,
        summary.cost as f64 / 1e9,
        summary.opened,
        summary.gave_up.len(),
    );
}
