//! Reads the syntax of Python's `re`, as of Python 3.13.

use std::collections::HashMap;

use super::error::{PatternError, quoted};
use super::escape::{self, Escape};
use super::flags::{self, Change};
use super::set;
use super::tokens::Tokens;
use super::tree::{Flags, Node, Repetition, Sequence};

/// Groups within groups beyond this are refused.
const DEEPEST: usize = 50;

/// Most repetitions that can be counted.
const MOST_REPEATS: u32 = 1_000_000;

/// A pattern that has been read.
pub(super) struct Parsed {
    pub body: Sequence,
    pub flags: Flags,
}

struct Parser {
    tokens: Tokens,
    flags: Flags,
    names: HashMap<String, usize>,
    /// Of each group, first the whole pattern, whether its end has been read.
    closed: Vec<bool>,
    /// How many groups there were when the outermost look-behind began.
    before_look_behind: Option<usize>,
    /// Conditions on groups by number, with the place of the first.
    conditions: Vec<(usize, usize)>,
    /// What Python takes and this does not, unless Python refuses something else.
    unsupported: Option<PatternError>,
}

/// What a part inherits from what it stands in.
#[derive(Clone, Copy)]
struct Context {
    verbose: bool,
    depth: usize,
    /// Whether flags for the whole pattern may stand at its start.
    first: bool,
}

pub(super) fn parse(pattern: &str) -> Result<Parsed, PatternError> {
    read(Tokens::new(pattern, false)?)
}

/// The same, in which `\p{…}` is known.
pub(super) fn parse_with_properties(pattern: &str) -> Result<Parsed, PatternError> {
    read(Tokens::new(pattern, true)?)
}

fn read(tokens: Tokens) -> Result<Parsed, PatternError> {
    let mut parser = Parser {
        tokens,
        flags: Flags::NONE,
        names: HashMap::new(),
        closed: vec![false],
        before_look_behind: None,
        conditions: Vec::new(),
        unsupported: None,
    };
    let body = parser.alternatives(Context { verbose: false, depth: 0, first: true })?;
    if parser.tokens.next().is_some() {
        return Err(parser.tokens.error("unbalanced parenthesis", 0));
    }
    for (group, position) in parser.conditions {
        if group >= parser.closed.len() {
            let message = format!("invalid group reference {group}");
            return Err(parser.tokens.error_at(message, position));
        }
    }
    match parser.unsupported {
        Some(error) => Err(error),
        None => Ok(Parsed { body, flags: parser.flags }),
    }
}

impl Parser {
    fn alternatives(&mut self, context: Context) -> Result<Sequence, PatternError> {
        if context.depth > DEEPEST {
            return Err(self.tokens.error("groups are nested too deeply", 0));
        }
        let mut context = context;
        let mut found = vec![self.sequence(context)?];
        while self.tokens.take('|')? {
            context.first = false;
            if context.depth == 0 {
                context.verbose = self.flags.has(Flags::VERBOSE);
            }
            found.push(self.sequence(context)?);
        }
        Ok(match <[Sequence; 1]>::try_from(found) {
            Ok([only]) => only,
            Err(several) => vec![Node::Either(several)],
        })
    }

    fn sequence(&mut self, context: Context) -> Result<Sequence, PatternError> {
        let mut verbose = context.verbose;
        let mut sequence = Sequence::new();
        while let Some(token) = self.tokens.next() {
            if token.is('|') || token.is(')') {
                break;
            }
            self.tokens.get()?;
            if token.escaped {
                sequence.push(match escape::outside(&mut self.tokens, token)? {
                    Escape::Node(node) => node,
                    Escape::Group { number, length } => self.again(number, length)?,
                });
                continue;
            }
            match token.c {
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if verbose => {}
                '#' if verbose => while self.tokens.get()?.is_some_and(|token| !token.is('\n')) {},
                '[' => sequence.push(set::parse(&mut self.tokens)?),
                '?' | '*' | '+' | '{' => self.repeat(token.c, &mut sequence)?,
                '.' => sequence.push(Node::Any),
                '^' => sequence.push(Node::At(super::tree::Place::LineStart)),
                '$' => sequence.push(Node::At(super::tree::Place::LineEnd)),
                '(' => {
                    let context =
                        Context { verbose, first: context.first && sequence.is_empty(), ..context };
                    sequence.extend(self.group(context)?);
                    if context.first {
                        verbose |= self.flags.has(Flags::VERBOSE);
                    }
                }
                c => sequence.push(Node::Literal(u32::from(c))),
            }
        }
        Ok(sequence)
    }

    fn repeat(&mut self, sign: char, sequence: &mut Sequence) -> Result<(), PatternError> {
        let start = self.tokens.tell();
        let (min, max) = match sign {
            '?' => (0, Some(1)),
            '*' => (0, None),
            '+' => (1, None),
            _ => match self.counts(start)? {
                Some(counts) => counts,
                None => {
                    sequence.push(Node::Literal(u32::from('{')));
                    return Ok(());
                }
            },
        };
        let position = start - 1;
        let body = match sequence.pop() {
            None | Some(Node::At(_)) => {
                return Err(self.tokens.error_at("nothing to repeat", position));
            }
            Some(Node::Repeat { .. }) => {
                return Err(self.tokens.error_at("multiple repeat", position));
            }
            Some(node) => vec![node],
        };
        let kind = if self.tokens.take('?')? {
            Repetition::Lazy
        } else if self.tokens.take('+')? {
            Repetition::Possessive
        } else {
            Repetition::Greedy
        };
        sequence.push(Node::Repeat { min, max, kind, body });
        Ok(())
    }

    /// `{2,3}` whose `{` has been read; `None` if it stands for itself.
    fn counts(&mut self, start: usize) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        if self.tokens.next_is('}') {
            return Ok(None);
        }
        let is_digit = |c: char| c.is_ascii_digit();
        let low = self.tokens.take_while(usize::MAX, is_digit)?;
        let high = match self.tokens.take(',')? {
            true => self.tokens.take_while(usize::MAX, is_digit)?,
            false => low.clone(),
        };
        if !self.tokens.take('}')? {
            self.tokens.seek(start)?;
            return Ok(None);
        }
        let count = |digits: &str| match digits {
            "" => Ok(None),
            digits => match digits.parse() {
                Ok(count) if count <= MOST_REPEATS => Ok(Some(count)),
                _ => Err(PatternError::new("the repetition number is too large")),
            },
        };
        let (min, max) = (count(&low)?.unwrap_or(0), count(&high)?);
        if max.is_some_and(|max| max < min) {
            return Err(self.tokens.error_at("min repeat greater than max repeat", start));
        }
        Ok(Some((min, max)))
    }

    /// What follows a `(`; nothing for a comment and for flags of the whole pattern.
    fn group(&mut self, context: Context) -> Result<Option<Node>, PatternError> {
        let start = self.tokens.tell() - 1;
        if !self.tokens.take('?')? {
            return self.capture(None, start, context).map(Some);
        }
        let sign = self.tokens.need()?;
        if sign.escaped {
            let message = format!("unknown extension ?{}", sign.text());
            return Err(self.tokens.error(message, sign.len() + 1));
        }
        match sign.c {
            'P' => self.python_extension(start, context).map(Some),
            ':' => {
                let body = self.inner(start, context, context.verbose)?;
                let (add, remove) = (Flags::NONE, Flags::NONE);
                Ok(Some(Node::Group { number: None, add, remove, body }))
            }
            '>' => Ok(Some(Node::Atomic(self.inner(start, context, context.verbose)?))),
            '#' => {
                while !self.tokens.next_is(')') {
                    if self.tokens.get()?.is_none() {
                        let message = "missing ), unterminated comment";
                        return Err(self.tokens.error_at(message, start));
                    }
                }
                self.tokens.get()?;
                Ok(None)
            }
            '=' | '!' => self.look(false, sign.c == '!', start, context).map(Some),
            '<' => {
                let sign = self.tokens.need()?;
                if !sign.is('=') && !sign.is('!') {
                    let message = format!("unknown extension ?<{}", sign.text());
                    return Err(self.tokens.error(message, sign.len() + 2));
                }
                self.look(true, sign.is('!'), start, context).map(Some)
            }
            '(' => self.condition(start, context).map(Some),
            c if c == '-' || flags::of(c).is_some() => match flags::parse(&mut self.tokens, c)? {
                Change::Whole(_) if !context.first => {
                    let message = "global flags not at the start of the expression";
                    Err(self.tokens.error_at(message, start))
                }
                Change::Whole(flags) => {
                    self.flags |= flags;
                    Ok(None)
                }
                Change::Inner { add, remove } => {
                    let on = context.verbose || add.has(Flags::VERBOSE);
                    let verbose = on && !remove.has(Flags::VERBOSE);
                    let body = self.inner(start, context, verbose)?;
                    Ok(Some(Node::Group { number: None, add, remove, body }))
                }
            },
            c => Err(self.tokens.error(format!("unknown extension ?{c}"), 2)),
        }
    }

    fn inner(
        &mut self,
        start: usize,
        context: Context,
        verbose: bool,
    ) -> Result<Sequence, PatternError> {
        let context = Context { verbose, depth: context.depth + 1, first: false };
        let body = self.alternatives(context)?;
        self.close(start)?;
        Ok(body)
    }

    fn close(&mut self, start: usize) -> Result<(), PatternError> {
        match self.tokens.take(')')? {
            true => Ok(()),
            false => Err(self.tokens.error_at("missing ), unterminated subpattern", start)),
        }
    }

    fn capture(
        &mut self,
        name: Option<String>,
        start: usize,
        context: Context,
    ) -> Result<Node, PatternError> {
        let number = self.closed.len();
        if let Some(name) = name {
            if let Some(before) = self.names.get(&name) {
                let repr = quoted(&name);
                let message = format!(
                    "redefinition of group name {repr} as group {number}; was group {before}"
                );
                return Err(self.tokens.error(message, name.chars().count() + 1));
            }
            self.names.insert(name, number);
        }
        self.closed.push(false);
        let body = self.inner(start, context, context.verbose)?;
        self.closed[number] = true;
        let (add, remove) = (Flags::NONE, Flags::NONE);
        Ok(Node::Group { number: Some(number), add, remove, body })
    }

    fn python_extension(&mut self, start: usize, context: Context) -> Result<Node, PatternError> {
        if self.tokens.take('<')? {
            let name = self.tokens.take_until('>', "group name")?;
            self.check_name(&name)?;
            return self.capture(Some(name), start, context);
        }
        if self.tokens.take('=')? {
            let name = self.tokens.take_until(')', "group name")?;
            let number = self.named(&name)?;
            return self.again(number, name.chars().count() + 1);
        }
        let sign = self.tokens.need()?;
        let message = format!("unknown extension ?P{}", sign.text());
        Err(self.tokens.error(message, sign.len() + 2))
    }

    fn look(
        &mut self,
        behind: bool,
        negative: bool,
        start: usize,
        context: Context,
    ) -> Result<Node, PatternError> {
        let outer = self.before_look_behind;
        if behind && outer.is_none() {
            self.before_look_behind = Some(self.closed.len());
        }
        let context = Context { depth: context.depth + 1, first: false, ..context };
        let body = self.alternatives(context)?;
        self.before_look_behind = outer;
        self.close(start)?;
        Ok(Node::Look { behind, negative, body })
    }

    fn condition(&mut self, start: usize, context: Context) -> Result<Node, PatternError> {
        let name = self.tokens.take_until(')', "group name")?;
        let length = name.chars().count() + 1;
        let group = if name.chars().all(|c| c.is_ascii_digit()) {
            let number = name.parse().unwrap_or(usize::MAX);
            if number == 0 {
                return Err(self.tokens.error("bad group number", length));
            }
            if number > u32::MAX as usize {
                return Err(self.tokens.error(format!("invalid group reference {name}"), length));
            }
            self.conditions.push((number, self.tokens.tell() - length));
            number
        } else {
            self.named(&name)?
        };
        self.check_look_behind(group)?;
        if self.closed.get(group) == Some(&false) {
            let message = "a condition on an open group is not supported";
            self.unsupported.get_or_insert(self.tokens.error(message, length));
        }
        let context = Context { depth: context.depth + 1, first: false, ..context };
        if context.depth > DEEPEST {
            return Err(self.tokens.error("groups are nested too deeply", 0));
        }
        let yes = self.sequence(context)?;
        let no = match self.tokens.take('|')? {
            true => Some(self.sequence(context)?),
            false => None,
        };
        if no.is_some() && self.tokens.next_is('|') {
            let message = "conditional backref with more than two branches";
            return Err(self.tokens.error(message, 0));
        }
        self.close(start)?;
        Ok(Node::IfMatched { group, yes, no })
    }

    fn again(&mut self, number: usize, length: usize) -> Result<Node, PatternError> {
        match self.closed.get(number) {
            Some(true) => {
                self.check_look_behind(number)?;
                Ok(Node::Again(number))
            }
            Some(false) => Err(self.tokens.error("cannot refer to an open group", length)),
            None => {
                let message = format!("invalid group reference {number}");
                Err(self.tokens.error(message, length - 1))
            }
        }
    }

    fn named(&self, name: &str) -> Result<usize, PatternError> {
        self.check_name(name)?;
        self.names.get(name).copied().ok_or_else(|| {
            let message = format!("unknown group name {}", quoted(name));
            self.tokens.error(message, name.chars().count() + 1)
        })
    }

    fn check_name(&self, name: &str) -> Result<(), PatternError> {
        let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if starts && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Ok(());
        }
        let message = format!("bad character in group name {}", quoted(name));
        Err(self.tokens.error(message, name.chars().count() + 1))
    }

    fn check_look_behind(&self, group: usize) -> Result<(), PatternError> {
        let Some(before) = self.before_look_behind else { return Ok(()) };
        if !self.closed.get(group).is_some_and(|closed| *closed) {
            return Err(self.tokens.error("cannot refer to an open group", 0));
        }
        if group >= before {
            let message = "cannot refer to group defined in the same lookbehind subpattern";
            return Err(self.tokens.error(message, 0));
        }
        Ok(())
    }
}
