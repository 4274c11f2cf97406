//! Text of a content stream (ISO 32000-1, 9.4): strings in the order in which they are shown. A move to another height
//! begins a new line.

use zeroize::Zeroizing;

use super::font::Font;
use super::object::{hex, is_delimiter, string};

/// Most operands of an operator, and most saved states.
const MOST: usize = 4096;

/// Longest text of a content stream, in bytes. A page has some kilobytes; a map may make 1 kB of each code.
pub(super) const LONGEST: usize = 16 << 20;

/// Least difference of heights between two lines, in units of the page.
const LINE: f64 = 0.5;

/// Least gap that stands for a blank in an array of strings, in thousandths of the size of the font.
const BLANK: f64 = -200.0;

/// An operand.
enum Operand {
    Number(f64),
    Text(Zeroizing<Vec<u8>>),
    Name(Vec<u8>),
}

/// Joins the text of a content stream.
pub(super) fn lines<'f>(content: &[u8], fonts: &dyn Fn(&[u8]) -> Option<&'f Font>) -> Zeroizing<Vec<u8>> {
    let mut page =
        Page { out: Zeroizing::default(), font: None, base: 0.0, saved: Vec::new(), y: 0.0, leading: 0.0, last: None };
    if memchr::memmem::find(content, b"BT").is_none() {
        return page.out;
    }
    let mut operands = Vec::new();
    let mut rest = content;
    while let Some(&first) = rest.first() {
        match first {
            b'(' => {
                let Some(length) = string(rest) else { break };
                operands.push(Operand::Text(unescaped(rest.get(1..length - 1).unwrap_or_default())));
                rest = rest.get(length..).unwrap_or_default();
            }
            b'<' if rest.get(1) != Some(&b'<') => {
                let Some(end) = memchr::memchr(b'>', rest) else { break };
                operands.push(Operand::Text(Zeroizing::new(hex(rest.get(1..end).unwrap_or_default()))));
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            b'%' => {
                let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
            }
            b'/' => {
                let (name, after) = word(rest.get(1..).unwrap_or_default());
                operands.push(Operand::Name(name.to_vec()));
                rest = after;
            }
            _ if is_delimiter(first) => rest = rest.get(1..).unwrap_or_default(),
            _ => {
                let (token, after) = word(rest);
                rest = after;
                if let Some(number) = str::from_utf8(token).ok().and_then(|token| token.parse().ok()) {
                    operands.push(Operand::Number(number));
                } else {
                    page.operator(token, &operands, fonts);
                    operands.clear();
                }
            }
        }
        if operands.len() > MOST {
            operands.clear();
        }
    }
    page.out.push(b'\n');
    page.out
}

/// A word, and what follows it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| is_delimiter(*byte)).unwrap_or(bytes.len()))
}

struct Page<'f> {
    out: Zeroizing<Vec<u8>>,
    font: Option<&'f Font>,
    /// Height of the origin, and the saved ones.
    base: f64,
    saved: Vec<f64>,
    /// Height of the line, and the height that the last string had.
    y: f64,
    leading: f64,
    last: Option<f64>,
}

impl<'f> Page<'f> {
    fn operator(&mut self, token: &[u8], operands: &[Operand], fonts: &dyn Fn(&[u8]) -> Option<&'f Font>) {
        let number = |at: usize| match operands.get(at) {
            Some(Operand::Number(number)) => *number,
            _ => 0.0,
        };
        match token {
            b"q" if self.saved.len() < MOST => self.saved.push(self.base),
            b"Q" => self.base = self.saved.pop().unwrap_or(self.base),
            b"cm" => self.base += number(5),
            b"BT" => self.y = 0.0,
            b"Tm" => self.y = number(5),
            b"Td" => self.y += number(1),
            b"TD" => (self.y, self.leading) = (self.y + number(1), -number(1)),
            b"TL" => self.leading = number(0),
            b"T*" => self.next_line(),
            b"Tf" => {
                if let Some(Operand::Name(name)) = operands.first() {
                    self.font = fonts(name);
                }
            }
            b"Tj" | b"TJ" => self.show(operands),
            b"'" | b"\"" => {
                self.next_line();
                self.show(operands.get(operands.len().saturating_sub(1)..).unwrap_or_default());
            }
            _ => {}
        }
    }

    fn next_line(&mut self) {
        self.y -= if self.leading.abs() < LINE { 1.0 } else { self.leading };
    }

    fn show(&mut self, operands: &[Operand]) {
        let height = self.base + self.y;
        if self.last.is_some_and(|last| (last - height).abs() > LINE) {
            self.out.push(b'\n');
        }
        self.last = Some(height);
        for operand in operands {
            match operand {
                Operand::Text(text) => match self.font {
                    Some(font) => font.show(text, &mut self.out, LONGEST),
                    None => self.out.extend_from_slice(text),
                },
                Operand::Number(gap) if *gap < BLANK => self.out.push(b' '),
                _ => {}
            }
        }
    }
}

/// A string without its escapes (7.3.4.2).
fn unescaped(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(digit @ b'0'..=b'7') => {
                let mut code = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = rest.peek().copied() else { break };
                    code = code * 8 + u32::from(next - b'0');
                    rest.next();
                }
                out.push(u8::try_from(code & 0xff).unwrap_or_default());
            }
            // The line goes on.
            Some(b'\n') | None => {}
            Some(b'\r') => {
                rest.next_if_eq(&b'\n');
            }
            Some(other) => out.push(other),
        }
    }
    out
}
