//! Tests of every format with a secret made for the test, and of texts that only look like secrets.

use std::sync::LazyLock;

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::material::{Identity, Kind, Occurrence, SecretClass, Verdict};
use keyradius_core::seam::Knowledge;

use super::sums::{base36, base62, crc32, marvin32};
use super::*;

/// Digits that look random but are the same on every call.
fn random(alphabet: &str, length: usize) -> String {
    let alphabet = alphabet.as_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(alphabet[(state >> 33) as usize % alphabet.len()])
    };
    (0..length).map(next).collect()
}

const AN: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static ENGINE: LazyLock<Engine<'static>> = LazyLock::new(|| {
    let knowledge = Knowledge { detectors: vec![&Secrets], ..Knowledge::default() };
    Engine::new(knowledge, Limits::default())
});

fn found(text: &str) -> Vec<Occurrence> {
    let harvest = ENGINE.bytes("a.env", text.as_bytes());
    harvest.occurrences.into_iter().filter(|o| o.material.kind == Kind::Secret).collect()
}

fn rules(text: &str) -> Vec<(&'static str, Verdict)> {
    let id = |rule: &str| formats().iter().map(|format| format.id).find(|id| *id == rule);
    let of = |o: Occurrence| o.material.secret.and_then(|s| Some((id(&s.rule)?, s.verdict)));
    found(text).into_iter().filter_map(of).collect()
}

fn crc62(prefix: &str) -> String {
    let body = random(AN, 30);
    let sum = base62::<6>(crc32(body.as_bytes()));
    format!("{prefix}{body}{}", String::from_utf8_lossy(&sum))
}

fn b64(bytes: &[u8]) -> String {
    let text = keyradius_readers::text::base64(bytes);
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

/// A key as `openvpn --genkey secret` writes it.
fn openvpn(line: &str) -> String {
    let digits = random(HEX, 512);
    let lines: Vec<&str> = (0..16).filter_map(|n| digits.get(32 * n..32 * n + 32)).collect();
    let label = "OpenVPN Static key V1";
    format!("-----BEGIN {label}-----{line}{}{line}-----END {label}-----", lines.join(line))
}

fn azure(sign: &str, length: usize, seed: [u8; 8]) -> String {
    let digits = length.div_ceil(3) * 4;
    let padding = digits - (length * 8).div_ceil(6);
    // Six digits of checksum before the padding, four of signature before the checksum.
    let mut text = random(AN, digits - padding - 10) + sign + "AAAAAA" + &"=".repeat(padding);
    let mut bytes = sums::base64(text.as_bytes()).expect("base64").to_vec();
    let sum = marvin32(&bytes[..length - 4], u64::from_be_bytes(seed));
    bytes[length - 4..].copy_from_slice(&sum.to_le_bytes());
    text = b64(&bytes);
    assert!(text.contains(sign), "the signature survives");
    text
}

fn jwt(claims: &str) -> String {
    let part = |text: &str| keyradius_readers::text::base64url(text.as_bytes());
    format!("{}.{}.{}", part("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"), part(claims), random(AN, 86))
}

/// A valid secret for every format.
fn samples() -> Vec<(&'static str, String, Verdict)> {
    use Verdict::{Checksum, Decodes, Shape};
    let routable = format!("glpat-{}.01.{}", random(AN, 40), "1a");
    let routable_sum = String::from_utf8_lossy(&base36::<7>(crc32(routable.as_bytes()))).into_owned();
    let macaroon = |place: &str| {
        let mut bytes = vec![2, 1, place.len() as u8];
        bytes.extend_from_slice(place.as_bytes());
        bytes.extend_from_slice(&[2, 36]);
        bytes.extend_from_slice(random(HEX, 36).as_bytes());
        bytes.extend_from_slice(&[0, 0, 6, 32]);
        bytes.extend_from_slice(random(AN, 32).as_bytes());
        format!("pypi-{}", keyradius_readers::text::base64url(&bytes))
    };
    let grafana = format!("glsa_{}", random(AN, 32));
    let grafana_sum = keyradius_core::hex::hex(&crc32(grafana.as_bytes()).to_le_bytes());
    let jfrog = b64(format!("reftkn:01:1234567890:{}", random(AN, 27)).as_bytes());
    let nuget = format!("oy2b{}q{}ud{}{}y", random("abcdef0123", 15), random("xyz789", 11), "c", random("mnop456", 11));
    vec![
        ("github-token", crc62("ghp_"), Checksum),
        ("github-token", format!("ghs_{}", random(AN, 80)), Shape),
        ("github-fine-grained-token", format!("github_pat_{}_{}", random(AN, 22), random(AN, 59)), Shape),
        ("gitlab-token", format!("glpat-{}", random(AN, 20)), Shape),
        ("gitlab-token", format!("glrt-t1_{}", random(AN, 20)), Shape),
        ("gitlab-routable-token", format!("{routable}{routable_sum}"), Checksum),
        ("gitlab-trigger-token", format!("glptt-{}", random(HEX, 40)), Shape),
        ("gitlab-agent-token", format!("glagent-{}", random(AN, 50)), Shape),
        ("atlassian-token", format!("ATATT3xFfGF0{}=1A2B3C4D", random(AN, 170)), Shape),
        ("npm-token", crc62("npm_"), Checksum),
        ("pypi-token", macaroon("pypi.org"), Decodes),
        ("pypi-token", macaroon("test.pypi.org"), Decodes),
        ("crates-io-token", format!("token = \"cio{}\"", random(AN, 32)), Shape),
        ("crates-io-token", format!("CARGO_REGISTRY_TOKEN=cio{}", random(AN, 32)), Shape),
        ("rubygems-key", format!("rubygems_{}", random(HEX, 48)), Shape),
        ("nuget-key", format!("NUGET_API_KEY: {nuget}"), Shape),
        ("clojars-token", format!("CLOJARS_{}", random("0123456789abcdef", 60)), Shape),
        ("docker-hub-token", format!("dckr_pat_{}", random(AN, 27)), Shape),
        ("jfrog-key", format!("AKCp{}", random(AN, 69)), Shape),
        ("jfrog-reference-token", jfrog, Decodes),
        ("hugging-face-token", format!("HF_TOKEN=hf_{}", random("ABCDEFGHabcdefghXYZxyz", 34)), Shape),
        ("aws-access-key", format!("AKIA{}", random("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)), Decodes),
        ("aws-secret-key", format!("aws_secret_access_key = {}", random(AN, 40)), Shape),
        (
            "aws-bedrock-key",
            format!("ABSK{}", b64(format!("BedrockAPIKey-abcd-at-1234:{}", random(AN, 64)).as_bytes())),
            Decodes,
        ),
        ("google-api-key", format!("AIza{}", random(AN, 35)), Shape),
        ("google-oauth-secret", format!("GOCSPX-{}", random(AN, 28)), Shape),
        ("azure-storage-key", azure("+ASt", 64, *b"Default0"), Checksum),
        ("azure-account-key", format!("AccountKey={}", azure("ACDb", 64, *b"MastRO00")), Checksum),
        ("azure-account-key", format!("AccountKey={}==", random(AN, 86)), Shape),
        ("azure-shared-access-key", format!("SharedAccessKey={}", azure("+AEh", 32, *b"Send0000")), Checksum),
        ("microsoft-annotated-key", format!("{}JQQJ99BA{}A{}", random(AN, 52), random(AN, 16), random(AN, 7)), Decodes),
        ("digitalocean-token", format!("dop_v1_{}", random(HEX, 64)), Shape),
        ("heroku-key", format!("HRKU-AA{}", random(AN, 58)), Shape),
        ("fly-token", format!("fm2_{}", random(AN, 200)), Shape),
        ("netlify-token", format!("nfp_{}", random(AN, 36)), Shape),
        ("cloudflare-origin-ca-key", format!("v1.0-{}-{}", random(HEX, 24), random(HEX, 146)), Shape),
        ("databricks-token", format!("dapi{}", random(HEX, 32)), Shape),
        ("supabase-token", format!("sbp_{}", random(HEX, 40)), Shape),
        ("supabase-secret-key", format!("sb_secret_{}", random(AN, 31)), Shape),
        ("vault-token", format!("hvs.{}", random(AN, 95)), Shape),
        ("terraform-cloud-token", format!("{}.atlasv1.{}", random(AN, 14), random(AN, 67)), Shape),
        ("pulumi-token", format!("pul-{}", random(HEX, 40)), Shape),
        ("doppler-token", format!("dp.pt.{}", random(AN, 43)), Shape),
        ("onepassword-service-token", format!("ops_eyJ{}", random(AN, 300)), Shape),
        ("tailscale-key", format!("tskey-auth-{}-{}", random(AN, 12), random(AN, 32)), Shape),
        ("slack-token", format!("xoxb-{}-{}-{}", 482_913_700_561_u64, 739_105_826_447_u64, random(AN, 24)), Shape),
        ("slack-app-token", format!("xapp-1-A0{}-{}-{}", random(UPPER, 9), 4_067_391_284_u64, random(HEX, 64)), Shape),
        ("slack-rotating-token", format!("xoxe.xoxp-1-{}", random(AN, 150)), Shape),
        (
            "slack-webhook",
            format!("https://hooks.slack.com/services/T{}/B{}/{}", random(UPPER, 9), random(UPPER, 9), random(AN, 24)),
            Shape,
        ),
        (
            "discord-webhook",
            format!("https://discord.com/api/webhooks/{}/{}", 1_029_384_756_102_938_475_u64, random(AN, 68)),
            Shape,
        ),
        ("telegram-bot-token", format!("5839201746:AAF{}", random(AN, 32)), Shape),
        ("stripe-key", format!("sk_live_{}", random(AN, 24)), Shape),
        ("stripe-webhook-secret", format!("whsec_{}", random(AN, 32)), Shape),
        ("square-token", format!("sq0atp-{}", random(AN, 22)), Shape),
        ("shopify-token", format!("shpat_{}", random(HEX, 32)), Shape),
        ("sendgrid-key", format!("KEY=SG.{}.{}", random(AN, 22), random(AN, 43)), Shape),
        ("brevo-key", format!("xkeysib-{}-{}", random(HEX, 64), random(AN, 16)), Shape),
        ("twilio-auth-token", format!("TWILIO_AUTH_TOKEN='{}'", random(HEX, 32)), Shape),
        ("sentry-token", format!("sntryu_{}", random(HEX, 64)), Shape),
        ("new-relic-key", format!("NRAK-{}", random(UPPER, 27)), Shape),
        ("grafana-service-token", format!("{grafana}_{grafana_sum}"), Checksum),
        (
            "grafana-cloud-token",
            format!("glc_{}", b64(format!("{{\"o\":\"1\",\"n\":\"x\",\"k\":\"{}\"}}", random(AN, 24)).as_bytes())),
            Decodes,
        ),
        ("dynatrace-token", format!("dt0c01.{}.{}", random(UPPER, 24), random(UPPER, 64)), Shape),
        ("circleci-token", format!("CCIPAT_{}_{}", random(AN, 22), random(HEX, 40)), Shape),
        ("postman-key", format!("PMAK-{}-{}", random(HEX, 24), random(HEX, 34)), Shape),
        ("notion-token", format!("ntn_{}{}", 12_983_746_501_u64, random(AN, 35)), Shape),
        ("figma-token", format!("figd_{}", random(AN, 40)), Shape),
        ("openai-key", format!("sk-{}T3BlbkFJ{}", random(AN, 20), random(AN, 20)), Shape),
        ("openai-key", format!("sk-proj-{}T3BlbkFJ{}", random(AN, 74), random(AN, 74)), Shape),
        ("anthropic-key", format!("sk-ant-api03-{}AA", random(AN, 93)), Shape),
        ("groq-key", format!("gsk_{}", random(AN, 52)), Shape),
        ("openrouter-key", format!("sk-or-v1-{}", random(HEX, 64)), Shape),
        ("openvpn-static-key", openvpn("\n"), Shape),
        ("openvpn-static-key", openvpn("\\n"), Shape),
        ("jwt", jwt("{\"iss\":\"https://id.acme.test\",\"exp\":1700000000}"), Decodes),
        ("database-url", "postgresql://app:tr0ub4dor-Q@db1.acme.test:5432/x".to_owned(), Shape),
        ("database-url", "mongodb+srv://app:tr0ub4dor-Q@cluster0.acme.test/x".to_owned(), Shape),
    ]
}

#[test]
fn every_format_is_found_in_its_surroundings() {
    for (rule, secret, verdict) in samples() {
        for text in [
            secret.clone(),
            format!("X={secret}\n"),
            format!("x: \"{secret}\",\n"),
            format!("{{\"a\":\"line\\n{secret}\\nline\"}}"),
            format!("curl -H 'Authorization: Bearer {secret}' "),
        ] {
            assert_eq!(rules(&text), [(rule, verdict)], "{rule} in {} bytes", text.len());
        }
    }
}

#[test]
fn every_format_has_a_sample() {
    let samples = samples();
    for format in formats() {
        assert!(samples.iter().any(|(rule, ..)| *rule == format.id), "{}", format.id);
    }
}

#[test]
fn a_secret_inside_a_word_is_not_reported() {
    for (rule, secret, _) in samples() {
        // Inside a longer word a secret is part of that word.
        let within: Vec<_> = rules(&format!("abc{secret}")).into_iter().filter(|(other, _)| *other == rule).collect();
        let word = secret.as_bytes()[0].is_ascii_alphanumeric();
        let loose = formats().iter().any(|format| format.id == rule && format.loose);
        assert!(within.is_empty() || !word || loose, "{rule} inside a word");
    }
}

#[test]
fn a_wrong_checksum_is_not_reported() {
    for (rule, secret, verdict) in samples() {
        if verdict != Verdict::Checksum {
            continue;
        }
        // Replace a digit in the middle of the random part.
        let mut bytes = secret.into_bytes();
        let at = bytes.len() / 2;
        bytes[at] = if bytes[at] == b'k' { b'm' } else { b'k' };
        let wrong = String::from_utf8(bytes).expect("text");
        assert_eq!(rules(&wrong), [], "{rule}");
    }
}

#[test]
fn checksums_match_public_vectors() {
    let (npm, github) = (
        ["npm_", "qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakP"].concat(),
        ["ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"].concat(),
    );
    assert_eq!(rules(&npm), [("npm-token", Verdict::Checksum)]);
    assert_eq!(rules(&github), [("github-token", Verdict::Checksum)]);
}

#[test]
fn lookalikes_are_not_reported() {
    let masked = |prefix: &str, n: usize| format!("{prefix}{}", "x".repeat(n));
    for text in [
        masked("ghp_", 36),
        masked("glpat-", 20),
        format!("AKIAIOSFODNN7{}", "EXAMPLE"),
        format!("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY{}", "EXAMPLEKEY"),
        "aws_secret_access_key = 5c24c2ee9e8b2d3f4a5b6c7d8e9f0a1b2c3d4e5f".to_owned(),
        format!("sk_test_{}", random(AN, 24)),
        "GITHUB_TOKEN=${ghp_token}".to_owned(),
        format!("postgres://user:{}@localhost/db", "${DB_PASSWORD}"),
        "postgres://postgres:postgres@db:5432/app".to_owned(),
        "mysql://user:password@host/db".to_owned(),
        "redis://:{password}@{host}:6379".to_owned(),
        "postgres://app:hunter22x@example.com/db".to_owned(),
        "amqp://guest:guest@rabbit:5672".to_owned(),
        jwt("{\"sub\":\"1234567890\",\"name\":\"x\"}"),
        jwt("not json"),
        "npm_config_registry=https://registry.npmjs.org/ npm_lifecycle_event".to_owned(),
        format!("110201543:{}", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
        format!(
            "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/{}",
            "K1SZFPTOtr/KBHBeksoGMGw=="
        ),
    ] {
        assert_eq!(rules(&text), [], "{text}");
    }
}

#[test]
fn copies_join_and_passwords_do_not() {
    let digest = |text: &str| match found(text).remove(0).material.identity {
        Some(Identity::Opaque(digest)) => Some(digest),
        _ => None,
    };
    let token = crc62("ghp_");
    assert!(digest(&token).is_some());
    assert_eq!(digest(&token), digest(&format!("export T={token} # the same")));
    assert_ne!(digest(&token), digest(&format!("glpat-{}", random(AN, 20))));
    assert_eq!(digest("postgres://app:tr0ub4dor-Q@db1.acme.test/x"), None);
}

#[test]
fn the_class_of_an_access_key_depends_on_its_secret() {
    let id = format!("AKIA{}", random("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16));
    let alone = found(&id).remove(0).material;
    assert_eq!(alone.secret.as_ref().map(|s| s.class), Some(SecretClass::Note));
    let both = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {}\n", random(AN, 40));
    let pair = found(&both);
    assert_eq!(pair.len(), 1, "reported once");
    assert_eq!(pair[0].material.secret.as_ref().map(|s| s.class), Some(SecretClass::Account));
    assert_ne!(pair[0].material.identity, alone.identity);
    // A known id of an access key, and the account that it encodes.
    let known = ["AKIAQYLPMN5H", "HHFPZAM2"].concat();
    let labels = found(&known).remove(0).material.labels;
    assert_eq!(labels.iter().map(|l| (l.kind, l.text.as_str())).collect::<Vec<_>>(), [("account", "052310077262")]);
}

#[test]
fn claims_of_a_token_are_reported() {
    let token =
        found(&jwt("{\"iss\":\"https://id.acme.test\",\"aud\":[\"sigstore\"],\"exp\":1700000000}")).remove(0).material;
    let secret = token.secret.expect("a secret");
    assert_eq!((secret.class, secret.expires), (SecretClass::Publish, Some(1_700_000_000)));
    let labels: Vec<_> = token.labels.iter().map(|l| (l.kind, l.text.as_str())).collect();
    assert_eq!(labels, [("algorithm", "RS256"), ("issuer", "https://id.acme.test"), ("audience", "sigstore")]);
}

#[test]
fn no_secret_in_the_output() {
    for (rule, secret, _) in samples() {
        let told = format!("{:?}", found(&secret));
        let body = &secret[secret.len() - 12..];
        assert!(!told.contains(body), "{rule}");
    }
}

#[test]
fn checks_do_not_panic_on_damaged_secrets() {
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for (rule, secret, _) in samples() {
        for _ in 0..40 {
            let mut bytes = secret.clone().into_bytes();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                match next(3) {
                    0 => bytes[at] = next(256) as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, b"=.-_/+\"{}"[next(9)]),
                }
            }
            let harvest = ENGINE.bytes("a", &bytes);
            assert!(harvest.gaps.is_empty(), "{rule}: {:?}", harvest.gaps);
        }
    }
}
