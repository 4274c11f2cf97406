//! The table of a pack that has no index: every entry is inflated, built and named, as `git index-pack` does.

use std::collections::HashMap;
use std::rc::Rc;

use super::delta::Delta;
use super::inflate::{Inflater, Stream};
use super::oid::{Kind, ObjectId};
use super::pack::{Entry, MISSING_BASE, Pack, Stored};
use crate::error::Malformed;

/// What a delta is built on.
type Base = (Kind, Rc<Vec<u8>>);

/// Names and offsets of every object that can be built. The rest is told to `fault`: a pack whose bases lie elsewhere
/// (a thin one, as in an incremental bundle) gives up what is whole in it.
pub(crate) fn table(pack: &Pack, count: u32, limit: u64, fault: &mut dyn FnMut(Malformed)) -> Vec<(ObjectId, u64)> {
    let entries = entries(pack, count, limit, fault);
    let mut on_offset: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut on_name: HashMap<ObjectId, Vec<usize>> = HashMap::new();
    let mut work: Vec<(usize, Option<Base>)> = Vec::new();
    for (number, (_, entry)) in entries.iter().enumerate() {
        match entry.stored {
            Stored::Whole(_) => work.push((number, None)),
            Stored::DeltaAt(base) => on_offset.entry(base).or_default().push(number),
            Stored::DeltaOf(base) => on_name.entry(base).or_default().push(number),
        }
    }
    let mut names = Vec::with_capacity(entries.len());
    let (mut inflater, mut pieces, mut data) = (Inflater::default(), Delta::default(), Vec::new());
    while let Some((number, base)) = work.pop() {
        let Some((offset, entry)) = entries.get(number) else { continue };
        let built = inflater.exact(pack.data(entry), entry.size, &mut data).and_then(|()| {
            let Some((kind, base)) = base else {
                let Stored::Whole(kind) = entry.stored else { return Err(Malformed::new("delta without a base", 0)) };
                return Ok((kind, std::mem::take(&mut data)));
            };
            let mut object = Vec::new();
            pieces.parse(&data, base.len(), limit)?;
            pieces.apply(&data, &base, &mut object);
            Ok((kind, object))
        });
        let (kind, object) = match built {
            Ok(built) => built,
            Err(what) => {
                fault(Malformed::new(what.what, *offset as usize));
                continue;
            }
        };
        let id = ObjectId::of(pack.format, kind, &object);
        names.push((id, *offset));
        let object = Rc::new(object);
        let children = on_offset.remove(offset).into_iter().chain(on_name.remove(&id)).flatten();
        work.extend(children.map(|child| (child, Some((kind, Rc::clone(&object))))));
    }
    for lost in on_offset.into_values().chain(on_name.into_values()).flatten() {
        let at = entries.get(lost).map_or(0, |(offset, _)| *offset as usize);
        fault(Malformed::new(MISSING_BASE, at));
    }
    names
}

/// Every entry from the first to the last; after one that cannot be read, nobody knows where the next one begins.
fn entries(pack: &Pack, count: u32, limit: u64, fault: &mut dyn FnMut(Malformed)) -> Vec<(u64, Entry)> {
    let mut entries = Vec::new();
    let mut inflater = Inflater::default();
    let mut data = Vec::new();
    let mut offset = 12;
    for number in 0..count {
        let read = pack.entry(offset).and_then(|entry| {
            let length = if entry.size > limit.min(64 << 20) {
                let mut stream = Stream::new(pack.data(&entry), entry.size);
                std::io::copy(&mut stream, &mut std::io::sink())
                    .map_err(|_| Malformed::new("zlib stream is damaged", entry.data))?;
                stream.consumed()
            } else {
                inflater.measured(pack.data(&entry), entry.size, &mut data)?
            };
            Ok((entry, (entry.data + length) as u64))
        });
        match read {
            Ok((entry, next)) => {
                entries.push((offset, entry));
                offset = next;
            }
            Err(what) => {
                fault(Malformed::new(what.what, offset as usize));
                if number + 1 < count {
                    fault(Malformed::new(
                        "entries behind a damaged one cannot be found without an index",
                        offset as usize,
                    ));
                }
                break;
            }
        }
    }
    entries
}
