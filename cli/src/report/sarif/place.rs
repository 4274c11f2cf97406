//! Locations in SARIF.

use std::fmt::Write as _;

use keyradius_core::hex::unhex;
use keyradius_core::material::Encoding;
use serde_json::{Value, json};

use super::insert;
use crate::report::model::{Occurrence, Place, Spot};

/// The location of a place: only the first line of the key, because hosts show an alert in a pull request only if all
/// its lines are new. Without `text`, the region is empty, at the start of the file.
pub(super) fn location(place: &Place, text: bool) -> Value {
    let region = if text {
        json!({"startLine": place.line.max(1), "startColumn": 1, "endLine": place.line.max(1), "endColumn": 2})
    } else {
        json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1})
    };
    json!({"physicalLocation": {"artifactLocation": artifact(&place.path, place.path_bytes_hex.as_deref()), "region": region}})
}

/// The location of a line that uses or affects a key.
pub(super) fn point(spot: &Spot) -> Value {
    let line = spot.line.max(1);
    let region = json!({"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 1});
    json!({"physicalLocation": {"artifactLocation": artifact(&spot.path, spot.path_bytes_hex.as_deref()), "region": region}})
}

/// The location of an occurrence, with its git history as a property.
pub(super) fn located(occurrence: &Occurrence) -> Value {
    let mut location = location(&occurrence.place, text(occurrence));
    if let Some(git) = &occurrence.git {
        insert(&mut location, "properties", json!({"git": git}));
    }
    location
}

/// Whether the line of an occurrence is meaningful: in text, or in an encoding inside text.
fn text(occurrence: &Occurrence) -> bool {
    matches!(occurrence.encoding, Encoding::Pem | Encoding::Text) || occurrence.place.line > 1
}

pub(super) fn artifact(path: &str, bytes_hex: Option<&str>) -> Value {
    json!({"uri": uri(path, bytes_hex)})
}

/// The URI of a path: a relative reference for a relative path, a `file:` URI for an absolute one (RFC 3986, RFC 8089).
fn uri(path: &str, bytes_hex: Option<&str>) -> String {
    if path == "-" {
        return "stdin".to_owned();
    }
    let bytes = bytes_hex.and_then(|digits| Some(unhex(digits)?.to_vec())).unwrap_or_else(|| path.as_bytes().to_vec());
    let encoded = percent_encode(&bytes);
    if encoded.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

/// Encodes all bytes except unreserved characters and `/` as `%XX`. This includes the colon, which would end a scheme
/// in the first segment.
pub(in crate::report) fn percent_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(*byte)),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, hex, expected) in [
            ("a/b c.pem", None, "a/b%20c.pem"),
            ("a#b?c%.pem", None, "a%23b%3Fc%25.pem"),
            ("c:d", None, "c%3Ad"),
            ("ü.pem", None, "%C3%BC.pem"),
            ("a\\xff.pem", Some("61ff2e70656d"), "a%FF.pem"),
            ("/etc/ssl/key.pem", None, "file:///etc/ssl/key.pem"),
            ("-", None, "stdin"),
        ] {
            assert_eq!(uri(path, hex), expected);
        }
    }
}
