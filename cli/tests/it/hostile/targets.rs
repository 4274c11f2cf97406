//! Targets named by the user are read, or reported as unread: FIFOs, pipes, devices, sockets, links, pseudo file
//! systems.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::patience::{run_to_its_end, until};
use crate::workshop::{Ran, Workshop, key_pem};

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

#[test]
fn a_stream_that_is_named_is_read() {
    let shop = Workshop::new("hostile_streams");
    shop.file("a.pem", key_pem(1));
    let binary = env!("CARGO_BIN_EXE_keyradius");
    std::os::unix::fs::symlink("a.pem", shop.path().join("link")).expect("linked");
    fifo(&shop.path().join("fifo"));
    std::os::unix::fs::symlink("fifo", shop.path().join("link-to-fifo")).expect("linked");
    for (script, code, place) in [
        ("\"$0\" scan <(cat a.pem)", 1, "/dev/fd/"),
        ("\"$0\" scan /dev/stdin < a.pem", 1, "/dev/stdin:1"),
        ("cat a.pem | \"$0\" scan /dev/stdin", 1, "/dev/stdin:1"),
        ("cat a.pem | \"$0\" scan /dev/fd/0", 1, "/dev/fd/0:1"),
        ("cat a.pem | \"$0\" scan /proc/self/fd/0", 1, "/proc/self/fd/0:1"),
        ("cat a.pem | \"$0\" scan -", 1, "-:1"),
        ("\"$0\" scan - < a.pem", 1, "-:1"),
        ("exec 9< a.pem; \"$0\" scan /dev/fd/9", 1, "/dev/fd/9:1"),
        ("(sleep 0.3; cat a.pem > fifo) & \"$0\" scan fifo", 1, "fifo:1"),
        ("(cat a.pem > fifo) & \"$0\" scan link-to-fifo", 1, "link-to-fifo:1"),
        ("\"$0\" scan <(gzip -c a.pem)", 1, "/dev/fd/"),
        ("\"$0\" scan <(true)", 0, ""),
        ("\"$0\" scan link", 1, "link:1"),
        ("\"$0\" scan /dev/null", 0, ""),
        ("\"$0\" scan - <&-", 3, ""),
    ] {
        let mut command = Command::new("bash");
        command.args(["-c", script, binary]).current_dir(shop.path()).stdin(Stdio::null());
        let ran = Ran::from(run_to_its_end(&mut command));
        if script.ends_with("<&-") {
            // Rust opens /dev/null if standard input is closed, so that no other file gets its number.
            assert!(matches!(ran.code, Some(0 | 3)), "{script}: {ran:?}");
            continue;
        }
        assert_eq!(ran.code, Some(code), "{script}: {ran:?}");
        assert!(ran.stdout.contains(place), "{script}: {ran:?}");
    }
}

#[test]
fn what_is_named_and_cannot_be_read_is_said() {
    let shop = Workshop::new("hostile_unread");
    shop.file("a.txt", "nothing").file("links/.keep", "");
    std::fs::remove_file(shop.path().join("links/.keep")).expect("removed");
    for name in ["one", "two"] {
        std::os::unix::fs::symlink("../a.txt", shop.path().join("links").join(name)).expect("linked");
    }
    std::os::unix::fs::symlink("nowhere", shop.path().join("dangling")).expect("linked");
    std::os::unix::fs::symlink("links", shop.path().join("to-links")).expect("linked");
    shop.file("some/b.txt", "nothing");
    std::os::unix::fs::symlink("b.txt", shop.path().join("some/link")).expect("linked");
    let socket = std::os::unix::net::UnixListener::bind(shop.path().join("socket")).expect("a socket");
    for (args, code, text) in [
        (&["socket"][..], 3, "a socket cannot be opened"),
        (&["links"], 3, "nothing but 2 symbolic links"),
        (&["to-links"], 3, "nothing but 2 symbolic links"),
        (&["links", "some"], 3, "nothing but 2 symbolic links"),
        (&["links", "--exit-zero"], 3, "nothing but 2 symbolic links"),
        (&["some"], 0, "1 symbolic link"),
        (&["dangling"], 2, "cannot scan dangling"),
        (&["nowhere"], 2, "cannot scan nowhere"),
        (&["/dev/zero"], 3, "a device without an end"),
        (&["/proc/self/task"], 3, "name the files to read"),
        (&["/proc/self/comm"], 0, ""),
    ] {
        let ran = shop.run(&[&["scan", "--no-config", "--show-skipped"], args].concat());
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert!(ran.stdout.contains(text) || ran.stderr.contains(text), "{args:?}: {ran:?}");
    }
    drop(socket);
    // A FIFO found by a walk has no writer: it is skipped without waiting.
    fifo(&shop.path().join("some/fifo"));
    assert_eq!(shop.run(&["scan", "some"]).code, Some(0));
}

#[test]
fn exit_zero_covers_findings_and_nothing_else() {
    let shop = Workshop::new("hostile_exit_zero");
    shop.file("key/a.pem", key_pem(1)).file("both/a.pem", key_pem(1)).file("both/long.txt", "x".repeat(1000));
    for (args, code) in [(&["key"][..], 0), (&["both", "--max-file-size", "500"], 3), (&["both"], 0), (&["nowhere"], 2)]
    {
        let ran = shop.run(&[&["scan", "--exit-zero"], args].concat());
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
    }
}

/// One Ctrl-C ends a run that waits for a silent writer.
#[test]
fn one_interrupt_is_enough() {
    let shop = Workshop::new("hostile_interrupt");
    fifo(&shop.path().join("fifo"));
    for target in ["-", "fifo"] {
        let mut child = shop
            .command(&["scan", target])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        std::thread::sleep(Duration::from_millis(500));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs").success());
        let ended = until("an end after one Ctrl-C", || child.try_wait().expect("it waits"));
        assert_eq!(ended.code(), Some(130), "{target}");
        drop(child.stdin.take().map(|mut pipe| pipe.flush()));
    }
}
