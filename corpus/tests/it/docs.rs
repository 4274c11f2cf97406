//! `docs/detectors.md` is made from what the detectors say of themselves. `UPDATE_EXPECT=1 cargo test` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use detectors::{DETECTORS, UNWRAPPERS};
use scanner_core::seam::About;

fn render() -> String {
    let mut out = String::from(
        "# What keyradius detects\n\nMade from the `About` of every detector by `UPDATE_EXPECT=1 cargo test -p keyradius-corpus docs`; \
         `keyradius explain ID` prints the same.\n\n## Detectors\n\n",
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
    for about in DETECTORS.iter().map(|d| d.about()).chain(UNWRAPPERS.iter().map(|u| u.about())) {
        section(about);
    }
    let title = format!("### {}", UNWRAPPERS.first().map_or("", |u| u.about().id));
    let mut out = out.replace(&title, &format!("## Unwrappers\n\n{title}"));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[test]
fn detectors_md_is_what_the_detectors_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs/detectors.md");
    let fresh = render();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).expect("written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == fresh, "{} is stale: run UPDATE_EXPECT=1 cargo test -p keyradius-corpus docs", path.display());
}
