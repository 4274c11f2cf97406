//! What the keys around a key of unknown purpose are for: those in its file, in its directory, then in the directories
//! above, up to the start of the scan. A weak hint: a directory of ten keys for SSH seldom contains another kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyradius_core::material::Occurrence;

use super::estate::{Estate, KeyGroup, KeyName};
use super::evidence::words::{Phrase, Words};
use super::{Band, Evidence, Finding};

/// Points by where the other keys are: the same file, the same directory, one above.
const FILE: i32 = 20;
const DIRECTORY: i32 = 16;
const ABOVE: i32 = 11;

/// Directories above that of the key that are looked at.
const LEVELS: usize = 4;

/// Places of one key that count.
const PLACES: usize = 8;

/// Roles that keys of one kind have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Tls,
    Ssh,
    Tokens,
    /// Any other role, by its number in [`SINGLE`].
    Role(usize),
}

/// Roles that are a family of their own. What a format alone says, such as an OpenPGP key, says nothing about others.
const SINGLE: [&str; 14] = [
    "token_client",
    "email_dkim",
    "email_smime",
    "code_signing",
    "code_signing_dev",
    "boot_root",
    "firmware_update",
    "os_kernel",
    "package_repo",
    "package_single",
    "dnssec_zsk",
    "vpn",
    "mobile_app_signing",
    "os_platform",
];

impl Family {
    fn of(role: &str) -> Option<Self> {
        Some(match role {
            "tls_server" | "tls_client" | "ca_root_private" | "ca_intermediate" => Self::Tls,
            "ssh_user" | "ssh_host" | "ssh_ca" => Self::Ssh,
            "token_issuer" | "hmac_signer" => Self::Tokens,
            _ => Self::Role(SINGLE.iter().position(|single| *single == role)?),
        })
    }

    /// The role of a key of the family with this name, and what such keys are for.
    fn role(self, name: &Words) -> (&'static str, &'static str) {
        let has = |word: &str| Phrase::read(word).is_some_and(|phrase| name.has_any(&[phrase]));
        match self {
            Self::Tls if has("ca") || has("root") => ("ca_root_private", "TLS"),
            Self::Tls if has("client") => ("tls_client", "TLS"),
            Self::Tls => ("tls_server", "TLS"),
            Self::Ssh if has("host") => ("ssh_host", "SSH"),
            Self::Ssh => ("ssh_user", "SSH"),
            Self::Tokens => ("token_issuer", "tokens"),
            Self::Role(number) => (SINGLE.get(number).copied().unwrap_or("unknown"), "this role"),
        }
    }
}

/// How many keys of each family a file or directory contains, below it too.
type Counts = BTreeMap<PathBuf, BTreeMap<Family, usize>>;

/// Evidence for every key of unknown purpose from the keys around it. `findings` are those of the first keys of the
/// estate, in their order.
pub(super) fn of(estate: &Estate, findings: &[Finding]) -> BTreeMap<KeyName, Evidence> {
    let mut counts = Counts::new();
    let mut unknown = Vec::new();
    for (key, finding) in estate.keys.iter().zip(findings) {
        let Some(first) = finding.roles.first() else { continue };
        if first.role == "unknown" {
            unknown.push(key);
        } else if first.band >= Band::Possible
            && let Some(family) = Family::of(&first.role)
        {
            let places: BTreeSet<PathBuf> =
                key.private.iter().take(PLACES).flat_map(|place| levels(estate, place)).map(|(path, _)| path).collect();
            for path in places {
                *counts.entry(path).or_default().entry(family).or_default() += 1;
            }
        }
    }
    if counts.is_empty() {
        return BTreeMap::new();
    }
    unknown.into_iter().filter_map(|key| Some((key.name, evidence(estate, key, &counts)?))).collect()
}

fn evidence(estate: &Estate, key: &KeyGroup, counts: &Counts) -> Option<Evidence> {
    let place = key.private.first()?;
    let (weight, of_place) =
        levels(estate, place).into_iter().find_map(|(path, weight)| Some((weight, counts.get(&path)?)))?;
    let all: usize = of_place.values().sum();
    let (family, count) = of_place.iter().max_by_key(|(family, count)| (**count, **family))?;
    // Three of four, and above the own directory more than one.
    let clear = count * 4 >= all * 3 && (weight > ABOVE || *count > 1);
    let certified = key.certificates().next().is_some();
    if !clear || (certified && *family == Family::Ssh) {
        return None;
    }
    let location = place.origin.location();
    let name = location.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (role, purpose) = family.role(&Words::of_path(&name));
    let place_text = match weight {
        FILE => "in its file",
        DIRECTORY => "in its directory",
        _ => "in a directory above it",
    };
    Some(Evidence {
        role: role.to_owned(),
        weight,
        group: "beside".to_owned(),
        locator: format!("{}:{}", place.origin, place.line),
        text: format!("the other keys {place_text} are for {purpose}"),
        tier: None,
    })
}

/// The file of a place, its directory and some above, as far as the start of the scan, with the points of each.
fn levels(estate: &Estate, place: &Occurrence) -> Vec<(PathBuf, i32)> {
    let path = place.origin.location();
    let root = estate.root(&path);
    let directories = path.ancestors().skip(1).take(1 + LEVELS).enumerate();
    let inside = directories.take_while(|(_, directory)| root.is_none_or(|root: &Path| directory.starts_with(root)));
    let mut out = vec![(path.to_path_buf(), FILE)];
    out.extend(inside.map(|(level, directory)| (directory.to_owned(), if level == 0 { DIRECTORY } else { ABOVE })));
    out
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::{Encoding, Identity, Kind, Material};

    use super::super::{KnownKeys, Tables, Weaknesses, classify, subject::Judge};
    use super::*;

    /// The first role of the last key, beside the others.
    fn role(paths: &[&str]) -> String {
        let key = |(number, path): (usize, &&str)| {
            let mut material = Material::new(Kind::PrivateKey, "pkcs8", Encoding::Pem, 0..10);
            material.identity = Some(Identity::Opaque([u8::try_from(number).unwrap_or(0); 32]));
            let origin = Origin::file(path);
            Occurrence { material, origin, offset: 0, line: 1, section: None, mark: None, git: None }
        };
        let estate = Estate::new(paths.iter().enumerate().map(key).collect());
        let (tables, known, weak) = (Tables::built_in(), KnownKeys::default(), Weaknesses::default());
        let judge = Judge { tables: &tables, known: &known, weak: &weak, author: true, now: 0 };
        let findings = classify::classify(&estate, judge);
        let of = |finding: &&Finding| {
            finding.occurrences.iter().any(|o| Some(&&*o.origin.path.to_string_lossy()) == paths.last())
        };
        let found = findings.iter().find(of).and_then(|finding| finding.roles.first());
        found.map(|role| format!("{} {}", role.role, role.score)).unwrap_or_default()
    }

    #[test]
    fn keys_around_a_key_say_what_it_is_for() {
        for (paths, expected) in [
            (&["a/ssh_host_rsa_key", "a/ssh_host_dsa_key", "a/x"][..], "ssh_user 16"),
            (&["a/ssh_host_rsa_key", "a/ssh_host_dsa_key", "b/x"], "ssh_user 11"),
            (&["a/ssh_host_rsa_key", "b/x"], "unknown 0"),
            (&["a/ssh_host_rsa_key", "a/b/c/d/e/f/x"], "unknown 0"),
            (&["a/ssh_host_rsa_key", "a/localhost-key.pem", "a/x"], "unknown 0"),
            (&["a/localhost-key.pem", "a/root.x"], "ca_root_private 16"),
            (&["a/x"], "unknown 0"),
        ] {
            assert_eq!(role(paths), expected, "{paths:?}");
        }
    }
}
