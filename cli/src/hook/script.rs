//! The scripts that `keyradius hook install` writes: POSIX sh, and nothing that git does not bring along.

use std::path::Path;

use crate::args::hook::HookName;

/// A line of every script that keyradius wrote: what lacks it is not ours to touch.
pub(crate) const MARKER: &str =
    "# keyradius-hook: written by `keyradius hook install`, removed by `keyradius hook uninstall`";

/// What is put behind the name of a hook that was there before.
pub(crate) const BEFORE: &str = ".before-keyradius";

/// Hooks of git that a directory of hooks for all repositories would switch off, were they not passed on. Left out is
/// push-to-checkout, which changes what a push does by its mere presence.
pub(crate) const PASSED_ON: [&str; 22] = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-receive",
    "update",
    "proc-receive",
    "post-receive",
    "post-update",
    "reference-transaction",
    "pre-auto-gc",
    "post-rewrite",
    "sendemail-validate",
    "post-index-change",
];

/// Whether keyradius wrote this.
pub(crate) fn is_ours(script: &[u8]) -> bool {
    script.split(|byte| *byte == b'\n').take(5).any(|line| line == MARKER.as_bytes())
}

/// The script of a hook. It runs what was there before, then `keyradius` from the PATH, or else from where it was when
/// the hook was installed. `global`: the hooks of the repository itself are run too.
pub(crate) fn check(hook: HookName, global: bool, keyradius: &Path) -> Vec<u8> {
    let name = hook.id();
    let command = if hook == HookName::MergeCommit { HookName::Commit.id() } else { name };
    let (keep, give) = if hook.reads() {
        // Both hooks read it to its end, so it is kept; the mark at its end keeps line feeds from being cut off.
        ("lines=$(cat; echo x)\nlines=${lines%x}\n\n", "printf '%s' \"$lines\" | ")
    } else {
        ("", "")
    };
    let own = if global { own(name, give) } else { String::new() };
    let (exec, bypass) = match hook {
        HookName::Commit | HookName::MergeCommit => ("exec ", "go without this check once: --no-verify"),
        HookName::Push => ("", "go without this check once: git push --no-verify"),
        HookName::Receive => ("", "ask whoever runs this server"),
    };
    let mut script = format!(
        "#!/bin/sh\n{MARKER}\n# What was here before is {name}{BEFORE}: it runs first, and its failure wins.\n\n\
         {keep}before=\"${{0%/*}}/{name}{BEFORE}\"\n\
         if [ -x \"$before\" ]; then\n    {give}\"$before\" \"$@\" || exit\n{own}fi\n\n\
         if command -v keyradius >/dev/null 2>&1; then\n    keyradius=keyradius\nelse\n    keyradius="
    )
    .into_bytes();
    script.extend(quoted(keyradius));
    script.extend(
        format!(
            "\nfi\nif ! command -v \"$keyradius\" >/dev/null 2>&1; then\n    \
             echo \"error: the {name} hook cannot find keyradius, so nothing was checked\" >&2\n    \
             echo \"hint: put it on the PATH, remove the hook (${{0%/*}}/{name}), or {bypass}\" >&2\n    \
             exit 1\nfi\n{give}{exec}\"$keyradius\" hook {command} \"$@\"\n"
        )
        .bytes(),
    );
    script
}

/// Runs the hook of the repository itself. One that keyradius wrote does the rest too.
fn own(name: &str, give: &str) -> String {
    format!(
        "elif [ -z \"$KEYRADIUS_PASSED_ON\" ]; then\n    \
         own=\"$(git rev-parse --git-common-dir)/hooks/{name}\"\n    \
         if [ -x \"$own\" ] && grep -q '^# keyradius-hook:' \"$own\"; then\n        \
         export KEYRADIUS_PASSED_ON=1\n        {give}\"$own\" \"$@\"\n        exit\n    \
         elif [ -x \"$own\" ]; then\n        {give}\"$own\" \"$@\" || exit\n    fi\n"
    )
}

/// The script that only runs the hook of the repository itself.
pub(crate) fn pass_on(name: &str) -> Vec<u8> {
    format!(
        "#!/bin/sh\n{MARKER}\n# core.hooksPath would switch off the hook of the repository: here it is run.\n\n\
         own=\"$(git rev-parse --git-common-dir)/hooks/{name}\"\n\
         if [ -x \"$own\" ] && [ -z \"$KEYRADIUS_PASSED_ON\" ]; then\n    \
         export KEYRADIUS_PASSED_ON=1\n    exec \"$own\" \"$@\"\nfi\nexit 0\n"
    )
    .into_bytes()
}

/// A word of sh that means this path.
fn quoted(path: &Path) -> Vec<u8> {
    let mut word = vec![b'\''];
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            other => word.push(*other),
        }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_again_and_others_are_not() {
        for hook in HookName::ALL {
            for global in [false, true] {
                assert!(is_ours(&check(hook, global, Path::new("/bin/it's"))), "{hook:?}");
            }
        }
        assert!(is_ours(&pass_on("commit-msg")));
        assert!(!is_ours(b"#!/bin/sh\nkeyradius hook pre-commit\n"));
        assert_eq!(quoted(Path::new("/a b/it's")), b"'/a b/it'\\''s'");
    }
}
