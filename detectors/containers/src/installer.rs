//! Installers with a packing of their own, inside a program: recognised, and reported as not read.

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{held, le32};

/// Installers of NSIS and Inno Setup.
#[derive(Debug)]
pub(crate) struct Installer;

static ABOUT: About = About {
    id: "installer",
    title: "installer of NSIS or Inno Setup",
    detects: "The data of installers by NSIS and Inno Setup in a program. It is reported as not read.",
    blind_to: "All files in such an installer. Other installers, except those that are or contain an archive.",
    respond: "Unpack the installer, and scan its files.",
    references: &["NSIS, Source/exehead/fileform.h", "Inno Setup, Projects/Src/Shared.Struct.pas"],
};

/// FH_SIG and FH_INT1 to FH_INT3, after the flags.
const NSIS: &[u8] = b"\xef\xbe\xad\xdeNullsoftInst";

/// SetupID: a text of 64 bytes that ends with the version, and zeros.
const INNO: &[u8] = b"Inno Setup Setup Data (";

/// Most bytes of a signature after the data, in bytes.
const SIGNATURE: u64 = 64 << 10;

impl Container for Installer {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 4, bytes: NSIS }, Magic { at: 0, bytes: INNO }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn claims(&self, start: &[u8]) -> bool {
        self.begins(start)
    }

    fn begins(&self, start: &[u8]) -> bool {
        // Known flags, and the lengths of the header and of all data.
        let is_nsis = start.get(4..).is_some_and(|rest| rest.starts_with(NSIS))
            && le32(start, 0).is_some_and(|flags| flags < 16)
            && le32(start, 20).zip(le32(start, 24)).is_some_and(|(header, all)| header > 0 && all > 28);
        let is_inno = start.starts_with(INNO)
            && start.get(40..64).is_some_and(|end| end.ends_with(&[0; 8]))
            && start.get(INNO.len()).is_some_and(u8::is_ascii_digit);
        is_nsis || is_inno
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("data of an installer", 0);
    let start = held(bytes, 0, 28, 28).ok_or(malformed)?;
    // All data is at the end of the program, before a signature: programs that unpack installers know the magic, too.
    let after = le32(&start, 24).and_then(|all| bytes.size().checked_sub(all.into()));
    if !start.starts_with(INNO) && after.is_none_or(|after| after > SIGNATURE) {
        return Err(malformed.into());
    }
    let what = if start.starts_with(INNO) { "an installer of Inno Setup" } else { "an installer of NSIS" };
    inside.unread(Member { name: b"", at: 0 }, Reason::Unsupported, what);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    #[test]
    fn installers_are_said() {
        let mut nsis = [&4_u32.to_le_bytes()[..], NSIS, &[100, 0, 0, 0, 0, 2, 0, 0], b"data"].concat();
        nsis.resize(600, 7);
        let mut inno = [INNO, b"6.2.2) (u)"].concat();
        inno.resize(64, 0);
        for bytes in [nsis, inno] {
            assert_eq!(open(&Installer, &bytes).unwrap().reasons(), [Reason::Unsupported]);
            torture(&Installer, &bytes, 1);
        }
        assert!(open(&Installer, b"Inno Setup Setup Data (see the source)").is_none());
    }
}
