//! One sequence: a server, a client that keeps all objects, about twelve pushes, and the rules after each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

use keyradius_core::oid::{Format, Kind};

use super::server::{Move, Place, SERVER, Server, Verdict, exists, store};
use super::things::{Key, Things};
use crate::git::rng::Rng;

/// The client's directory, and the repository that a server may borrow objects from.
const CLIENT: &str = "client.git";
const NETWORK: &str = "network.git";

/// Number of pushes in a sequence.
const PUSHES: std::ops::Range<usize> = 8..14;

/// How a push is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    /// `git push`.
    Git,
    /// `git push` from a clone with the latest commit only.
    Shallow,
    /// By hand: the objects that a client would send.
    Exact,
    /// By hand: deltas against objects on the server.
    Thin,
    /// By hand: all objects, even those on the server.
    All,
    /// By hand: no object that is stored on the server, reachable or not.
    Lacking,
    /// By hand: also other objects, which are unreachable.
    Extra,
    /// By hand: parents are declared absent.
    Grafted,
}

/// The pushes and servers that were tried, with their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what.clone()).or_default() += count;
        }
    }

    /// Asserts that every way to push had both results, and that every kind of server occurred.
    pub(super) fn has_tried_everything(&self) {
        for what in [
            "sequences",
            "taken: no key",
            "taken: option",
            "taken: edit",
            "refused: a key",
            "server sha1",
            "server sha256",
            "server files",
            "server reftable",
            "server unpacks",
            "server keeps packs",
            "server borrows",
            "keys before the hook",
            "sent Git",
            "sent Shallow",
            "sent Exact",
            "sent Thin",
            "sent All",
            "sent Lacking",
            "sent Extra",
            "sent Grafted",
            "left unreachable",
            "gc",
            "repack",
            "prune",
            "pack-refs",
            "deleted",
            "replaced",
        ] {
            assert!(self.0.contains_key(what), "never tried: {what}; {self}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, count)| write!(f, "{what} {count} · "))
    }
}

struct Game<'a> {
    place: &'a Place,
    server: Server<'a>,
    things: Things,
    rng: Rng,
    tally: Tally,
    /// A log of the sequence, for readers of a failure.
    log: String,
    /// Keys that are allowed on the server.
    let_in: BTreeSet<Key>,
    /// Whether the hook is installed.
    hooked: bool,
    /// Percentage of blobs with keys.
    percent: usize,
    zero: String,
}

/// Runs the sequence of a seed.
pub(super) fn sequence(seed: u64) -> Tally {
    let place = Place::new(&format!("pushes-{seed}"));
    let mut rng = Rng::new(seed);
    let format = if rng.chance(25) { Format::Sha256 } else { Format::Sha1 };
    let refs = if rng.chance(25) { "reftable" } else { "files" };
    let init = [format!("--object-format={}", format.id()), format!("--ref-format={refs}")];
    let init = [init[0].as_str(), init[1].as_str()];
    let mut tally = Tally::default();
    tally.count("sequences");
    tally.count(format!("server {}", format.id()));
    tally.count(format!("server {refs}"));
    place.bare(CLIENT, &init);
    place.bare(SERVER, &init);
    let unpack = *rng.pick(&["1", "100"]);
    tally.count(if unpack == "1" { "server keeps packs" } else { "server unpacks" });
    place.git(SERVER, &["config", "receive.unpackLimit", unpack], b"");
    let percent = *rng.pick(&[0, 8, 20, 40]);
    let borrows = rng.chance(30);
    let zero = "0".repeat(format.bytes() * 2);
    let server = Server { place: &place, format: format.id() };
    let things = Things::new(format, &place.join(CLIENT));
    let mut game = Game {
        place: &place,
        server,
        things,
        rng,
        tally,
        log: format!("seed {seed}: {} {refs} unpackLimit {unpack} keys {percent} %\n", format.id()),
        let_in: BTreeSet::new(),
        hooked: false,
        percent,
        zero,
    };
    if borrows {
        game.borrow(&init);
    }
    let before = if game.rng.chance(40) { game.rng.between(1, 4) } else { 0 };
    let pushes = game.rng.between(PUSHES.start, PUSHES.end);
    for number in 0..pushes {
        if number == before {
            game.server.install();
            game.hooked = true;
            let there = game.things.keys_of(&game.server.reachable());
            if !there.is_empty() {
                game.tally.count("keys before the hook");
            }
            game.let_in.extend(there);
        }
        game.make();
        if game.rng.chance(25) {
            game.tend();
        }
        game.push();
    }
    game.tally
}

impl Game<'_> {
    fn say(&mut self, what: impl AsRef<str>) {
        let _ = writeln!(self.log, "{}", what.as_ref());
    }

    fn broken(&self, law: &str, verdict: &Verdict) -> ! {
        panic!("{law}\n{}\nhook {:?}: {}\ngit: {}", self.log, verdict.code, verdict.said, verdict.git)
    }

    /// Makes a repository next to the server, whose objects the server can read.
    fn borrow(&mut self, init: &[&str]) {
        self.tally.count("server borrows");
        self.place.bare(NETWORK, init);
        for _ in 0..3 {
            self.things.commit(&mut self.rng, 30);
        }
        let tip = self.things.some_commit(&mut self.rng).oid;
        let all = self.place.between(CLIENT, [&tip], []);
        let pack = self.pack(&all);
        store(self.place, NETWORK, &pack);
        self.place.git(NETWORK, &["update-ref", "refs/heads/main", &tip], b"");
        let objects = self.place.join(NETWORK).join("objects");
        std::fs::write(self.place.join(SERVER).join("objects/info/alternates"), format!("{}\n", objects.display()))
            .expect("written");
        self.say("the server borrows objects");
    }

    /// Makes new objects for the next pushes.
    fn make(&mut self) {
        for _ in 0..self.rng.between(1, 4) {
            self.things.commit(&mut self.rng, self.percent);
        }
        for _ in 0..self.rng.below(3) {
            self.things.other(&mut self.rng, self.percent);
        }
    }

    /// Maintains the server as an operator would, and stores objects in other ways than by a push.
    fn tend(&mut self) {
        // A server with missing objects refuses some of it.
        let git = |args: &[&str]| drop(self.place.command(SERVER, args).output().expect("git runs"));
        let what = match self.rng.below(8) {
            0 => {
                git(&["gc", "--quiet", "--prune=now"]);
                "gc"
            }
            1 => {
                git(&["repack", "-adq"]);
                "repack"
            }
            2 => {
                git(&["prune", "--expire=now"]);
                "prune"
            }
            3 => {
                git(&["pack-refs", "--all"]);
                git(&["commit-graph", "write", "--reachable"]);
                "pack-refs"
            }
            4 => match self.server.refs().first_key_value() {
                Some((name, _)) => {
                    git(&["update-ref", "-d", name]);
                    "an operator deleted a ref"
                }
                None => "nothing",
            },
            _ => {
                let commit = self.things.some_commit(&mut self.rng).oid;
                let oid = match self.things.others.last() {
                    Some(other) if self.rng.chance(40) => other.clone(),
                    _ => commit,
                };
                let pack = self.pack(&self.place.between(CLIENT, [&oid], []));
                store(self.place, SERVER, &pack);
                self.say(format!("{oid} lies on the server, and nothing leads to it"));
                "left unreachable"
            }
        };
        self.tally.count(what);
        self.say(what);
        // A reachable object that was missing may be stored now, without a push.
        self.let_in.extend(self.things.keys_of(&self.server.reachable()));
    }

    /// A pack of exactly these objects.
    fn pack(&self, oids: &BTreeSet<String>) -> Vec<u8> {
        let list: String = oids.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
        self.place.git(CLIENT, &["pack-objects", "-q", "--stdout"], list.as_bytes())
    }

    /// Refs and their new values.
    fn moves(&mut self, refs: &BTreeMap<String, String>) -> Vec<Move> {
        let mut moves: Vec<Move> = Vec::new();
        for _ in 0..*self.rng.pick(&[1, 1, 1, 2, 3]) {
            let rng = &mut self.rng;
            let mut name = match rng.below(20) {
                0..3 => format!("refs/tags/t{}", rng.below(3)),
                3..5 => "refs/notes/commits".to_owned(),
                5..7 => format!("refs/{}/x", rng.pick(&["pull/1", "changes", "keep-around"])),
                _ => format!("refs/heads/b{}", rng.below(5)),
            };
            let branch = name.starts_with("refs/heads/");
            let mut new = if !branch && !self.things.others.is_empty() && rng.chance(70) {
                rng.pick(&self.things.others).clone()
            } else {
                self.things.some_commit(rng).oid
            };
            if rng.chance(15) && refs.contains_key(&name) {
                new.clone_from(&self.zero);
                self.tally.count("deleted");
            } else if rng.chance(3) {
                // A replacement of another object: readers of the server that honour it would not see the other one.
                name = format!("refs/replace/{}", self.things.some_commit(rng).oid);
                self.tally.count("replaced");
            } else if branch && rng.chance(25) {
                let base = refs.get(&name).and_then(|oid| self.things.commits.iter().find(|commit| commit.oid == *oid));
                let base = base.cloned();
                if let Some(commit) = base.and_then(|base| self.things.edit(rng, &base)) {
                    new.clone_from(&commit.oid);
                }
            }
            let old = refs.get(&name).unwrap_or(&self.zero).clone();
            if old != new && !moves.iter().any(|(_, _, other)| *other == name) {
                moves.push((old, new, name));
            }
        }
        moves
    }

    /// One push, and the checks of the rules.
    fn push(&mut self) {
        let refs = self.server.refs();
        let moves = self.moves(&refs);
        if moves.is_empty() {
            return;
        }
        let tips: Vec<String> = moves.iter().map(|(_, new, _)| new.clone()).filter(|new| *new != self.zero).collect();
        let (reached, stored) = (self.server.reachable(), self.server.stored());
        let mut fresh = self.place.between(CLIENT, &tips, []);
        fresh.retain(|oid| !reached.contains(oid));
        let atomic = self.rng.chance(20);
        let option = self.rng.chance(10).then_some("keyradius.allow=they are for the tests");
        let how = *self.rng.pick(&[
            Sent::Git,
            Sent::Git,
            Sent::Shallow,
            Sent::Exact,
            Sent::Thin,
            Sent::All,
            Sent::Lacking,
            Sent::Lacking,
            Sent::Extra,
            Sent::Extra,
            Sent::Grafted,
        ]);
        self.say(format!("push {how:?} atomic {atomic} option {} {moves:?}", option.is_some()));
        let (sent, verdict) = self.send(how, &moves, &tips, &refs, &fresh, &stored, atomic, option);
        self.tally.count(format!("sent {how:?}"));
        let (now, there) = (self.server.reachable(), self.server.stored());
        self.say(format!("hook {:?}", verdict.code));

        if verdict.said.contains("panicked") || verdict.said.contains("bug in keyradius") {
            self.broken("the hook panicked", &verdict);
        }
        if !matches!(verdict.code, None | Some(0 | 1 | 3)) {
            self.broken("the hook failed", &verdict);
        }
        if verdict.code.is_none() && self.hooked && now.iter().any(|oid| !reached.contains(oid)) {
            self.broken("something became reachable, and no hook ran", &verdict);
        }
        let brought: BTreeSet<String> = fresh.union(&sent).filter(|oid| !reached.contains(*oid)).cloned().collect();
        let keys = self.things.keys_of(&brought);
        let edits = &self.things.edits;
        // An edit that is not reachable from a tip has no path where its key could be known; an edit without a parent
        // has nothing to compare with.
        let known = |oid: &String| {
            how != Sent::Grafted && fresh.contains(oid) && edits.get(oid).is_some_and(|base| reached.contains(base))
        };
        let news = self.things.keys_of(brought.iter().filter(|oid| !known(oid)));
        if !self.hooked {
            self.let_in.extend(keys);
            return;
        }
        match (verdict.code, option) {
            (Some(0), Some(_)) => {
                self.let_in.extend(keys.iter().copied());
                self.tally.count("taken: option");
            }
            (Some(_), Some(_)) => self.broken("a push with an option to allow it was refused", &verdict),
            (Some(0), None) if keys.is_empty() => self.tally.count("taken: no key"),
            (Some(0), None) if news.is_empty() => self.tally.count("taken: edit"),
            // Objects left out by a shallow push cannot be read, not even by git.
            (Some(3), None) if news.is_empty() && verdict.git.contains("missing necessary objects") => {
                self.tally.count("refused: objects are missing");
            }
            (Some(_), None) if news.is_empty() => self.broken("a push without a new key was refused", &verdict),
            (Some(0), None) => self.tally.count("taken: a key that was let in"),
            (Some(_), None) => self.tally.count("refused: a key"),
            (None, _) => self.tally.count("git refused"),
        }
        let foreign = |oid: &&String| self.things.holds.get(*oid).is_some_and(|keys| !keys.is_subset(&self.let_in));
        if let Some(oid) = now.iter().find(foreign) {
            self.broken(&format!("{oid} is reachable and holds a key that was not let in"), &verdict);
        }
        if let Some(oid) = there.difference(&stored).find(foreign) {
            self.broken(&format!("{oid} was stored and holds a key that was not let in"), &verdict);
        }
    }

    /// Sends the push; returns the content of the pack.
    #[allow(clippy::too_many_arguments, reason = "what a push is made of")]
    fn send(
        &mut self,
        how: Sent,
        moves: &[Move],
        tips: &[String],
        refs: &BTreeMap<String, String>,
        fresh: &BTreeSet<String>,
        stored: &BTreeSet<String>,
        atomic: bool,
        option: Option<&str>,
    ) -> (BTreeSet<String>, Verdict) {
        let mut sent = fresh.clone();
        let mut shallow = Vec::new();
        match how {
            Sent::Git => return (sent, self.server.pushed(CLIENT, moves, atomic, option)),
            Sent::Shallow if self.clone_shallow(refs) => {
                // A clone without the commits of the others: it gets the new objects, and its git decides what to send.
                let pack = self.pack(&self.place.between(CLIENT, tips, []));
                store(self.place, "shallow.git", &pack);
                return (sent, self.server.pushed("shallow.git", moves, atomic, option));
            }
            Sent::Shallow | Sent::Exact | Sent::Thin => {}
            Sent::All => sent = self.place.between(CLIENT, tips, []),
            Sent::Lacking => sent.retain(|oid| !stored.contains(oid)),
            Sent::Extra => {
                let mut oids: Vec<String> = (0..self.rng.between(1, 3))
                    .map(|_| self.things.blob(&mut self.rng, self.percent.max(20)))
                    .collect();
                if self.rng.chance(30) {
                    let commit = self.things.some_commit(&mut self.rng).oid;
                    oids.extend(self.place.between(CLIENT, [&commit], []));
                }
                sent.extend(oids);
            }
            Sent::Grafted => {
                // Declared to have no parents here: the pushed commits.
                let commits: BTreeSet<&String> = self.things.commits.iter().map(|commit| &commit.oid).collect();
                shallow.extend(tips.iter().filter(|tip| commits.contains(tip)).cloned());
                let parents: BTreeSet<String> = shallow
                    .iter()
                    .flat_map(|oid| self.place.lines(CLIENT, &["rev-parse", &format!("{oid}^@")], b""))
                    .collect();
                let without = self.place.between(CLIENT, tips, &parents);
                sent.retain(|oid| without.contains(oid));
            }
        }
        let pack = if how == Sent::Thin {
            let ends = tips.iter().cloned().chain(refs.values().map(|oid| format!("^{oid}")));
            let list: String = ends.map(|end| end + "\n").collect();
            self.place.git(CLIENT, &["pack-objects", "-q", "--stdout", "--thin", "--revs"], list.as_bytes())
        } else {
            self.pack(&sent)
        };
        (sent, self.server.received(moves, &shallow, &pack, atomic, option))
    }

    /// A shallow clone of the server, if there is anything to clone.
    fn clone_shallow(&self, refs: &BTreeMap<String, String>) -> bool {
        let Some(branch) = refs.keys().find_map(|name| name.strip_prefix("refs/heads/")) else { return false };
        let _ = std::fs::remove_dir_all(self.place.join("shallow.git"));
        let url = format!("file://{}", self.place.join(SERVER).display());
        let args = ["clone", "-q", "--bare", "--depth=1", "--branch", branch, &url, "shallow.git"];
        let cloned = self.place.command(".", &args).output().expect("git runs").status.success();
        cloned && exists(self.place, "shallow.git")
    }
}

/// Every way of planting a key is one that the hook detects: a broken rule is a fault of the hook, not of a detector.
#[test]
fn every_way_to_plant_a_key_is_seen() {
    let place = Place::new("pushes-plants");
    place.bare(CLIENT, &[]);
    place.bare(SERVER, &[]);
    let server = Server { place: &place, format: "sha1" };
    server.install();
    let mut things = Things::new(Format::Sha1, &place.join(CLIENT));
    let mut rng = Rng::new(1);
    let zero = "0".repeat(40);
    for number in 0..60 {
        let (bytes, key) = things.planted(&mut rng);
        let oid = things.put(Kind::Blob, &bytes, &BTreeSet::from([key]));
        let verdict = server.pushed(CLIENT, &[(zero.clone(), oid, format!("refs/tags/t{number}"))], false, None);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(verdict.code, Some(1), "{text}\n{}\n{}", verdict.said, verdict.git);
    }
}
