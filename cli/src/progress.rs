//! A line of progress on a terminal. It only reads counters that the engine keeps.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use scanner_core::engine::Watch;

use crate::report::words;

/// Shows progress until it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts, if `shown`.
    pub(crate) fn start(watch: &Arc<Watch>, shown: bool) -> Option<Self> {
        if !shown {
            return None;
        }
        let watch = Arc::clone(watch);
        let counts = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(
                out,
                "{} files, {}, {} found",
                words::count(watch.files.load(Relaxed)),
                words::bytes(watch.bytes.load(Relaxed)),
                words::count(watch.materials.load(Relaxed)),
            );
        };
        let style = ProgressStyle::with_template("{spinner} {counts} · {elapsed}").ok()?.with_key("counts", counts);
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Some(Self(bar))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
