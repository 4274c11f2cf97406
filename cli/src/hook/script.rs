//! The scripts that `keyradius hook install` writes. They need only POSIX sh and the tools that come with git.

use std::path::Path;

use crate::args::hook::HookName;

/// A line of every script that keyradius writes. Scripts without this line are never changed.
pub(crate) const MARKER: &str =
    "# keyradius-hook: written by `keyradius hook install`, removed by `keyradius hook uninstall`";

/// Suffix of a hook that existed before the installation.
pub(crate) const BEFORE: &str = ".before-keyradius";

/// Hooks of git that a global hooks directory would disable without a script that runs the repository's own hook. The
/// list omits push-to-checkout, because its mere presence changes what a push does.
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

/// Whether keyradius wrote a script.
pub(crate) fn is_ours(script: &[u8]) -> bool {
    script.split(|byte| *byte == b'\n').take(5).any(|line| line == MARKER.as_bytes())
}

/// The script of a hook. It runs the previous hook, then `keyradius` from the PATH or, failing that, from its path at
/// the time of the installation. If `global`, the script also runs the repository's own hook.
pub(crate) fn check(hook: HookName, global: bool, keyradius: &Path) -> Vec<u8> {
    let name = hook.id();
    let command = if hook == HookName::MergeCommit { HookName::Commit.id() } else { name };
    let (keep, give) = if hook.reads() {
        // Both hooks read standard input to its end, so the script keeps it. The `x` at its end protects trailing line
        // feeds, which `$(...)` would remove.
        ("lines=$(cat; echo x)\nlines=${lines%x}\n\n", "printf '%s' \"$lines\" | ")
    } else {
        ("", "")
    };
    let own = if global { own(name, give) } else { String::new() };
    let (exec, bypass) = match hook {
        HookName::Commit | HookName::MergeCommit => ("exec ", "skip this check once: --no-verify"),
        HookName::Push => ("", "skip this check once: git push --no-verify"),
        HookName::Receive => ("", "ask the administrator of this server"),
    };
    let mut script = format!(
        "#!/bin/sh\n{MARKER}\n# The previous hook is {name}{BEFORE}: it runs first, and its failure ends this script.\n\n\
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

/// The part of a script that runs the repository's own hook. If keyradius wrote that hook, nothing else is left to do.
fn own(name: &str, give: &str) -> String {
    format!(
        "elif [ -z \"$KEYRADIUS_PASSED_ON\" ]; then\n    \
         own=\"$(git rev-parse --git-common-dir 2>/dev/null)/hooks/{name}\"\n    \
         if [ -x \"$own\" ] && grep -q '^# keyradius-hook:' \"$own\"; then\n        \
         export KEYRADIUS_PASSED_ON=1\n        {give}\"$own\" \"$@\"\n        exit\n    \
         elif [ -x \"$own\" ]; then\n        {give}\"$own\" \"$@\" || exit\n    fi\n"
    )
}

/// A script that only runs the repository's own hook.
pub(crate) fn pass_on(name: &str) -> Vec<u8> {
    format!(
        "#!/bin/sh\n{MARKER}\n# core.hooksPath would switch off the hook of the repository: here it is run.\n\n\
         own=\"$(git rev-parse --git-common-dir 2>/dev/null)/hooks/{name}\"\n\
         if [ -x \"$own\" ] && [ -z \"$KEYRADIUS_PASSED_ON\" ]; then\n    \
         export KEYRADIUS_PASSED_ON=1\n    exec \"$own\" \"$@\"\nfi\nexit 0\n"
    )
    .into_bytes()
}

/// A path as one quoted word of sh.
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
    fn own_scripts_are_recognised_and_others_are_not() {
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
