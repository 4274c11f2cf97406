//! Ordinary secrets: every sample gives exactly the secrets that its maker put in, and `docs/secrets.md` is generated
//! from the table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::material::Kind;
use keyradius_corpus::{cases_dir, expect};
use keyradius_judgement::secrets::severity;
use keyradius_secrets::{AHEAD, BACK, Check, Format, JOINED, formats};

/// An engine that also looks for ordinary secrets.
static EVERYTHING: LazyLock<Engine<'static>> =
    LazyLock::new(|| Engine::new(keyradius_detectors::everything(), Limits::default()));

fn found(name: &str, bytes: &[u8]) -> Vec<(&'static str, &'static str)> {
    let harvest = EVERYTHING.bytes(name, bytes);
    let id = |rule: &str| formats().iter().map(|format| format.id).find(|id| *id == rule);
    let of =
        |o: keyradius_core::material::Occurrence| o.material.secret.and_then(|s| Some((id(&s.rule)?, s.verdict.id())));
    harvest.occurrences.into_iter().filter_map(of).collect()
}

#[test]
fn every_sample_gives_its_secrets_and_nothing_else() {
    let mut faults = Vec::new();
    let mut secrets = 0;
    for case in expect::load_all(&cases_dir()).expect("the cases load") {
        for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
            if case.expect.id != "secrets" {
                continue;
            }
            let wanted: Vec<(&str, &str)> = sample.secrets.iter().filter_map(|text| text.split_once(' ')).collect();
            secrets += wanted.len();
            let found = found(&sample.file, content);
            let same = found.len() == wanted.len()
                && wanted.iter().zip(&found).all(|(a, b)| a.0 == b.0 && (a.1 == b.1 || a.1 == "any"));
            if !same {
                faults.push(format!("{}: {found:?} and not {wanted:?}", sample.file));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(secrets > 30, "{secrets} secrets in the corpus");
}

/// Keys have priority: with ordinary secrets enabled, the same keys are found in every case.
#[test]
fn ordinary_secrets_hide_no_key() {
    let keys = |engine: &Engine<'_>, name: &str, bytes: &[u8]| {
        let harvest = engine.bytes(name, bytes);
        let of = |o: &keyradius_core::material::Occurrence| (o.material.kind != Kind::Secret).then_some(o.offset);
        harvest.occurrences.iter().filter_map(of).collect::<Vec<_>>()
    };
    for case in expect::load_all(&cases_dir()).expect("the cases load") {
        for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
            let without = keys(keyradius_detectors::engine(), &sample.file, content);
            let with = keys(&EVERYTHING, &sample.file, content);
            assert_eq!(without, with, "{}/{}", case.expect.id, sample.file);
        }
    }
}

fn render() -> String {
    let mut classes: BTreeMap<i32, Vec<&Format>> = BTreeMap::new();
    for format in formats() {
        classes.entry(-severity(format.class)).or_default().push(format);
    }
    let mut out = format!(
        "# Ordinary secrets\n\nGenerated from `detectors/secrets/data/secrets.toml` by `UPDATE_EXPECT=1 cargo test -p keyradius-corpus \
         secrets`.\n\nTokens and passwords that give access but sign nothing are reported separately, at the end of every \
         report: one line each, ranked among themselves, never above a key. `--only signing` does not search for them, which \
         saves the time. `keyradius explain ID` prints what each gives access to and what to do.\n\n\
         A secret is reported only if its whole format matches: the anchor, the shape, the boundary, and the issuer's \
         checksum, if there is one. Placeholders, examples from documentation, templates and test-mode keys are not reported. \
         keyradius does not test whether a secret still works, and never shows it. Copies are recognised by SHA-256 over a \
         domain and the secret if it has at least {JOINED} bits of entropy. Other secrets are identified by rule and path, \
         because a digest of a text chosen by a person could be guessed.\n\n\
         `--fail-on any` counts them from 2.0 on, `--fail-on 4.0` by severity; `signing` and the tiers do not. An access key \
         id without its secret next to it, an expired token, and a secret for a host of the local network are notes: 1.0.\n"
    );
    for (tenths, formats) in classes {
        let class = formats.first().map_or("", |format| format.class.id());
        let _ = write!(
            out,
            "\n## {class}: severity {}.{}\n\n| rule | secret | gives access to | checked | copies joined |\n|---|---|---|---|---|\n",
            -tenths / 10,
            -tenths % 10
        );
        for format in formats {
            let joined = if format.bits >= JOINED { "yes" } else { "no, by place" };
            let _ = writeln!(
                out,
                "| {} | [{}]({}) | {} | {} | {joined} |",
                format.id,
                format.title,
                link(format.source),
                format.unlocks,
                format.check.map_or("shape", Check::text),
            );
        }
    }
    let _ = write!(
        out,
        "\n{}",
        include_str!("secrets_rules.md").replace("{BACK}", &BACK.to_string()).replace("{AHEAD}", &AHEAD.to_string())
    );
    out
}

/// The first URL of a source; for an RFC, its page at the RFC editor.
fn link(source: &str) -> String {
    let first = source.split([' ', ',']).next().unwrap_or_default();
    match source.strip_prefix("RFC ") {
        Some(rest) => {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            format!("https://www.rfc-editor.org/rfc/rfc{number}")
        }
        None => first.to_owned(),
    }
}

#[test]
fn secrets_md_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs/secrets.md");
    let fresh = render();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).expect("written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let update = "UPDATE_EXPECT=1 cargo test -p keyradius-corpus secrets";
    assert!(written == fresh, "{} is stale: run {update}", path.display());
}
