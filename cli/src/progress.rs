//! A progress line on a terminal, which reads the counters of the engine.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use keyradius_core::engine::Progress;

use crate::report::words;

/// Shows progress until it is dropped.
pub(crate) struct ProgressLine(ProgressBar);

impl ProgressLine {
    /// Starts showing progress, if `shown`.
    pub(crate) fn start(progress: &Arc<Progress>, shown: bool) -> Option<Self> {
        if !shown {
            return None;
        }
        let progress = Arc::clone(progress);
        let counts = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(
                out,
                "{} files, {}, {} found",
                words::count(progress.files.load(Relaxed)),
                words::bytes(progress.bytes.load(Relaxed)),
                words::count(progress.materials.load(Relaxed)),
            );
        };
        let style = ProgressStyle::with_template("{spinner} {counts} · {elapsed}").ok()?.with_key("counts", counts);
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Some(Self(bar))
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
