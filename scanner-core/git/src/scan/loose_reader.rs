//! Reads loose objects one by one: small ones are built, large ones are streamed.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::super::bounds::{EXPENSIVE, Metered};
use super::super::inflate::Inflater;
use super::super::loose::{self, Loose};
use super::super::odb::{reason, unread};
use super::super::walk::STREAMED;
use super::{Lost, Scan, Tally};
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::oid::ObjectId;
use keyradius_core::source::stream::Windows;

/// Reads loose objects with its own buffers.
pub(super) struct LooseReader<'a> {
    scan: Scan<'a>,
    inflater: Inflater,
    bytes: Vec<u8>,
}

impl<'a> LooseReader<'a> {
    /// A reader with empty buffers.
    pub(super) fn new(scan: Scan<'a>) -> Self {
        Self { scan, inflater: Inflater::default(), bytes: Vec::new() }
    }

    /// Scans one loose object; `false` if it is gone.
    pub(super) fn one(
        &mut self,
        objects: &Path,
        id: &ObjectId,
        counts: bool,
        windows: &mut Windows,
        tally: &mut Tally,
    ) -> bool {
        let lost =
            |what: Malformed, counted| Lost { id: *id, reason: Reason::Damaged, what: what.what, file: None, counted };
        let path = loose::path(objects, id);
        let object = match Loose::open(&path, &mut self.inflater) {
            Ok(Ok(object)) => object,
            Ok(Err(what)) => {
                // A file that is not a loose object was already read as a plain file.
                if self.scan.wants(id) {
                    tally.lose(lost(what, false));
                }
                return true;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
            Err(error) => {
                self.scan.to.run.gap(unread(&path, reason(&error), error.to_string()));
                return true;
            }
        };
        let wanted = self.scan.wants(id);
        if wanted && counts {
            tally.count(object.kind);
        }
        let read = if object.size > STREAMED {
            self.streamed(&object, id, (wanted, counts), windows, tally)
        } else {
            object.read(&mut self.inflater, &mut self.bytes).map(|(header, read)| {
                let content = self.bytes.get(header..).unwrap_or_default();
                if wanted {
                    let (_, wipe) = self.scan.look(*id, object.kind, content, counts, &mut Vec::new(), tally);
                    if wipe {
                        zeroize::Zeroize::zeroize(&mut self.bytes);
                    }
                }
                read
            })
        };
        // The bytes after the object, or the whole file if the object is damaged.
        let rest = match read {
            Ok(read) => read,
            Err(what) => {
                tally.lose(lost(what, counts));
                0
            }
        };
        if rest < object.stored() && !self.scan.to.run.cancelled() {
            if rest > 0 {
                let many = object.stored() - rest;
                let detail = format!("{many} bytes after a loose object; they were searched as they are");
                self.scan.to.run.gap(unread(&path, Reason::Damaged, detail));
            }
            self.scan.raw(&path, rest, &mut object.part(rest));
        }
        true
    }

    /// Reads a large object. Returns how many bytes of the file it has.
    fn streamed(
        &self,
        object: &Loose,
        id: &ObjectId,
        (wanted, counts): (bool, bool),
        windows: &mut Windows,
        tally: &mut Tally,
    ) -> Result<u64, Malformed> {
        let damaged = Malformed::new(super::super::inflate::DAMAGED, 0);
        let mut stream = object.stream().map_err(|_| damaged)?;
        let left = AtomicU64::new(self.scan.bounds.work(object.stored()));
        if wanted {
            let mut metered = Metered { inner: &mut stream, left: &left };
            self.scan.stream(*id, (object.kind, object.size, counts), &mut metered, windows, tally);
        }
        if self.scan.to.run.cancelled() {
            return Ok(object.stored());
        }
        let drained = std::io::copy(&mut Metered { inner: &mut stream, left: &left }, &mut std::io::sink());
        if left.into_inner() == 0 {
            return Err(Malformed::new(EXPENSIVE, 0));
        }
        drained.map_err(|_| damaged)?;
        stream.consumed().ok_or(damaged)
    }
}
