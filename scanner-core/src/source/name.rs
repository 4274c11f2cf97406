//! Names as a place for keys: of files, members of containers, branches and tags.

use crate::blob::{Blob, Origin, Wrap};
use crate::seam::{Feed, Looked};

/// Fewest letters and digits in a row that may be a key: an Ed25519 key in PKCS#8 has 64 in base64.
const LEAST: usize = 43;

/// Fewest capitals, small letters and digits in them: names are rarely so mixed.
const EACH: usize = 3;

/// Whether a key may be in a name: a run of letters and digits in which no kind is rare. A digest in hexadecimal has one
/// case only.
pub(crate) fn may_hold_key(name: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'=');
    let is_mixed = |run: &[u8]| {
        let many = |is: fn(&u8) -> bool| run.iter().filter(|byte| is(byte)).count() >= EACH;
        many(u8::is_ascii_uppercase) && many(u8::is_ascii_lowercase) && many(u8::is_ascii_digit)
    };
    name.len() >= LEAST && name.split(|byte| !is_digit(byte)).any(|run| run.len() >= LEAST && is_mixed(run))
}

/// The origin of what is in the name of something.
pub fn origin(of: &Origin) -> Origin {
    of.inside(Wrap::text("name", 0))
}

/// Searches the name of a file or a branch, if a key may be in it.
pub fn feed(name: &[u8], of: &Origin, to: Feed<'_>) -> Looked {
    if !may_hold_key(name) {
        return Looked::default();
    }
    to.sink.blob(Blob::whole(name, &origin(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mixed_runs_are_searched() {
        // Put together here: it must not look like a key in the source.
        let key = ["MC4CAQAwBQYDK2VwBCIEI", &"Ba5T9i50diRtHVB3eaMqIb".repeat(2)].concat();
        for (name, may) in [
            (key.as_str(), true),
            (&format!("a/b.{key}.txt"), true),
            ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false),
            ("a-long-name-of-a-file-with-many-words-2024-and-a-date-01.txt", false),
            ("Some_Title_In_Words_That_Is_Long_Enough_To_Be_A_Run.txt", false),
            ("README.md", false),
        ] {
            assert_eq!(may_hold_key(name.as_bytes()), may, "{name}");
        }
    }
}
