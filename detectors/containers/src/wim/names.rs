//! Names of contents, from the folders of the images.

use std::collections::{BTreeMap, BTreeSet};

use keyradius_readers::stored::{array, le16, le32, le64};

/// Length of an entry of a folder before its name, and of an entry of another stream, in bytes.
const ENTRY: usize = 102;
const STREAM: usize = 38;

/// Longest path, in bytes.
const MOST_PATH: usize = 4096;

/// How many bytes of memory each name takes besides itself.
const AROUND: usize = 96;

/// Names of contents by their hashes, in bounded memory.
pub(super) struct Names {
    names: BTreeMap<[u8; 20], Vec<u8>>,
    room: u64,
}

impl Names {
    /// No names, and as many bytes of memory as they may take.
    pub(super) fn new(room: u64) -> Self {
        Self { names: BTreeMap::new(), room }
    }

    /// The name of a content; empty if it has none.
    pub(super) fn of(&self, hash: &[u8; 20]) -> &[u8] {
        self.names.get(hash).map_or(b"", Vec::as_slice)
    }

    fn name(&mut self, hash: [u8; 20], path: Vec<u8>) -> Option<()> {
        self.room = self.room.checked_sub((path.len() + AROUND) as u64)?;
        self.names.entry(hash).or_insert(path);
        Some(())
    }

    /// Adds the names of an image.
    pub(super) fn add(&mut self, metadata: &[u8]) {
        // The descriptors of security come first.
        let start = le32(metadata, 0).map_or(8, |length| (length.max(8) as usize).next_multiple_of(8));
        let mut waiting = vec![(start, Vec::new())];
        let mut seen = BTreeSet::new();
        while let Some((at, folder)) = waiting.pop() {
            // A folder that contains itself is read once.
            if seen.insert(at) {
                // What is damaged has no names.
                let _ = self.folder(metadata, at, &folder, &mut waiting);
            }
        }
    }

    fn folder(
        &mut self,
        metadata: &[u8],
        mut at: usize,
        folder: &[u8],
        waiting: &mut Vec<(usize, Vec<u8>)>,
    ) -> Option<()> {
        loop {
            let length = usize::try_from(le64(metadata, at)?).ok().filter(|length| *length >= ENTRY)?;
            let entry = metadata.get(at..at.checked_add(length)?)?;
            let name = utf8(entry.get(ENTRY..ENTRY + usize::from(le16(entry, 100)?))?);
            let mut path = folder.to_vec();
            if !path.is_empty() && !name.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            if path.len() > MOST_PATH {
                return None;
            }
            let below = usize::try_from(le64(entry, 16)?).ok()?;
            if below != 0 {
                self.room = self.room.checked_sub((path.len() + AROUND) as u64)?;
                waiting.push((below, path.clone()));
            }
            self.name(array(entry, 64)?, path.clone())?;
            at = at.checked_add(length.next_multiple_of(8))?;
            for _ in 0..le16(entry, 96)? {
                let length = usize::try_from(le64(metadata, at)?).ok().filter(|length| *length >= STREAM)?;
                let stream = metadata.get(at..at.checked_add(length)?)?;
                let name = utf8(stream.get(STREAM..STREAM + usize::from(le16(stream, 36)?))?);
                let path = if name.is_empty() { path.clone() } else { [&path[..], b":", &name].concat() };
                self.name(array(stream, 16)?, path)?;
                at = at.checked_add(length.next_multiple_of(8))?;
            }
            // The root has no siblings.
            if folder.is_empty() && name.is_empty() {
                return Some(());
            }
        }
    }
}

/// UTF-16 as UTF-8.
fn utf8(text: &[u8]) -> Vec<u8> {
    let units = text.chunks_exact(2).filter_map(|unit| Some(u16::from_le_bytes(unit.try_into().ok()?)));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
}
