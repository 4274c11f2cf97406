//! Links between the materials of a run: lines that use a key, certificates that a key issued.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use keyradius_core::material::{Name, Occurrence, Reference};

use super::descriptions;
use super::estate::{Confidence, Estate, KeyGroup, Use};

/// File names that identify nothing: many projects have a file of this name.
const COMMON: [&str; 12] = [
    "key.pem",
    "private.pem",
    "private.key",
    "server.key",
    "server.pem",
    "privkey.pem",
    "cert.pem",
    "client.key",
    "id_rsa",
    "tls.key",
    "ca.key",
    "secring.gpg",
];

/// Extensions that tools add to the name of a key: the build of Android, mkimage, and others.
const ENDINGS: [&str; 3] = [".pk8", ".key", ".pem"];

/// Directories from which programs load files by name: of Java and Kotlin, below the sources that name them.
const RESOURCES: [&str; 5] =
    ["resources", "main/resources", "test/resources", "src/main/resources", "src/test/resources"];

/// Every place of every private key, indexed by what may name it.
#[derive(Default)]
#[allow(clippy::struct_field_names, reason = "each is an index by something")]
struct Places {
    by_file_name: BTreeMap<String, BTreeSet<(PathBuf, usize)>>,
    by_directory: BTreeMap<PathBuf, BTreeSet<(PathBuf, usize)>>,
    by_alias: BTreeMap<String, BTreeSet<(PathBuf, usize)>>,
    by_line: BTreeMap<(PathBuf, u64), BTreeSet<usize>>,
    by_digits: BTreeSet<(String, usize)>,
    /// Files of public halves and certificates, outside of keystores: what names one trusts the key.
    public_by_file_name: BTreeMap<String, BTreeSet<(PathBuf, usize)>>,
}

impl Places {
    fn of(keys: &[KeyGroup]) -> Self {
        let mut places = Self::default();
        for (number, key) in keys.iter().enumerate() {
            for occurrence in &key.private {
                let path = occurrence.origin.location().into_owned();
                let place = (path.clone(), number);
                if let Some(name) = path.file_name() {
                    places.by_file_name.entry(name.to_string_lossy().into_owned()).or_default().insert(place.clone());
                }
                if let Some(directory) = path.parent() {
                    places.by_directory.entry(directory.to_owned()).or_default().insert(place.clone());
                }
                for label in &occurrence.material.labels {
                    places.by_alias.entry(label.text.to_lowercase()).or_default().insert(place.clone());
                }
                places.by_line.entry((path.clone(), occurrence.line)).or_default().insert(number);
                if let Some(fingerprint) = &occurrence.material.pgp_fingerprint {
                    places.by_digits.insert((backwards(fingerprint), number));
                }
            }
            for occurrence in key.related.iter().filter(|occurrence| occurrence.material.container.is_none()) {
                let path = occurrence.origin.location().into_owned();
                if let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) {
                    places.public_by_file_name.entry(name).or_default().insert((path, number));
                }
            }
            for certificate in key.certificates() {
                places.by_digits.insert((backwards(&keyradius_core::hex::hex(&certificate.sha1)), number));
                places.by_digits.insert((backwards(&keyradius_core::hex::hex(&certificate.sha256)), number));
            }
        }
        places
    }

    /// Every key that a line names, with its confidence.
    fn named(&self, line: &Occurrence, reference: &Reference) -> BTreeMap<usize, Confidence> {
        let mut found: BTreeMap<usize, Confidence> = BTreeMap::new();
        let mut add = |key: usize, sure: Confidence| {
            let best = found.entry(key).or_insert(sure);
            *best = sure.min(*best);
        };
        let from = &*line.origin.location();
        for &key in self.by_line.get(&(from.to_owned(), line.line)).into_iter().flatten() {
            add(key, Confidence::Here);
        }
        let aliases: Vec<String> = reference
            .names
            .iter()
            .filter_map(|name| if let Name::Alias(alias) = name { Some(alias.to_lowercase()) } else { None })
            .collect();
        let mut by_path = false;
        for name in &reference.names {
            let keys = match name {
                Name::Path(text) => self.at(from, text),
                Name::Directory(text) => self.below(from, text, &aliases),
                Name::Digits(digits) => self.digits(digits),
                Name::Alias(_) | Name::Variable(_) => Vec::new(),
            };
            for (key, sure) in keys {
                by_path = true;
                add(key, sure);
            }
        }
        // An alias narrows down a path; without a path, it names all keys of that alias.
        if !by_path {
            for alias in &aliases {
                for (_, key) in self.by_alias.get(alias).into_iter().flatten() {
                    add(*key, Confidence::Alias);
                }
            }
        } else if aliases.iter().any(|alias| self.by_alias.contains_key(alias)) {
            let has = |key: &usize| {
                aliases.iter().any(|alias| {
                    self.by_alias.get(alias).is_some_and(|places| places.iter().any(|(_, other)| other == key))
                })
            };
            if found.keys().any(has) {
                found.retain(|key, sure| *sure == Confidence::Here || has(key));
            }
        }
        found
    }

    /// Keys at a path as written in a file.
    fn at(&self, from: &Path, text: &str) -> Vec<(usize, Confidence)> {
        let wanted = plain(text);
        let Some(name) = wanted.file_name().map(|name| name.to_string_lossy().into_owned()) else { return Vec::new() };
        if let Some(places) = self.public_by_file_name.get(&name).filter(|_| !self.by_file_name.contains_key(&name)) {
            let mut found = ranked(from, &wanted, places);
            found.retain(|(_, sure)| *sure < Confidence::Alias);
            return found;
        }
        let Some(places) = self.by_file_name.get(&name) else {
            // `device/acme/certs/acme`: the tool adds the extension.
            let bare = wanted.extension().is_none() && !name.contains('.');
            let named = |ending: &&&str| self.by_file_name.contains_key(&format!("{name}{ending}"));
            let Some(ending) = ENDINGS.iter().find(named).filter(|_| bare) else { return Vec::new() };
            return self.at(from, &format!("{text}{ending}"));
        };
        let mut best = ranked(from, &wanted, places);
        if best.first().is_some_and(|(_, sure)| *sure == Confidence::FileName) {
            let common = COMMON.contains(&name.as_str());
            best.retain(|(key, _)| !common && places.iter().all(|(_, other)| other == key));
            if best.is_empty() {
                best = nearest(from, places).map(|key| (key, Confidence::FileName)).into_iter().collect();
            }
        }
        best
    }

    /// Keys in a directory; if some have a file name equal to an alias, only these.
    fn below(&self, from: &Path, text: &str, aliases: &[String]) -> Vec<(usize, Confidence)> {
        let wanted = plain(text);
        let tail = without_root(&wanted);
        let leading = from.ancestors().skip(1).map(|above| joined(above, &tail)).chain([wanted.clone()]);
        let Some(places) = leading.into_iter().find_map(|directory| self.by_directory.get(&directory)) else {
            return Vec::new();
        };
        let called =
            |path: &Path| path.file_stem().is_some_and(|stem| aliases.contains(&stem.to_string_lossy().to_lowercase()));
        let narrowed = places.iter().any(|(path, _)| called(path));
        places.iter().filter(|(path, _)| !narrowed || called(path)).map(|(_, key)| (*key, Confidence::Path)).collect()
    }

    /// Keys whose fingerprint ends in these digits: people write the last 8, the last 16 or all 40.
    fn digits(&self, digits: &str) -> Vec<(usize, Confidence)> {
        let digits = digits.trim_start_matches("0x");
        let hex: String = digits.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
        if hex.len() < 8 {
            return Vec::new();
        }
        let start = backwards(&hex);
        let from = self.by_digits.range((start.clone(), 0)..);
        from.take_while(|(known, _)| known.starts_with(&start)).map(|(_, key)| (*key, Confidence::Digits)).collect()
    }
}

/// The keys at the places that a path leads to with the most confidence.
fn ranked(from: &Path, wanted: &Path, places: &BTreeSet<(PathBuf, usize)>) -> Vec<(usize, Confidence)> {
    let tail = without_root(wanted);
    let mut leading: BTreeSet<PathBuf> = from.ancestors().skip(1).map(|above| joined(above, &tail)).collect();
    leading.insert(wanted.to_owned());
    for above in from.ancestors().skip(1) {
        leading.extend(RESOURCES.iter().map(|folder| joined(&joined(above, Path::new(folder)), &tail)));
    }
    let mut best: Vec<(usize, Confidence)> = places
        .iter()
        .map(|(path, key)| {
            let sure = if leading.contains(path) {
                Confidence::Path
            } else if tail.components().nth(1).is_some() && path.ends_with(&tail) {
                Confidence::End
            } else {
                Confidence::FileName
            };
            (*key, sure)
        })
        .collect();
    let surest = best.iter().map(|(_, sure)| *sure).min();
    best.retain(|(_, sure)| Some(*sure) == surest);
    best
}

/// The only key among these places in the directory of a file or below it, or below the directory above: a name without
/// its directory is that of a file nearby.
fn nearest(from: &Path, places: &BTreeSet<(PathBuf, usize)>) -> Option<usize> {
    // Above that, it would be the whole tree.
    let above = from.ancestors().skip(1).take(2).filter(|above| !above.as_os_str().is_empty());
    let below = |above: &Path| -> BTreeSet<usize> {
        places.iter().filter(|(path, _)| path.starts_with(above)).map(|(_, key)| *key).collect()
    };
    let first = above.map(below).find(|keys| !keys.is_empty())?;
    first.iter().next().copied().filter(|_| first.len() == 1)
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// A path as written, with `/` as the separator and without a drive or `file:` prefix.
fn plain(text: &str) -> PathBuf {
    let text = text.trim().trim_start_matches("file://").trim_start_matches("file:").replace('\\', "/");
    let text = match text.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => text.get(2..).unwrap_or_default().to_owned(),
        _ => text,
    };
    joined(Path::new(""), Path::new(&text))
}

/// The two paths joined, without `.` and `..`: computed from the text alone, without reading the disk.
fn joined(base: &Path, path: &Path) -> PathBuf {
    let mut out = if path.is_absolute() { PathBuf::from("/") } else { base.to_owned() };
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                if !out.pop() {
                    out.push("..");
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    out
}

/// The path relative to its root: in an image or an unpacked package, `/etc/ssl` is elsewhere.
fn without_root(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

/// Maximum number of lines kept of those that use keys, for all keys together: a thousand lines can name a file of a thousand
/// keys. Every key gets an equal share of them, and [`MIN_USES`] at least.
const MAX_USES: usize = 1 << 16;

/// Number of lines that every key may keep.
const MIN_USES: usize = 8;

/// Keeps the strongest uses, in the order of their places.
fn strongest(uses: &mut Vec<Use>, most: usize) {
    if uses.len() > most {
        uses.sort_by_key(|used| (Reverse(used.weight()), used.sure));
        uses.truncate(most);
        uses.sort_by(|a, b| (&a.reference.origin, a.reference.offset).cmp(&(&b.reference.origin, b.reference.offset)));
    }
}

/// Adds every line that names a key to that key.
pub(super) fn uses(estate: &mut Estate, references: Vec<Occurrence>) {
    if references.is_empty() || estate.keys.is_empty() {
        return;
    }
    let places = Places::of(&estate.keys);
    let (described, references): (Vec<_>, Vec<_>) = references.into_iter().partition(descriptions::is_description);
    let share = (MAX_USES / estate.keys.len()).max(MIN_USES);
    for line in references.into_iter().map(Arc::new) {
        let Some(reference) = line.material.reference.as_deref() else { continue };
        for (key, sure) in places.named(&line, reference) {
            if let Some(key) = estate.keys.get_mut(key) {
                key.uses.push(Use { reference: Arc::clone(&line), sure });
                if key.uses.len() >= 2 * share {
                    strongest(&mut key.uses, share);
                }
            }
        }
    }
    let by_directory = descriptions::by_directory(described);
    for key in &mut estate.keys {
        let described = key.private.first().and_then(|place| descriptions::nearest(&by_directory, place));
        key.uses.extend(described.map(|line| Use { reference: Arc::clone(line), sure: Confidence::Described }));
        last_versions(&mut key.uses);
        strongest(&mut key.uses, share);
    }
}

/// Of the versions of a file in a history, keeps the uses in one: that of the work tree or of HEAD, otherwise the last one
/// that uses the key. A file that uses the key in two ways may do so in two versions.
fn last_versions(uses: &mut Vec<Use>) {
    if uses.iter().all(|used| used.reference.origin.object.is_none()) {
        return;
    }
    let way = |used: &Use| {
        let reference = used.reference();
        let tool = reference.map(|reference| (reference.tool.clone(), reference.role.clone()));
        (used.reference.origin.location().into_owned(), tool)
    };
    let version = |used: &Use| {
        let origin = &used.reference.origin;
        let git = used.reference.git.as_deref();
        let now = origin.object.is_none() || git.is_some_and(|git| git.at_head);
        let time = git.and_then(|git| git.introduced.as_ref()).map(|commit| commit.commit_time);
        (now, time, origin.object)
    };
    let mut last = BTreeMap::new();
    for used in &*uses {
        let known = last.entry(way(used)).or_insert_with(|| version(used));
        *known = version(used).max(*known);
    }
    uses.retain(|used| last.get(&way(used)).is_none_or(|last| *last == version(used)));
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::{Encoding, Identity, Kind, Label, Material};
    use keyradius_core::oid::{self, Format, ObjectId};

    use super::*;

    fn key(path: &str, number: u8, alias: &str) -> Occurrence {
        let mut material = Material::new(Kind::PrivateKey, "pkcs8", Encoding::Pem, 0..10);
        material.identity = Some(Identity::Opaque([number; 32]));
        if !alias.is_empty() {
            material.labels.push(Label::new("alias", alias.as_bytes()));
        }
        place(material, path, 1)
    }

    fn place(material: Material, path: &str, line: u64) -> Occurrence {
        Occurrence { material, origin: Origin::file(path), offset: 0, line, section: None, mark: None, git: None }
    }

    fn line(path: &str, names: &[Name]) -> Occurrence {
        let mut material = Material::new(Kind::Reference, "usage", Encoding::Text, 0..10);
        let (tool, role, text) = ("signtool".to_owned(), "code_signing".to_owned(), String::new());
        material.reference = Some(Box::new(Reference { tool, role, weight: 60, text, names: names.to_vec() }));
        place(material, path, 7)
    }

    /// The confidence for the first key, if the line names it.
    fn sure(keys: &[Occurrence], line: Occurrence) -> Option<Confidence> {
        let mut all = keys.to_vec();
        all.push(line);
        Estate::new(all).keys.iter().find(|key| key.private[0].origin == keys[0].origin)?.uses.first().map(|u| u.sure)
    }

    #[test]
    fn lines_times_keys_is_bounded_and_the_strongest_stay() {
        let mut all: Vec<Occurrence> = (0..255).map(|number| key("k.pem", number, "")).collect();
        let share = MAX_USES / all.len();
        for number in 0..2 * share {
            let mut line = line("build.sh", &[Name::Path("k.pem".to_owned())]);
            line.offset = number as u64;
            if let Some(reference) = &mut line.material.reference {
                reference.weight = if number == share + 9 { 50 } else { 40 };
            }
            all.push(line);
        }
        for key in Estate::new(all).keys {
            assert_eq!(key.uses.len(), share);
            assert!(key.uses.iter().any(|used| used.reference.offset == share as u64 + 9));
            assert!(key.uses.is_sorted_by_key(|used| used.reference.offset));
        }
    }

    #[test]
    fn of_the_versions_of_a_file_the_last_one_uses_a_key() {
        let old = |content: &[u8]| {
            let mut line = line("build.sh", &[Name::Path("k.pem".to_owned())]);
            line.origin.object = Some(ObjectId::of(Format::Sha1, oid::Kind::Blob, content));
            line
        };
        let mut other = old(b"3");
        if let Some(reference) = &mut other.material.reference {
            reference.tool = "gpg".to_owned();
        }
        let key = key("k.pem", 1, "");
        let uses = |lines: &[Occurrence]| {
            let all = std::iter::once(key.clone()).chain(lines.iter().cloned()).collect();
            let objects = |key: &KeyGroup| key.uses.iter().map(|used| used.reference.origin.object).collect::<Vec<_>>();
            Estate::new(all).keys.first().map(objects).unwrap_or_default()
        };
        assert_eq!(uses(&[old(b"1"), old(b"2")]).len(), 1);
        assert_eq!(uses(&[old(b"1"), old(b"2"), other]).len(), 2, "two ways");
        let now = line("build.sh", &[Name::Path("k.pem".to_owned())]);
        assert_eq!(uses(&[old(b"1"), now]), [None]);
    }

    #[test]
    fn a_path_is_followed_as_the_tool_would() {
        let path = |text: &str| Name::Path(text.to_owned());
        for (of_key, from, name, expected) in [
            ("app/keys/a.pfx", "app/build.bat", "keys\\a.pfx", Some(Confidence::Path)),
            ("app/keys/a.pfx", "app/scripts/build.bat", "..\\keys\\a.pfx", Some(Confidence::Path)),
            ("app/keys/a.pfx", "app/scripts/deep/build.bat", "keys/a.pfx", Some(Confidence::Path)),
            ("a.pfx", "build.bat", "./a.pfx", Some(Confidence::Path)),
            ("root/etc/ssl/a.key", "root/etc/nginx/nginx.conf", "/etc/ssl/a.key", Some(Confidence::Path)),
            ("other/etc/ssl/a.key", "root/etc/nginx/nginx.conf", "/etc/ssl/a.key", Some(Confidence::End)),
            ("other/sign.pfx", "app/build.bat", "C:\\keys\\sign.pfx", Some(Confidence::FileName)),
            ("other/server.key", "app/nginx.conf", "/srv/server.key", None),
            ("other/sign.pfx", "app/build.bat", "design.pfx", None),
            ("app/src/main/resources/a.jks", "app/src/main/java/x/A.java", "a.jks", Some(Confidence::Path)),
            ("app/src/test/resources/k/a.jks", "app/src/test/java/x/A.java", "/k/a.jks", Some(Confidence::Path)),
            ("app/test/data/private.pem", "app/test/a.js", "private.pem", Some(Confidence::FileName)),
            ("app/data/private.pem", "app/test/a.js", "private.pem", Some(Confidence::FileName)),
            ("data/private.pem", "app/test/a.js", "private.pem", None),
            ("device/acme/certs/acme.pk8", "device/acme/device.mk", "device/acme/certs/acme", Some(Confidence::Path)),
        ] {
            assert_eq!(sure(&[key(of_key, 1, "")], line(from, &[path(name)])), expected, "{of_key} {from} {name}");
        }
        let two = [key("x/sign.pfx", 1, ""), key("y/sign.pfx", 2, "")];
        assert_eq!(sure(&two, line("z/b.bat", &[path("/k/sign.pfx")])), None, "ambiguous: two files have this name");
        assert_eq!(
            sure(&two, line("x/b.bat", &[path("/k/sign.pfx")])),
            Some(Confidence::FileName),
            "one of them is near"
        );
        let copies = [key("x/sign.pfx", 1, ""), key("y/sign.pfx", 1, "")];
        let found = sure(&copies, line("z/b.bat", &[path("/k/sign.pfx")]));
        assert_eq!(found, Some(Confidence::FileName), "two files, but one key");
    }

    #[test]
    fn a_directory_and_a_name() {
        let keys = [key("fw/keys/dev.key", 1, ""), key("fw/keys/other.key", 2, "")];
        let names = [Name::Directory("keys".into()), Name::Alias("dev".into())];
        let estate = Estate::new([&keys[..], &[line("fw/Makefile", &names)]].concat());
        let uses: Vec<usize> = estate.keys.iter().map(|key| key.uses.len()).collect();
        assert_eq!(uses, [1, 0]);
    }

    #[test]
    fn an_alias_narrows_a_keystore_down() {
        let keys = [key("app/a.jks", 1, "release"), key("app/a.jks", 2, "debug")];
        let names = [Name::Path("a.jks".into()), Name::Alias("Release".into())];
        let estate = Estate::new([&keys[..], &[line("app/build.gradle", &names)]].concat());
        let uses: Vec<usize> = estate.keys.iter().map(|key| key.uses.len()).collect();
        assert_eq!(uses, [1, 0]);
        assert_eq!(sure(&keys[..1], line("x/y.gradle", &[Name::Alias("release".into())])), Some(Confidence::Alias));
    }

    #[test]
    fn the_line_itself_may_contain_the_key() {
        let mut own = key("ci/.env", 1, "");
        own.line = 7;
        assert_eq!(sure(&[own], line("ci/.env", &[])), Some(Confidence::Here));
    }

    #[test]
    fn digits_are_the_end_of_a_fingerprint() {
        let mut pgp = key("secring.gpg", 1, "");
        pgp.material.pgp_fingerprint = Some("91a6e7f85d05c65630bef18951852d87348ffc4c".into());
        let digits = |text: &str| sure(std::slice::from_ref(&pgp), line("conf", &[Name::Digits(text.into())]));
        assert_eq!(digits("0x51852D87348FFC4C"), Some(Confidence::Digits));
        assert_eq!(digits("51852D87348FFC4C"), Some(Confidence::Digits));
        assert_eq!(digits("348FFC4C"), Some(Confidence::Digits));
        assert_eq!(digits("FC4C"), None);
        assert_eq!(digits("91A6E7F8"), None);
    }
}
