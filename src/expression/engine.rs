//! The few expressions that compute something: minijinja, strict, with fuel, a short list of filters and no loader.

use minijinja::{Environment, UndefinedBehavior, value::ValueKind};

use super::Scope;
use crate::{
    finding::nearest,
    value::{Map, Value},
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

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    add_vocabulary(&mut environment);
    environment
}

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
    vocabulary(source)?;
    let environment = environment();
    let expression = environment.compile_expression(source).map_err(|error| describe(&error))?;
    let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
    names.sort_unstable();
    Ok(names)
}

/// What an expression that is more than a path comes to.
pub fn compute(source: &str, scope: &Scope<'_>) -> Result<Value, String> {
    // Of a template, nobody has looked at it.
    if source.contains('*') {
        vocabulary(source)?;
    }
    let environment = environment();
    let expression = environment.compile_expression(source).map_err(|error| describe(&error))?;
    let names = expression.undeclared_variables(false).into_iter();
    let context = minijinja::Value::from_pairs(
        names.filter_map(|name| Some((scope.variable(&name).map(to_engine)?, name))).map(|(value, name)| (name, value)),
    );
    let result = expression.eval(context).map_err(|error| describe(&error))?;
    from_engine(&result)
}

/// Without the referenced variables and their values, which minijinja would add for debugging.
fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
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

    use super::{compute, names};
    use crate::{expression::Scope, value::Value};

    #[test]
    fn expressions_see_what_paths_see() {
        let context =
            Value::from(json!({"pr": {"number": "7", "labels": ["a", "b"]}, "routes": {"a-b": {"url": "u"}}}));
        let at = |source: &str| compute(source, &Scope::Context(&context));
        assert_eq!(at("'pr-' ~ pr.number"), Ok(Value::string("pr-7")));
        assert_eq!(at("routes['a-b'].url | upper"), Ok(Value::string("U")));
        assert_eq!(at("pr.labels | length"), Ok(Value::Int(2)));
        assert_eq!(at("pr"), Ok(context.get("pr").cloned().unwrap_or_default()));
        assert!(at("pr.title").is_err() && at("nothing").is_err());
    }

    #[test]
    fn what_is_constant_is_not_computed_before_it_is_refused() {
        let begin = std::time::Instant::now();
        for source in ["1 in [0]*100000000", "[0]*100000000 == [0]*100000000"] {
            assert!(names(source).is_err() && compute(source, &Scope::Context(&Value::Null)).is_err());
        }
        assert!(begin.elapsed().as_secs() < 1, "{:?}", begin.elapsed());
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
        ] {
            assert_eq!(names(source), Err(message.to_owned()), "{source}");
        }
        for source in [
            "a | upper | replace('|x', \"\\\"|y\") | join(', ')",
            "a is not defined and (b) or not (c)",
            "pr.is.not.x if a in (b) else ('range(3) is odd')",
            "'2 * 3' ~ a|default('') ~ '\u{e4}' ~ b.range",
        ] {
            assert!(names(source).is_ok(), "{source}");
        }
    }
}
