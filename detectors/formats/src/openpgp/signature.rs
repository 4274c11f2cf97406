//! Key flags and time in an OpenPGP signature over the key before it (RFC 9580 5.2).

use keyradius_core::error::Malformed;
use keyradius_core::material::Uses;
use keyradius_readers::cursor::Cursor;

/// The statement of a signature about the key before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// Signature type, RFC 9580 5.2.1.
    pub(crate) kind: u8,
    /// Seconds since 1970; 0 if absent.
    pub(crate) created: u32,
    /// Key flags (RFC 9580 5.2.3.29).
    pub(crate) uses: Option<Uses>,
}

/// Reads a version 4, 5 or 6 signature up to its hashed subpackets. The signature is not verified.
pub(crate) fn statement(body: &[u8]) -> Result<Statement, Malformed> {
    let mut cursor = Cursor::new(body);
    let version = cursor.u8("signature version")?;
    let kind = cursor.u8("signature type")?;
    cursor.u16("signature algorithms")?;
    let length = match version {
        4 | 5 => usize::from(cursor.u16("hashed length")?),
        6 => cursor.u32("hashed length")? as usize,
        _ => return Err(Malformed::new("signature version", 0)),
    };
    let mut fields = Cursor::new(cursor.take(length, "hashed subpackets")?);
    let mut statement = Statement { kind, created: 0, uses: None };
    while !fields.is_empty() {
        let length = match fields.u8("subpacket length")? {
            octet @ 0..192 => usize::from(octet),
            255 => fields.u32("subpacket length")? as usize,
            octet => (usize::from(octet) - 192) * 256 + usize::from(fields.u8("subpacket length")?) + 192,
        };
        match fields.take(length, "subpacket")? {
            // The high bit marks a critical subpacket.
            [2 | 0x82, time @ ..] => statement.created = time.try_into().map_or(0, u32::from_be_bytes),
            [27 | 0x9b, flags, ..] => {
                statement.uses = Some(Uses {
                    certify: flags & 0x01 != 0,
                    sign: flags & 0x02 != 0,
                    encrypt: flags & 0x0c != 0,
                    authenticate: flags & 0x20 != 0,
                });
            }
            _ => {}
        }
    }
    Ok(statement)
}
