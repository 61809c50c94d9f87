//! Why a file is no YAML: its reader says where it gave up, which is often behind the mistake.

mod bracket;
mod indentation;
mod line;
mod quotes;
mod trial;

use crate::{
    finding::visible,
    yaml::{self, Mark, Problem, ProblemKind},
};

pub(super) use line::look_alike_of;
use trial::{Cause, Trial};

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

/// What a file is, as far as its mistakes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Policy,
    Guardrails,
    Parameters,
    Manifests,
    Template,
}

/// Puts the cause into a problem, if it can be made out, and says what to do.
pub(super) fn trace(text: &str, kind: Kind, problem: &mut Problem) -> Option<String> {
    match problem.kind {
        ProblemKind::Syntax => {}
        ProblemKind::Limit => return limit(kind, &problem.message),
        ProblemKind::DuplicateKey | ProblemKind::Endless => return None,
    }
    let text = yaml::body(text);
    if is_utf16(text.as_bytes()) {
        problem.mark = Mark { line: 1, column: 1 };
        problem.message = format!("the file {UTF16}");
        return None;
    }
    let (said, (failed, column)) = (problem.message.clone(), problem.mark.indices());
    let lines: Vec<&str> = yaml::lines(text).take(failed + 2).collect();
    let line = lines.get(failed).copied().unwrap_or_default();
    let mut found = |line, column, message: &str| {
        problem.mark = Mark::at(line, column);
        problem.message = format!("not YAML: {message}");
    };
    if let Some((line, message, help)) = line::foreign(&lines) {
        found(line, 0, message);
        return Some(help.to_owned());
    }
    if said.ends_with("invalid Unicode character escape code") {
        return Some(
            "YAML has no surrogate pairs, as JSON has: write the character itself, or as `\\U0001F600`".to_owned(),
        );
    }
    let says = |word: &str| said.split(|c: char| !c.is_ascii_alphanumeric()).any(|said| said == word);
    if line.contains('\t') && says("whitespace") {
        return Some("use a space: a tab is shown as `→`".to_owned());
    }
    let tab = || (failed..=failed + 1).find_map(|line| Some((line, indentation_tab(lines.get(line)?)?)));
    if (says("tab") || says("tabs"))
        && let Some((line, column)) = tab()
    {
        found(line, column, "a tab in the indentation");
        return Some("use spaces: a tab is shown as `→`".to_owned());
    }
    if said.contains("quoted scalar")
        && ["end of stream", "indicator", "indentation"].iter().any(|at| said.contains(at))
    {
        let (line, column, message, help) = quotes::unclosed(&lines, failed, column);
        found(line, column, message);
        return Some(help);
    }
    if said.contains("trailing content after") {
        let trial = Trial::new(text, failed);
        if let Some(cause) = line::ended(&trial).or_else(|| line::unspaced(&trial)).or_else(|| line::no_colon(&trial)) {
            let (line, column) = cause.mark.indices();
            found(line, column, &cause.message);
            return Some(cause.help);
        }
        if let Some((column, message, help)) = quotes::trailing(line, column) {
            found(failed, column, &message);
            return Some(help);
        }
        return Some("the quoted text ends before this: perhaps a quote of a line before is not closed".to_owned());
    }
    if (said.contains("unknown escape character") || said.contains("hexadecimal number"))
        && let Some((line, column, escape)) = quotes::escape(&lines, failed, column)
    {
        found(line, column, &format!("`{}` is no escape, and in `\"…\"` every `\\` begins one", visible(&escape)));
        return Some("write `\\\\` for a `\\`, or put the text into `'…'`, where it stands for itself".to_owned());
    }
    // In quotes they are text, as in an alert's.
    let unquoted =
        |line: &&str| line.find("{{").is_some_and(|at| line[..at].matches(['"', '\'']).count().is_multiple_of(2));
    let near = lines.iter().skip(failed.saturating_sub(1)).take(2).copied();
    if kind == Kind::Manifests && near.filter(unquoted).flat_map(bare_braces).any(is_helm) {
        return Some("Helm templates are no manifests: use `application`".to_owned());
    }
    if unquoted(&line) && bare_braces(line).next().is_some() {
        return Some("an expression is `${{ … }}`, in quotes: `\"${{ … }}\"`".to_owned());
    }
    if said.contains("flow") && line.contains("${{") {
        if let Some(wrong) = quotes::typographic(line) {
            return Some(format!("`{wrong}` is no quote to YAML: write `\"` in its place"));
        }
        return Some("inside of `{…}` and `[…]`, text with `${{ … }}` stands in quotes: `\"${{ … }}\"`".to_owned());
    }
    if let Some((message, help)) = quotes::indicator(&said, line, column) {
        if !message.is_empty() {
            found(failed, column, &message);
        }
        return Some(help);
    }
    let trial = Trial::new(text, failed);
    if let Some(cause) = by_trial(&trial, column) {
        problem.mark = cause.mark;
        problem.message = format!("not YAML: {}", cause.message);
        return Some(cause.help);
    }
    if let Some((message, help)) = indentation::unexplained(&trial, &said, column) {
        problem.message = format!("not YAML: {message}");
        return Some(help);
    }
    if let Some(message) = bracket::misplaced(&said, line, column) {
        problem.message = format!("not YAML: {message}");
    }
    None
}

/// The cause without which the file can be read furthest; of equal ones the more particular.
fn by_trial(trial: &Trial<'_>, column: usize) -> Option<Cause> {
    let mut best: Option<Cause> = None;
    let looks: [&dyn Fn() -> Option<Cause>; 13] = [
        &|| line::blank(trial),
        &|| line::look_alike(trial),
        &|| line::separator(trial),
        &|| line::ended(trial),
        &|| bracket::unopened(trial),
        &|| quotes::colon(trial, column),
        &|| line::unspaced(trial),
        &|| line::undashed(trial),
        &|| indentation::block(trial),
        &|| line::no_colon(trial),
        &|| bracket::unclosed(trial),
        &|| line::dash(trial),
        &|| column_or_dash(trial),
    ];
    for look in looks {
        if best.as_ref().is_some_and(|best| best.reach == usize::MAX) {
            break;
        }
        if let Some(cause) = look()
            && best.as_ref().is_none_or(|best| cause.reach > best.reach)
        {
            best = Some(cause);
        }
    }
    best
}

/// A line in the wrong column, or one that lacks its `-`: both, where it may be either.
fn column_or_dash(trial: &Trial<'_>) -> Option<Cause> {
    match (indentation::misplaced(trial), line::no_dash(trial)) {
        (Some((line, mut column)), Some((same, dash))) if column.reach >= dash.reach => {
            if line == same {
                column.help.push_str("; an item of a list begins with `- `");
            }
            Some(column)
        }
        (column, dash) => dash.or(column).map(|(_, cause)| cause),
    }
}

/// What to do about a file that is too much for one.
fn limit(kind: Kind, said: &str) -> Option<String> {
    if !said.ends_with(" document") && !said.ends_with(" documents") {
        return None;
    }
    let help = match kind {
        Kind::Policy => {
            "a policy is one document: leave out this `---` and what follows; other objects go into files that `manifests` names"
        }
        Kind::Guardrails => "guardrails are one document: leave out this `---` and what follows",
        Kind::Parameters => "parameters are one document, a map of them all: leave out this `---`",
        Kind::Manifests => "put the objects into several files",
        Kind::Template => "put the objects into several templates",
    };
    Some(help.to_owned())
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

#[cfg(test)]
mod tests;
