//! The few expressions that compute something: minijinja, strict, with fuel, a short list of filters and no loader.

use minijinja::{Environment, UndefinedBehavior, value::ValueKind};

use super::Scope;
use crate::value::{Map, Value};

/// Steps of an expression; a comparison takes about five.
const FUEL: u64 = 10_000;

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("join", minijinja::filters::join);
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("replace", minijinja::filters::replace);
    environment.add_filter("trim", minijinja::filters::trim);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_test("defined", minijinja::tests::is_defined);
    environment
}

/// Says what is wrong with the syntax of an expression.
pub(super) fn check(source: &str) -> Result<(), String> {
    environment().compile_expression(source).map(|_| ()).map_err(|error| describe(&error))
}

/// The names in an expression, with what is looked up in them.
pub(super) fn names(source: &str) -> Result<Vec<String>, String> {
    let environment = environment();
    let expression = environment.compile_expression(source).map_err(|error| describe(&error))?;
    let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
    names.sort_unstable();
    Ok(names)
}

pub(super) fn evaluate(source: &str, scope: Scope<'_>) -> Result<Value, String> {
    let environment = environment();
    let expression = environment.compile_expression(source).map_err(|error| describe(&error))?;
    let mut names: Vec<String> = expression.undeclared_variables(false).into_iter().collect();
    names.sort_unstable();
    let context = minijinja::Value::from_pairs(
        names.into_iter().filter_map(|name| scope.variable(&name).map(|value| (name.clone(), to_engine(value)))),
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

    use super::evaluate;
    use crate::{expression::Scope, value::Value};

    #[test]
    fn expressions_see_what_paths_see() {
        let context =
            Value::from(json!({"pr": {"number": "7", "labels": ["a", "b"]}, "routes": {"a-b": {"url": "u"}}}));
        let at = |source: &str| evaluate(source, Scope::new(&context));
        assert_eq!(at("'pr-' ~ pr.number"), Ok(Value::string("pr-7")));
        assert_eq!(at("routes['a-b'].url | upper"), Ok(Value::string("U")));
        assert_eq!(at("pr.labels | length"), Ok(Value::Int(2)));
        assert_eq!(at("pr"), Ok(context.get("pr").cloned().unwrap_or_default()));
        assert!(at("pr.title").is_err() && at("nothing").is_err());
    }
}
