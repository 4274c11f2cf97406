//! A working directory, generated keys, and the binary.
//!
//! This repository contains no key: an Ed25519 key is any 32 bytes after a fixed header (RFC 8410 7), so the tests make
//! their own, and assemble its armor from parts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Keeps notes about keyradius' own repository, which may be above the directories of the tests, out of their output.
pub(crate) const CEILING: (&str, &str) = ("GIT_CEILING_DIRECTORIES", env!("CARGO_TARGET_TMPDIR"));

/// A temporary directory that looks like the root of a repository.
pub(crate) struct Workshop(PathBuf);

impl Workshop {
    /// An empty directory for the test of this name.
    pub(crate) fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join(".git")).expect("a directory");
        Self(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// The binary, in this directory, in a neutral environment.
    pub(crate) fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyradius"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null()).env(CEILING.0, CEILING.1);
        for variable in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "SOURCE_DATE_EPOCH"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the binary.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("the binary runs"))
    }
}

impl Drop for Workshop {
    /// A passing test removes its keys; a failing one keeps everything for inspection.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// An Ed25519 key in PKCS#8 (RFC 8410 7), DER.
pub(crate) fn key_der(number: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend((0..32u8).map(|n| n.wrapping_mul(73) ^ number.wrapping_mul(29).wrapping_add(n >> 2)));
    der
}

/// The same key in PEM.
pub(crate) fn key_pem(number: u8) -> String {
    let label = "PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(&key_der(number)))
}

/// Base64, RFC 4648.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        for digit in 0..4 {
            let sextet = ALPHABET[(word >> (18 - 6 * digit)) as usize & 63];
            out.push(if digit <= chunk.len() { char::from(sextet) } else { '=' });
        }
    }
    out
}
