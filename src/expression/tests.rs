use super::{Budget, Facts, Interpolated, LONGEST, Scope, push_text};
use crate::value::{Map, Value};

fn text(written: &str) -> Interpolated {
    Interpolated::parse(written).expect(written)
}

#[test]
fn expressions_of_a_pull_request_are_so_many_at_most() {
    let mut budget = Budget::default();
    let (path, computed) = (text("${{ a }} of ${{ b }}"), text("${{ a | upper }}${{ b }}"));
    for _ in 0..Budget::COMPUTED {
        assert_eq!((budget.allow(&path), budget.allow(&computed)), (Ok(()), Ok(())));
    }
    assert!(!budget.is_exceeded());
    let too_many = "more than 2000 expressions that are more than a path in all texts together";
    assert_eq!(budget.allow(&computed), Err(too_many.to_owned()));
    assert!(budget.is_exceeded());
    // What costs nothing is no more wrong than before.
    assert_eq!((budget.allow(&path), budget.allow(&text("plain"))), (Ok(()), Ok(())));
}

#[test]
fn texts_of_a_pull_request_come_to_so_many_bytes_at_most() {
    let mut budget = Budget::default();
    let megabyte = "x".repeat(1 << 20);
    for _ in 0..8 {
        budget.spend(&megabyte);
        assert_eq!((budget.allow(&text("${{ a }}")), budget.is_exceeded()), (Ok(()), false));
    }
    budget.spend("x");
    let too_much = "more than 8388608 bytes in all texts together";
    assert_eq!((budget.allow(&text("${{ a }}")), budget.is_exceeded()), (Err(too_much.to_owned()), true));
    assert_eq!(budget.allow(&text("plain")), Ok(()));
}

#[test]
fn a_text_has_a_length() {
    let of = |length: usize| Facts::from(Value::map([("a", Value::string("x".repeat(length))), ("b", "".into())]));
    let (one, facts) = (text("-${{ a }}${{ b }}"), of(LONGEST - 1));
    assert_eq!(one.text(&Scope::Facts(&facts)).map(|text| text.len()), Ok(LONGEST));
    assert_eq!(one.text(&Scope::Facts(&of(LONGEST))), Err("it comes to more than 1048576 bytes".to_owned()));
}

#[test]
fn what_has_a_text_is_put_into_text() {
    for (value, expected) in [
        ("a".into(), Ok("-a")),
        (Value::Int(-7), Ok("--7")),
        (Value::Float(0.5), Ok("-0.5")),
        (Value::Bool(true), Ok("-true")),
        (Value::Bool(false), Ok("-false")),
        (Value::list(vec![]), Err("a list cannot be put into text: `| join(', ')` makes text of it")),
        (Value::Map(Map::default()), Err("a map cannot be put into text")),
        (Value::Null, Err("null cannot be put into text")),
    ] {
        let mut joined = "-".to_owned();
        let found = push_text(&mut joined, &value).map(|()| joined);
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
    }
}

#[test]
fn what_stands_as_it_is_is_known() {
    for (written, expected) in [
        ("plain", vec!["plain"]),
        ("a ${{ b }} c ${{ d | upper }}", vec!["a ", " c "]),
        ("${{ a }}", vec![]),
        ("a $${{ b }}", vec!["a ${{ b }}"]),
    ] {
        assert_eq!(text(written).plain().collect::<Vec<_>>().concat(), expected.concat(), "{written}");
    }
}

#[test]
fn a_text_knows_the_paths_that_it_is_made_of() {
    let one = text("${{ routes.web.url }} ${{ routes }} ${{ pr.number }} ${{ routes.api.url | upper }}");
    let paths: Vec<String> = one.paths_below("routes").map(|names| names.join(".")).collect();
    assert_eq!(paths, ["routes.web.url"]);
    for (written, expected) in [
        ("${{ pr.title }}", true),
        ("${{ pr.title.x }}", true),
        ("a ${{ pr.title | upper }}", true),
        ("${{ pr['title'] }}", true),
        ("${{ pr['number'] ~ policy.title }}", true), // more than it says, but never less
        ("pr.title", false),
        ("${{ pr }}", false),
        ("${{ pr.titles }}", false),
        ("${{ pr.number | upper }}", false),
        ("${{ pr['number'] }}", false),
        ("${{ policy['title'] }}", false),
    ] {
        assert_eq!(text(written).mentions("pr.title"), expected, "{written}");
    }
}

/// A path is looked up without the engine, which knows more.
#[test]
fn what_is_no_path_is_computed() {
    let facts = Value::map([("_a", Value::map([("b-c", "x".into()), ("1", "y".into())])), ("true_", "z".into())]);
    let facts = Facts::from(facts);
    for (written, expected) in [
        ("${{ true }}", "true"),
        ("${{ 7 }}", "7"),
        ("${{ 0.5 }}", "0.5"),
        ("${{ _a.b-c }}", "x"),
        ("${{ _a.1 }}", "y"),
        ("${{ true_ }}", "z"),
        (r"${{ 'it\'s }}' }}", "it's }}"),
        (r#"${{ "a\\" }} }}"#, r"a\ }}"),
    ] {
        assert_eq!(text(written).text(&Scope::Facts(&facts)).as_deref(), Ok(expected), "{written}");
    }
}

#[test]
fn an_expression_has_a_length() {
    let of = |length: usize| Interpolated::parse(&format!("${{{{ {} }}}}", "a".repeat(length)));
    assert!(of(1000).is_ok());
    assert_eq!(of(1001).map(|_| ()), Err("an expression has 1001 bytes, allowed are 1000".to_owned()));
}
