//! How long what a pattern matches can be, for a look-behind must know.

use std::collections::HashMap;

use super::error::PatternError;
use super::tree::{Node, Sequence};

/// Fewest and most characters.
type Width = (u64, u64);

/// Every look-behind has one width.
pub(super) fn check(body: &Sequence) -> Result<(), PatternError> {
    let mut check = Check { groups: HashMap::new(), uneven: false };
    check.sequence(body);
    match check.uneven {
        true => Err(PatternError::new("look-behind requires fixed-width pattern")),
        false => Ok(()),
    }
}

/// Whether it matches places only, no characters.
pub(super) fn is_zero(body: &Sequence) -> bool {
    body.iter().all(|node| match node {
        Node::Literal(_) | Node::Any | Node::Set(_) | Node::Again(_) => false,
        Node::At(_) | Node::Look { .. } => true,
        Node::Group { body, .. } | Node::Atomic(body) => is_zero(body),
        Node::Repeat { max, body, .. } => *max == Some(0) || is_zero(body),
        Node::Either(several) => several.iter().all(is_zero),
        Node::IfMatched { yes, no, .. } => is_zero(yes) && no.as_ref().is_none_or(is_zero),
    })
}

struct Check {
    groups: HashMap<usize, Width>,
    uneven: bool,
}

impl Check {
    fn sequence(&mut self, sequence: &Sequence) -> Width {
        sequence.iter().fold((0, 0), |(min, max), node| {
            let (low, high) = self.node(node);
            (min.saturating_add(low), max.saturating_add(high))
        })
    }

    fn node(&mut self, node: &Node) -> Width {
        match node {
            Node::Literal(_) | Node::Any | Node::Set(_) => (1, 1),
            Node::At(_) => (0, 0),
            Node::Group { number, body, .. } => {
                let width = self.sequence(body);
                if let Some(number) = number {
                    self.groups.insert(*number, width);
                }
                width
            }
            Node::Atomic(body) => self.sequence(body),
            Node::Repeat { min, max, body, .. } => {
                let (low, high) = self.sequence(body);
                let most = match max {
                    Some(max) => high.saturating_mul(u64::from(*max)),
                    None if high == 0 => 0,
                    None => u64::MAX,
                };
                (low.saturating_mul(u64::from(*min)), most)
            }
            Node::Either(several) => {
                let widths: Vec<Width> = several.iter().map(|one| self.sequence(one)).collect();
                widest(&widths)
            }
            Node::Again(group) => self.groups.get(group).copied().unwrap_or((0, 0)),
            Node::IfMatched { yes, no, .. } => {
                let no = no.as_ref().map_or((0, 0), |no| self.sequence(no));
                let (low, high) = self.sequence(yes);
                widest(&[(low, high), no])
            }
            Node::Look { behind, body, .. } => {
                let (low, high) = self.sequence(body);
                self.uneven |= *behind && low != high;
                (0, 0)
            }
        }
    }
}

fn widest(widths: &[Width]) -> Width {
    let low = widths.iter().map(|(low, _)| *low).min();
    let high = widths.iter().map(|(_, high)| *high).max();
    (low.unwrap_or(0), high.unwrap_or(0))
}
