//! Help, usage errors, and commands that need no scan.

use crate::workshop::Workshop;

#[test]
fn mistakes_exit_2_and_say_what_next() {
    let shop = Workshop::new("mistakes");
    shop.file("bad.toml", "[scan]\nfail_onn = 'any'\n").file("empty/x", "");
    for (args, told) in [
        (&["scan", "--frmat", "json"][..], "a similar argument exists: '--format'"),
        (&["scan", "--format", "jsn"], "a similar value exists: 'json'"),
        (&["scna"], "similar subcommands exist: "),
        (&["scan", "--fail-on", "high"], "expected any, signing, none, T0 to T4, or a severity"),
        (&["scan", "--max-file-size", "big"], "expected a size such as 64MiB"),
        (&["scan", "nowhere"], "error: cannot scan nowhere: no such file or directory\nhint: "),
        (&["scan", "--config", "bad.toml"], "error: bad.toml:2: unknown field `fail_onn`"),
        (&["scan", "--config", "none.toml"], "error: cannot read configuration none.toml: no such file"),
        (&["scan", "-o", "no/such/dir.json"], "error: cannot write no/such/dir.json: no such file"),
        (&["scan", "--only", "keys"], "possible values: signing"),
        (&["rules", "import", "gitleaks", "nowhere.toml"], "error: cannot read nowhere.toml: no such file"),
        (&["rules", "import", "gitleaks", "bad.toml"], "there are no [[rules]]"),
        (&["rules", "check", "bad.toml"], "error: bad.toml:2: unknown field `fail_onn`"),
        (&["explain", "opensshh"], "hint: did you mean `openssh`?"),
        (&[], "Usage: keyradius"),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(told), "{args:?} {ran:?}");
        assert!(ran.stdout.is_empty(), "{args:?} {ran:?}");
    }
}

#[test]
fn short_help_fits_on_a_screen_and_long_help_has_examples() {
    let shop = Workshop::new("help");
    for args in [&["-h"][..], &["scan", "-h"], &["report", "-h"], &["report", "diff", "-h"]] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.lines().count() <= 40, "{}", ran.stdout);
    }
    for args in [&["--help"][..], &["scan", "--help"]] {
        let ran = shop.run(args);
        let examples = ran.stdout.split("Examples:\n").nth(1).expect("examples");
        assert_eq!(examples.lines().take_while(|line| !line.is_empty()).count(), 5, "{examples}");
    }
    for args in [&["report", "--help"][..], &["report", "diff", "--help"]] {
        let ran = shop.run(args);
        assert!(ran.stdout.contains("Examples:\n") && ran.stdout.contains("Exit codes:\n  0  "), "{}", ran.stdout);
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 120), "{}", ran.stdout);
    }
}

#[test]
fn version_schema_completions_and_pages_are_printed() {
    let shop = Workshop::new("printed");
    for (args, start) in [
        (&["--version"][..], "keyradius 0."),
        (&["schema", "report"], "{\n  \"$schema\""),
        (&["schema", "facts"], "{\n  \"$schema\""),
        (&["schema", "diff"], "{\n  \"$schema\""),
        (&["completions", "bash"], "_keyradius()"),
        (&["man"], ".ie \\n(.g .ds Aq"),
        (&["explain", "pkcs8"], "pkcs8: "),
        (&["explain", "code", "signing", "(proven)"], "code_signing: "),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(0), "{args:?} {ran:?}");
        assert!(ran.stdout.starts_with(start), "{args:?} {ran:?}");
        assert!(ran.stderr.is_empty(), "{args:?} {ran:?}");
    }
    std::fs::create_dir(shop.path().join("man")).expect("a directory");
    assert_eq!(shop.run(&["man", "man"]).code, Some(0));
    for page in ["keyradius-scan.1", "keyradius-report.1", "keyradius-report-diff.1"] {
        assert!(shop.path().join("man").join(page).is_file(), "{page}");
    }
    let completions = shop.run(&["completions", "bash"]).stdout;
    assert!(
        completions.contains("keyradius__subcmd__report__subcmd__diff")
            || completions.contains("keyradius__report__diff")
    );
}
