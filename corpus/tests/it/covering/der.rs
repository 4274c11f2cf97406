//! Inserts values into DER, and corrects the lengths at every level.

/// A value's position: its header and content in the bytes, and whether it contains values.
struct Value {
    tag: u8,
    header: usize,
    start: usize,
    end: usize,
}

/// The value at the start of `bytes[at..end]`. Definite lengths only.
fn value(bytes: &[u8], at: usize, end: usize) -> Option<Value> {
    let tag = *bytes.get(at)?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let first = *bytes.get(at + 1)?;
    let (length, header) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x83 => {
            let octets = usize::from(first & 0x7f);
            let length = bytes.get(at + 2..at + 2 + octets)?.iter().fold(0, |length, b| length << 8 | usize::from(*b));
            (length, 2 + octets)
        }
        _ => return None,
    };
    let start = at + header;
    (start + length <= end).then_some(Value { tag, header: at, start, end: start + length })
}

/// The values that fill `bytes[start..end]` exactly.
fn children(bytes: &[u8], start: usize, end: usize) -> Option<Vec<Value>> {
    let (mut at, mut all) = (start, Vec::new());
    while at < end {
        let child = value(bytes, at, end)?;
        at = child.end;
        all.push(child);
    }
    Some(all)
}

/// Encodes a value with its tag and length.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        0x100..=0xffff => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    [&header[..], content].concat()
}

/// Every list of values in DER: the path to it, outermost first.
fn lists(bytes: &[u8], start: usize, end: usize, path: &mut Vec<usize>, out: &mut Vec<Vec<usize>>) {
    let Some(children) = children(bytes, start, end).filter(|children| !children.is_empty()) else { return };
    out.push(path.clone());
    for (number, child) in children.iter().enumerate() {
        // In a BIT STRING, the number of unused bits precedes the DER.
        let inside = child.start + usize::from(child.tag == 0x03);
        let constructed = child.tag & 0x20 != 0;
        let wraps = matches!(child.tag, 0x03 | 0x04 | 0x80 | 0x81) && bytes.get(inside) == Some(&0x30);
        if path.len() < 12 && (constructed || wraps) {
            path.push(number);
            lists(bytes, inside, child.end, path, out);
            path.pop();
        }
    }
}

/// The bytes with `more` after the last value of the list at a path.
fn insert(bytes: &[u8], start: usize, end: usize, path: &[usize], more: &[u8]) -> Vec<u8> {
    let Some((number, rest)) = path.split_first() else { return [&bytes[start..end], more].concat() };
    let children = children(bytes, start, end).expect("a list");
    let mut out = Vec::new();
    for (at, child) in children.iter().enumerate() {
        if at == *number {
            let inside = child.start + usize::from(child.tag == 0x03);
            let content = [&bytes[child.start..inside], &insert(bytes, inside, child.end, rest, more)].concat();
            out.extend(tlv(child.tag, &content));
        } else {
            out.extend(&bytes[child.header..child.end]);
        }
    }
    out
}

/// DER with `more` in each of its lists, with the path of each. Empty if the bytes are not DER.
pub(super) fn planted(bytes: &[u8], more: &[u8]) -> Vec<(String, Vec<u8>)> {
    if bytes.first().is_none_or(|tag| tag & 0x20 == 0) {
        return Vec::new();
    }
    let mut paths = Vec::new();
    lists(bytes, 0, bytes.len(), &mut Vec::new(), &mut paths);
    paths.iter().map(|path| (format!("list {path:?}"), insert(bytes, 0, bytes.len(), path, more))).collect()
}
