//! `docs/incident.md` as a person follows it: every command is run, and prints what the page says.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::hunt::{skipped, tool};
use crate::workshop::{CEILING, Workshop};

const PAGE: &str = include_str!("../../../docs/incident.md");

/// A command of the page, and the lines that it prints.
struct Step<'p> {
    command: &'p str,
    output: Vec<&'p str>,
}

/// The commands in the code blocks, which are indented by four.
fn steps() -> Vec<Step<'static>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut inside = false;
    for line in PAGE.lines() {
        let Some(code) = line.strip_prefix("    ") else {
            inside = false;
            continue;
        };
        if let Some(command) = code.strip_prefix("$ ") {
            steps.push(Step { command, output: Vec::new() });
            inside = true;
        } else if let Some(step) = steps.last_mut().filter(|_| inside) {
            step.output.push(code);
        }
    }
    steps
}

/// Whether a line fits one of the page, in which `...` stands for any text.
fn fits(line: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split("...").collect();
    let [first, middle @ .., last] = parts.as_slice() else { return line == pattern };
    let Some(mut rest) = line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    middle.iter().all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

/// Whether lines fit those of the page, in which a line `...` stands for any lines.
fn all_fit(lines: &[&str], patterns: &[&str]) -> bool {
    match (lines, patterns) {
        ([], []) => true,
        (_, ["...", rest @ ..]) => (0..=lines.len()).any(|skip| all_fit(&lines[skip..], rest)),
        ([line, lines @ ..], [pattern, patterns @ ..]) => fits(line, pattern) && all_fit(lines, patterns),
        _ => false,
    }
}

/// The files of the incident.
fn estate(shop: &Workshop) {
    let dir = shop.path();
    for folder in ["bucket", "repos/app/deploy", "backups", "images", "dumps", "trust"] {
        fs::create_dir_all(dir.join(folder)).expect("a directory");
    }
    tool(dir, &["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"]);
    let subject = ["-subj", "/O=Acme/CN=Acme Release", "-addext", "extendedKeyUsage=codeSigning"];
    let x509 = ["-addext", "basicConstraints=critical,CA:FALSE", "-days", "900", "-out", "trust/release.pem"];
    tool(dir, &[&["openssl", "req", "-x509", "-key", "key.pem"][..], &subject, &x509].concat());
    let pkcs12 = ["-inkey", "key.pem", "-in", "trust/release.pem", "-name", "release", "-out", "bucket/release.p12"];
    tool(dir, &[&["openssl", "pkcs12", "-export", "-passout", "pass:winter2026"][..], &pkcs12].concat());
    shop.file("passwords.txt", "summer2026\nwinter2026\n");
    // The repository: the key came in March, and was removed in April.
    let git = |args: &[&str], date: &str| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]).args(args);
        command.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date).current_dir(dir.join("repos/app"));
        let ran = command.output().expect("git");
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    let (march, april) = ("2026-03-02T09:00:00Z", "2026-04-01T09:00:00Z");
    git(&["init", "-q", "-b", "main"], march);
    git(&["config", "user.name", "Ann"], march);
    git(&["config", "user.email", "ann@example.org"], march);
    fs::copy(dir.join("key.pem"), dir.join("repos/app/deploy/release.key")).expect("a copy");
    shop.file("repos/app/README", "the app\n");
    git(&["add", "."], march);
    git(&["commit", "-q", "-m", "Sign releases"], march);
    git(&["rm", "-q", "deploy/release.key"], april);
    git(&["commit", "-q", "-m", "Remove the key"], april);
    // A backup.
    fs::create_dir_all(dir.join("etc/ssl")).expect("a directory");
    fs::copy(dir.join("key.pem"), dir.join("etc/ssl/release.pem")).expect("a copy");
    tool(dir, &["tar", "-czf", "backups/2026-10.tar.gz", "etc"]);
    // A disk with the key in space that no file has.
    let der = tool(dir, &["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER"]);
    shop.file("images/build.img", [&vec![0; 65_536][..], &der, &vec![0; 65_536]].concat());
    // Memory with a prime in it, as OpenSSL keeps numbers on most machines: the lowest byte first.
    let text = String::from_utf8(tool(dir, &["openssl", "rsa", "-in", "key.pem", "-noout", "-text"])).expect("text");
    let digits = text.split("prime1:").nth(1).and_then(|rest| rest.split("prime2:").next()).expect("a prime");
    let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
    let mut prime: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect();
    prime.reverse();
    shop.file("dumps/signd.core", [&[0; 4096], &prime[..], &[0; 4096]].concat());
}

#[test]
fn the_page_about_an_incident_is_true() {
    let steps = steps();
    assert!(steps.len() > 12, "the page has commands");
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        skipped("the page about an incident, because ssh-keygen is not installed");
        return;
    }
    let shop = Workshop::new("incident");
    estate(&shop);
    tool(shop.path(), &["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "examiner"]);
    let program = Path::new(env!("CARGO_BIN_EXE_keyradius"));
    let path = format!("{}:{}", program.parent().expect("a directory").display(), std::env::var("PATH").expect("PATH"));
    let mut code = 0;
    for Step { command, output } in steps {
        let mut shell = Command::new("sh");
        // Both streams in one, as on a terminal.
        shell.args(["-c", &format!("exec 2>&1; (exit {code}); {command}")]);
        shell.current_dir(shop.path()).env("PATH", &path).env(CEILING.0, CEILING.1).env_remove("SOURCE_DATE_EPOCH");
        let ran = shell.output().expect("a shell");
        code = ran.status.code().expect("a code");
        let text = String::from_utf8(ran.stdout).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert!(all_fit(&lines, &output), "$ {command}\n{text}\nis not\n{}", output.join("\n"));
    }
}
