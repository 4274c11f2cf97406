//! Private keys of Bitcoin and related currencies in wallet import format (WIF): base58check of a version, 32 bytes and
//! a flag.
//!
//! Only the first letters of such a text are fixed, and two letters are not an anchor. So keys are searched for at the
//! start of a file, in wallet dumps, and after names that contain `secret`; the checksum decides.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Kind, Label, Material, Proof, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::wallet;

/// Detects keys in wallet import format.
#[derive(Debug)]
pub(crate) struct Wif;

static ABOUT: About = About {
    id: "wif",
    title: "Bitcoin private key (WIF)",
    detects: "Keys in wallet import format for main and test networks: files that begin with a key, every line of a \
              dump of Bitcoin Core (dumpwallet) or of Electrum (export of keys), and values of settings whose name \
              contains `secret`. Verified by checksum and curve.",
    blind_to: "Keys in the middle of other text, and keys of networks with versions of their own (Litecoin, \
               Dogecoin).",
    respond: "Move the funds of the key to a new key at once: whoever has read the file can move them too.",
    references: &["Bitcoin wiki: Wallet import format", "BIP 178", "CWE-321"],
};

/// The first letters of a key: uncompressed and compressed, main and test network.
const STARTS: [&[u8]; 25] = [
    b"5H", b"5J", b"5K", b"Kw", b"Kx", b"Ky", b"Kz", b"L1", b"L2", b"L3", b"L4", b"L5", b"91", b"92", b"93", b"cM",
    b"cN", b"cP", b"cQ", b"cR", b"cS", b"cT", b"cU", b"cV", b"cW",
];

/// The start of dumps with many keys: Bitcoin Core's `dumpwallet`, Electrum's export as a table and as an object.
const DUMPS: [&[u8]; 3] = [b"# Wallet dump created by ", b"address,private_key", b"{\n    \"bc1"];

/// Anchors in other text, shared with other formats.
const NAMES: [Anchor; 2] = [Anchor::anywhere(b"ecret"), Anchor::anywhere(b"SECRET")];

const ANCHORS: [Anchor; STARTS.len() + DUMPS.len() + NAMES.len()] = {
    let mut list = [NAMES[0]; STARTS.len() + DUMPS.len() + NAMES.len()];
    let mut at = 0;
    while at < list.len() {
        #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
        if at < STARTS.len() {
            list[at] = Anchor::at_start(STARTS[at]);
        } else if at < STARTS.len() + DUMPS.len() {
            list[at] = Anchor::at_start(DUMPS[at - STARTS.len()]);
        } else {
            list[at] = NAMES[at - STARTS.len() - DUMPS.len()];
        }
        at += 1;
    }
    list
};

/// Maximum distance in bytes between a name and the key.
const GAP: usize = 40;

/// Maximum bytes of a dump that are read.
const MAX_DUMP: usize = 1 << 20;

/// Versions: main network, test networks.
const MAIN: u8 = 0x80;
const TEST: u8 = 0xef;

impl Detector for Wif {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let rest = blob.bytes.get(hit.at..).unwrap_or_default();
        if hit.anchor.at_start && DUMPS.contains(&hit.anchor.bytes) {
            words(rest.get(..rest.len().min(MAX_DUMP)).unwrap_or_default())
                .filter_map(|span| key(blob, hit.at + span.start..hit.at + span.end))
                .for_each(|material| out.found(material));
        } else if hit.anchor.at_start {
            let span = words(rest).next().map(|span| hit.at + span.start..hit.at + span.end);
            // The key must be alone on its line.
            let alone = |span: &Range<usize>| blob.bytes.get(span.end).is_none_or(u8::is_ascii_whitespace);
            span.filter(alone).and_then(|span| key(blob, span)).into_iter().for_each(|material| out.found(material));
        } else {
            let near = rest.get(..rest.len().min(GAP + 52)).unwrap_or_default();
            let line = near.split(|b| *b == b'\n').next().unwrap_or_default();
            let spans = words(line).map(|span| hit.at + span.start..hit.at + span.end);
            spans.filter_map(|span| key(blob, span)).take(1).for_each(|material| out.found(material));
        }
        Ok(())
    }
}

/// Finds runs of base58 digits with the length of a key.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            let length = rest.iter().take_while(|b| wallet::is_base58(**b)).count();
            let span = at..at + length;
            at += length.max(1);
            if matches!(length, 51 | 52) {
                return Some(span);
            }
        }
    })
}

fn key(blob: Blob<'_>, span: Range<usize>) -> Option<Material> {
    let payload = wallet::base58check(blob.bytes.get(span.clone())?)?;
    let (version, key) = payload.split_first().filter(|(version, _)| matches!(**version, MAIN | TEST))?;
    let (key, compressed) = match key.split_at_checked(32)? {
        (key, []) => (key, false),
        (key, [1]) => (key, true),
        _ => return None,
    };
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
    material.identity = Some(wallet::identity(key)?);
    material.proof = Proof::Verified;
    material.protection = Some(Protection::plaintext());
    material.labels.push(Label::new("network", if *version == MAIN { b"main" } else { b"test" }));
    if !compressed {
        material.remarks.push(Remark::UncompressedPublic);
    }
    Some(material)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use crate::samples::base58check as encode;

    fn inspect(text: &str) -> Vec<Material> {
        ask::every(&Wif, "k", text)
    }

    fn wif(version: u8, first: u8, tail: &[u8]) -> String {
        encode(&[&[version, first][..], &[7; 31], tail].concat())
    }

    #[test]
    fn every_start_is_an_anchor() {
        for first in 0..=0xfe {
            for (version, tail) in [(MAIN, &[][..]), (MAIN, &[1]), (TEST, &[]), (TEST, &[1])] {
                let text = wif(version, first, tail);
                let found = inspect(&format!("{text}\n"));
                assert_eq!(found.len(), 1, "{first}: {}", &text[..2]);
                assert_eq!((found[0].proof, found[0].span.clone()), (Proof::Verified, 0..text.len()));
            }
        }
    }

    #[test]
    fn keys_are_found_in_usual_places() {
        let (one, two) = (wif(MAIN, 3, &[1]), wif(MAIN, 4, &[1]));
        for (text, keys) in [
            (format!("# Wallet dump created by Bitcoin v22\n\n{one} 2021 label= # addr=x\n{two} 2021\n"), 2),
            (format!("address,private_key\nbc1q,p2wpkh:{one}\nbc1r,p2wpkh:{two}\n"), 2),
            (format!("WALLET_SECRET={one}\n"), 1),
            (format!("{{\"secret\": \"{one}\"}}"), 1),
            (format!("{one} and more"), 1),
            (format!("{one}x"), 0),
            (format!("{}1", &one[..51]), 0),
            (format!("text {one}"), 0),
            (format!("secret:\n{one}"), 0),
            ("# Wallet dump created by nobody\n".to_owned(), 0),
        ] {
            assert_eq!(inspect(&text).len(), keys, "{text}");
        }
    }
}
