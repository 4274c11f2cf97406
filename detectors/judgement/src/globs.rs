//! The globs of all rules about files, and which of them match a path.
//!
//! Compiling them into one automaton takes as long as comparing 50 paths with each, and most runs find few keys. So
//! [`Globs`] compiles them when more paths were asked for. Globs are compared without regard to the case of ASCII
//! letters. `*` and `?` stop at `/`; `**` is a whole component and stands for any number of them; `{a,b}` is one of
//! several texts. As in `globset`, an empty text between braces does not count: `a{,b}` matches `ab` only.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// How many paths are compared with each glob before the globs are compiled.
const FEW: usize = 50;

/// Globs in order.
#[derive(Debug, Default)]
pub(crate) struct Globs {
    /// In lower case.
    patterns: Vec<String>,
    asked: AtomicUsize,
    /// `None` inside if the globs do not compile.
    compiled: OnceLock<Option<GlobSet>>,
}

impl Globs {
    /// Checks globs. `Err` names the first one that is wrong.
    pub(crate) fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let check = |pattern: &str| {
            let wrong = |what| Err(format!("error parsing glob '{pattern}': {what}"));
            let mut open = 0_u32;
            for (at, byte) in pattern.bytes().enumerate() {
                match byte {
                    b'{' => open += 1,
                    b'}' if open == 0 => return wrong("a brace is not opened"),
                    b'}' => open -= 1,
                    b'[' | b']' | b'\\' => return wrong("classes and escapes are not used here"),
                    b'*' if pattern.as_bytes().get(at + 1) == Some(&b'*') => {
                        let before = at == 0 || pattern.as_bytes().get(at - 1) == Some(&b'/');
                        let after = pattern.as_bytes().get(at + 2);
                        if open > 0 || !before || !after.map_or(at > 0, |after| *after == b'/') {
                            return wrong("`**` has to be a component");
                        }
                    }
                    _ => {}
                }
            }
            if open > 0 { wrong("a brace is not closed") } else { Ok(pattern.to_ascii_lowercase()) }
        };
        let patterns = patterns.map(check).collect::<Result<_, String>>()?;
        Ok(Self { patterns, ..Self::default() })
    }

    /// Numbers of the globs that match a path, in order.
    pub(crate) fn matching(&self, path: &Path) -> Vec<usize> {
        let is_many = || self.asked.fetch_add(1, Ordering::Relaxed) >= FEW;
        if (self.compiled.get().is_some() || is_many())
            && let Some(set) = self.compiled.get_or_init(|| compile(&self.patterns).ok())
        {
            return set.matches(path);
        }
        self.compare(path.as_os_str().as_encoded_bytes())
    }

    /// Compares a path with one glob after the other.
    fn compare(&self, path: &[u8]) -> Vec<usize> {
        let text = path.to_ascii_lowercase();
        let mut starts = vec![0];
        starts.extend(text.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1));
        let matches = |pattern: &String| {
            let places = match pattern.strip_prefix("**/") {
                // What has no separator matches only the name of the file.
                Some(rest) if !rest.contains('/') => {
                    step(rest.as_bytes(), &text, starts.last().copied().into_iter().collect())
                }
                Some(rest) => step(rest.as_bytes(), &text, starts.clone()),
                None => step(pattern.as_bytes(), &text, vec![0]),
            };
            places.last() == Some(&text.len())
        };
        self.patterns.iter().enumerate().filter(|(_, pattern)| matches(pattern)).map(|(number, _)| number).collect()
    }
}

fn compile(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).case_insensitive(true).literal_separator(true).build()?);
    }
    set.build()
}

/// Places in a text, ascending and each once: all that a part of a glob may have led to. With them, no glob needs more
/// steps than its length times that of the text.
type Places = Vec<usize>;

/// Where a part of a glob ends in the text, if it begins at one of the places.
fn step(mut pattern: &[u8], text: &[u8], mut places: Places) -> Places {
    while let (Some((&first, rest)), false) = (pattern.split_first(), places.is_empty()) {
        let at = |place: usize| text.get(place).copied();
        if pattern.starts_with(b"/**/") {
            let first = places.into_iter().find(|place| at(*place) == Some(b'/'));
            places = (first.unwrap_or(text.len())..text.len())
                .filter(|place| at(*place) == Some(b'/'))
                .map(|place| place + 1)
                .collect();
            pattern = pattern.get(4..).unwrap_or_default();
            continue;
        }
        if pattern == b"/**" {
            let ends = places.into_iter().any(|place| at(place) == Some(b'/'));
            return if ends { vec![text.len()] } else { Vec::new() };
        }
        pattern = rest;
        match first {
            b'*' => {
                let mut all = Vec::new();
                for place in places {
                    // What an earlier place reached, this one reaches too.
                    if all.last().is_some_and(|last| *last >= place) {
                        continue;
                    }
                    all.push(place);
                    let same = (place..text.len()).take_while(|place| at(*place) != Some(b'/'));
                    all.extend(same.map(|place| place + 1));
                }
                places = all;
            }
            b'{' => {
                let end = closing(pattern);
                let inside = pattern.get(..end).unwrap_or_default();
                let mut all: Places = Vec::new();
                for part in parts(inside).filter(|part| !part.is_empty()) {
                    all.extend(step(part, text, places.clone()));
                }
                all.sort_unstable();
                all.dedup();
                places = all;
                pattern = pattern.get(end + 1..).unwrap_or_default();
            }
            _ => {
                let fits =
                    |place: usize| at(place).is_some_and(|byte| byte == first || (first == b'?' && byte != b'/'));
                places.retain_mut(|place| {
                    let fits = fits(*place);
                    *place += 1;
                    fits
                });
            }
        }
    }
    places
}

/// Where the brace closes that was opened before this text.
fn closing(text: &[u8]) -> usize {
    let mut open = 1_u32;
    let closes = |byte: &u8| {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    };
    text.iter().position(closes).unwrap_or(text.len())
}

/// The alternatives between braces.
fn parts(inside: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut open = 0_u32;
    inside.split(move |byte| {
        match byte {
            b'{' => open += 1,
            b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0 && *byte == b','
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Tables;

    /// Texts that a glob matches, more or less: with the alternatives and some texts for the wildcards.
    fn samples(pattern: &str) -> Vec<String> {
        let Some(at) = pattern.find(['*', '?', '{']) else { return vec![pattern.to_owned()] };
        let (before, rest) = pattern.split_at(at);
        let (texts, rest): (Vec<String>, &str) = if let Some(rest) = rest.strip_prefix("**") {
            (["a", "b/.c", "*"].map(str::to_owned).into(), rest)
        } else if let Some(rest) = rest.strip_prefix(['*', '?']) {
            (["x", "", "k/y"].map(str::to_owned).into(), rest)
        } else {
            let (inside, rest) = rest[1..].split_at(closing(&rest.as_bytes()[1..]));
            (parts(inside.as_bytes()).map(|part| String::from_utf8(part.to_vec()).unwrap()).collect(), &rest[1..])
        };
        let ends = texts.iter().flat_map(|text| samples(&format!("{text}{rest}").replace("**", "a")));
        ends.map(|end| format!("{before}{end}")).take(12).collect()
    }

    #[test]
    fn comparing_finds_what_the_compiled_globs_find() {
        let tables = Tables::built_in();
        let globs = &tables.globs;
        let set = compile(&globs.patterns).unwrap();
        let mut seen = BTreeSet::new();
        for pattern in &globs.patterns {
            for text in samples(pattern) {
                let (cut, name) = (text.get(1..).unwrap_or_default(), text.rsplit('/').next().unwrap_or_default());
                let more = [format!("/{text}"), format!("{text}x"), format!("{text}/x"), format!("q{text}")];
                for path in more.iter().map(String::as_str).chain([&text, cut, name, &*text.to_uppercase()]) {
                    let found = globs.compare(path.as_bytes());
                    assert_eq!(found, set.matches(path), "{path}");
                    seen.extend(found);
                }
            }
        }
        assert_eq!(seen.len(), globs.patterns.len());
    }

    #[test]
    fn wildcards_and_alternatives() {
        for (pattern, path, matches) in [
            ("**/a{b,{c,d}e}?", "x/y/ADEF", true),
            ("**/a{b,{c,d}e}?", "ab/", false),
            ("**/a/**/b", "a/b", true),
            ("**/a/**/b", "q/a/c/d/b", true),
            ("**/a/**/b", "a/cb", false),
            ("**/a/**", "a/", true),
            ("**/a/**", "a", false),
            ("**/a{,b}", "a", false),
            ("**/*a*b*", "a/b", false),
            ("**/*a*b*", "xaxxb", true),
            ("a/b", "c/a/b", false),
            ("a*/b", "ac/b", true),
        ] {
            let globs = Globs::new([pattern].into_iter()).unwrap();
            let set = compile(&globs.patterns).unwrap();
            assert_eq!(globs.compare(path.as_bytes()), set.matches(path), "{pattern} {path}");
            assert_eq!(globs.compare(path.as_bytes()).len(), usize::from(matches), "{pattern} {path}");
        }
    }

    #[test]
    fn globs_are_compiled_for_many_paths() {
        let globs = Globs::new(["**/a*"].into_iter()).unwrap();
        for count in 0..=FEW {
            assert!(globs.compiled.get().is_none(), "{count}");
            assert_eq!(globs.matching(Path::new("b/ab")), [0]);
        }
        assert!(globs.compiled.get().is_some());
        assert_eq!(globs.matching(Path::new("b/ab")), [0]);
    }

    #[test]
    fn wrong_globs_are_refused() {
        for wrong in ["{a", "a}", "[a]", "a\\b", "**", "a**", "**a/b", "a/***", "{a/**,b}"] {
            assert!(Globs::new([wrong].into_iter()).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
