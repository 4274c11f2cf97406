//! `keyradius evidence verify`: whether an evidence directory is as it was written, and who signed it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;
use keyradius_core::material::{Identity, PublicHalf};
use keyradius_detectors::engine;
use keyradius_signed::Verdict;
use keyradius_signed::detached::{self, Minisignature, SshSignature};

use super::bundle::Hashed;
use crate::args::hunt::VerifyArgs;
use crate::bounded;
use crate::command::hunt::read_within;
use crate::confine::Guard;
use crate::exit::{Exit, Failure, plain};
use crate::out;
use crate::report::evidence::{Digested, FILES, FileSum, MANIFEST, Manifest, SCHEMA, SUMS};
use crate::report::words::{count, escape, plural};
use crate::surroundings::Surroundings;

/// The namespace of signatures by `ssh-keygen -Y sign -n`.
const NAMESPACE: &str = "keyradius-evidence";
/// What `ssh-keygen -Y sign` and `minisign -S` add to the name of the signed file.
const SSH: &str = ".sig";
const MINISIGN: &str = ".minisig";

/// Maximum size of the list of digests and of the manifest, in bytes. They have some kilobytes, but a manifest may list
/// many sources.
const LARGEST: u64 = 16 << 20;
/// Maximum size of the file of a public key, in bytes.
const LARGEST_KEY: u64 = 1 << 20;
/// Maximum length of a line of `sources.jsonl`, in bytes: a path has at most 4,096, each of them up to four characters.
const LONGEST: u64 = 64 << 10;
/// Problems shown of each kind; all are counted.
const SHOWN: usize = 20;

/// What the checks found.
#[derive(Debug, Default)]
struct Outcome {
    /// What was changed, in words.
    wrong: Vec<String>,
    /// What could not be checked, in words.
    unchecked: Vec<String>,
    /// What the reader should know, in words.
    notes: Vec<String>,
    /// What holds, in words.
    good: Vec<String>,
}

/// Checks a directory, and returns the exit code.
pub(super) fn run(args: &VerifyArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    let directory = around.directory.join(&args.directory);
    let shown = printable_path(&args.directory);
    let signers = args.signer.as_deref().map(|path| signers(path, &around.directory)).transpose()?;
    guard.enter(None)?;
    let sums = read(&directory.join(SUMS), LARGEST).map_err(|error| {
        Failure::new(format!("cannot read {SUMS} in {shown}: {}", plain(&error)))
            .hint("name the directory that `keyradius hunt --evidence` wrote")
    })?;
    let mut outcome = Outcome::default();
    let listed = files(&directory, &sums, &mut outcome)?;
    let manifest = manifest(&directory, &listed, &mut outcome);
    signatures(&directory, &sums, signers.as_deref(), &mut outcome);
    if let (true, Some(manifest)) = (args.sources, &manifest) {
        sources(&directory, manifest, &mut outcome);
    }
    tell(&shown, manifest.as_ref(), &outcome)?;
    Ok(match outcome {
        Outcome { wrong, .. } if !wrong.is_empty() => Exit::Findings,
        Outcome { unchecked, .. } if !unchecked.is_empty() => Exit::Incomplete,
        _ => Exit::Nothing,
    })
}

/// Reads a regular file: opening a pipe would wait for its writer.
fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    regular(path)?;
    bounded::read(path, most)
}

fn regular(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_file() { Ok(()) } else { Err(io::Error::other("not a regular file")) }
}

/// Compares the files with the list of digests, which is a line of `sha256sum` for each.
fn files(directory: &Path, sums: &[u8], outcome: &mut Outcome) -> Result<Vec<FileSum>, Failure> {
    let mut listed: Vec<FileSum> = Vec::new();
    for line in String::from_utf8_lossy(sums).lines() {
        let entry = line.split_once("  ").filter(|(digest, name)| {
            digest.len() == 64 && !name.is_empty() && !name.contains(['/', '\\']) && *name != ".."
        });
        let Some((sha256, name)) = entry else {
            outcome.wrong.push(format!("{SUMS} has a line that is not a digest and a name: {}", escape(line)));
            continue;
        };
        let path = directory.join(name);
        let is = regular(&path).and_then(|()| digest(&path, u64::MAX));
        let size = is.as_ref().map_or(0, |(size, _)| *size);
        match is {
            Ok((_, is)) if is == sha256 => {}
            Ok(_) => outcome.wrong.push(format!("changed: {}", escape(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                outcome.wrong.push(format!("missing: {}", escape(name)));
            }
            Err(error) => outcome.wrong.push(format!("cannot be read: {} ({})", escape(name), plain(&error))),
        }
        listed.push(FileSum { file: name.to_owned().into(), size, sha256: sha256.to_owned().into() });
    }
    let named: BTreeSet<&str> = listed.iter().map(|file| &*file.file).collect();
    for name in FILES.into_iter().chain([MANIFEST]).filter(|name| !named.contains(name)) {
        outcome.wrong.push(format!("not in {SUMS}: {name}"));
    }
    let signatures = [SSH, MINISIGN].map(|end| format!("{SUMS}{end}"));
    let fail = |error: &io::Error| {
        Failure::new(format!("cannot list {}: {}", printable_path(directory), plain(error)))
            .hint("check that you have permission to read it")
    };
    for entry in directory.read_dir().map_err(|error| fail(&error))? {
        let name = entry.map_err(|error| fail(&error))?.file_name();
        let known = name.to_str().is_some_and(|name| {
            named.contains(name) || name == SUMS || signatures.iter().any(|signature| signature == name)
        });
        if !known {
            outcome.wrong.push(format!("added: {}", printable_path(Path::new(&name))));
        }
    }
    Ok(listed)
}

/// Size and SHA-256 of at most `most` bytes of a file: files of a pseudo file system may never end.
fn digest(path: &Path, most: u64) -> io::Result<(u64, String)> {
    let metadata = path.metadata()?;
    if metadata.is_dir() || !(metadata.is_file() || is_disk(&metadata)) {
        return Err(io::Error::other("not a file"));
    }
    let mut file = File::open(path)?.take(most);
    let mut hash = Hashed::new(io::sink());
    io::copy(&mut file, &mut hash)?;
    Ok(hash.end())
}

#[cfg(unix)]
fn is_disk(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_disk(_: &std::fs::Metadata) -> bool {
    false
}

/// Reads the manifest, and compares its list of files with the list of digests.
fn manifest(directory: &Path, listed: &[FileSum], outcome: &mut Outcome) -> Option<Manifest> {
    let manifest: Manifest = match read(&directory.join(MANIFEST), LARGEST).map(|bytes| serde_json::from_slice(&bytes))
    {
        Ok(Ok(manifest)) => manifest,
        Ok(Err(_)) => {
            outcome.wrong.push(format!("not a manifest that this version can read: {MANIFEST}"));
            return None;
        }
        // Missing files were reported.
        Err(_) => return None,
    };
    if &*manifest.schema != SCHEMA {
        outcome.unchecked.push(format!("{MANIFEST} is {}, and this version knows {SCHEMA}", manifest.schema));
    }
    for file in listed.iter().filter(|file| &*file.file != MANIFEST) {
        if !manifest.files.contains(file) {
            outcome.wrong.push(format!("{MANIFEST} and {SUMS} differ about {}", escape(&file.file)));
        }
    }
    Some(manifest)
}

/// Every public key in a file.
fn signers(path: &Path, here: &Path) -> Result<Vec<PublicHalf>, Failure> {
    let shown = printable_path(path);
    let bytes = read_within(path, here, LARGEST_KEY)?;
    let halves: Vec<PublicHalf> = engine()
        .bytes(&shown, &bytes)
        .occurrences
        .into_iter()
        .filter_map(|occurrence| match occurrence.material.identity {
            Some(Identity::Public(half)) => Some(PublicHalf::clone(&half)),
            _ => None,
        })
        .collect();
    if halves.is_empty() {
        return Err(Failure::new(format!("no public key in {shown}"))
            .hint("name the public key of the examiner: a line of authorized_keys, or minisign.pub"));
    }
    Ok(halves)
}

/// Verifies the signatures over the list of digests.
fn signatures(directory: &Path, sums: &[u8], signers: Option<&[PublicHalf]>, outcome: &mut Outcome) {
    let path = |end| directory.join(format!("{SUMS}{end}"));
    let found = [SSH, MINISIGN].map(|end| match read(&path(end), detached::LARGEST as u64) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            outcome.wrong.push(format!("cannot be read: {SUMS}{end} ({})", plain(&error)));
            None
        }
    });
    let [ssh, minisign] = found;
    if ssh.is_none() && minisign.is_none() {
        match signers {
            Some(_) => outcome.wrong.push(format!("not signed: there is no {SUMS}{SSH} and no {SUMS}{MINISIGN}")),
            None => outcome.notes.push("not signed: whoever changes a file can change its digest too".to_owned()),
        }
    }
    if let Some(bytes) = ssh {
        by_ssh(&bytes, sums, signers, outcome);
    }
    if let Some(bytes) = minisign {
        by_minisign(&bytes, sums, signers, outcome);
    }
}

fn by_ssh(bytes: &[u8], sums: &[u8], signers: Option<&[PublicHalf]>, outcome: &mut Outcome) {
    let name = format!("{SUMS}{SSH}");
    let Ok(signature) = SshSignature::read(bytes) else {
        outcome.wrong.push(format!("not a signature of SSH: {name}"));
        return;
    };
    let key = signature.signer.ssh_sha256.as_deref().unwrap_or("a key without a fingerprint").to_owned();
    if signature.namespace != NAMESPACE.as_bytes() {
        let namespace = escape(&String::from_utf8_lossy(&signature.namespace));
        outcome.wrong.push(format!("{name} is for \"{namespace}\", not for \"{NAMESPACE}\""));
        return;
    }
    let is_signer = |half: &PublicHalf| half.id.key_only == signature.signer.id.key_only;
    match (signature.verify(sums), signers) {
        (Verdict::Failed, _) => outcome.wrong.push(format!("wrong signature: {name}")),
        (Verdict::Unknown, _) => outcome.unchecked.push(format!("{name} by {key} is of a kind that is not verified")),
        (Verdict::Verified, Some(signers)) if !signers.iter().any(is_signer) => {
            outcome.wrong.push(format!("signed by {key}, which is not in the file of --signer"));
        }
        (Verdict::Verified, Some(_)) => outcome.good.push(format!("signed by {key}, as --signer demands")),
        (Verdict::Verified, None) => {
            outcome.good.push(format!("signed by {key}; ask the examiner for this fingerprint, or use --signer"));
        }
    }
}

fn by_minisign(bytes: &[u8], sums: &[u8], signers: Option<&[PublicHalf]>, outcome: &mut Outcome) {
    let name = format!("{SUMS}{MINISIGN}");
    let Ok(signature) = Minisignature::read(bytes) else {
        outcome.wrong.push(format!("not a signature of minisign: {name}"));
        return;
    };
    let number = format!("{:016X}", u64::from_le_bytes(signature.key));
    let Some(signers) = signers else {
        outcome.unchecked.push(format!("{name} by key {number}: name the public key with --signer"));
        return;
    };
    if signers.iter().any(|half| signature.verify(&half.spki, sums) == Verdict::Verified) {
        outcome.good.push(format!("signed by the minisign key {number}, as --signer demands"));
    } else {
        outcome.wrong.push(format!("{name} by key {number} was not made by the key of --signer"));
    }
}

/// Reads every file that was searched again, and compares its digest.
fn sources(directory: &Path, manifest: &Manifest, outcome: &mut Outcome) {
    let list = directory.join("sources.jsonl");
    let Ok(lines) = regular(&list).and_then(|()| File::open(&list)) else { return };
    let (mut lines, mut line) = (BufReader::new(lines), Vec::new());
    let (mut same, mut without) = (0_u64, 0_u64);
    loop {
        line.clear();
        match (&mut lines).take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                outcome.wrong.push(format!("cannot be read: sources.jsonl ({})", plain(&error)));
                return;
            }
        }
        let Ok(file) = serde_json::from_slice::<Digested>(&line) else {
            outcome.wrong.push("a line of sources.jsonl is not one that this version writes".to_owned());
            return;
        };
        let Some(sha256) = &file.sha256 else {
            without += 1;
            continue;
        };
        let shown = escape(&file.path);
        if &*file.path == "-" {
            outcome.unchecked.push("standard input cannot be read again".to_owned());
            continue;
        }
        match digest(&Path::new(&*manifest.directory).join(path_of(&file)), file.size.saturating_add(1)) {
            Ok((_, is)) if is == **sha256 => same += 1,
            Ok(_) => outcome.wrong.push(format!("source changed: {shown}")),
            Err(error) => outcome.unchecked.push(format!("source cannot be read: {shown} ({})", plain(&error))),
        }
    }
    outcome.good.push(format!("{} as they were when they were searched", plural(same, "source", "sources")));
    if without > 0 {
        outcome.unchecked.push(format!("{} without a digest", plural(without, "source", "sources")));
    }
}

/// The path of a line of `sources.jsonl`.
fn path_of(file: &Digested) -> PathBuf {
    #[cfg(unix)]
    if let Some(bytes) = file.path_bytes_hex.as_deref().and_then(keyradius_core::hex::unhex) {
        use std::os::unix::ffi::OsStrExt;
        return PathBuf::from(std::ffi::OsStr::from_bytes(&bytes));
    }
    PathBuf::from(&*file.path)
}

fn tell(shown: &str, manifest: Option<&Manifest>, outcome: &Outcome) -> Result<(), Failure> {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if let Some(manifest) = manifest {
        let case = manifest.case.as_ref().map(|case| format!("case {}, ", escape(case))).unwrap_or_default();
        let tool = &manifest.tool;
        line(&format!("{shown}: {case}{} {}, {} to {}", tool.name, tool.version, manifest.started, manifest.finished));
    }
    for (kind, list) in
        [("WRONG", &outcome.wrong), ("UNCHECKED", &outcome.unchecked), ("note", &outcome.notes), ("ok", &outcome.good)]
    {
        list.iter().take(SHOWN).for_each(|what| line(&format!("  {kind:<9} {what}")));
        if list.len() > SHOWN {
            line(&format!("  {kind:<9} and {} more", count((list.len() - SHOWN) as u64)));
        }
    }
    if outcome.wrong.is_empty() {
        line("  ok        every file is as it was written");
    }
    out::data(text.as_bytes())
}
