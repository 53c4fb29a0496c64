//! What a Python pattern says, before it is written in another syntax.

use std::ops::{BitOr, BitOrAssign};

/// Parts that follow one another.
pub(super) type Sequence = Vec<Node>;

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// One character; a surrogate, which no text holds, is a code that is none.
    Literal(u32),
    /// `.`
    Any,
    /// `[…]`, `\d` and the like.
    Set(Set),
    /// A place between characters.
    At(Place),
    /// `(…)` with its number, or a group that captures nothing, with the flags it changes.
    Group { number: Option<usize>, add: Flags, remove: Flags, body: Sequence },
    /// `(?>…)`
    Atomic(Sequence),
    /// `body{min,max}`
    Repeat { min: u32, max: Option<u32>, kind: Repetition, body: Sequence },
    /// `a|b`
    Either(Vec<Sequence>),
    /// `\1`
    Again(usize),
    /// `(?(1)yes|no)`
    IfMatched { group: usize, yes: Sequence, no: Option<Sequence> },
    /// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`
    Look { behind: bool, negative: bool, body: Sequence },
}

/// How often a repetition is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    Greedy,
    Lazy,
    Possessive,
}

/// A place between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `^`
    LineStart,
    /// `$`
    LineEnd,
    /// `\A`
    Start,
    /// `\Z`
    End,
    /// `\b`
    WordEdge,
    /// `\B`
    NoWordEdge,
}

/// Characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub negative: bool,
    pub items: Vec<Item>,
}

/// What a set is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Range(u32, u32),
    Kind {
        kind: Kind,
        negative: bool,
    },
    /// `\p{Lu}`, by its name.
    Property {
        name: String,
        negative: bool,
    },
}

/// `\d`, `\s`, `\w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Digit,
    Space,
    Word,
}

/// Flags of Python's `re`, as letters in `(?…)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const NONE: Self = Self(0);
    pub(super) const IGNORE_CASE: Self = Self(1);
    pub(super) const MULTI_LINE: Self = Self(2);
    pub(super) const DOT_ALL: Self = Self(4);
    pub(super) const VERBOSE: Self = Self(8);
    pub(super) const ASCII: Self = Self(16);
    pub(super) const UNICODE: Self = Self(32);
    /// Those of which only one can be on.
    pub(super) const TYPES: Self = Self(16 | 32);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These within a group that turns some on and some off.
    pub(super) fn within(self, add: Self, remove: Self) -> Self {
        let kept = if add.has(Self::TYPES) { self.0 & !Self::TYPES.0 } else { self.0 };
        Self((kept | add.0) & !remove.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
