//! Why a file is no YAML: its reader says where it gave up, which is often behind the mistake.

use crate::{
    finding::visible,
    yaml::{Mark, Problem, ProblemKind},
};

/// What such bytes are, whatever else is wrong with them.
pub(super) const UTF16: &str = "is UTF-16: save it as UTF-8";

/// By its first two bytes, or because every second one is NUL.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    let pairs = || bytes.as_chunks::<2>().0.iter().take(8);
    bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || bytes.len() >= 4
            && (pairs().all(|[low, high]| *low > 0 && *high == 0) || pairs().all(|[high, low]| *low > 0 && *high == 0))
}

/// Puts the cause into a problem, if it can be made out, and says what to do.
pub(super) fn trace(text: &str, is_manifest: bool, problem: &mut Problem) -> Option<String> {
    if problem.kind != ProblemKind::Syntax {
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if is_utf16(text.as_bytes()) {
        problem.mark = Mark { line: 1, column: 1 };
        problem.message = format!("the file {UTF16}");
        return None;
    }
    let (said, number) = (problem.message.clone(), problem.mark.line as usize);
    let lines: Vec<&str> = text.lines().take(number + 1).collect();
    let line = lines.get(number.saturating_sub(1)).copied().unwrap_or_default();
    if said.ends_with("invalid Unicode character escape code") {
        return Some(
            "YAML has no surrogate pairs, as JSON has: write the character itself, or as `\\U0001F600`".to_owned(),
        );
    }
    let says = |word: &str| said.split(|c: char| !c.is_ascii_alphanumeric()).any(|said| said == word);
    if line.contains('\t') && says("whitespace") {
        return Some("use a space: a tab is shown as `→`".to_owned());
    }
    let tabs = (number..=number + 1).filter_map(|number| Some((number, indentation_tab(lines.get(number - 1)?)?)));
    if (says("tab") || says("tabs"))
        && let Some((number, column)) = { tabs }.next()
    {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        problem.mark = Mark { line: clamp(number), column: clamp(column).saturating_add(1) };
        problem.message = "not YAML: a tab in the indentation".into();
        return Some("use spaces: a tab is shown as `→`".to_owned());
    }
    if said.contains("quoted scalar")
        && ["end of stream", "indicator", "indentation"].iter().any(|at| said.contains(at))
    {
        problem.message = "not YAML: the quote that begins here is not closed".into();
        let quote =
            line.chars().nth(problem.mark.column.saturating_sub(1) as usize).filter(|c| *c == '\'').unwrap_or('"');
        return Some(format!("end the text with `{quote}`; lines that belong to it are indented more than its key"));
    }
    if said.contains("trailing content after") {
        return Some("the quoted text ends before this: perhaps a quote of a line before is not closed".to_owned());
    }
    // In quotes they are text, as in an alert's.
    let unquoted =
        |line: &&str| line.find("{{").is_some_and(|at| line[..at].matches(['"', '\'']).count().is_multiple_of(2));
    let near = lines.iter().skip(number.saturating_sub(2)).take(2).copied();
    if is_manifest && near.filter(unquoted).flat_map(bare_braces).any(is_helm) {
        return Some("Helm templates are no manifests: use `application`".to_owned());
    }
    if bare_braces(line).next().is_some() {
        return Some("an expression is `${{ … }}`, in quotes: `\"${{ … }}\"`".to_owned());
    }
    if said.contains("flow") && line.contains("${{") {
        return Some("inside of `{…}` and `[…]`, text with `${{ … }}` stands in quotes: `\"${{ … }}\"`".to_owned());
    }
    if said.contains("mapping values") || said.contains("simple key expect") {
        let before = lines.iter().enumerate().take(number.saturating_sub(1)).rev();
        let mut before = before.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let (index, (key, value)) = before.next().and_then(|(index, line)| Some((index, unspaced(line)?)))?;
        let (written, meant) = (format!("{key}:{value}"), format!("{key}: {value}"));
        return Some(format!(
            "a space is missing behind the colon of `{}` in line {}: `{}`",
            visible(&written),
            index + 1,
            visible(&meant)
        ));
    }
    None
}

/// Where the first tab before a line's text is.
fn indentation_tab(line: &str) -> Option<usize> {
    line[..line.len() - line.trim_start_matches([' ', '\t']).len()].find('\t')
}

/// What follows each `{{` that has no `$` before it.
fn bare_braces(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("{{").filter(|(at, _)| !text[..*at].ends_with('$')).map(|(at, _)| &text[at + 2..])
}

/// Whether this is what Go's templates have between braces, and expressions have not.
fn is_helm(inside: &str) -> bool {
    const WORDS: [&str; 9] = ["if", "else", "end", "range", "with", "define", "include", "template", "toYaml"];
    let text = inside.trim_start();
    let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    text.starts_with(['-', '.', '$', '/']) || WORDS.contains(&word)
}

/// The key and the value of a line that has no space between them; an address is no such line.
fn unspaced(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().trim_start_matches("- ").split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
    (is_key && !value.is_empty() && !value.starts_with([' ', '\t', '/'])).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::is_utf16;
    use crate::{
        finding::Owner,
        input::{Source, read_typed},
        yaml::Cost,
    };

    /// The place, the message and the help of a policy's one problem.
    fn found(findings: Vec<crate::finding::Finding>) -> String {
        let finding = findings.into_iter().next().expect("a finding");
        let (place, help) = (finding.location(), finding.help.unwrap_or_default());
        let number = |n: Option<u32>| n.unwrap_or_default();
        format!("{}:{} {} = {help}", number(place.line), number(place.column), finding.message)
    }

    #[test]
    fn what_is_no_yaml_says_why() {
        let tab = "not YAML: a tab in the indentation = use spaces: a tab is shown as `→`";
        let quote = "not YAML: the quote that begins here is not closed = end the text with `\"`; lines that belong to it are indented more than its key";
        let space = "a space is missing behind the colon of";
        let braces = "an expression is `${{ … }}`, in quotes: `\"${{ … }}\"`";
        for (text, expected) in [
            ("a:\n\tb: c\n", format!("2:1 {tab}")),
            ("a:\n  b: c\n \td: e\n", format!("3:2 {tab}")),
            ("a:\n  b: |\n\tc\n", format!("3:1 {tab}")),
            ("a:\n  b:\tc\n", "use a space: a tab is shown as `→`".to_owned()),
            ("a:\n  price: \"v2\n  b: \"c\"\n", format!("2:10 {quote}")),
            ("a: \"v2", format!("1:4 {quote}")),
            ("a: 'v2\nb: c\n", format!("1:4 {quote}").replace("`\"`", "`'`")),
            ("a: [x, \"v2]\nb: \"4\"\n", "perhaps a quote of a line before is not closed".to_owned()),
            ("a:\n  team:payments\n  c: x\n", format!("{space} `team:payments` in line 2: `team: payments`")),
            (
                "a:\n  b: c\n  team:payments\n\n  # x\n  c: x\n",
                format!("{space} `team:payments` in line 3: `team: payments`"),
            ),
            ("a:\n  - name:web\n    port: 80\n", format!("{space} `name:web` in line 2: `name: web`")),
            ("a: b\nhttp://c\nd: e\n", "3:1 not YAML: simple key expect ':' = ".to_owned()),
            ("a:\n  URL: {{ routes.web.url }}\n", braces.to_owned()),
            ("a: {URL: {{ routes.web.url }}}\n", braces.to_owned()),
            ("a: {b: ${{ pr.number }}}\n", "inside of `{…}` and `[…]`".to_owned()),
            ("a\0:\0 \0b\0\n\0", "1:1 the file is UTF-16: save it as UTF-8 = ".to_owned()),
        ] {
            let source = Source { name: "preview.yaml".into(), text: text.into() };
            let found = found(read_typed::<crate::input::Policy>(&source, Owner::Team).expect_err(text));
            assert!(found.contains(&expected), "{text:?}: {found}");
        }
    }

    #[test]
    fn helm_templates_are_no_manifests() {
        let help = "Helm templates are no manifests: use `application`";
        for (text, is_helm) in [
            ("{{- if .Values.x }}\na: b\n{{- end }}\n", true),
            ("a: {{ .Values.x | quote }}\n", true),
            ("a:\n  {{ include \"x\" . }}\n", true),
            ("a: {{ pr.number }}\n", false),
            ("a: [b\n", false),
            ("alert: \"{{ $labels.x }}\"\nb: [x\n", false),
        ] {
            let source = Source { name: "x.yaml".into(), text: text.into() };
            let found = found(source.manifests(Owner::Team, &mut Cost::default()).expect_err(text));
            assert_eq!(found.ends_with(help), is_helm, "{text}: {found}");
        }
    }

    /// Each is looked up in the file; a file has room for thousands.
    #[test]
    fn numbers_without_end_come_to_an_end() {
        let source = Source { name: "x.yaml".into(), text: "- .inf\n- {a: \"{{ .Values.x }}\"}\n".repeat(30) };
        let found = source.manifests(Owner::Team, &mut Cost::default()).expect_err("numbers that JSON has not");
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|finding| finding.help.is_none()), "{found:#?}");
    }

    #[test]
    fn what_utf_16_looks_like() {
        for (bytes, expected) in [
            (&b"\xff\xfea\0"[..], true),
            (b"\xfe\xff\0a", true),
            (b"a\0:\0\n\0", true),
            (b"\0a\0:", true),
            (b"\0\0\0\0", false),
            (b"a: b", false),
            (b"", false),
        ] {
            assert_eq!(is_utf16(bytes), expected, "{bytes:?}");
        }
    }
}
