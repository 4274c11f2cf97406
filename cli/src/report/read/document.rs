//! Reads a report as one JSON document.

use std::fmt;
use std::io::BufRead;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{Foreign, Place, ReadError};
use super::{Course, Rest, Status, check_schema};

/// Reads a document to the end of the input.
pub(super) fn read(input: &mut impl BufRead, course: &mut Course<'_>) -> Result<Rest, ReadError> {
    let mut parser = serde_json::Deserializer::from_reader(input);
    let mut parts = Parts::default();
    let done = Document { course: &mut *course, parts: &mut parts }.deserialize(&mut parser);
    let done = done.and_then(|()| {
        course.record = None;
        parser.end()
    });
    if let Some(id) = course.twice.take() {
        return Err(ReadError::Twice(id));
    }
    if let Some(refused) = parts.refused.take() {
        return Err(refused);
    }
    if let Err(error) = done {
        let place = Place { record: course.record, line: error.line(), column: error.column() };
        return Err(match ReadError::of(&error, place) {
            // Tools that sort members put some records before the schema.
            ReadError::Wrong(..) if !parts.schema && course.record.is_none() => ReadError::NotReport(parts.foreign),
            ReadError::Cut(place) if !parts.schema => ReadError::NotJson(place),
            ReadError::NotJson(place) if parts.closed => ReadError::After(place),
            error => error,
        });
    }
    parts.rest()
}

/// All parts of the document except its records.
#[derive(Default)]
struct Parts {
    /// Whether the schema was read and is ours.
    schema: bool,
    /// Whether the document was read to its end.
    closed: bool,
    foreign: Foreign,
    refused: Option<ReadError>,
    tool: Option<super::Tool>,
    scan: Option<super::Scan>,
    summary: Option<super::Summary>,
    public: Vec<super::Public>,
    playbooks: Vec<super::Playbook>,
    coverage: Option<super::Coverage>,
    notices: Vec<super::Notice>,
    findings: bool,
}

impl Parts {
    fn rest(self) -> Result<Rest, ReadError> {
        if !self.schema {
            return Err(ReadError::NotReport(self.foreign));
        }
        if !self.findings {
            return Err(ReadError::Missing("findings"));
        }
        Ok(Rest {
            tool: self.tool.ok_or(ReadError::Missing("tool"))?,
            scan: self.scan.ok_or(ReadError::Missing("scan"))?,
            summary: self.summary.ok_or(ReadError::Missing("summary"))?,
            public: self.public,
            playbooks: self.playbooks,
            coverage: self.coverage.ok_or(ReadError::Missing("coverage"))?,
            notices: self.notices,
            mended: Vec::new(),
        })
    }
}

struct Document<'c, 's> {
    course: &'c mut Course<'s>,
    parts: &'c mut Parts,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Self { course, parts } = self;
        let mut seen: Vec<String> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            course.record = None;
            let known = ["schema", "tool", "scan", "summary", "public", "playbooks", "coverage", "notices"];
            let lists = ["findings", "allowed", "secrets", "allowed_secrets"];
            if known.contains(&key.as_str()) || lists.contains(&key.as_str()) {
                if seen.contains(&key) {
                    return Err(M::Error::custom(format!("duplicate field `{key}`")));
                }
                seen.push(key.clone());
            }
            match key.as_str() {
                "schema" => {
                    let schema: String = map.next_value()?;
                    if let Err(refused) = check_schema(&schema) {
                        parts.refused = Some(refused);
                        return Err(M::Error::custom("another schema"));
                    }
                    parts.schema = true;
                }
                "tool" => parts.tool = Some(map.next_value()?),
                "scan" => parts.scan = Some(map.next_value()?),
                "summary" => parts.summary = Some(map.next_value()?),
                "public" => parts.public = map.next_value()?,
                "playbooks" => parts.playbooks = map.next_value()?,
                "coverage" => parts.coverage = Some(map.next_value()?),
                "notices" => parts.notices = map.next_value()?,
                "findings" => {
                    map.next_value_seed(Each::new("findings", course, |course, record| {
                        course.finding(Status::Open, record)
                    }))?;
                    parts.findings = true;
                }
                "allowed" => map.next_value_seed(Each::new("allowed", course, |course, record| {
                    course.finding(Status::Allowed, record)
                }))?,
                "secrets" => map.next_value_seed(Each::new("secrets", course, |course, record| {
                    course.secret(Status::Open, record)
                }))?,
                "allowed_secrets" => map.next_value_seed(Each::new("allowed_secrets", course, |course, record| {
                    course.secret(Status::Allowed, record)
                }))?,
                other => {
                    match other {
                        "facts" => parts.foreign = Foreign::Facts,
                        "runs" => parts.foreign = Foreign::Sarif,
                        _ => {}
                    }
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        parts.closed = true;
        Ok(())
    }
}

/// Passes each record of a list to the course, one at a time.
struct Each<'c, 's, T> {
    list: &'static str,
    course: &'c mut Course<'s>,
    take: fn(&mut Course<'_>, T) -> bool,
    of: PhantomData<T>,
}

impl<'c, 's, T> Each<'c, 's, T> {
    fn new(list: &'static str, course: &'c mut Course<'s>, take: fn(&mut Course<'_>, T) -> bool) -> Self {
        Self { list, course, take, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Each<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        self.course.record = Some((self.list, index));
        while let Some(record) = list.next_element()? {
            if !(self.take)(self.course, record) {
                return Err(A::Error::custom("an id twice"));
            }
            index += 1;
            self.course.record = Some((self.list, index));
        }
        Ok(())
    }
}
