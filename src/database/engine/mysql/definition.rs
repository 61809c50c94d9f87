//! What the server says that an object is, made into a statement that makes it in a branch.

use crate::database::session::mysql::identifier;

/// A statement with another definer: the branch's user, since it works with its definer's rights.
pub(super) fn with_definer(statement: &str, definer: &str) -> String {
    // It is in the head, which the server writes itself; what people wrote comes after.
    let Some(start) = statement.find("DEFINER=").map(|start| start + "DEFINER=".len()) else {
        return statement.to_owned();
    };
    let mut end = start + quoted(&statement[start..]);
    // A role has no host.
    if statement[end..].starts_with('@') {
        end += 1 + quoted(&statement[end + 1..]);
    }
    format!("{}{definer}{}", &statement[..start], &statement[end..])
}

/// A table's or a view's statement in which functions and sequences of the database `from` are those of `to`. All else the
/// server writes without the database.
pub(super) fn moved(statement: &str, from: &str, to: &str) -> String {
    let (from, to) = (format!("{}.", identifier(from)), format!("{}.", identifier(to)));
    let mut moved = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some(start) = rest.find(['`', '\'', '"']) {
        moved.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = quoted(rest);
        if let Some(name) = rest.strip_prefix(&from) {
            let after = &name[quoted(name)..];
            let is_sequence = [" nextval(", "(nextval(", " lastval(", "(lastval(", ",nextval(", ",lastval("]
                .iter()
                .any(|call| moved.to_ascii_lowercase().ends_with(call));
            if after.starts_with('(') || is_sequence {
                moved.push_str(&to);
                rest = name;
                continue;
            }
        }
        moved.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    moved + rest
}

/// The length of the quoted text that `text` begins with; of everything, if it does not end.
fn quoted(text: &str) -> usize {
    let Some(quote) = text.bytes().next() else { return 0 };
    let bytes = text.as_bytes();
    let mut index = 1;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' if quote != b'`' => index += 1,
            byte if byte == quote && bytes.get(index + 1) == Some(&quote) => index += 1,
            byte if byte == quote => return index + 1,
            _ => {}
        }
        index += 1;
    }
    text.len()
}

/// The end of a trigger's statement: what it does. The catalogue has it with every character that is not in Unicode's first
/// plane spoiled, but with as many of them; the head is as somebody typed it, with the database's name or without.
pub(super) fn trigger_body(original: &str, catalogued: &str) -> Option<String> {
    let skip = original.chars().count().checked_sub(catalogued.chars().count())?;
    let body: String = original.chars().skip(skip).collect();
    let is_same = body.chars().zip(catalogued.chars()).all(|(a, b)| a == b || (b == '?' && a > '\u{ffff}'));
    is_same.then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definer_is_replaced_in_the_head_only() {
        let view = "CREATE ALGORITHM=UNDEFINED DEFINER=`a``d`@`%` SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=`x`@`y`' AS `z`";
        assert_eq!(
            with_definer(view, "'u'@'%'"),
            "CREATE ALGORITHM=UNDEFINED DEFINER='u'@'%' SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=`x`@`y`' AS `z`"
        );
        assert_eq!(with_definer("CREATE DEFINER=`role` EVENT `e`", "'u'@'%'"), "CREATE DEFINER='u'@'%' EVENT `e`");
    }

    #[test]
    fn functions_and_sequences_move_and_nothing_else() {
        for (statement, expected) in [
            ("select `shop`.`f`(2) AS `z`", "select `pr`.`f`(2) AS `z`"),
            ("DEFAULT nextval(`shop`.`sq`),", "DEFAULT nextval(`pr`.`sq`),"),
            // A table that is called like its database.
            ("select `shop`.`id` from `shop`", "select `shop`.`id` from `shop`"),
            ("CHECK (`a` <> '`shop`.`f`(')", "CHECK (`a` <> '`shop`.`f`(')"),
            (r"COMMENT 'it\'s `shop`.`f`('", r"COMMENT 'it\'s `shop`.`f`('"),
            ("COMMENT 'open", "COMMENT 'open"),
        ] {
            assert_eq!(moved(statement, "shop", "pr"), expected);
        }
    }

    #[test]
    fn a_triggers_body_is_what_was_written() {
        let original = "CREATE DEFINER=`a`@`%` trigger shop.t before insert on shop.x for each row set @a='😀 ü'";
        assert_eq!(trigger_body(original, "set @a='? ü'").as_deref(), Some("set @a='😀 ü'"));
        assert_eq!(trigger_body(original, "set @b='? ü'"), None);
        assert_eq!(trigger_body("short", "longer than it"), None);
    }
}
