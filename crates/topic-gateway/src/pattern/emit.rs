//! Writes a pattern in the syntax of `fancy_regex`, to match a whole text as `re.fullmatch` does or any part of it.
//!
//! What is safe to write as it stands is so written; all else is spelled out, because the two differ: in what `\w`,
//! `\s`, `\b` and `$` are, in ignoring the case of i and of ASCII, in empty and nested sets. What can be written without
//! looking around is, since such a pattern is matched in linear time.

use std::fmt::Write;

use super::tree::{Flags, Item, Kind, Node, Place, Repetition, Sequence, Set};
use super::width;

/// A pattern in the syntax of `fancy_regex`.
pub(super) struct Emitted {
    pub pattern: String,
    /// Whether matching goes back and forth, so that its time has to be limited.
    pub backtracks: bool,
}

/// The four that Python takes for one when it ignores case; others keep the two in the middle apart.
const LETTER_I: [u32; 4] = ['i' as u32, 'ı' as u32, 'İ' as u32, 'I' as u32];

struct Emitter {
    out: String,
    /// Whether a group is referred to.
    captures: bool,
    backtracks: bool,
    whole: bool,
}

pub(super) fn emit(body: &Sequence, flags: Flags, whole: bool) -> Emitted {
    let captures = refers(body);
    let mut emitter = Emitter { out: String::new(), captures, backtracks: captures, whole };
    if whole {
        emitter.enclosed(r"\A(?:", body, flags, true);
        emitter.out.push_str(r"\z");
    } else {
        emitter.sequence(body, flags, true);
    }
    Emitted { pattern: emitter.out, backtracks: emitter.backtracks }
}

fn refers(body: &Sequence) -> bool {
    body.iter().any(|node| match node {
        Node::Again(_) | Node::IfMatched { .. } => true,
        Node::Group { body, .. }
        | Node::Atomic(body)
        | Node::Repeat { body, .. }
        | Node::Look { body, .. } => refers(body),
        Node::Either(several) => several.iter().any(refers),
        Node::Literal(_) | Node::Any | Node::Set(_) | Node::At(_) => false,
    })
}

impl Emitter {
    /// `last`: nothing of the pattern follows.
    fn sequence(&mut self, sequence: &Sequence, flags: Flags, last: bool) {
        for (index, node) in sequence.iter().enumerate() {
            self.node(node, flags, last && index + 1 == sequence.len());
        }
    }

    fn enclosed(&mut self, open: &str, sequence: &Sequence, flags: Flags, last: bool) {
        self.out.push_str(open);
        self.sequence(sequence, flags, last);
        self.out.push(')');
    }

    fn node(&mut self, node: &Node, flags: Flags, last: bool) {
        match node {
            Node::Literal(code) => {
                self.set(&Set { negative: false, items: vec![Item::Range(*code, *code)] }, flags);
            }
            Node::Any if flags.has(Flags::DOT_ALL) => self.out.push_str("(?s:.)"),
            Node::Any => self.out.push_str(r"[^\n]"),
            Node::Set(set) => self.set(set, flags),
            Node::At(place) => self.place(*place, flags, last),
            Node::Group { number, add, remove, body } => {
                let open = if self.captures && number.is_some() { "(" } else { "(?:" };
                self.enclosed(open, body, flags.within(*add, *remove), last);
            }
            Node::Atomic(body) => self.atomic(body, flags),
            Node::Repeat { min, max, kind: Repetition::Possessive, body } => {
                let (min, max, kind) = (*min, *max, Repetition::Greedy);
                let greedy = Node::Repeat { min, max, kind, body: body.clone() };
                self.atomic(&vec![greedy], flags);
            }
            // `fancy_regex` repeats no place; once is as good as many times.
            Node::Repeat { max: Some(0), .. } => {}
            Node::Repeat { min: 0, kind, body, .. } if width::is_zero(body) => {
                let (open, close) = match kind {
                    Repetition::Lazy => ("(?:|", ")"),
                    Repetition::Greedy | Repetition::Possessive => ("(?:", "|)"),
                };
                self.out.push_str(open);
                self.sequence(body, flags, false);
                self.out.push_str(close);
            }
            Node::Repeat { body, .. } if width::is_zero(body) => self.sequence(body, flags, false),
            Node::Repeat { min, max, kind, body } => {
                self.enclosed("(?:", body, flags, last && *max == Some(1));
                self.count(*min, *max);
                if *kind == Repetition::Lazy {
                    self.out.push('?');
                }
            }
            Node::Either(several) => {
                self.out.push_str("(?:");
                for (index, one) in several.iter().enumerate() {
                    if index > 0 {
                        self.out.push('|');
                    }
                    self.sequence(one, flags, last);
                }
                self.out.push(')');
            }
            Node::Again(group) => {
                let open = if flags.has(Flags::IGNORE_CASE) { "(?i:" } else { "(?:" };
                self.push(format_args!(r"{open}\{group})"));
            }
            Node::IfMatched { yes, no, .. }
                if yes.is_empty() && no.as_ref().is_none_or(Vec::is_empty) => {}
            Node::IfMatched { group, yes, no } => {
                self.push(format_args!("(?({group})"));
                self.enclosed("(?:", yes, flags, last);
                self.out.push('|');
                self.enclosed("(?:", no.as_ref().unwrap_or(&Sequence::new()), flags, last);
                self.out.push(')');
            }
            Node::Look { behind, negative, body } => {
                let open = match (behind, negative) {
                    (false, false) => "(?=",
                    (false, true) => "(?!",
                    (true, false) => "(?<=",
                    (true, true) => "(?<!",
                };
                self.backtracks = true;
                self.enclosed(open, body, flags, false);
            }
        }
    }

    fn atomic(&mut self, body: &Sequence, flags: Flags) {
        self.backtracks = true;
        self.enclosed("(?>", body, flags, false);
    }

    fn count(&mut self, min: u32, max: Option<u32>) {
        match (min, max) {
            (0, Some(1)) => self.out.push('?'),
            (0, None) => self.out.push('*'),
            (1, None) => self.out.push('+'),
            (min, None) => self.push(format_args!("{{{min},}}")),
            (min, Some(max)) => self.push(format_args!("{{{min},{max}}}")),
        }
    }

    fn place(&mut self, place: Place, flags: Flags, last: bool) {
        let word = kind(Kind::Word, flags);
        let multi_line = flags.has(Flags::MULTI_LINE);
        let needs_look = matches!(place, Place::WordEdge | Place::NoWordEdge)
            || (place == Place::LineEnd && !multi_line && !last);
        self.backtracks |= needs_look;
        match place {
            Place::LineStart if multi_line => self.out.push_str("(?m:^)"),
            Place::LineStart | Place::Start => self.out.push_str(r"\A"),
            Place::LineEnd if multi_line => self.out.push_str("(?m:$)"),
            Place::LineEnd if needs_look => self.out.push_str(r"(?=\n?\z)"),
            Place::LineEnd if !self.whole => self.out.push_str(r"(?:\n?\z)"),
            Place::LineEnd | Place::End => self.out.push_str(r"\z"),
            Place::WordEdge => {
                self.push(format_args!("(?:(?<=[{word}])(?![{word}])|(?<![{word}])(?=[{word}]))"));
            }
            // Python 3.13 finds none in an empty text.
            Place::NoWordEdge => self.push(format_args!(
                r"(?!\A\z)(?:(?<=[{word}])(?=[{word}])|(?<![{word}])(?![{word}]))"
            )),
        }
    }

    fn set(&mut self, set: &Set, flags: Flags) {
        let (kinds, folded) = members(set, flags);
        let negation = if set.negative { "^" } else { "" };
        match (kinds.is_empty(), folded.is_empty()) {
            // No character, or any.
            (true, true) if set.negative => self.out.push_str("(?s:.)"),
            (true, true) => self.out.push_str(r"[^\x{0}-\x{10FFFF}]"),
            (true, false) => self.push(format_args!("(?i:[{negation}{folded}])")),
            (false, true) => self.push(format_args!("[{negation}{kinds}]")),
            (false, false) if set.negative => {
                self.backtracks = true;
                self.push(format_args!("(?:(?!(?i:[{folded}]))[^{kinds}])"));
            }
            (false, false) => self.push(format_args!("(?:[{kinds}]|(?i:[{folded}]))")),
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        self.out.write_fmt(text).ok();
    }
}

/// What stands between brackets: the members that are meant as they are, and those whose case is ignored.
fn members(set: &Set, flags: Flags) -> (String, String) {
    let (mut plain, mut folded) = (String::new(), String::new());
    for item in &set.items {
        match item {
            Item::Kind { kind: of, negative } => {
                let members = kind(*of, flags);
                let whole = if *negative { format!("[^{members}]") } else { members.to_owned() };
                plain.push_str(&whole);
            }
            Item::Property { name, negative } => {
                let letter = if *negative { 'P' } else { 'p' };
                plain.push_str(&format!(r"\{letter}{{{name}}}"));
            }
            &Item::Range(low, high) if !flags.has(Flags::IGNORE_CASE) => {
                range(&mut plain, low, high);
            }
            &Item::Range(low, high) if flags.has(Flags::ASCII) => {
                range(&mut plain, low, high);
                ascii_counterparts(&mut plain, low, high);
            }
            &Item::Range(low, high) if high < 128 && !has_letter(low, high) => {
                range(&mut plain, low, high);
            }
            &Item::Range(low, high) => {
                range(&mut folded, low, high);
                if LETTER_I.iter().any(|i| (low..=high).contains(i)) {
                    LETTER_I.iter().for_each(|i| range(&mut folded, *i, *i));
                }
            }
        }
    }
    (plain, folded)
}

fn has_letter(low: u32, high: u32) -> bool {
    (low..=high).filter_map(char::from_u32).any(|c| c.is_ascii_alphabetic())
}

/// The letters of ASCII that differ from one in the range by their case alone.
fn ascii_counterparts(out: &mut String, low: u32, high: u32) {
    for (from, to, add) in [('A', 'Z', true), ('a', 'z', false)] {
        let (low, high) = (low.max(u32::from(from)), high.min(u32::from(to)));
        if low <= high {
            let moved = |code: u32| if add { code + 32 } else { code - 32 };
            range(out, moved(low), moved(high));
        }
    }
}

/// Surrogates are no characters, and no text holds one.
fn range(out: &mut String, low: u32, high: u32) {
    let parts = [(low, high.min(0xD7FF)), (low.max(0xE000), high)];
    let parts = if high < 0xD800 { &parts[..1] } else { &parts[..] };
    for (low, high) in parts.iter().filter(|(low, high)| low <= high) {
        code(out, *low);
        if low < high {
            out.push('-');
            code(out, *high);
        }
    }
}

fn code(out: &mut String, code: u32) {
    match char::from_u32(code) {
        Some(c) if c.is_ascii_alphanumeric() => out.push(c),
        // Writing to a String cannot fail.
        _ => write!(out, r"\x{{{code:X}}}").unwrap_or_default(),
    }
}

/// The characters of a kind, as they stand between brackets.
fn kind(kind: Kind, flags: Flags) -> &'static str {
    match (kind, flags.has(Flags::ASCII)) {
        (Kind::Digit, true) => "0-9",
        (Kind::Digit, false) => r"\p{Nd}",
        (Kind::Space, true) => r"\x{9}-\x{D}\x{20}",
        (Kind::Space, false) => r"\s\x{1C}-\x{1F}",
        (Kind::Word, true) => "0-9A-Za-z_",
        (Kind::Word, false) => r"\p{L}\p{N}_",
    }
}
