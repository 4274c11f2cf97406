//! Filters of streams (ISO 32000-1, 7.4).

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, ZlibDecoder};

use super::object::{Dict, is_blank, is_delimiter};

/// Most filters of a stream.
const MOST: usize = 8;

/// A stream without its filters.
pub(super) enum Unfiltered<'s> {
    /// It has none, or is a picture.
    Plain,
    Unsupported(&'static str),
    Decoded(Box<dyn Read + 's>),
}

/// Decodes a stream.
pub(super) fn unfiltered<'s>(dict: Dict<'s>, stream: &'s [u8]) -> Unfiltered<'s> {
    let Some(value) = dict.value(b"/Filter").or_else(|| dict.value(b"/F").filter(|value| value.first() == Some(&b'/')))
    else {
        return Unfiltered::Plain;
    };
    let list = if let Some(list) = value.strip_prefix(b"[") {
        list.split(|byte| *byte == b']').next().unwrap_or_default()
    } else {
        let name = value.get(1..).unwrap_or_default();
        let length = name.iter().position(|byte| is_delimiter(*byte)).unwrap_or(name.len());
        value.get(..=length).unwrap_or(value)
    };
    let mut names = list.split(|byte| *byte == b'/').skip(1).map(<[u8]>::trim_ascii_end);
    let mut decoded: Option<Box<dyn Read + 's>> = None;
    for name in names.by_ref().take(MOST) {
        let input = decoded.take().unwrap_or_else(|| Box::new(stream));
        decoded = Some(match name {
            b"FlateDecode" | b"Fl" => Box::new(flate(input)),
            b"ASCIIHexDecode" | b"AHx" => Box::new(Hex { input: io::BufReader::new(input).bytes(), ended: false }),
            b"ASCII85Decode" | b"A85" => Box::new(Ascii85::new(input)),
            b"RunLengthDecode" | b"RL" => {
                Box::new(RunLength { input: io::BufReader::new(input).bytes(), copies: 0, repeats: None, ended: false })
            }
            b"LZWDecode" | b"LZW" => return Unfiltered::Unsupported("a stream compressed by LZW"),
            b"Crypt" => return Unfiltered::Unsupported("an encrypted stream"),
            // Pictures: DCTDecode, JPXDecode, CCITTFaxDecode, JBIG2Decode.
            _ => return Unfiltered::Plain,
        });
    }
    decoded.map_or(Unfiltered::Plain, Unfiltered::Decoded)
}

/// A zlib stream; some writers leave out its header.
fn flate<'s>(input: Box<dyn Read + 's>) -> impl Read + 's {
    let mut input = io::BufReader::with_capacity(16 << 10, input);
    let has_header = io::BufRead::fill_buf(&mut input).is_ok_and(crate::inner::is_zlib);
    let decoder: Box<dyn Read + 's> =
        if has_header { Box::new(ZlibDecoder::new(input)) } else { Box::new(DeflateDecoder::new(input)) };
    decoder
}

/// Two digits a byte, to `>`.
struct Hex<R: Read> {
    input: io::Bytes<io::BufReader<R>>,
    ended: bool,
}

impl<R: Read> Hex<R> {
    fn digit(&mut self) -> io::Result<Option<u8>> {
        loop {
            return Ok(match self.input.next().transpose()? {
                None | Some(b'>') => None,
                Some(byte) if is_blank(byte) => continue,
                Some(byte) => {
                    let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                    Some(digit.ok_or(io::ErrorKind::InvalidData)?)
                }
            });
        }
    }
}

impl<R: Read> Read for Hex<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(to) = into.get_mut(read).filter(|_| !self.ended) {
            let Some(high) = self.digit()? else {
                self.ended = true;
                break;
            };
            let low = self.digit()?;
            self.ended = low.is_none();
            *to = high << 4 | low.unwrap_or(0);
            read += 1;
        }
        Ok(read)
    }
}

/// Five digits for four bytes, to `~>`.
struct Ascii85<R: Read> {
    input: io::Bytes<io::BufReader<R>>,
    out: [u8; 4],
    /// What was read of `out`, and how many bytes it has.
    at: (usize, usize),
    ended: bool,
}

impl<R: Read> Ascii85<R> {
    fn new(input: R) -> Self {
        Self { input: io::BufReader::new(input).bytes(), out: [0; 4], at: (0, 0), ended: false }
    }

    fn group(&mut self) -> io::Result<()> {
        let (mut value, mut digits) = (0_u32, 0_usize);
        while digits < 5 {
            match self.input.next().transpose()? {
                None | Some(b'~') => {
                    self.ended = true;
                    break;
                }
                Some(b'z') if digits == 0 => digits = 5,
                Some(byte @ b'!'..=b'u') => {
                    value = value.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                    digits += 1;
                }
                Some(byte) if is_blank(byte) => {}
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        for _ in digits..5 {
            value = value.wrapping_mul(85).wrapping_add(84);
        }
        self.out = value.to_be_bytes();
        self.at = (0, digits.saturating_sub(1));
        Ok(())
    }
}

impl<R: Read> Read for Ascii85<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(to) = into.get_mut(read) {
            if self.at.0 >= self.at.1 {
                if self.ended {
                    break;
                }
                self.group()?;
                continue;
            }
            *to = self.out.get(self.at.0).copied().unwrap_or_default();
            self.at.0 += 1;
            read += 1;
        }
        Ok(read)
    }
}

/// A length and bytes, or a length and one byte that is repeated.
struct RunLength<R: Read> {
    input: io::Bytes<io::BufReader<R>>,
    /// Bytes that are left of a run.
    copies: u32,
    /// The byte that is repeated.
    repeats: Option<u8>,
    ended: bool,
}

impl<R: Read> Read for RunLength<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(to) = into.get_mut(read).filter(|_| !self.ended) {
            if self.copies == 0 {
                match self.input.next().transpose()? {
                    None | Some(128) => {
                        self.ended = true;
                        break;
                    }
                    Some(length @ 0..=127) => (self.copies, self.repeats) = (u32::from(length) + 1, None),
                    Some(length) => {
                        (self.copies, self.repeats) = (257 - u32::from(length), self.input.next().transpose()?);
                    }
                }
                continue;
            }
            let Some(byte) = self.repeats.map_or_else(|| self.input.next().transpose(), |byte| Ok(Some(byte)))? else {
                break;
            };
            *to = byte;
            self.copies -= 1;
            read += 1;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_encodings_and_runs() {
        let all = |mut reader: Box<dyn Read>| {
            let mut out = Vec::new();
            reader.read_to_end(&mut out).map(|_| out)
        };
        let bytes = |text: &'static [u8]| io::BufReader::new(text).bytes();
        assert_eq!(all(Box::new(Hex { input: bytes(b"61 62\n637>xx"), ended: false })).unwrap(), b"abcp");
        assert!(all(Box::new(Hex { input: bytes(b"6x"), ended: false })).is_err());
        assert_eq!(all(Box::new(Ascii85::new(&b"87cUR\nD]i,\"Ebo7~>"[..]))).unwrap(), b"Hello World");
        assert_eq!(all(Box::new(Ascii85::new(&b"z!!~>"[..]))).unwrap(), [0; 5]);
        let runs = RunLength { input: bytes(b"\x02abc\xfex\x80more"), copies: 0, repeats: None, ended: false };
        assert_eq!(all(Box::new(runs)).unwrap(), b"abcxxx");
    }
}
