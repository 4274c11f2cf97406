//! Arguments of git commands that more than one file has to know: the hooks that ask, and the broker, which starts git
//! with no other arguments.

/// Pattern of the settings of a repository that fetches missing objects.
pub(super) const PROMISOR: &str = r"^(extensions\.partialclone|remote\..*\.promisor)$";

/// Separates the answers of one `git rev-parse`. Git repeats options that it does not know, and a line feed cannot
/// separate answers because paths may contain it.
pub(super) const BETWEEN: &str = "--keyradius";

/// Whether a text can be the name of a remote. The name becomes part of a ref pattern, so wildcards are refused.
pub(super) fn is_remote(name: &str) -> bool {
    !name.is_empty() && !name.contains(['*', '?', '[', ':', '\\', '^', '~', ' ']) && !name.starts_with(['/', '.', '-'])
}

/// The arguments that ask for the addresses that a remote is fetched from or, if `push`, pushed to.
pub(super) fn addresses(remote: &str, push: bool) -> Vec<&str> {
    let mut args = vec!["remote", "get-url", "--all"];
    args.extend(push.then_some("--push"));
    args.push(remote);
    args
}

/// The arguments of a diff between a parent (default: HEAD, or nothing before the first commit) and the index. Options
/// that the user may have configured for diffs are set explicitly, so that the configuration has no effect.
pub(super) fn diff(parent: Option<&str>) -> Vec<&str> {
    let mut args = vec![
        "diff",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-relative",
        "--no-ext-diff",
        "--no-color",
        "-O/dev/null",
        "--ignore-submodules=all",
        "--diff-filter=ACMT",
    ];
    args.extend(parent);
    args.push("--");
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_a_remote_name() {
        for (name, is) in
            [("origin", true), ("me/fork", true), ("https://x/y", false), ("../y.git", false), ("*", false)]
        {
            assert_eq!(is_remote(name), is, "{name}");
        }
    }
}
