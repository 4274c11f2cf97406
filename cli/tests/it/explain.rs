//! `keyradius explain`: the list, a role with its playbook, a rule, a finding of a report, usage errors.

use crate::workshop::{Workshop, key_pem};

#[test]
fn a_role_a_rule_and_the_list_are_explained() {
    let shop = Workshop::new("explain-topics");
    for (args, parts) in [
        (&["explain"][..], &["Roles: what a key is for\n", "\n  code_signing ", "\n  HSM-REQUIRED ", "\n  pkcs8 "][..]),
        (
            &["explain", "ssh_ca"],
            &[
                "\nWhether expiry ends that trust\n",
                "\nPlaybook: SSH",
                "\n       ssh-keygen -k -f revoked.krl ca.pub\n",
                "Done when",
            ],
        ),
        (
            &["explain", "TRUSTS-PUBLIC-KEY"],
            &["\nWhy it matters\n", "\n  CWE 1394: Use of Default Cryptographic Key\n"],
        ),
        (&["explain", "KEY-BOOT-ROOT"], &["\n  boot_root: ", "\n  9.8\n"]),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(0), "{args:?} {ran:?}");
        for part in parts {
            assert!(ran.stdout.contains(part), "{args:?} {part}: {}", ran.stdout);
        }
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ran.stdout);
    }
}

#[test]
fn machines_get_the_same_as_json() {
    let shop = Workshop::new("explain-json");
    let role = shop.run(&["explain", "--format", "json", "boot_root"]).json();
    assert_eq!(role["schema"], "keyradius.explain/1");
    assert_eq!((&role["tier"], &role["sarif_rule"]["security_severity"]), (&"T0".into(), &"9.8".into()));
    let sections = role["playbook"]["sections"].as_array().expect("sections");
    assert_eq!(sections.len(), 7);
    for section in sections {
        let steps = section["steps"].as_array().expect("steps");
        assert!(!steps.is_empty() || section["note"] != "", "{section}");
    }
    let rule = shop.run(&["explain", "--format", "json", "MULTI-ROLE"]).json();
    assert_eq!(rule["references"][0]["id"], "CWE-323");
    let topics = shop.run(&["explain", "--format", "json"]).json();
    assert!(topics["topics"].as_array().is_some_and(|topics| topics.len() > 90));
}

#[test]
fn a_finding_is_explained_from_its_report() {
    let shop = Workshop::new("explain-finding");
    shop.file("it's here/id_ed25519", key_pem(1));
    let report = shop.run(&["scan", "--format", "json", "--output", "report.json", "."]);
    assert_eq!(report.code, Some(1), "{report:?}");
    let text = std::fs::read_to_string(shop.path().join("report.json")).expect("the report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let finding = &report["findings"][0];
    let id = finding["id"].as_str().expect("an id");

    let told = shop.run(&["explain", id, "--report", "report.json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for part in [
        &format!("{id}: ") as &str,
        "\nPlaces\n  it's here/id_ed25519:1 (pkcs8)\n",
        "\nScore of the severity\n",
        &format!("\n  = {} severity\n", finding["severity"]),
        "\nPlaybook: SSH user key\n",
        "\n       sha256sum -- 'it'\\''s here/id_ed25519'\n",
    ] {
        assert!(told.stdout.contains(part), "{part}: {}", told.stdout);
    }
    let machine = shop.run(&["explain", id, "--report", "report.json", "--format", "json"]).json();
    assert_eq!(&machine["finding"], finding);
    assert_eq!(machine["playbook"]["role"], "ssh_user");
}

#[test]
fn mistakes_say_what_next() {
    let shop = Workshop::new("explain-mistakes");
    shop.file("other.json", "{}").file("text.json", "secret words");
    for (args, told) in [
        (&["explain", "kr1:0123"][..], "hint: run `keyradius scan --format json -o report.json PATH`, then "),
        (&["explain", "kr1:0123", "--report", "none.json"], "error: cannot read none.json: "),
        (&["explain", "kr1:0123", "--report", "other.json"], "error: other.json is not a report of keyradius\n"),
        (
            &["explain", "kr1:0123", "--report", "text.json"],
            "error: text.json is not a JSON document (line 1, column 1)",
        ),
        (&["explain", "code_signing", "--report", "other.json"], "error: --report needs the id of a finding"),
        (&["explain", "--report", "other.json"], "TOPIC"),
        (&["explain", "code_sining"], "hint: did you mean `code_signing`?"),
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(told) && !ran.stderr.contains("secret words"), "{args:?} {ran:?}");
        assert!(ran.stdout.is_empty(), "{args:?} {ran:?}");
    }
}
