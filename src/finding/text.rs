//! Findings for people, on a terminal or in the one blob that Argo CD makes of them.

use std::fmt::Write;

use super::{
    Finding, Location, Rule, Severity, count, printable,
    window::{columns, window},
    wrap::{NARROWEST, wrapped},
};

/// What the terminal can do.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether to write ANSI escapes.
    pub colour: bool,
    /// Columns, to which sentences are wrapped; `usize::MAX` where there is no terminal.
    pub width: usize,
}

impl Style {
    /// An escape, if any are written.
    pub(crate) fn paint(self, escape: &'static str) -> &'static str {
        if self.colour { escape } else { "" }
    }
}

/// Columns before the lines in which a heading goes on.
const HANG: usize = 2;

/// Columns of a source line, where nobody knows how many there are.
const USUAL: usize = 80;

pub(crate) const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
pub(super) const BLUE: &str = "\x1b[1;34m";
pub(crate) const BOLD: &str = "\x1b[1m";
pub(crate) const RESET: &str = "\x1b[0m";

/// Each finding with its place, its source line and what to do, and how many there are; nothing if there are none.
///
/// The first line is enough to act on: where only one line is shown, it is that one.
pub fn text(findings: &[Finding], style: &Style) -> String {
    beginning(findings, style, usize::MAX)
}

/// The same, of more than `room` bytes the first ones, but always one, and how many there are besides.
pub fn beginning(findings: &[Finding], style: &Style, room: usize) -> String {
    let mut out = String::new();
    for (told, finding) in findings.iter().enumerate() {
        let before = out.len();
        one(finding, *style, &mut out);
        out.push('\n');
        if out.len() > room && told > 0 {
            out.truncate(before);
            let _ = writeln!(out, "and {} more: `dayfly check` tells all\n", findings.len() - told);
            break;
        }
    }
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let parts = [(errors, "error"), (findings.len() - errors, "warning")];
    let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, noun)| count(n, noun)).collect();
    if !parts.is_empty() {
        out.push_str(&parts.join(", "));
        out.push('\n');
    }
    out
}

fn one(finding: &Finding, style: Style, out: &mut String) {
    let [blue, reset] = [BLUE, RESET].map(|escape| style.paint(escape));
    let location = finding.location();
    let place = place(&location);
    out.push_str(&heading(finding.rule, &printable(&finding.message, usize::MAX), style));
    // On a terminal the next line says it.
    let is_alone = style.width == usize::MAX && !place.is_empty();
    let _ = writeln!(out, "{}", if is_alone { format!(" ({place})") } else { String::new() });
    let number = location.line.map(|line| line.to_string()).unwrap_or_default();
    let gutter = " ".repeat(number.len().max(1));
    if !place.is_empty() {
        let _ = writeln!(out, "{gutter}{blue}-->{reset} {place}");
    }
    if let Some(source) = location.source.as_deref().filter(|source| !source.is_empty() && !number.is_empty()) {
        let source = printable(source, usize::MAX);
        let caret = before_caret(&location, &source);
        let at = caret.and_then(|before| source.char_indices().nth(before)).map_or(source.len(), |(at, _)| at);
        let room =
            if style.width == usize::MAX { USUAL } else { style.width.max(NARROWEST) - gutter.len() - " | ".len() };
        let (left, right) = match caret {
            Some(_) => window(&source[..at], &source[at..], room),
            None => window("", &source, room),
        };
        let _ = writeln!(out, "{gutter} {blue}|{reset}");
        let _ = writeln!(out, "{blue}{number} |{reset} {left}{right}");
        if caret.is_some() {
            let colour = style.paint(colour_of(finding.rule.severity));
            let _ = writeln!(out, "{gutter} {blue}|{reset} {}{colour}^{reset}", " ".repeat(columns(&left)));
        }
    }
    if let Some(help) = &finding.help {
        let hang = gutter.len() + " = help: ".len();
        for (index, line) in help.lines().enumerate() {
            let label = if index == 0 { format!("{blue}={reset} help:") } else { " ".repeat("= help:".len()) };
            let _ =
                writeln!(out, "{gutter} {label} {}", wrapped(&printable(line, usize::MAX), style.width, hang, hang));
        }
    }
    let _ = writeln!(out, "{gutter} {blue}={reset} owner: {}", finding.owner.name());
}

/// The first line about a rule: `error[code]: ` and what there is to say, wrapped.
pub(super) fn heading(rule: &Rule, said: &str, style: Style) -> String {
    let [colour, bold, reset] = [colour_of(rule.severity), BOLD, RESET].map(|escape| style.paint(escape));
    let head = format!("{}[{}]", rule.severity.name(), rule.code);
    let said = format!(": {said}");
    let said = wrapped(&said, style.width, columns(&head), HANG);
    format!("{colour}{head}{reset}{bold}{said}{reset}")
}

fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
    }
}

/// `file:line:column`, or `Kind/name /pointer`, or `--set title`; as much of it as is known. A place without a line that is in no object
/// is a parameter, which people know by its name.
pub(super) fn place(location: &Location) -> String {
    let mut place = String::new();
    if let Some(file) = &location.file {
        place.push_str(file);
        for number in [location.line, location.column].into_iter().map_while(|number| number) {
            let _ = write!(place, ":{number}");
        }
    }
    // A manifest without a kind or a name has an empty one.
    let object = location.object.as_deref().map(|object| object.trim_matches('/'));
    let pointer = location.pointer.as_deref().filter(|_| location.line.is_none());
    let (pointer, parameter) = if location.object.is_some() { (pointer, None) } else { (None, pointer) };
    let is_read = location.file.is_some() || location.argument.is_some();
    let parameter = parameter.filter(|_| is_read).and_then(|pointer| pointer.split('/').nth(1));
    let parameter = parameter.filter(|name| location.argument.as_deref() != Some(&format!("--set {name}")));
    for part in
        [location.argument.as_deref(), object, pointer, parameter].into_iter().flatten().filter(|part| !part.is_empty())
    {
        if !place.is_empty() {
            place.push(' ');
        }
        place.push_str(part);
    }
    printable(&place, usize::MAX).into_owned()
}

/// How many characters stand before the caret; a shortened line may not reach that far.
fn before_caret(location: &Location, source: &str) -> Option<usize> {
    let whole = location.column?.checked_sub(1)? as usize;
    let before = location.before.unwrap_or(whole);
    (before <= source.chars().count()).then_some(before)
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Style, text};
    use crate::finding::{Finding, InputFile, Location, Owner, Rule, Severity, Subject};

    pub(crate) static UNKNOWN: Rule = Rule {
        code: "unknown-field",
        severity: Severity::Error,
        summary: "every field is known",
        explanation: "A field that nobody reads is a *mistake*.",
    };
    pub(crate) static CLAMPED: Rule = Rule {
        code: "ttl-clamped",
        severity: Severity::Warning,
        summary: "the ttl is below the ceiling",
        explanation: "Ask for less.",
    };

    /// One of each kind of place.
    pub(crate) fn examples() -> Vec<Finding> {
        let place = Location {
            file: Some("a b/preview.yaml".into()),
            line: Some(12),
            column: Some(3),
            source: Some("  servcies:".into()),
            pointer: Some("/spec".into()),
            ..Location::default()
        };
        let object = Location {
            object: Some("Deployment/web".into()),
            pointer: Some("/spec/replicas".into()),
            ..Location::default()
        };
        vec![
            Finding::new(&UNKNOWN, Owner::Team, Subject::Place(place), "there is no field `servcies`, 100%: no")
                .help("did you mean `services`? The fields of a policy are listed in the documentation, and by `dayfly schema`"),
            Finding::new(&CLAMPED, Owner::PullRequest, Subject::Place(object), "asked for 9d, allowed are 3d"),
            Finding::new(&CLAMPED, Owner::Platform, Subject::Input(InputFile::Policy, String::new()), "nowhere"),
        ]
    }

    #[test]
    fn people_see_where_and_what_to_do() {
        let expected = "\
error[unknown-field]: there is no field `servcies`, 100%: no
  --> a b/preview.yaml:12:3
   |
12 |   servcies:
   |   ^
   = help: did you mean `services`? The fields of a policy
           are listed in the documentation, and by `dayfly
           schema`
   = owner: team

warning[ttl-clamped]: asked for 9d, allowed are 3d
 --> Deployment/web /spec/replicas
  = owner: pull-request

warning[ttl-clamped]: nowhere
  = owner: platform

1 error, 2 warnings
";
        assert_eq!(text(&examples(), &Style { colour: false, width: 60 }), expected);
        assert_eq!(text(&[], &Style { colour: true, width: 60 }), "");
    }

    #[test]
    fn of_many_the_first_are_told() {
        let style = Style { colour: false, width: 60 };
        let findings = examples();
        let whole = text(&findings, &style);
        assert_eq!(super::beginning(&findings, &style, whole.len()), whole);
        let (first, _) = whole.split_once("warning[").expect("a warning");
        let expected = format!("{first}and 2 more: `dayfly check` tells all\n\n1 error, 2 warnings\n");
        // One is told, however little room there is.
        for room in [0, 350] {
            assert_eq!(super::beginning(&findings, &style, room), expected);
        }
    }

    /// Where only the first line is shown, it has the place; on a terminal it is told once, and no word is broken.
    #[test]
    fn a_heading_is_wrapped_on_a_terminal_only() {
        let place = Location { line: Some(2), column: Some(3), ..Location::of_file("p.yaml") };
        let finding = || {
            let message = "image `ghcr.io/acme/web` is not allowed: the guardrails list no registries";
            [Finding::new(&UNKNOWN, Owner::Team, Subject::Place(place.clone()), message)]
        };
        let told = |width| text(&finding(), &Style { colour: false, width });
        let whole = "error[unknown-field]: image `ghcr.io/acme/web` is not allowed: the guardrails list no registries";
        assert!(told(usize::MAX).starts_with(&format!("{whole} (p.yaml:2:3)\n --> p.yaml:2:3\n")));
        assert!(told(200).starts_with(&format!("{whole}\n --> p.yaml:2:3\n")));
        let expected = "\
error[unknown-field]: image `ghcr.io/acme/web` is
  not allowed: the guardrails list no registries
 --> p.yaml:2:3
";
        assert!(told(50).starts_with(expected), "{}", told(50));
    }

    /// A parameter has a name, and no line if it was not read from a file; what is neither object nor parameter has none.
    #[test]
    fn places_without_a_line() {
        let at = |file: Option<&str>, argument: Option<&str>, object: Option<&str>, pointer: &str| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let place = Location { argument: text(argument), object: text(object), ..Location::default() };
            super::place(&Location { file: text(file), pointer: Some(pointer.to_owned()), ..place })
        };
        assert_eq!(at(Some("p.yaml"), None, None, "/head_sha"), "p.yaml head_sha");
        assert_eq!(at(None, Some("--set number"), None, "/number"), "--set number");
        assert_eq!(at(None, Some("ARGOCD_APP_PARAMETERS"), None, "/labels/1"), "ARGOCD_APP_PARAMETERS labels");
        assert_eq!(at(None, None, None, "/head_sha"), "");
        assert_eq!(at(None, None, Some("Service/web"), "/spec/ports/0"), "Service/web /spec/ports/0");
        assert_eq!(at(Some("x.yaml"), None, Some("/"), ""), "x.yaml");
        assert_eq!(at(Some("x.yaml"), None, Some("ConfigMap/"), ""), "x.yaml ConfigMap");
    }

    /// What is shown of a line, and what stands above the caret.
    fn looked_at(line: &str, column: u32, width: usize) -> (String, String) {
        let source = crate::input::Source { name: "p.yaml".into(), text: format!("\u{feff}{line}\n") };
        let place = source.location(crate::yaml::Mark { line: 1, column });
        let finding = Finding::new(&UNKNOWN, Owner::Team, Subject::Place(place), "x");
        let text = text(&[finding], &Style { colour: false, width });
        let shown = text.lines().nth(3).and_then(|line| line.strip_prefix("1 | ")).expect("a line").to_owned();
        let caret = text.lines().nth(4).and_then(|line| line.strip_prefix("  | ")).expect("a caret");
        let mut column = 0;
        let found = shown.chars().find(|c| {
            let here = column == caret.len() - 1;
            column += super::columns(c.encode_utf8(&mut [0; 4]));
            here
        });
        (shown, found.map(String::from).unwrap_or_default())
    }

    #[test]
    fn the_caret_stands_below_what_is_meant() {
        let flow: String = (0..4_500).map(|n| char::from(b"k: abcdxyz, "[n % 11])).collect();
        for column in [1, 2, 81, 116, 1_000, 4_491] {
            for width in [usize::MAX, 60, 0, 150] {
                let expected: String = flow.chars().nth(column as usize - 1).into_iter().collect();
                let (shown, found) = looked_at(&flow, column, width);
                assert_eq!(found, expected, "{column} {width}: {shown}");
                let room = match width {
                    usize::MAX => 80,
                    0 => 36,
                    width => width - 4,
                };
                assert_eq!(super::columns(&shown), room, "{column} {width}: {shown}");
            }
        }
        for column in [1, 3, 50, 299, 300] {
            let wide = format!("{}x{}", "日本".repeat(column as usize / 2), "語é".repeat(80));
            let expected: String = wide.chars().nth(column as usize - 1).into_iter().collect();
            for width in [usize::MAX, 60] {
                let (shown, found) = looked_at(&wide, column, width);
                assert_eq!(found, expected, "{column}: {shown}");
                assert!(super::columns(&shown) <= 80);
            }
        }
        assert_eq!(looked_at("a: \t\u{1b}b", 6, 80), ("a: →\\u{1b}b".into(), "b".into()));
        assert_eq!(looked_at("a: {", 5, 80), ("a: {".into(), String::new()), "the end of a line");
    }

    #[test]
    fn colour_is_all_that_colour_adds() {
        let plain = text(&examples(), &Style { colour: false, width: 80 });
        let mut coloured = text(&examples(), &Style { colour: true, width: 80 });
        assert!(coloured.starts_with("\x1b[1;31merror[unknown-field]\x1b[0m\x1b[1m: there"));
        for code in ["\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(coloured, plain);
    }

    #[test]
    fn nothing_foreign_is_obeyed_and_no_line_is_added() {
        let place = Location {
            file: Some("a\x1b[2J".into()),
            line: Some(1),
            column: Some(200),
            source: Some("x\u{202e}".into()),
            ..Location::default()
        };
        let finding = Finding::new(&UNKNOWN, Owner::Team, Subject::Place(place), "a\nerror: b").help("one\ntwo\x1b[0m");
        let expected = "\
error[unknown-field]: aerror: b
 --> a[2J:1:200
  |
1 | x
  = help: one
          two[0m
  = owner: team

1 error
";
        assert_eq!(text(&[finding], &Style { colour: false, width: 0 }), expected);
    }
}
