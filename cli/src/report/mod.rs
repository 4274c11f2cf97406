//! Reports: one model, and one pure function per format that turns it into bytes.

pub(crate) mod build;
mod compact;
pub(crate) mod diff;
pub(crate) mod evidence;
mod human;
pub(crate) mod hunt;
pub(crate) mod json;
mod jsonl;
pub(crate) mod look;
pub(crate) mod model;
pub(crate) mod read;
pub(crate) mod records;
#[cfg(test)]
pub(crate) mod samples;
mod sarif;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod words;

use std::io;
use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use look::Look;

pub(crate) use human::summary;
pub(crate) use model::Report;

/// The JSON Schema of [`Report`].
pub(crate) const REPORT_SCHEMA: &str = include_str!("report.schema.json");

/// The JSON Schema of one line of facts.
pub(crate) const FACTS_SCHEMA: &str = include_str!("facts.schema.json");

/// The JSON Schema of [`hunt::Hunt`].
pub(crate) const HUNT_SCHEMA: &str = include_str!("hunt/hunt.schema.json");

/// The JSON Schema of [`evidence::Manifest`].
pub(crate) const EVIDENCE_SCHEMA: &str = include_str!("evidence/evidence.schema.json");

/// The JSON Schema of [`hunt::Identified`].
pub(crate) const IDENTITY_SCHEMA: &str = include_str!("hunt/identity.schema.json");

/// The JSON Schema of [`diff::Diff`].
pub(crate) const DIFF_SCHEMA: &str = include_str!("diff/diff.schema.json");

/// A format that a report is written in.
struct Output {
    /// What `--format` calls it.
    name: &'static str,
    /// What it is for: a line of the help.
    about: &'static str,
    /// Writes a report. A pure function of its arguments.
    render: fn(&Report, Look, &mut dyn io::Write) -> io::Result<()>,
}

/// Every format of a report, in the order of the help, the default first. To add one: its file, its `mod`, and a row here.
static OUTPUTS: [Output; 5] = [
    Output { name: "human", about: "Text for a person, ranked", render: human::render },
    Output {
        name: "json",
        about: "The whole report as one JSON document; `keyradius schema report` describes it",
        render: json::render,
    },
    Output { name: "jsonl", about: "One JSON object per line, the summary last", render: jsonl::render },
    Output { name: "sarif", about: "SARIF 2.1.0, for code scanning", render: sarif::render },
    Output {
        name: "compact",
        about: "One line for each place of a finding, for editors and grep",
        render: compact::render,
    },
];

/// One of [`OUTPUTS`], by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReportFormat(usize);

impl ReportFormat {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..OUTPUTS.len()).map(Self)
    }

    /// Whether it is the one for people, which the notes and the last line on standard error belong to.
    pub(crate) fn is_human(self) -> bool {
        self == Self::default()
    }

    /// What `--format` calls it.
    pub(crate) fn name(self) -> &'static str {
        OUTPUTS.get(self.0).map_or("", |output| output.name)
    }

    /// The format of that name.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self::all().find(|format| format.name() == name).expect("a format")
    }
}

impl ValueEnum for ReportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<ReportFormat>> = LazyLock::new(|| ReportFormat::all().collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        OUTPUTS.get(self.0).map(|output| PossibleValue::new(output.name).help(output.about))
    }
}

/// What `scan` and `judge` can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A report.
    Report(ReportFormat),
    /// What was found, before it is judged.
    Facts,
}

impl Default for Format {
    fn default() -> Self {
        Self::Report(ReportFormat::default())
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Format>> =
            LazyLock::new(|| ReportFormat::all().map(Format::Report).chain([Format::Facts]).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Report(format) => format.to_possible_value(),
            Self::Facts => Some(
                PossibleValue::new("facts")
                    .help("Facts that `keyradius judge` joins: everything found, not yet judged"),
            ),
        }
    }
}

/// Writes a report.
pub(crate) fn render(report: &Report, format: ReportFormat, look: Look, out: &mut dyn io::Write) -> io::Result<()> {
    OUTPUTS.get(format.0).map_or(Ok(()), |output| (output.render)(report, look, out))
}
