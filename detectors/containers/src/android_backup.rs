//! Android backups (`adb backup`, `.ab`): a header of four lines, then a tar archive, usually in a zlib stream.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::compressed::READ;

/// Android backups.
#[derive(Debug)]
pub(crate) struct AndroidBackup;

static ABOUT: About = About {
    id: "android_backup",
    title: "Android backup",
    detects: "Backups of `adb backup`, versions 1 to 5, compressed or not: the tar archive in them is opened.",
    blind_to: "Encrypted backups, which are reported as not read.",
    respond: "Treat the contents as plain text.",
    references: &["Android, services/backup BackupAgentTimeoutParameters.java, FullBackupEngine.java"],
};

const MAGIC: &[u8] = b"ANDROID BACKUP\n";

impl Container for AndroidBackup {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("Android backup", 0);
    let mut input = BufReader::with_capacity(READ, input);
    let mut line = || -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let mut byte = [0];
        // The longest line has the names of ciphers and digits of keys.
        while line.len() < 1024 {
            input.read_exact(&mut byte).ok()?;
            match byte {
                [b'\n'] => return Some(line),
                [other] => line.push(other),
            }
        }
        None
    };
    let magic = line().ok_or(malformed)?;
    let [version, compressed, cipher] = [line(), line(), line()].map(Option::unwrap_or_default);
    let is_version = !version.is_empty() && version.len() < 4 && version.iter().all(u8::is_ascii_digit);
    if !MAGIC.starts_with(&magic) || !is_version || !matches!(compressed.as_slice(), b"0" | b"1") {
        return Err(malformed.into());
    }
    if cipher != b"none" {
        return Err(Unopenable::Closed(Reason::Encrypted, "encrypted backup"));
    }
    let member = Member { name: b"", at: 0 };
    if compressed == b"0" {
        let _ = inside.member(member, &mut input);
        return Ok(());
    }
    let mut stream = ZlibDecoder::new(input);
    let flow = inside.member(member, &mut stream);
    let mut after = stream.into_inner();
    if flow.is_continue() && after.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut after);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::collect::{open, torture};

    #[test]
    fn compressed_plain_and_encrypted() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(b"a tar archive").unwrap();
        let packed = encoder.finish().unwrap();
        let file = |header: &str, content: &[u8]| [MAGIC, header.as_bytes(), content].concat();
        for (header, content) in [("5\n1\nnone\n", &packed[..]), ("1\n0\nnone\n", b"a tar archive")] {
            let seen = open(&AndroidBackup, &file(header, content)).unwrap();
            assert_eq!(seen.content(""), Some(&b"a tar archive"[..]), "{header}");
        }
        let followed = open(&AndroidBackup, &[&file("5\n1\nnone\n", &packed)[..], b"and more"].concat()).unwrap();
        assert_eq!(followed.content("trailing"), Some(&b"and more"[..]));
        let locked = open(&AndroidBackup, &file("5\n1\nAES-256\n0011\n", &packed)).unwrap();
        assert_eq!(locked.reasons(), [Reason::Encrypted]);
        for other in ["5\n2\nnone\n", "x\n1\nnone\n", "5", ""] {
            assert!(open(&AndroidBackup, &file(other, b"")).is_none(), "{other}");
        }
        torture(&AndroidBackup, &file("5\n1\nnone\n", &packed), 1);
    }
}
