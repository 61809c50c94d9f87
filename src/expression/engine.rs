//! The few expressions that compute something: minijinja, strict, with fuel, a short list of filters and no loader.

use std::{cell::RefCell, collections::BTreeMap, sync::LazyLock};

use minijinja::{Environment, UndefinedBehavior, value::ValueKind};

use super::{Facts, Scope};
use crate::{
    finding::{nearest, visible},
    value::{Map, Value, is_same},
};

/// Steps of an expression; a comparison takes about five.
const FUEL: u64 = 10_000;

/// All filters and tests that there are, under the names of the engine's functions.
macro_rules! vocabulary {
    (filters: $($filter:ident)*; tests: $($test:ident = $is:ident)*) => {
        const FILTERS: &[&str] = &[$(stringify!($filter)),*];
        const TESTS: &[&str] = &[$(stringify!($test)),*];

        fn add_vocabulary(environment: &mut Environment<'_>) {
            $(environment.add_filter(stringify!($filter), minijinja::filters::$filter);)*
            $(environment.add_test(stringify!($test), minijinja::tests::$is);)*
        }
    };
}
vocabulary!(filters: default join length lower replace trim upper; tests: defined = is_defined);

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    add_vocabulary(&mut environment);
    environment
});

/// Says which filter, test or function there is not: the engine would only say so when it comes to it.
fn vocabulary(source: &str) -> Result<(), String> {
    let known = |what: &str, word: &str, all: &[&str]| {
        let hint = || nearest(word, all.iter().copied());
        if all.contains(&word) { Ok(()) } else { Err(format!("there is no {what} `{word}`{}", hint())) }
    };
    let words = words(source);
    // It repeats lists, a hundred million times in one step, and in lists again.
    if words.contains(&"*") {
        return Err("there is no `*`: expressions choose and join, they do not multiply".to_owned());
    }
    for (at, word) in words.iter().enumerate().filter(|(_, word)| is_word(word)) {
        let before = |back: usize| at.checked_sub(back).map_or("", |at| words[at]);
        let tests = |back: usize| before(back) == "is" && before(back + 1) != ".";
        match (before(1), *word) {
            ("|", word) => known("filter", word, FILTERS)?,
            ("not", word) if tests(2) => known("test", word, TESTS)?,
            (_, word) if tests(1) && word != "not" => known("test", word, TESTS)?,
            (_, "and" | "or" | "not" | "in" | "is" | "if" | "else") => {}
            (_, word) if words.get(at + 1) == Some(&"(") => {
                return Err(format!("there are no functions, and so no `{word}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words and signs of an expression, without its literals' text.
fn words(source: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            quote @ ('"' | '\'') => {
                let mut escaped = false;
                let end = rest[1..].find(|c| {
                    let ends = c == quote && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                words.push("''");
                end.map_or(rest.len(), |end| end + 2)
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                words.push(&rest[..end]);
                end
            }
            sign => {
                words.push(&rest[..sign.len_utf8()]);
                sign.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    words
}

/// The paths that an expression of more than a path names, whatever they stand for.
///
/// # Errors
/// It does not parse, or calls what there is not.
pub fn names(source: &str) -> Result<Vec<String>, String> {
    // Before the engine sees it: what is constant it computes while it compiles.
    vocabulary(source).map_err(|error| slip(source).unwrap_or(error))?;
    let expression = ENVIRONMENT.compile_expression(source).map_err(|error| unread(source, &error))?;
    let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
    names.sort_unstable();
    Ok(names)
}

/// Signs that expressions have.
const SIGNS: &str = "+-*/%~|.,:()[]{}<>=!";

/// Why the engine cannot read an expression.
fn unread(source: &str, error: &minijinja::Error) -> String {
    let described = || match error.detail() {
        // It does not say which.
        Some("unexpected character") => {
            let is_known = |word: &&str| {
                *word == "''" || word.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric() || SIGNS.contains(c))
            };
            let words = words(source);
            let unknown = words.iter().find(|word| !is_known(word)).and_then(|word| word.chars().next());
            unknown.map(|c| format!("syntax error: unexpected character `{}`", visible(c.encode_utf8(&mut [0; 4]))))
        }
        _ => None,
    };
    slip(source).or_else(described).unwrap_or_else(|| describe(error))
}

/// What of other languages somebody wrote in an expression that cannot be read, and what to write instead.
fn slip(source: &str) -> Option<String> {
    let words = words(source);
    let at = |index: usize| words.get(index).copied().unwrap_or_default();
    (0..words.len()).find_map(|index| {
        let (sign, instead) = match [at(index), at(index + 1), at(index + 2)] {
            ["&", "&", _] => ("&&", "write `and`"),
            ["|", "|", _] => ("||", "write `or`"),
            ["=", "=", "="] => ("===", "write `==`"),
            ["!", "=", "="] => ("!==", "write `!=`"),
            ["?", ..] => ("?", "`A if B else C` chooses"),
            ["!", next, _] if next != "=" => ("!", "write `not`"),
            _ => return None,
        };
        Some(format!("there is no `{sign}` in expressions: {instead}"))
    })
}

/// What an expression that is more than a path comes to.
pub fn compute(source: &str, scope: &Scope<'_>) -> Result<Value, String> {
    // Of a template, nobody has looked at it.
    if source.contains('*') {
        vocabulary(source)?;
    }
    let expression = ENVIRONMENT.compile_expression(source).map_err(|error| unread(source, &error))?;
    let names = expression.undeclared_variables(false).into_iter();
    let context = minijinja::Value::from_pairs(
        names.filter_map(|name| Some((copied(scope, &name)?, name))).map(|(value, name)| (name, value)),
    );
    match expression.eval(context) {
        Ok(result) if !result.is_undefined() => from_engine(&result),
        Err(error) if error.kind() != minijinja::ErrorKind::UndefinedError => Err(describe(&error)),
        _ => Err(missing(source, &expression, scope)),
    }
}

/// Which of the paths that an expression names leads nowhere: the engine does not say. Whoever asks whether there is such a name knows
/// that there may be none.
fn missing(source: &str, expression: &minijinja::Expression<'_, '_>, scope: &Scope<'_>) -> String {
    let asks = ["default", "defined"].iter().any(|word| source.contains(word));
    let mut paths: Vec<String> = expression.undeclared_variables(true).into_iter().filter(|_| !asks).collect();
    paths.sort_unstable();
    let missing = paths.iter().find_map(|path| scope.look_up(path.split('.')).err());
    missing.unwrap_or_else(|| "something that it names is not there".to_owned())
}

/// Without the referenced variables and their values, which minijinja would add for debugging.
fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Variables as the engine has them.
pub(super) type Copies = RefCell<BTreeMap<String, minijinja::Value>>;

/// A variable as the engine has it.
fn copied(scope: &Scope<'_>, name: &str) -> Option<minijinja::Value> {
    match scope {
        Scope::Bound(bound, value, _) if is_same(bound, name) => Some(to_engine(value)),
        Scope::Bound(_, _, outer) => copied(outer, name),
        Scope::Facts(Facts { values, copies }) => {
            let value = values.get(name)?;
            Some(copies.borrow_mut().entry(name.to_owned()).or_insert_with(|| to_engine(value)).clone())
        }
    }
}

fn to_engine(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(value) => minijinja::Value::from(*value),
        Value::Int(value) => minijinja::Value::from(*value),
        Value::Float(value) => minijinja::Value::from(*value),
        Value::String(text) => minijinja::Value::from(text.as_str()),
        Value::List(items) => items.iter().map(to_engine).collect(),
        // Collected, pairs would become a list of pairs.
        Value::Map(map) => {
            minijinja::Value::from_pairs(map.iter().map(|(key, value)| (key.to_owned(), to_engine(value))))
        }
    }
}

fn from_engine(value: &minijinja::Value) -> Result<Value, String> {
    let broken = |error: minijinja::Error| describe(&error);
    Ok(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Float(f64::try_from(value.clone()).map_err(broken)?),
        },
        ValueKind::String => Value::string(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            Value::List(value.try_iter().map_err(broken)?.map(|item| from_engine(&item)).collect::<Result<_, _>>()?)
        }
        ValueKind::Map => {
            let mut map = Map::default();
            for key in value.try_iter().map_err(broken)? {
                let item = value.get_item(&key).map_err(broken)?;
                map.insert(key.to_string(), from_engine(&item)?);
            }
            Value::Map(map)
        }
        other => return Err(format!("an expression cannot yield {other}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{compute, names, words};
    use crate::{
        expression::{Facts, Scope},
        tests::processor::processor_time,
        value::Value,
    };

    #[test]
    fn expressions_see_what_paths_see() {
        let facts = Facts::from(Value::from(
            json!({"pr": {"number": "7", "labels": ["a", "b"]}, "routes": {"a-b": {"url": "u"}}}),
        ));
        let at = |source: &str| compute(source, &Scope::Facts(&facts));
        assert_eq!(at("'pr-' ~ pr.number"), Ok(Value::string("pr-7")));
        assert_eq!(at("routes['a-b'].url | upper"), Ok(Value::string("U")));
        assert_eq!(at("pr.labels | length"), Ok(Value::Int(2)));
        assert_eq!(at("pr.number == '7' and 'a' in pr.labels"), Ok(Value::Bool(true)));
        assert_eq!(at("not pr.labels"), Ok(Value::Bool(false)));
        assert_eq!(at("none"), Ok(Value::Null));
        assert_eq!(at("1 / 2"), Ok(Value::Float(0.5)));
        assert_eq!(at("pr"), Ok(facts.get("pr").cloned().unwrap_or_default()));
        assert!(at("pr.title").is_err() && at("nothing").is_err());
    }

    /// The engine itself has them in another order at each run.
    #[test]
    fn names_have_an_order() {
        let source = "g ~ f.b ~ e ~ d ~ f.a ~ c ~ b ~ a";
        assert_eq!(names(source), Ok(["a", "b", "c", "d", "e", "f.a", "f.b", "g"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn words_are_without_the_text_of_literals() {
        for (source, expected) in [
            ("_a_1.b2|upper", vec!["_a_1", ".", "b2", "|", "upper"]),
            (" 'a | b' ~ \"it's\" ~ä", vec!["''", "~", "''", "~", "ä"]),
            (r"'\'' is x", vec!["''", "is", "x"]),
            ("'a", vec!["''"]),
        ] {
            assert_eq!(words(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_constant_is_not_computed_before_it_is_refused() {
        for source in ["1 in [0]*100000000", "[0]*100000000 == [0]*100000000"] {
            let refused = || names(source).is_err() && compute(source, &Scope::Facts(&Facts::default())).is_err();
            let (refused, took) = processor_time(refused);
            assert!(refused && took.as_secs() < 1, "{source}: {took:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let facts = Facts::from(Value::from(json!({"pr": {"number": "7"}})));
        for (source, message) in [
            ("pr.numbr ~ 'x'", "`pr` has no `numbr`: did you mean `number`?"),
            ("pr.number.x | upper", "`pr.number` is a string, it has no `x`"),
            ("github.sha | upper", "`github.sha` is GitHub's: here it is `pr.headSha`"),
            ("pr['numbr']", "something that it names is not there"),
            ("pr['numbr'] ~ 'x'", "something that it names is not there"),
            ("pr.numbr | default('x') ~ pr['x']", "something that it names is not there"),
        ] {
            assert_eq!(compute(source, &Scope::Facts(&facts)), Err(message.to_owned()), "{source}");
        }
    }

    #[test]
    fn only_what_there_is_may_be_called() {
        for (source, message) in [
            (
                "pr.title | truncate(10)",
                "there is no filter `truncate`; there is `default`, `join`, `length`, `lower`, `replace`, `trim`, `upper`",
            ),
            ("pr.title|uper", "there is no filter `uper`: did you mean `upper`?"),
            ("a is undefined", "there is no test `undefined`: did you mean `defined`?"),
            ("a is not empty", "there is no test `empty`; there is `defined`"),
            ("range(3)", "there are no functions, and so no `range`"),
            ("pr.title.upper ()", "there are no functions, and so no `upper`"),
            ("1 in [0]*100000000", "there is no `*`: expressions choose and join, they do not multiply"),
            ("pr.labels ** 2", "there is no `*`: expressions choose and join, they do not multiply"),
            // Of other languages.
            ("pr.headSha || 'x'", "there is no `||` in expressions: write `or`"),
            ("pr.headSha || pr.number", "there is no `||` in expressions: write `or`"),
            ("a && b", "there is no `&&` in expressions: write `and`"),
            ("pr.draft ? 'a' : 'b'", "there is no `?` in expressions: `A if B else C` chooses"),
            ("!pr.draft", "there is no `!` in expressions: write `not`"),
            ("a === b", "there is no `===` in expressions: write `==`"),
            ("a !== b", "there is no `!==` in expressions: write `!=`"),
            ("a & b", "syntax error: unexpected character `&`"),
            ("'?' ~ a \u{1b}", "syntax error: unexpected character `\\u{1b}`"),
            ("'\u{e4}' ~ \u{e4}", "syntax error: unexpected character `\u{e4}`"),
            ("1 +", "syntax error: unexpected end of input, expected expression"),
        ] {
            assert_eq!(names(source), Err(message.to_owned()), "{source}");
        }
        for source in [
            "a != b and '&& || ? ===' != c",
            "a | upper | replace('|x', \"\\\"|y\") | join(', ')",
            "a is not defined and (b) or not (c)",
            "pr.is.not.x if a in (b) else ('range(3) is odd')",
            "'2 * 3' ~ a|default('') ~ '\u{e4}' ~ b.range",
        ] {
            assert!(names(source).is_ok(), "{source}");
        }
    }
}
