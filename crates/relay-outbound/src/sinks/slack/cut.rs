//! Texts that are too long for Slack are cut: a message that ends early is worth more than none.

const ELLIPSIS: char = '…';

/// The text with at most `limit` characters. An entity or a link is not cut in two.
pub(super) fn cut(mut text: String, limit: usize) -> String {
    if text.chars().nth(limit).is_none() {
        return text;
    }
    let end = text.char_indices().nth(limit - 1).map_or(0, |(index, _)| index);
    text.truncate(end);
    for (open, close) in [('<', '>'), ('&', ';')] {
        if let Some(begin) = text.rfind(open)
            && !text[begin..].contains(close)
        {
            text.truncate(begin);
        }
    }
    text.push(ELLIPSIS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character_and_never_within_an_entity_or_a_link() {
        for (text, limit, expected) in [
            ("short", 5, "short"),
            ("", 3, ""),
            ("longer", 5, "long…"),
            ("\u{1f600}\u{1f600}\u{1f600}\u{1f600}", 3, "\u{1f600}\u{1f600}…"),
            ("ab&lt;cd", 6, "ab…"),
            ("ab&lt;cde", 8, "ab&lt;c…"),
            ("see <https://example.com|it> now", 20, "see …"),
            ("see <https://a|it> and more", 20, "see <https://a|it> …"),
            ("<https://h/?a&amp;b|text>", 12, "…"),
        ] {
            let found = cut(text.to_owned(), limit);
            assert_eq!(found, expected, "{text}");
            assert!(found.chars().count() <= limit);
        }
    }
}
