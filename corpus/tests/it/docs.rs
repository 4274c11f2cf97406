//! `docs/detectors.md` and `docs/weak-keys.md` are generated from the descriptions of detectors and checks.
//! `UPDATE_EXPECT=1 cargo test` regenerates them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use keyradius_core::seam::About;
use keyradius_detectors::{CONTAINERS, DETECTORS, UNWRAPPERS};
use keyradius_judgement::weak::CHECKS;

fn render() -> String {
    let mut out = String::from(
        "# What keyradius detects\n\nGenerated from the `About` of every detector by `UPDATE_EXPECT=1 cargo test -p keyradius-corpus docs`; \
         `keyradius explain ID` prints an entry.\n\n## Detectors\n\n",
    );
    let mut section = |about: &About| {
        let _ = write!(
            out,
            "### {}\n\n**{}**\n\n{}\n\n*Cannot see:* {}\n\n*What to do:* {}\n\n*Sources:* {}.\n\n",
            about.id,
            about.title,
            about.detects,
            about.blind_to,
            about.respond,
            about.references.join("; ")
        );
    };
    let formats = DETECTORS.iter().map(|d| d.about()).chain(UNWRAPPERS.iter().map(|u| u.about()));
    for about in formats.chain(CONTAINERS.iter().map(|c| c.about())) {
        section(about);
    }
    let heads = [
        ("Encodings of text", UNWRAPPERS.first().map_or("", |u| u.about().id)),
        ("Archives, images and compressed streams", CONTAINERS.first().map_or("", |c| c.about().id)),
    ];
    let mut out = heads
        .iter()
        .fold(out, |out, (title, id)| out.replace(&format!("### {id}\n"), &format!("## {title}\n\n### {id}\n")));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn render_weak() -> String {
    let mut out = String::from(
        "# What keyradius checks on every public key\n\n\
         Generated from `weak::CHECKS` by `UPDATE_EXPECT=1 cargo test -p keyradius-corpus docs`.\n\n\
         The checks need the public half alone, so they cover certificates and trust anchors as well as private keys. \
         *Severe*: broken, or breakable by an attacker with a budget. *Weak*: below what standards allow, or from a bad \
         generator. *Note*: worth knowing, but not a reason to replace a key. *Computable*: the private key can be computed \
         from the public key, or signatures can be made without it; for most checks immediately, for the others within a few \
         hundred core-years (RSA of 767 bits). `limits.md` lists what is not checked.\n\n| check | finds | cost per key | source |\n|---|---|---|---|\n",
    );
    for check in CHECKS {
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", check.id, check.finds, check.cost, check.source);
    }
    out
}

fn is_fresh(name: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs").join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, fresh).expect("written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == fresh, "{} is stale: run UPDATE_EXPECT=1 cargo test -p keyradius-corpus docs", path.display());
}

#[test]
fn detectors_md_is_what_the_detectors_say() {
    is_fresh("detectors.md", &render());
}

#[test]
fn weak_keys_md_is_what_the_checks_say() {
    is_fresh("weak-keys.md", &render_weak());
}
