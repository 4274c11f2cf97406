//! Programs: PE, ELF and Mach-O. Their bytes are searched as they are, like those of any file. This file finds the
//! section of a finding (`.rdata+0x1f40`), and opens data appended to a program: installers and self-extracting
//! archives (ZIP, 7z, cabinets), AppImages (squashfs).

mod sections;

use std::io::Read;

use goblin::container::Ctx;
use goblin::elf::Elf;
use goblin::elf::section_header::{SHT_NOBITS, SectionHeader};
use goblin::mach::{Mach, MachO, SingleArch};
use goblin::pe::header::Header as PeHeader;
use keyradius_core::error::Malformed;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Mapper, Member, Reader, Section, Unopenable};

/// Programs with appended data.
#[derive(Debug)]
pub(crate) struct Program;

static ABOUT: About = About {
    id: "program",
    title: "Program with an appended archive",
    detects: "PE and ELF files with a ZIP, 7z, cabinet, squashfs, tar or compressed stream after their last section: \
              installers, self-extracting archives, AppImages. Compressed sections of ELF files (zlib, Zstandard), such \
              as those for debuggers. Findings in any program name their section.",
    blind_to: "Installers with a packing of their own (NSIS, Inno Setup, InstallShield), packed programs (UPX).",
    respond: "Treat the contents as plain text.",
    references: &["Microsoft, PE Format", "System V ABI, ELF-64 Object File Format"],
};

const ELF: &[u8] = b"\x7fELF";

impl Container for Program {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: b"MZ" }, Magic { at: 0, bytes: ELF }]
    }

    /// Claims a program only if appended data begins like an archive, as far as these first bytes show, or if a section
    /// is compressed.
    fn claims(&self, start: &[u8]) -> bool {
        self.magics().iter().any(|magic| magic.begins(start))
            && (sections::any(start)
                || end(start).is_some_and(|end| match usize::try_from(end).ok().and_then(|end| start.get(end..)) {
                    Some([]) => false,
                    Some(behind) => appended(behind).is_some(),
                    // In a large file, the appended data is beyond these bytes.
                    None => start.len() >= LARGE,
                }))
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(open)
    }
}

/// Size in bytes from which on [`Container::claims`] may get only the first bytes of a file.
const LARGE: usize = 1 << 20;

/// Maximum padding between a program and appended data, in bytes.
const PADDING: usize = 4096;

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn open(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let none = Malformed::new("archive after a program", 0);
    let mut head = Vec::new();
    bytes.part(0, HEAD).read_to_end(&mut head).map_err(|_| none)?;
    let mut behind = [0; 2 * PADDING];
    let start = end(&head).filter(|end| *end < bytes.size()).and_then(|end| {
        let read = bytes.read_from(end, &mut behind).ok()?;
        Some(end + appended(behind.get(..read)?)? as u64)
    });
    let packed = sections::packed(&bytes, &head);
    if packed.is_empty() && start.is_none() {
        return Err(none.into());
    }
    if !packed.is_empty() && sections::open(&bytes, &packed, inside)?.is_break() {
        return Ok(());
    }
    let Some(start) = start else {
        let _ = inside.rest(0, &mut bytes.part(0, u64::MAX));
        return Ok(());
    };
    if inside.member(Member { name: b"program", at: 0 }, &mut bytes.part(0, start)).is_continue() {
        let _ = inside.member(Member { name: b"appended", at: start }, &mut bytes.part(start, u64::MAX));
    }
    Ok(())
}

/// Number of bytes that contain all headers of a program, except for the section headers of ELF.
const HEAD: u64 = 64 << 10;

/// Returns the offset of an archive in the data after a program.
fn appended(behind: &[u8]) -> Option<usize> {
    const BEGIN: [&[u8]; 9] = [
        b"PK\x03\x04",
        b"7z\xbc\xaf\x27\x1c",
        b"MSCF\0\0\0\0",
        b"hsqs",
        b"\x1f\x8b\x08",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"!<arch>\n",
    ];
    let zeros = behind.iter().take(PADDING).take_while(|byte| **byte == 0).count();
    // A 7z after a PE may follow a configuration text (`;!@Install@!UTF-8!`).
    let text = memchr::memmem::find(behind.get(..PADDING.min(behind.len()))?, b";!@InstallEnd@!");
    let places = [0, zeros].into_iter().chain(text.map(|at| at + b";!@InstallEnd@!".len()));
    places.filter(|at| behind.get(*at..).is_some_and(|b| BEGIN.iter().any(|begin| b.starts_with(begin)))).min()
}

/// Returns the offset after everything that the headers describe.
fn end(head: &[u8]) -> Option<u64> {
    if head.starts_with(ELF) {
        let header = Elf::parse_header(head).ok()?;
        // Section headers come last. Without them, the end of a program is unknown.
        let table = u64::from(header.e_shentsize).checked_mul(u64::from(header.e_shnum))?;
        return header.e_shoff.checked_add(table).filter(|_| header.e_shnum > 0);
    }
    let sections = pe_sections(head)?.iter().map(|section| section.end).max()?;
    Some(sections.max(pe_symbols(head).unwrap_or_default()))
}

/// Returns the end of the COFF symbols that GNU tools write after the sections: symbols of 18 bytes each, then a table
/// of strings that begins with its own length.
fn pe_symbols(head: &[u8]) -> Option<u64> {
    let coff = PeHeader::parse(head).ok()?.coff_header;
    let table = u64::from(coff.pointer_to_symbol_table);
    if table == 0 {
        return None;
    }
    let strings = table + 18 * u64::from(coff.number_of_symbol_table);
    let at = usize::try_from(strings).ok()?;
    let length = head.get(at..at.checked_add(4)?).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    Some(strings + u64::from(length))
}

fn pe_sections(head: &[u8]) -> Option<Vec<Section>> {
    let header = PeHeader::parse(head).ok()?;
    let coff = header.coff_header;
    // The signature, the COFF header and the optional header precede the section table.
    let mut table =
        (header.dos_header.pe_pointer as usize).checked_add(24 + usize::from(coff.size_of_optional_header))?;
    let sections = coff.sections(head, &mut table).ok()?;
    let section = |s: &goblin::pe::section_table::SectionTable| {
        let start = u64::from(s.pointer_to_raw_data);
        let name = s.name().unwrap_or_default().to_owned();
        Section { start, end: start + u64::from(s.size_of_raw_data), name }
    };
    Some(sections.iter().filter(|s| s.pointer_to_raw_data > 0).map(section).collect())
}

/// Finds the section of an offset in a program.
#[derive(Debug)]
pub struct Sections;

/// Maximum size of a program that is read for its sections, in bytes. In a larger one, findings have only an offset.
const PROGRAM: u64 = 256 << 20;

impl Mapper for Sections {
    fn begins(&self, start: &[u8]) -> bool {
        const MACH: [[u8; 4]; 5] = [
            [0xfe, 0xed, 0xfa, 0xce],
            [0xfe, 0xed, 0xfa, 0xcf],
            [0xce, 0xfa, 0xed, 0xfe],
            [0xcf, 0xfa, 0xed, 0xfe],
            // Also the magic of Java classes, which have no sections.
            [0xca, 0xfe, 0xba, 0xbe],
        ];
        start.starts_with(b"MZ") || start.starts_with(ELF) || MACH.iter().any(|magic| start.starts_with(magic))
    }

    fn sections(&self, mut program: Cursor) -> Vec<Section> {
        if program.size() > PROGRAM {
            return Vec::new();
        }
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        if program.read_to_end(&mut bytes).is_err() {
            return Vec::new();
        }
        let sections = if bytes.starts_with(b"MZ") {
            pe_sections(&bytes)
        } else if bytes.starts_with(ELF) {
            elf_sections(&bytes)
        } else {
            mach_sections(&bytes)
        };
        sections.unwrap_or_default()
    }
}

fn elf_sections(bytes: &[u8]) -> Option<Vec<Section>> {
    let header = Elf::parse_header(bytes).ok()?;
    let context = Ctx::new(header.container().ok()?, header.endianness().ok()?);
    let table = usize::try_from(header.e_shoff).ok()?;
    let headers = SectionHeader::parse(bytes, table, usize::from(header.e_shnum), context).ok()?;
    let names = headers.get(usize::from(header.e_shstrndx)).map_or(0, |section| section.sh_offset);
    let section = |s: &SectionHeader| {
        let at = usize::try_from(names.checked_add(s.sh_name as u64)?).ok()?;
        let name = bytes.get(at..)?.split(|byte| *byte == 0).next()?;
        let name = String::from_utf8_lossy(name.get(..name.len().min(64))?).into_owned();
        Some(Section { start: s.sh_offset, end: s.sh_offset.checked_add(s.sh_size)?, name })
    };
    Some(headers.iter().filter(|s| s.sh_type != SHT_NOBITS && s.sh_size > 0).filter_map(section).collect())
}

/// Maximum number of programs read in a universal binary: Apple has used fewer types of processors.
const ARCHITECTURES: usize = 32;

fn mach_sections(bytes: &[u8]) -> Option<Vec<Section>> {
    let mut sections = Vec::new();
    let mut add = |mach: &MachO<'_>, shift: u64| {
        for (section, _) in mach.segments.sections().flatten().flatten() {
            let start = shift + u64::from(section.offset);
            let segment = section.segname().unwrap_or_default();
            let name = format!("{segment},{}", section.name().unwrap_or_default());
            sections.push(Section { start, end: start.saturating_add(section.size), name });
        }
    };
    match Mach::parse(bytes).ok()? {
        Mach::Binary(mach) => add(&mach, 0),
        Mach::Fat(fat) => {
            // The header may declare two thousand million programs, and goblin returns an error for each missing one.
            for (arch, part) in fat.iter_arches().map_while(Result::ok).take(ARCHITECTURES).zip(&fat) {
                if let Ok(SingleArch::MachO(mach)) = part {
                    add(&mach, u64::from(arch.offset));
                }
            }
        }
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the fuzz target `git_pack`: fifteen bytes took hours.
    #[test]
    fn a_universal_binary_of_millions_of_programs_is_bounded() {
        for count in [[0x7d, 0x8b, 0xb1, 0x0d], [0xff; 4], [0, 0, 0, 52]] {
            let bytes = [&[0xca, 0xfe, 0xba, 0xbe][..], &count, &[0; 40]].concat();
            assert_eq!(mach_sections(&bytes).unwrap_or_default(), []);
        }
    }
}
