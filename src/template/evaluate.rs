//! From a template and an Environment to objects.

use crate::{
    expression::{Facts, Scope, compute, push_text},
    finding::visible,
    value::{List, Map, Text, Value},
};

use super::{Template, Trace, code::Mistake, read::Code};

/// The objects that a template yields.
///
/// # Errors
/// What is wrong, and where: only a platform's own template can be, the built-in ones are tested.
pub fn evaluate(template: &Template, facts: &Facts, trace: Option<&mut Trace>) -> Result<Vec<Value>, Mistake> {
    let code = Code::of(template);
    let mut evaluator = Evaluator { code, place: code, trace, joined: String::new() };
    let mut objects = Vec::new();
    for _ in 0..evaluator.code.number() {
        evaluator.code.character();
        evaluator
            .repeat(&Scope::Facts(facts), &mut |evaluator, value| {
                objects.push(value);
                if let Some(trace) = &mut evaluator.trace {
                    trace.end_object();
                }
            })
            .map_err(|message| Mistake { mark: evaluator.place.mark(), message })?;
    }
    Ok(objects)
}

struct Evaluator<'t> {
    code: Code,
    /// Where the mark stands of what is evaluated, or was last.
    place: Code,
    trace: Option<&'t mut Trace>,
    /// Where text is put together: each copy of it is as long as it has to be.
    joined: String,
}

impl Evaluator<'_> {
    /// Goes into a map, to behind its length; gives back what follows it.
    fn go_in(&mut self) -> Code {
        let inside = self.code.inside();
        std::mem::replace(&mut self.code, inside)
    }

    /// Remembers a mark, which only a mistake needs, and moves behind it.
    fn pass_mark(&mut self) {
        self.place = self.code;
        self.code.skip_mark();
    }

    /// A map as often as its `$for` says; the code stands behind its `m`.
    fn repeat(&mut self, scope: &Scope<'_>, put: &mut dyn FnMut(&mut Self, Value)) -> Result<(), String> {
        let after = self.go_in();
        if self.code.character() == b'-' {
            if let Some(value) = self.map(scope)? {
                put(self, value);
            }
        } else {
            self.pass_mark();
            let name = self.code.text();
            let path = self.code.names();
            let start = self.code;
            let Value::List(items) = scope.look_up(path.clone())? else {
                return Err(format!("`{}` is no list", path.collect::<Vec<_>>().join(".")));
            };
            for (index, value) in items.iter().enumerate() {
                self.code = start;
                if let Some(trace) = &mut self.trace {
                    trace.bind(name, path.clone(), index, value);
                }
                if let Some(value) = self.map(&Scope::Bound(name, value, scope))? {
                    put(self, value);
                }
                if let Some(trace) = &mut self.trace {
                    trace.unbind();
                }
            }
        }
        self.code = after;
        Ok(())
    }

    /// A map, from its `$when` on: nothing if that says so, and then the code stands anywhere in it.
    fn map(&mut self, scope: &Scope<'_>) -> Result<Option<Value>, String> {
        if self.code.character() == b'w' && !self.parts(scope)?.is_truthy() {
            return Ok(None);
        }
        let count = self.code.number();
        let mut map = Map::with_capacity(count);
        // Only these can be there already.
        let mut computed: Vec<(Text, Code)> = Vec::new();
        for _ in 0..count {
            let key = match self.code.character() {
                b's' => Text::from_static_str(self.code.text()),
                _ => match self.parts(scope)? {
                    Value::String(text) => {
                        computed.push((text.clone(), self.place));
                        text
                    }
                    other => return Err(format!("a key cannot be {}", other.kind_name())),
                },
            };
            let depth = self.enter(&key);
            let kind = self.code.character();
            if let Some(value) = self.value(kind, scope)? {
                map.push(key, value);
            }
            self.leave(depth);
        }
        for (key, place) in computed.into_iter().rev() {
            if map.iter().filter(|(other, _)| **other == *key).count() > 1 {
                self.place = place;
                return Err(format!("the key `{}` is there already", visible(&key)));
            }
        }
        Ok(Some(Value::Map(map)))
    }

    /// The code stands behind the character of the value's kind.
    fn value(&mut self, kind: u8, scope: &Scope<'_>) -> Result<Option<Value>, String> {
        Ok(match kind {
            b'n' => Some(Value::Null),
            b't' => Some(Value::Bool(true)),
            b'f' => Some(Value::Bool(false)),
            b'i' => Some(Value::Int(self.code.text().parse().unwrap_or_default())),
            b's' => Some(Value::from(self.code.text())),
            b'l' => Some(Value::List(self.list(scope)?)),
            b'e' => match self.expression(scope)? {
                Value::Null => None,
                value => Some(value),
            },
            // Only documents and items are repeated.
            _ => {
                let after = self.go_in();
                self.code.character();
                let value = self.map(scope)?;
                self.code = after;
                value
            }
        })
    }

    fn list(&mut self, scope: &Scope<'_>) -> Result<List, String> {
        let count = self.code.number();
        let mut items = List::with_capacity(count);
        for _ in 0..count {
            let depth = self.enter_index(items.len());
            match self.code.character() {
                b'm' => self.repeat(scope, &mut |evaluator, value| {
                    items.push(value);
                    evaluator.leave(depth);
                    evaluator.enter_index(items.len());
                })?,
                b'e' => match self.expression(scope)? {
                    Value::List(spliced) => items.extend(spliced),
                    Value::Null => {}
                    value => items.push(value),
                },
                kind => items.extend(self.value(kind, scope)?),
            }
            self.leave(depth);
        }
        Ok(items)
    }

    fn expression(&mut self, scope: &Scope<'_>) -> Result<Value, String> {
        if let Some(trace) = &mut self.trace {
            trace.record(self.code);
        }
        self.parts(scope)
    }

    /// Alone, an expression keeps its type; with text around it, everything is text.
    fn parts(&mut self, scope: &Scope<'_>) -> Result<Value, String> {
        self.pass_mark();
        let count = self.code.number();
        if count == 1 {
            return self.part(scope);
        }
        self.joined.clear();
        for _ in 0..count {
            let part = self.part(scope)?;
            push_text(&mut self.joined, &part)?;
        }
        Ok(Value::string(&self.joined))
    }

    fn part(&mut self, scope: &Scope<'_>) -> Result<Value, String> {
        match self.code.character() {
            b's' => Ok(Value::from(self.code.text())),
            b'p' => scope.look_up(self.code.names()).cloned(),
            _ => compute(self.code.text(), scope),
        }
    }

    /// Goes down to a key; gives back what [`Self::leave`] needs.
    fn enter(&mut self, key: &str) -> usize {
        self.trace.as_mut().map_or(0, |trace| trace.enter(key))
    }

    fn enter_index(&mut self, index: usize) -> usize {
        self.trace.as_mut().map_or(0, |trace| trace.enter(&index.to_string()))
    }

    fn leave(&mut self, depth: usize) {
        if let Some(trace) = &mut self.trace {
            trace.leave(depth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Place, code},
        Template, Trace, evaluate,
    };
    use crate::{
        emit::json::compact,
        value::{Value, from_yaml},
        yaml,
    };

    fn value(text: &str) -> Value {
        from_yaml(&yaml::read(text, yaml::Limits::DOCUMENT).expect("YAML")[0], yaml::scalar::core)
    }

    /// Whatever the Environment has.
    fn compiled(text: &str) -> Template {
        let code = code::compile(&code::documents(text).expect("YAML")).expect("a template").leak();
        Template { name: "test.yaml", file: "test.yaml", code, fingerprint: 0 }
    }

    fn shown(template: &str, context: &str) -> String {
        let template = compiled(template);
        match evaluate(&template, &value(context).into(), None) {
            Ok(objects) => objects.iter().map(compact).collect(),
            Err(mistake) => format!("{}:{}: {}", mistake.mark.line, mistake.mark.column, mistake.message),
        }
    }

    /// A number of its code holds no more.
    #[test]
    fn a_template_has_a_length() {
        let text = |times: usize| format!("a: [{}]\n", "\"x${{n}}\",".repeat(times));
        let compile = |times| code::compile(&code::documents(&text(times)).expect("YAML"));
        assert!(compile(10_000).is_ok());
        assert!(compile(99_000).is_err_and(|mistakes| mistakes[0].message.starts_with("the template is too long")));
        assert_eq!(shown(&text(10_000), "{n: 7}").len(), "{\"a\":[]}".len() + 5 * 10_000 - 1);
    }

    #[test]
    fn types_are_kept_and_lists_are_spliced() {
        let context = "{n: 7, list: [a, b], map: {x: 1}, text: \"y: [\", nothing: null}";
        for (template, result) in [
            ("a: ${{ n }}", r#"{"a":7}"#),
            ("a: n=${{ n }}", r#"{"a":"n=7"}"#),
            ("a: [x, \"${{ list }}\", z]", r#"{"a":["x","a","b","z"]}"#),
            ("a: ${{ map }}", r#"{"a":{"x":1}}"#),
            ("a: ${{ nothing }}\nb: null", r#"{"b":null}"#),
            ("${{ text }}: ${{ text }}", r#"{"y: [":"y: ["}"#),
            ("a: ${{ n + 1 }}", r#"{"a":8}"#),
            ("a: 420\nb: true\nc: '420'", r#"{"a":420,"b":true,"c":"420"}"#),
        ] {
            assert_eq!(shown(template, context), result, "{template}");
        }
    }

    #[test]
    fn directives_repeat_and_leave_out() {
        let context = "{items: [{n: 1}, {n: 0}], yes: true, no: []}";
        for (template, result) in [
            ("$for: i in items\na: ${{ i.n }}", r#"{"a":1}{"a":0}"#),
            ("$for: i in items\n$when: ${{ i.n }}\na: ${{ i.n }}", r#"{"a":1}"#),
            ("a: {$when: \"${{ no }}\", b: 1}\nc: {$when: \"${{ yes }}\", d: 2}", r#"{"c":{"d":2}}"#),
            ("a:\n  - $for: i in items\n    b: ${{ i.n }}\n  - c", r#"{"a":[{"b":1},{"b":0},"c"]}"#),
            ("$when: ${{ no }}\na: 1\n---\nb: 2", r#"{"b":2}"#),
        ] {
            assert_eq!(shown(template, context), result, "{template}");
        }
    }

    #[test]
    fn a_trace_knows_what_names_stand_for() {
        let template = "$for: s in services\na: ${{ s.port }}\nb:\n  - {$for: s in s.folders, c: \"${{ s.path }}\"}\nd: ${{ s.name }}";
        let template = compiled(template);
        let context = value("services: [{name: web, port: 1, folders: [{path: /a}, {path: /b}]}]");
        let mut trace = Trace::default();
        evaluate(&template, &context.into(), Some(&mut trace)).expect("objects");
        let fields = |place: &Place| format!("{} {}", place.pointer, place.paths[0].1);
        assert_eq!(
            trace.objects[0].iter().map(fields).collect::<Vec<_>>(),
            [
                "/a services.web.port",
                "/b/0/c services.web.folders.0.path",
                "/b/1/c services.web.folders.1.path",
                "/d services.web.name",
            ]
        );
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(
            shown("a:\n  b: ${{ itmes }}", "{items: []}"),
            "2:6: nothing is called `itmes`: did you mean `items`?"
        );
        assert_eq!(shown("$for: i in n\na: 1", "{n: 1}"), "1:7: `n` is no list");
        assert_eq!(shown("a: {b: 1, $when: \"${{ n < 'x' ~ [] + 1 }}\"}", "{n: 1}").get(..5), Some("1:18:"));
        for (template, place) in [
            ("a: 1\n${{ k }}: 2", "2:1"),
            ("${{ k }}: ${{ n }}\na: 2", "1:1"),
            ("b: 1\n${{ 'A' | lower }}: 2\n${{ k }}: {c: \"${{ n }}\"}", "3:1"),
            ("x:\n  - ${{ k }}: 1\n    x${{ k }}: ${{ n }}\n    a: 2", "2:5"),
        ] {
            let expected = format!("{place}: the key `a` is there already");
            assert_eq!(shown(template, "{k: a, n: 1}"), expected, "{template}");
        }
        assert_eq!(
            shown("a: 1\n${{ k }}: ${{ no }}\n${{ k }}b: 2\nb: 3", "{k: a, no: null}"),
            r#"{"a":1,"ab":2,"b":3}"#
        );
        for template in ["[]", "$if: 1", "a: {$for: i in x}", "$for: x", "a: 1.5", "a: ${{", "$when: x\na: 1"] {
            assert!(code::compile(&code::documents(template).expect("YAML")).is_err(), "{template}");
        }
    }
}
