//! The memory of a walk: buffers, and the bases of objects that are still to be built.
//!
//! If these need too much, the base that is needed last is dropped, and built again when it is needed.

use std::sync::PoisonError;

use super::{SPARE, STREAMED, TOO_LARGE, Visitor, Walker};
use crate::delta::{Delta, Piece};
use keyradius_core::error::Malformed;

impl<V: Visitor> Walker<'_, V> {
    /// The bytes of the object at a level, built again if they were dropped. They count as used until they are
    /// released.
    pub(super) fn base(&mut self, level: usize) -> Result<Vec<u8>, Malformed> {
        if let Some(bytes) = self.path.get_mut(level).and_then(|held| held.bytes.take()) {
            return Ok(bytes);
        }
        let lost = Malformed::new("its delta base cannot be read", 0);
        let near = self.path.get(..level).and_then(|path| path.iter().rposition(|held| held.bytes.is_some()));
        let mut from = near.map_or(0, |near| near + 1);
        let mut kept = near.and_then(|near| self.path.get_mut(near)).and_then(|held| held.bytes.take());
        let mut object: Option<Vec<u8>> = None;
        let mut failed = None;
        let mut delta = std::mem::take(&mut self.delta);
        let mut pieces = std::mem::take(&mut self.pieces);
        while from <= level {
            let Some(number) = self.path.get(from).map(|held| held.entry) else { break };
            let base = object.as_ref().or(kept.as_ref()).map_or(&[][..], Vec::as_slice);
            match self.again(number, from == 0, base, &mut delta, &mut pieces) {
                Ok(built) => {
                    if let Some(before) = object.replace(built) {
                        self.release(before);
                    }
                }
                Err(what) => {
                    failed = Some(what);
                    break;
                }
            }
            from += 1;
        }
        self.delta = delta;
        self.pieces = pieces;
        if let Some(held) = near.and_then(|near| self.path.get_mut(near)) {
            held.bytes = kept.take();
        }
        match (failed, object) {
            (None, Some(object)) => Ok(object),
            (failed, object) => {
                if let Some(bytes) = object {
                    self.release(bytes);
                }
                Err(failed.unwrap_or(lost))
            }
        }
    }

    /// Builds one object of the path again.
    fn again(
        &mut self,
        number: u32,
        root: bool,
        base: &[u8],
        delta: &mut Vec<u8>,
        pieces: &mut Delta,
    ) -> Result<Vec<u8>, Malformed> {
        let end = self.forest.end(number);
        let entry = self.pages.entry(self.forest.offset(number))?;
        self.spend(entry.size);
        self.reserve(entry.size)?;
        let mut bytes = self.spare.pop().unwrap_or_default();
        if root {
            self.pages.inflate(&entry, Some(end), &mut self.inflater, &mut bytes)?;
        } else {
            self.pages.inflate(&entry, Some(end), &mut self.inflater, delta)?;
            pieces.parse(delta, base.len(), u64::from(u32::MAX))?;
            self.spend(pieces.size as u64);
            self.reserve(pieces.size as u64 + delta.len() as u64)?;
            pieces.apply(delta, base, &mut bytes);
        }
        self.used += bytes.capacity() as u64;
        Ok(bytes)
    }

    /// Makes room for `more` bytes. First drops spare buffers, then waits for the turn, then drops the bases that are
    /// needed last.
    pub(super) fn reserve(&mut self, more: u64) -> Result<(), Malformed> {
        let pieces = (self.pieces.pieces.capacity() * size_of::<Piece>()) as u64;
        let fixed = self.delta.capacity() as u64 + pieces;
        let total = |walker: &Self| {
            let spare: usize = walker.spare.iter().map(Vec::capacity).sum();
            walker.used.saturating_add(spare as u64 + fixed).saturating_add(more)
        };
        if total(self) <= self.bounds.own {
            return Ok(());
        }
        self.drop_spare();
        if total(self) <= self.bounds.own {
            return Ok(());
        }
        let most = self.bounds.own + self.bounds.most;
        if more > most {
            return Err(Malformed::new(TOO_LARGE, 0));
        }
        if self.turn.is_none() {
            self.turn = Some(self.bounds.turn.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let mut level = 0;
        while total(self) > most {
            let Some(held) = self.path.get_mut(level) else { return Err(Malformed::new(TOO_LARGE, 0)) };
            if let Some(mut bytes) = held.bytes.take() {
                self.used -= bytes.capacity() as u64;
                wipe(&mut bytes);
            }
            level += 1;
        }
        Ok(())
    }

    /// Releases an object that is no longer needed.
    pub(super) fn release(&mut self, bytes: Vec<u8>) {
        self.used = self.used.saturating_sub(bytes.capacity() as u64);
        self.keep(bytes);
    }

    /// Keeps a buffer for the next object. Whether it contained a key is known when its tree is done.
    pub(super) fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE && bytes.capacity() as u64 <= STREAMED {
            self.spare.push(bytes);
        } else {
            wipe(&mut bytes);
        }
    }

    pub(super) fn drop_spare(&mut self) {
        for mut bytes in std::mem::take(&mut self.spare) {
            wipe(&mut bytes);
        }
    }

    /// Called between two trees: wipes buffers that contained a key, and frees unusually large ones.
    pub(super) fn tidy(&mut self) {
        self.turn = None;
        if self.visitor.take_wipe() {
            self.spare.iter_mut().for_each(wipe);
            wipe(&mut self.delta);
            self.pages.wipe();
        }
        self.spare.retain(|buffer| buffer.capacity() as u64 <= STREAMED);
        if self.delta.capacity() as u64 > STREAMED {
            wipe(&mut self.delta);
            self.delta = Vec::new();
        }
        if self.pieces.pieces.capacity() * size_of::<Piece>() > STREAMED as usize {
            self.pieces = Delta::default();
        }
    }
}

/// Overwrites the whole capacity of a buffer. `zeroize` writes byte by byte, which took a tenth of the time for a
/// history full of keys; this is one `memset` that the compiler must not remove, because `black_box` may read the
/// bytes.
pub(crate) fn wipe(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(buffer.capacity(), 0);
    std::hint::black_box(buffer.as_slice());
}
