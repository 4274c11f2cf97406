//! Arguments of `hunt` and `identify`.

use std::path::PathBuf;

use clap::ValueEnum;
use keyradius_git::History;
use keyradius_target::Form;

use super::{LimitArgs, When};
use crate::units;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyradius hunt -t leaked.pem /srv                 every copy of this key below /srv, with its history
  keyradius hunt -t SHA256:mVPwvezndPv... backup.tar.gz
  keyradius hunt -t 3f:a2:...:9c memory.dump        40 digits: a thumbprint, key id, fingerprint or keygrip
  keyradius hunt -t @targets.txt --format json -o hunt.json repositories/
  openssl x509 -in site.crt | keyradius hunt -t - /etc
  keyradius hunt -t leaked.pem --evidence case-17 --case 17 disk.img

A target is a file with a key or certificate in any format, `@FILE` with one target on each line, `-` for a file on \
standard input, or a name: SPKI SHA-256 (hexadecimal, `pin-sha256=`, `sha256//`), thumbprint of a certificate \
(SHA-1, SHA-256, x5t), subject key identifier, SSH fingerprint (`SHA256:`, `MD5:`), OpenPGP fingerprint or key id, \
keygrip of an RSA key, JWK thumbprint, RSA modulus (`Modulus=`, decimal) or the digest of openssl's modulus line, \
minisign key id, `serial:`, `alias:`, `cn:`. If a name may be several of these, all are looked for.

Exit codes:
  0    no copy, and everything was read
  1    a copy of the key, private or public; with `--fail-on metadata` also a name that other keys may have
  2    wrong usage, or a fatal error
  3    no copy, but something was not read or stayed locked
  130  interrupted";

pub(crate) const EVIDENCE_EXAMPLES: &str = "\
Examples:
  keyradius evidence verify case-17
  keyradius evidence verify --sources case-17       also reads the searched files again
  ssh-keygen -Y sign -n keyradius-evidence -f ~/.ssh/id_ed25519 case-17/SHA256SUMS
  keyradius evidence verify --signer alice.pub case-17
  minisign -Sm case-17/SHA256SUMS                   writes SHA256SUMS.minisig

Exit codes:
  0  every file is as it was written, and every signature that is there was verified
  1  a file was changed, added or removed, or a signature is wrong
  2  wrong usage, or the directory cannot be read
  3  the files are sound, but a signature could not be checked, or a source could not be read";

pub(crate) const IDENTIFY_EXAMPLES: &str = "\
Examples:
  keyradius identify server.p12
  ssh-keyscan example.org | keyradius identify -
  keyradius identify --public ssh locked.key > known.pub
  keyradius identify --format json release.jks | jq -r '.keys[].names[] | .text'

Names can be given to somebody else, who hunts with them without having the key.

Exit codes:
  0  at least one key was identified
  1  no key was found
  2  wrong usage, or the file could not be read";

/// Formats of a hunt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HuntFormat {
    /// Text for a person
    #[default]
    Human,
    /// One JSON document
    Json,
}

/// Which matches fail a hunt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HuntFailOn {
    /// Copies of the key, private or public
    #[default]
    Key,
    /// Also names that other keys may have
    Metadata,
}

/// Arguments of `hunt`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct HuntArgs {
    /// Key to look for: a file, a name, `@FILE` with one target on each line, or `-`; may be repeated
    #[arg(short, long = "target", value_name = "TARGET", required = true)]
    pub(crate) targets: Vec<String>,
    /// Files and directories to search; `-` is standard input
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<PathBuf>,
    /// Take names as this form only, such as `certificate_sha1` or `openpgp`
    #[arg(long = "as", value_name = "FORM", value_parser = form)]
    pub(crate) form: Option<Form>,
    /// Matches that make the hunt exit with 1: `key` or `metadata`
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, hide_possible_values = true)]
    pub(crate) fail_on: HuntFailOn,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Output")]
    pub(crate) format: HuntFormat,
    /// Where to write the answer [default: standard output]
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Print only the answer: no summary, no notes
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Omit times, so that the same input gives the same bytes
    #[arg(long, hide_short_help = true, help_heading = "Output")]
    pub(crate) reproducible: bool,
    /// Leave out names of people, hosts and certificates; paths stay
    #[arg(long, help_heading = "Output")]
    pub(crate) redact: bool,

    /// Also write the answer, what was read and not read, and digests of all of it into this new or empty directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["reproducible", "output"], help_heading = "Evidence")]
    pub(crate) evidence: Option<PathBuf>,
    /// Name of the case, for the evidence
    #[arg(long, value_name = "TEXT", requires = "evidence", help_heading = "Evidence")]
    pub(crate) case: Option<String>,
    /// Who examines, for the evidence
    #[arg(long, value_name = "TEXT", requires = "evidence", help_heading = "Evidence")]
    pub(crate) examiner: Option<String>,

    /// When to show progress on standard error: `auto`, `always` or `never`
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, hide_short_help = true, help_heading = "Output")]
    pub(crate) progress: When,

    /// Part of each git history to search: all, head, none, A..B or A...B [default: all]
    #[arg(long, value_name = "WHAT", value_parser = History::parse, help_heading = "Search")]
    pub(crate) history: Option<History>,
    /// Passwords to try on every locked container, one on each line
    #[arg(long, value_name = "FILE", conflicts_with = "no_passwords", help_heading = "Search")]
    pub(crate) passwords: Option<PathBuf>,
    /// Do not try passwords on locked keystores
    #[arg(long, hide_short_help = true, help_heading = "Search")]
    pub(crate) no_passwords: bool,
    /// Do not enter other file systems below a path
    #[arg(long, help_heading = "Search")]
    pub(crate) one_file_system: bool,
    /// Number of threads, at most four per core; 0 means one per core [default: 0]
    #[arg(short, long, value_name = "N", help_heading = "Search")]
    pub(crate) jobs: Option<usize>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// Commands for evidence.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Check that nothing in an evidence directory was changed, and who signed it
    #[command(after_long_help = EVIDENCE_EXAMPLES)]
    Verify(VerifyArgs),
}

/// Arguments of `evidence verify`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Directory that `hunt --evidence` wrote
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Public key of who must have signed: a file in any format, such as `id.pub` or `minisign.pub`
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Option<PathBuf>,
    /// Also read the searched files again, and compare their digests
    #[arg(long)]
    pub(crate) sources: bool,
}

/// Encodings of a public half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PublicFormat {
    /// SubjectPublicKeyInfo in PEM
    Pem,
    /// A line for authorized_keys
    Ssh,
    /// A JSON Web Key
    Jwk,
    /// SubjectPublicKeyInfo in DER; only for a file with one key
    Der,
}

/// Arguments of `identify`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct IdentifyArgs {
    /// File with keys, certificates or a keystore; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: HuntFormat,
    /// Write the public half of each key instead of its names
    #[arg(long, value_enum, value_name = "ENCODING", conflicts_with = "format")]
    pub(crate) public: Option<PublicFormat>,
    /// Passwords to try on what is locked, one on each line
    #[arg(long, value_name = "FILE")]
    pub(crate) passwords: Option<PathBuf>,
    /// Maximum size of the file
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "64MiB", hide_short_help = true)]
    pub(crate) max_size: u64,
}

/// Parses a form of names.
fn form(text: &str) -> Result<Form, String> {
    let known = |form: &Form| form.id() == text;
    Form::ALL.into_iter().find(known).ok_or_else(|| {
        let ids: Vec<&str> = Form::ALL.iter().map(|form| form.id()).collect();
        format!("no such form; use one of: {}", ids.join(", "))
    })
}
