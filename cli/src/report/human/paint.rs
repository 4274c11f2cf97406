//! Colours and hyperlinks. This is the only file that writes escape sequences.

use anstyle::{AnsiColor, Style};

use crate::report::look::Look;
use crate::report::model::{Place, Tenths};

/// Which escape sequences are written.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    color: bool,
    links: bool,
}

impl Paint {
    pub(super) const fn new(look: Look) -> Self {
        Self { color: look.color, links: look.links }
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(super) fn heading(self, text: &str) -> String {
        self.with(Style::new().bold().underline(), text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(super) fn label(self, text: &str) -> String {
        self.dim(text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// A severity in four columns, in the colour of its band: critical, high, medium or low.
    pub(super) fn severity(self, severity: Tenths) -> String {
        let color = match severity.get() {
            90.. => AnsiColor::BrightRed,
            70.. => AnsiColor::Red,
            40.. => AnsiColor::Yellow,
            _ => AnsiColor::Blue,
        };
        self.with(color.on_default().bold(), &format!("{:>4.1}", severity.number()))
    }

    /// A place, as a hyperlink if links are on. `text` is the visible text, already escaped.
    pub(super) fn place(self, place: &Place, text: &str) -> String {
        let seen = self.with(AnsiColor::Cyan.on_default(), text);
        if !self.links || place.path.as_str() == "-" || place.path_bytes_hex.is_some() {
            return seen;
        }
        let Ok(path) = std::path::absolute(place.path.as_str()) else { return seen };
        let Some(path) = path.to_str() else { return seen };
        let encoded = crate::report::sarif::percent_encode(path.as_bytes());
        // OSC 8: <https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda>
        format!("\x1b]8;;file://{encoded}\x1b\\{seen}\x1b]8;;\x1b\\")
    }
}
