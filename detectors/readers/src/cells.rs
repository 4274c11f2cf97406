//! Dumps of characters: `od -c`, `od -b`, `hexdump -c`.

use zeroize::Zeroizing;

/// Most bytes of a line.
const MOST: usize = 64;

/// The bytes of a line of `od -c`, `od -b` or `hexdump -c`: a cell of four characters for each byte, with a character,
/// an escape or three octal digits at its end.
pub fn characters(rest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (cells, partial) = rest.strip_suffix(b"\r").unwrap_or(rest).as_chunks::<4>();
    let begins = cells.first().is_some_and(|cell| cell.starts_with(b" "));
    if !begins || !partial.is_empty() || cells.len() > MOST {
        return None;
    }
    let mut data = Zeroizing::new(Vec::with_capacity(MOST));
    for cell in cells {
        data.push(match *cell {
            [b' ', digits @ ..] if digits.iter().all(|byte| (b'0'..=b'7').contains(byte)) => {
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 8).ok()?
            }
            [b' ', b' ', b'\\', escape] => match escape {
                b'0' => 0,
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                _ => return None,
            },
            [b' ', b' ', b' ', character] => character,
            _ => return None,
        });
    }
    (!data.is_empty()).then_some(data)
}
