//! `[…]`.

use super::error::PatternError;
use super::escape;
use super::tokens::{Token, Tokens};
use super::tree::{Item, Node, Set};

/// The set whose `[` has been read.
pub(super) fn parse(tokens: &mut Tokens) -> Result<Node, PatternError> {
    let start = tokens.tell() - 1;
    let negative = tokens.take('^')?;
    let mut items = Vec::new();
    loop {
        let first = member(tokens, start)?;
        if first.is(']') && !items.is_empty() {
            break;
        }
        let low = item(tokens, first)?;
        if !tokens.take('-')? {
            items.push(low);
            continue;
        }
        let last = member(tokens, start)?;
        if last.is(']') {
            items.extend([low, Item::Range(u32::from('-'), u32::from('-'))]);
            break;
        }
        items.push(match (low, item(tokens, last)?) {
            (Item::Range(low, _), Item::Range(high, _)) if low <= high => Item::Range(low, high),
            _ => {
                let message = format!("bad character range {}-{}", first.text(), last.text());
                return Err(tokens.error(message, first.len() + 1 + last.len()));
            }
        });
    }
    Ok(match items[..] {
        [Item::Range(low, high)] if low == high && !negative => Node::Literal(low),
        _ => Node::Set(Set { negative, items }),
    })
}

fn member(tokens: &mut Tokens, start: usize) -> Result<Token, PatternError> {
    let token = tokens.get()?;
    token.ok_or_else(|| tokens.error_at("unterminated character set", start))
}

fn item(tokens: &mut Tokens, token: Token) -> Result<Item, PatternError> {
    if token.escaped {
        return escape::inside(tokens, token);
    }
    let code = u32::from(token.c);
    Ok(Item::Range(code, code))
}
