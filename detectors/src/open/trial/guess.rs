//! The guesses for a container, ring by ring, in the order of trial.

use keyradius_core::blob::Origin;
use keyradius_core::material::{How, Opened};
use zeroize::Zeroizing;

use super::{Price, Ring, Sources, Target, names};
use crate::open::words;

/// One password to try. Contains no secret byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::open) enum Guess {
    Empty,
    /// Index of a candidate in [`Sources::index`].
    Candidate(u32),
    /// Index of an entry in [`Sources::known`].
    WellKnown(usize),
    /// A word of a path or key name that is in the report anyway.
    Context(String),
    Short,
}

impl Guess {
    /// Returns how many trials the guess takes.
    pub(super) const fn trials(&self, price: Price) -> u64 {
        if matches!(self, Self::Empty) { price.empty } else { 1 }
    }
}

impl Target<'_> {
    /// Iterates over the guesses of a ring in the order of trial; `None` for a guess that repeats an earlier one.
    pub(super) fn guesses<'s>(
        &'s self,
        ring: Ring,
        from: &'s Sources<'_>,
    ) -> Box<dyn Iterator<Item = Option<Guess>> + 's> {
        match ring {
            Ring::Near => {
                let empty = self.price.filter(|price| price.empty > 0).map(|_| Some(Guess::Empty));
                let near = self.near.walk(from.index, |copy| self.path(copy, from));
                Box::new(empty.into_iter().chain(near.map(|which| which.map(Guess::Candidate))))
            }
            Ring::Far => {
                let far = self.far.iter().flatten().map(|&which| Some(Guess::Candidate(which)));
                let known = (0..from.known.len()).map(Guess::WellKnown).map(|guess| self.unless_repeated(guess, from));
                let context = self.context(from).into_iter().map(Guess::Context);
                // Alternate, so that neither many candidates nor a long list delays the best guesses of the other.
                Box::new(by_turns(far, known).chain(context.map(|guess| self.unless_repeated(guess, from))))
            }
            Ring::Short => Box::new(std::iter::once(Some(Guess::Short))),
        }
    }

    /// Returns the context words of the first copy: from its path and the names of its keys.
    pub(super) fn context(&self, from: &Sources<'_>) -> Vec<String> {
        let Some(copy) = self.copies.first() else { return Vec::new() };
        words::of_place(&self.path(0, from), &names(copy, from.occurrences))
    }

    /// Returns the guess unless a candidate, or for a context word the well-known list, has the same password.
    fn unless_repeated(&self, guess: Guess, from: &Sources<'_>) -> Option<Guess> {
        let word = word(&guess, from)?;
        let is_known = matches!(guess, Guess::Context(_)) && from.known.iter().any(|k| k.word.as_bytes() == &**word);
        let is_candidate = from.index.number(&word).is_some_and(|number| {
            let mut far = self.far.iter().flatten().filter_map(|&which| from.index.word(which));
            self.near.contains(number) || far.any(|other| other == number)
        });
        (!is_known && !is_candidate).then_some(guess)
    }

    /// Describes for the report how a guess opened the container.
    pub(in crate::open) fn tell(guess: &Guess, from: &Sources<'_>) -> Opened {
        let well_known = |field: &str| Opened { how: How::WellKnown, origin: None, line: 0, field: field.to_owned() };
        let found = |origin: Option<&Origin>, line, field: &str| Opened {
            how: How::Found,
            origin: origin.cloned(),
            line,
            field: field.to_owned(),
        };
        match guess {
            Guess::Empty => Opened { how: How::Empty, origin: None, line: 0, field: String::new() },
            Guess::Candidate(which) => match from.index.candidates.get(*which as usize) {
                Some(candidate) => found(Some(&candidate.origin), candidate.line, &candidate.field),
                None => found(None, 0, ""),
            },
            Guess::WellKnown(which) => well_known(from.known.get(*which).map_or("", |known| &known.from)),
            Guess::Context(_) => well_known("a word of its own path or key name"),
            Guess::Short => well_known("exhaustive search of up to four letters or digits"),
        }
    }
}

/// Alternates between two iterators, then continues with the longer one.
fn by_turns<T>(first: impl Iterator<Item = T>, second: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let (mut first, mut second, mut turn) = (first, second, false);
    std::iter::from_fn(move || {
        turn = !turn;
        if turn { first.next().or_else(|| second.next()) } else { second.next().or_else(|| first.next()) }
    })
}

/// Returns the bytes of a guess.
pub(super) fn word(guess: &Guess, from: &Sources<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let copy = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    match guess {
        Guess::Empty => Some(Zeroizing::default()),
        Guess::Candidate(which) => {
            from.index.candidates.get(*which as usize).map(|candidate| copy(candidate.secret.expose()))
        }
        Guess::WellKnown(which) => from.known.get(*which).map(|known| copy(known.word.as_bytes())),
        Guess::Context(word) => Some(copy(word.as_bytes())),
        // Stands for many passwords: see `attempt`.
        Guess::Short => None,
    }
}
