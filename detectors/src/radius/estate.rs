//! All materials of a run and the links between them: being written.

/// All materials of a run and the links between them.
#[derive(Debug, Default)]
pub struct Estate {}
