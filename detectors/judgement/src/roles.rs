//! The texts of all roles, as the build found them in `data/roles/` and `data/playbooks/` (`build.rs`).

/// The texts of a role.
pub(crate) struct RoleText {
    /// The id of the role: the name of its files.
    pub(crate) id: &'static str,
    /// The id of its SARIF rule.
    pub(crate) sarif: &'static str,
    /// Its file in `data/roles/`, as JSON.
    pub(crate) role: &'static str,
    /// Its playbook.
    pub(crate) playbook: &'static str,
}

/// Every role, sorted by id.
pub(crate) const ROLES: &[RoleText] = include!(concat!(env!("OUT_DIR"), "/roles.rs"));
