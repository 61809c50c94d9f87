//! The first word of a command is a program.

use crate::finding::{Rule, Severity, visible, words};

/// About the first word of a `command`.
pub static PROGRAM_NAME: Rule = Rule {
    code: "program-name",
    severity: Severity::Warning,
    summary: "the first word of a command is a program's name, without blanks",
    explanation: "A container's `command`, and that of `migrate` and `seed`, is a program and its arguments, each an item of its own: no shell reads \
                  it. `[npm run start]` is the name of one program, which no image has, so that nothing starts. What needs a shell names it: \
                  `[sh, -c, \"npm run build && npm start\"]`.",
};

/// What is wrong with the first word of a command, and how to write it.
pub(crate) fn problem(word: &str) -> Option<(String, String)> {
    if !word.contains(char::is_whitespace) {
        return None;
    }
    let items = words(word).map(|words| format!(": `{}`", visible(&words.join(", ")))).unwrap_or_default();
    Some((
        "the first word of `command` has blanks, and it is the whole name of a program".to_owned(),
        format!("each word is an item of its own{items}; what needs a shell is `[sh, -c, \"…\"]`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn words_are_parted() {
        let help = |word| problem(word).map(|(_, help)| help);
        assert_eq!(help("/usr/bin/node"), None);
        let parted = "each word is an item of its own: `npm, run, start`; what needs a shell is `[sh, -c, \"…\"]`";
        assert_eq!(help("npm  run start ").as_deref(), Some(parted));
        let shell = "each word is an item of its own; what needs a shell is `[sh, -c, \"…\"]`";
        for word in ["npm run build && npm start", "TOKEN=x npm start", &format!("npm {}", "x".repeat(60))] {
            assert_eq!(help(word).as_deref(), Some(shell), "{word}");
        }
    }
}
