//! Words that hooks put to git, as far as more than one file has to know them: who asks, and the broker that starts git for no
//! other words.

/// Settings of a repository that fetches what it lacks.
pub(super) const PROMISOR: &str = r"^(extensions\.partialclone|remote\..*\.promisor)$";

/// Stands between the answers of one `git rev-parse`: it repeats options that it does not know, and a path may hold line
/// feeds.
pub(super) const BETWEEN: &str = "--keyradius";

/// Whether this can be the name of a remote, which is a part of the names of its refs: then it holds no wildcard.
pub(super) fn is_remote(name: &str) -> bool {
    !name.is_empty() && !name.contains(['*', '?', '[', ':', '\\', '^', '~', ' ']) && !name.starts_with(['/', '.', '-'])
}

/// The arguments that ask for the addresses that a remote is fetched from, or pushed to.
pub(super) fn addresses(remote: &str, push: bool) -> Vec<&str> {
    let mut args = vec!["remote", "get-url", "--all"];
    args.extend(push.then_some("--push"));
    args.push(remote);
    args
}

/// The arguments of a diff between a parent (HEAD, or nothing before the first commit) and the index. Whatever the user
/// configured for diffs is said again, so that it has no say.
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
    fn an_address_is_no_remote() {
        for (name, is) in
            [("origin", true), ("me/fork", true), ("https://x/y", false), ("../y.git", false), ("*", false)]
        {
            assert_eq!(is_remote(name), is, "{name}");
        }
    }
}
