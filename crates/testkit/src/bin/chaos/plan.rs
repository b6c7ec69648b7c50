//! What a round does, all of it known from its seed.

use std::fmt;
use std::time::Duration;

use crate::disk::Full;

/// A kill waits up to so many doublings of a millisecond after its verbs have begun: two seconds.
const DOUBLINGS: u64 = 12;

/// A source of numbers that are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }
}

/// A command of Backlot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Up,
    Down,
    ScenarioUp {
        name: &'static str,
        fresh: bool,
    },
    ScenarioDown(&'static str),
    ScenarioReset(&'static str),
    ScenarioFork(&'static str),
    SnapshotSave,
    SnapshotRemove,
    SnapshotRestore,
    Prune,
    Rolling,
    Scale(u8),
    Test,
    /// These three are the linked worktree's, which is made when it is not there.
    WorktreeUp,
    WorktreeDown,
    /// It is removed, while something of it may be up.
    WorktreeGone,
}

impl Verb {
    /// Whether it is carried out in the linked worktree.
    pub(crate) fn is_worktree_s(self) -> bool {
        matches!(self, Self::WorktreeUp | Self::WorktreeDown | Self::WorktreeGone)
    }

    /// Its words after `backlot`; of what is git's, after `git`.
    pub(crate) fn words(self) -> Vec<String> {
        let line = match self {
            Self::Up | Self::WorktreeUp => "up -d --wait".to_owned(),
            Self::Down | Self::WorktreeDown => "down".to_owned(),
            Self::WorktreeGone => "worktree remove --force ../feature".to_owned(),
            Self::ScenarioUp { name, fresh: false } => format!("scenario up {name}"),
            Self::ScenarioUp { name, fresh: true } => format!("scenario up --fresh {name}"),
            Self::ScenarioDown(name) => format!("scenario down {name}"),
            Self::ScenarioReset(name) => format!("scenario reset {name}"),
            Self::ScenarioFork(name) => format!("scenario fork {name} other-{name}"),
            Self::SnapshotSave => "snapshot save kept".to_owned(),
            Self::SnapshotRemove => "snapshot rm --yes kept".to_owned(),
            Self::SnapshotRestore => "snapshot restore --yes kept".to_owned(),
            Self::Prune => "prune --all --yes".to_owned(),
            Self::Rolling => "restart --rolling web".to_owned(),
            Self::Scale(count) => format!("scale web={count}"),
            Self::Test => "test -- sh tests.sh".to_owned(),
        };
        line.split(' ').map(str::to_owned).collect()
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.is_worktree_s() { "in the worktree: " } else { "" };
        write!(f, "{place}{}", self.words().join(" "))
    }
}

/// Whom a kill is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Client,
    Supervisor,
    Guard,
    Postmaster,
    Backend,
    Replica,
    Janitor,
    SpareMaker,
    Door,
    /// Who looks after a worktree.
    Watcher,
}

const VICTIMS: [Victim; 10] = [
    Victim::Client,
    Victim::Supervisor,
    Victim::Guard,
    Victim::Postmaster,
    Victim::Backend,
    Victim::Replica,
    Victim::Janitor,
    Victim::SpareMaker,
    Victim::Door,
    Victim::Watcher,
];

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Kill,
    /// Stopped, and after a while continued, or killed.
    Stop {
        lasting: Duration,
        then_kill: bool,
    },
}

/// One kill, while the verbs of a step are under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    pub(crate) after: Duration,
    pub(crate) victim: Victim,
    /// Which of those that are there.
    pub(crate) which: u64,
    pub(crate) how: How,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Kill => "kill".to_owned(),
            How::Stop { lasting, then_kill } => {
                format!("stop for {} ms{}", lasting.as_millis(), if then_kill { " and kill" } else { "" })
            }
        };
        write!(f, "{how} a {:?} after {} ms", self.victim, self.after.as_millis())
    }
}

/// Verbs that are begun together, and what is killed meanwhile.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) verbs: Vec<Verb>,
    pub(crate) kills: Vec<Kill>,
    /// When the disk is full, where it is a small one.
    pub(crate) full: Option<Full>,
}

/// All that is done in a round.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) replicas: u64,
    /// Whether templates have to be made, too.
    pub(crate) cold: bool,
    /// Whether there is only a small disk, which is full now and then.
    pub(crate) small: bool,
    pub(crate) steps: Vec<Step>,
}

impl Round {
    /// The round of this seed: the same each time.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let (replicas, cold, small) = (2 + dice.below(2), dice.one_in(10), dice.one_in(5));
        let mut left = 4 + dice.below(5);
        let mut steps = Vec::new();
        while left > 0 {
            let together = if left > 1 && dice.one_in(4) { 2 } else { 1 };
            left -= together;
            let first = steps.is_empty();
            let verbs: Vec<_> =
                (0..together).map(|_| if first { Verb::Up } else { verb(&mut dice) }).collect();
            let kills = (0..dice.below(4)).map(|_| kill(&mut dice, &verbs)).collect();
            let full = (small && dice.one_in(2)).then(|| full(&mut dice));
            steps.push(Step { verbs, kills, full });
        }
        Self { replicas, cold: cold || small, small, steps }
    }
}

fn verb(dice: &mut Dice) -> Verb {
    let name = dice.of(&["one", "two"]);
    match dice.below(25) {
        0 | 1 => Verb::Up,
        2 => Verb::Down,
        3 | 4 => Verb::ScenarioUp { name, fresh: false },
        5 => Verb::ScenarioUp { name, fresh: true },
        6 => Verb::ScenarioDown(name),
        7 => Verb::Rolling,
        8 => Verb::Scale(dice.of(&[1, 2, 3])),
        9 | 10 => Verb::ScenarioReset(name),
        11 | 12 => Verb::ScenarioFork(name),
        13 | 14 => Verb::SnapshotSave,
        15 => Verb::SnapshotRemove,
        16 | 17 => Verb::SnapshotRestore,
        18 => Verb::Prune,
        19 | 20 => Verb::WorktreeUp,
        21 => Verb::WorktreeDown,
        22 => Verb::WorktreeGone,
        _ => Verb::Test,
    }
}

fn full(dice: &mut Dice) -> Full {
    let latest = 1 << dice.below(DOUBLINGS);
    let after = Duration::from_millis(dice.below(latest));
    let lasting = Duration::from_millis(200 + dice.below(2800));
    // Much room for some, none at all for others.
    let most = 1 << (12 + dice.below(14));
    let left = dice.below(2) * dice.below(most);
    Full { after, lasting, left }
}

fn kill(dice: &mut Dice, verbs: &[Verb]) -> Kill {
    // Much happens early: each doubling of the time gets as many.
    let latest = 1 << dice.below(DOUBLINGS);
    let after = Duration::from_millis(dice.below(latest + 1));
    let makes_spares = |verb: &Verb| {
        matches!(verb, Verb::Test | Verb::ScenarioUp { .. } | Verb::ScenarioReset(_) | Verb::ScenarioFork(_))
    };
    let victim = loop {
        let is_there = match dice.of(&VICTIMS) {
            Victim::Janitor if !verbs.contains(&Verb::Test) => None,
            Victim::SpareMaker if !verbs.iter().any(makes_spares) => None,
            victim => Some(victim),
        };
        if let Some(victim) = is_there {
            break victim;
        }
    };
    let which = dice.below(1000);
    let lasting = Duration::from_millis(200 + dice.below(2800));
    let how = if dice.one_in(3) { How::Stop { lasting, then_kill: dice.one_in(2) } } else { How::Kill };
    Kill { after, victim, which, how }
}

#[cfg(test)]
mod tests {
    use super::Round;

    #[test]
    fn a_seed_repeats_its_round_and_another_gives_another() {
        let told = |seed: u64| format!("{:?}", Round::of(seed));
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
        for seed in 0..1000 {
            let verbs: usize = Round::of(seed).steps.iter().map(|step| step.verbs.len()).sum();
            assert!((4..=8).contains(&verbs), "{seed}: {verbs}");
        }
    }
}
