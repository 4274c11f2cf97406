//! All mutants in one build: the body of a function with mutants is repeated for each of them and once unchanged, and
//! an environment variable selects one at run time. So the list needs only one build, and a fragment may be anything
//! inside a function: a condition, a pattern, a part of a call.

use std::ops::Range;

/// The environment variable for the number of the selected mutant.
pub(super) const VARIABLE: &str = "KEYRADIUS_MUTANT";

/// Code added to the copied crates: the number of the selected mutant, read once.
pub(super) const SWITCH: &str = r#"
pub(crate) fn mutant() -> usize {
    static CHOSEN: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| std::env::var("KEYRADIUS_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX))
}
"#;

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Offset of its `fn`.
    start: usize,
    /// The text between its braces.
    pub(super) body: Range<usize>,
}

/// The functions of a source, without nested functions.
pub(super) fn functions(source: &str) -> Vec<Function> {
    let bytes = source.as_bytes();
    let is_word = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let starts = |at: usize, text: &str| bytes.get(at..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
    // End of a text that starts at `at`: after the next `end`.
    let after = |at: usize, end: &str| {
        source.get(at..).and_then(|rest| rest.find(end)).map_or(source.len(), |n| at + n + end.len())
    };
    let mut found = Vec::new();
    // Open braces; a `fn` whose body has not started, with its bracket depth; the enclosing function, with its depth.
    let (mut braces, mut brackets, mut at) = (0_usize, 0_usize, 0);
    let mut pending: Option<(usize, usize)> = None;
    let mut around: Option<(Function, usize)> = None;
    while let Some(&byte) = bytes.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'/' if starts(from, "//") => at = after(from, "\n"),
            b'/' if starts(from, "/*") => at = after(from, "*/"),
            b'"' => {
                while let Some(&byte) = bytes.get(at) {
                    at += if byte == b'\\' { 2 } else { 1 };
                    if byte == b'"' {
                        break;
                    }
                }
            }
            // A character literal; otherwise the quote starts a lifetime.
            b'\'' if starts(at, "\\") => at = after(at + 2, "'"),
            b'\'' => {
                let length = source.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                at += if starts(at + length, "'") { length + 1 } else { 0 };
            }
            _ if is_word(from) => {
                while is_word(at) {
                    at += 1;
                }
                let word = source.get(from..at).unwrap_or_default();
                let hashes = source.get(at..).map_or(0, |rest| rest.len() - rest.trim_start_matches('#').len());
                if matches!(word, "r" | "br") && starts(at + hashes, "\"") {
                    at = after(at + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
                } else if word == "fn" && around.is_none() && starts(at, " ") {
                    pending = Some((from, brackets));
                }
            }
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if pending.is_some_and(|(_, depth)| depth == brackets) => pending = None,
            b'{' => {
                if let Some((start, _)) = pending.take_if(|(_, depth)| *depth == brackets) {
                    around = Some((Function { start, body: at..at }, braces));
                }
                braces += 1;
            }
            b'}' => {
                braces = braces.saturating_sub(1);
                if let Some((mut function, _)) = around.take_if(|(_, depth)| *depth == braces) {
                    function.body.end = from;
                    found.push(function);
                }
            }
            _ => {}
        }
    }
    found
}

/// A mutant and its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault<'l> {
    /// The number that selects it.
    pub(super) number: usize,
    /// The text to replace, which occurs once.
    pub(super) find: &'l str,
    /// The replacement.
    pub(super) put: &'l str,
}

/// The source with all of these mutants, and the lines (from 1) of each.
pub(super) fn with_all(source: &str, faults: &[Fault<'_>]) -> (String, Vec<(usize, Range<usize>)>) {
    let (mut out, mut lines, mut done) = (String::new(), Vec::new(), 0);
    let line = |out: &str| out.matches('\n').count() + 1;
    for Function { start, body } in functions(source) {
        let text = source.get(body.clone()).unwrap_or_default();
        let inside: Vec<&Fault<'_>> = faults.iter().filter(|fault| text.contains(fault.find)).collect();
        if inside.is_empty() {
            continue;
        }
        // A `const fn` cannot depend on a value that is only known at run time.
        let before = source.get(done..start).unwrap_or_default();
        out.push_str(before.strip_suffix("const ").unwrap_or(before));
        out.push_str(source.get(start..body.start).unwrap_or_default());
        // The original first: its type decides the types of the others.
        let numbers: Vec<usize> = inside.iter().map(|fault| fault.number).collect();
        let other = format!("number if !{numbers:?}.contains(&number)");
        out.extend(["match crate::mutant() {\n", &other, " => {", text, "\n}\n"]);
        for fault in &inside {
            let begin = line(&out);
            let last = inside.last().is_some_and(|last| last.number == fault.number);
            let pattern = if last { "_".to_owned() } else { fault.number.to_string() };
            out.extend([&pattern, " => {", &text.replacen(fault.find, fault.put, 1), "\n}\n"]);
            lines.push((fault.number, begin..line(&out)));
        }
        out.push('}');
        done = body.end;
    }
    out.push_str(source.get(done..).unwrap_or_default());
    (out, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_any_context() {
        let source = r##"
const fn one(a: [u8; 2], f: fn(u8) -> u8) -> u8 { /* } */ a["}".len()] }
trait T { fn none(&self); fn two<'a>(&'a self) -> char { '}' } }
mod m { pub(crate) fn three() -> &'static str { fn inner() { '\'' } r#"}"}"# } } // fn four() { }
static S: &str = "fn five() { \" }"; fn six() where u8: Copy { match 1 { _ => {} } }
"##;
        let bodies: Vec<&str> = functions(source).into_iter().map(|f| source[f.body].trim()).collect();
        let expected = [r#"/* } */ a["}".len()]"#, "'}'", r##"fn inner() { '\'' } r#"}"}"#"##, "match 1 { _ => {} }"];
        assert_eq!(bodies, expected);
    }

    #[test]
    fn a_body_is_written_once_per_mutant_and_once_unchanged() {
        let source = "pub const fn f(a: u8) -> bool {\n    a > 1\n}\nfn g() {}\n";
        let faults = [Fault { number: 7, find: "> 1", put: ">= 1" }, Fault { number: 9, find: "a > 1", put: "true" }];
        let (text, lines) = with_all(source, &faults);
        let expected = "pub fn f(a: u8) -> bool {match crate::mutant() {
number if ![7, 9].contains(&number) => {\n    a > 1\n\n}
7 => {\n    a >= 1\n\n}
_ => {\n    true\n\n}
}}\nfn g() {}\n";
        assert_eq!(text, expected);
        assert_eq!(lines, [(7, 6..10), (9, 10..14)]);
    }
}
