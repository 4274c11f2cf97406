//! When a key was where: the dates that the matches of a hunt give.

use std::path::Path;

use keyradius_core::material::Occurrence;
use serde::Serialize;

use super::Match;
use crate::moment;
use crate::report::model::{Text, Word};

/// What happened at a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A certificate with the public half became valid: the key existed.
    CertificateBegins,
    /// A commit brought the match into a history.
    Committed,
    /// A commit removed it from the files of a history, which still contains it.
    Removed,
    /// The file that contains it was last written.
    FileWritten,
}

impl What {
    /// A stable identifier for machines.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::CertificateBegins => "certificate_begins",
            Self::Committed => "committed",
            Self::Removed => "removed",
            Self::FileWritten => "file_written",
        }
    }

    /// The event, for a person.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::CertificateBegins => "its certificate begins",
            Self::Committed => "committed",
            Self::Removed => "removed by a commit",
            Self::FileWritten => "file written",
        }
    }
}

/// A dated event of a match. All dates are claims: whoever writes a file, a commit or a certificate chooses them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    /// RFC 3339, UTC.
    pub(crate) at: Word,
    /// `certificate_begins`, `committed`, `removed` or `file_written`.
    #[serde(rename = "event")]
    pub(crate) what: What,
    /// Index in `matches`, from 0.
    #[serde(rename = "match")]
    pub(crate) of: usize,
    /// Id of the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<Word>,
    /// Author of the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<Text>,
    /// Seconds since 1970, to sort by: text does not sort before the year 0.
    #[serde(skip)]
    seconds: i64,
}

impl Serialize for What {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.id())
    }
}

/// When a file was last written, in seconds since 1970, if that is known.
pub(crate) type Written<'w> = &'w dyn Fn(&Path) -> Option<i64>;

/// The events of a match, which is the one with this index.
pub(super) fn of(found: &Match, index: usize, occurrence: &Occurrence, written: Written<'_>) -> Vec<Event> {
    let event = |seconds, what| Event {
        at: moment::text(seconds).into(),
        what,
        of: index,
        commit: None,
        author: None,
        seconds,
    };
    let mut all = Vec::new();
    if let Some(facts) = &occurrence.material.certificate {
        all.push(event(facts.not_before, What::CertificateBegins));
    }
    if let (Some(git), Some(shown)) = (occurrence.git.as_deref(), &found.occurrence.git) {
        for (facts, shown, what) in
            [(&git.introduced, &shown.introduced, What::Committed), (&git.removed, &shown.removed, What::Removed)]
        {
            let (Some(facts), Some(shown)) = (facts, shown) else { continue };
            all.push(Event {
                commit: Some(shown.commit.clone()),
                author: Some(shown.author.clone()),
                ..event(facts.commit_time, what)
            });
        }
    }
    if occurrence.origin.object.is_none() {
        all.extend(written(&occurrence.origin.path).map(|seconds| event(seconds, What::FileWritten)));
    }
    all
}

/// Puts events into the order of their dates.
pub(super) fn sort(events: &mut [Event]) {
    events.sort_by_key(|event| (event.seconds, event.of, event.what));
}
