//! The readers of files that use keys: the first byte chooses the name of the file, and so the reader and the language;
//! the rest is the text.

#![no_main]

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::seam::UsageHints;
use libfuzzer_sys::fuzz_target;

/// One name for each language, each kind of file, and each reader of its own.
const NAMES: &[&str] = &[
    "a.c", "a.cs", "a.ex", "a.go", "a.java", "a.kt", "a.php", "a.py", "a.rb", "a.rs", "a.js", "a.swift", "Makefile",
    "Jenkinsfile", "Dockerfile", "a.sh", "a.ps1", "a.bat", "a.properties", "a.yml", "a.json", "a.toml", "a.xml", "a.conf",
    "a.tf", "a.gradle", "a.bzl", "a.ldif", "a.plist", "a.iss", "a.bb", "a.md", "docker-compose.yml", "ipsec.secrets",
    "config/master.key", "openssl.cnf", "sdkconfig", ".gitlab-ci.yml", "settings.py", "opendkim/KeyTable",
];

fuzz_target!(|data: &[u8]| {
    let [which, text @ ..] = data else { return };
    let origin = Origin::file(NAMES[usize::from(*which) % NAMES.len()]);
    let mut hints = UsageHints::default();
    let Some(reader) = keyradius_detectors::keys().usage_hints else { return };
    reader.read(Blob::whole(text, &origin), &mut hints);
    for reference in &hints.references {
        assert!(reference.span.start <= reference.span.end && reference.span.end <= text.len(), "span outside the text");
    }
});
