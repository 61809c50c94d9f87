//! What would grow, loop or go deep.

use std::time::Duration;

use serde_json::json;

use super::{changed, run, timed};
use crate::{
    cli::ExitCode,
    tests::scratch::{PARAMETERS, POLICY, Scratch, of_case},
};

/// How much longer four times the input may take: four times, and as much again for what else the machine does. What grows with
/// the square would take sixteen times.
const GROWTH: u32 = 8;
/// Below it a measurement says nothing.
const NOISE: Duration = Duration::from_millis(50);

#[test]
fn documents_that_do_harm() {
    let policy = of_case("storefront-single", POLICY);
    let bomb: String = (0..9).fold(String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n"), |text, n| {
        format!("{text}a{0}: &a{0} [{1}]\n", n + 1, vec![format!("*a{n}"); 9].join(","))
    });
    let keys = many(100, &|n| format!("k{n}: 1, "));
    let blocks = many(300, &|n| format!("{}- a:\n", " ".repeat(2 * n)));
    let cases: Vec<(&str, String)> = vec![
        ("a billion laughs", format!("{policy}\n{bomb}")),
        ("an alias of itself", format!("{policy}\nx: &a [*a]\n")),
        ("merged maps", format!("{policy}\nx: &a {{{keys}}}\ny: [{}]\n", "{<<: *a}, ".repeat(99))),
        ("nested blocks", format!("{policy}\nx:\n{blocks}")),
        ("more than a megabyte", format!("{policy}{}", " ".repeat(2 << 20))),
        ("nothing", String::new()),
        ("white space", " \n \n".into()),
    ];
    let scratch = Scratch::new("storefront-single");
    for (what, text) in cases {
        scratch.write(POLICY, &text);
        let run = run(&scratch, what);
        assert_ne!(run.code, ExitCode::Fine, "{what}");
        assert!(run.out.len() < 256 << 10 && run.err.len() < 8 << 20, "{what}: {} {}", run.out.len(), run.err.len());
    }
}

/// A document as large as is wanted.
type Document<'a> = Box<dyn Fn(usize) -> String + 'a>;

/// A text many times, after others.
fn after<'a>(policy: &'a str, begin: &'a str, text: &'a str, end: &'a str) -> Document<'a> {
    Box::new(move |size| format!("{policy}{begin}{}{end}", text.repeat(size)))
}

/// An item many times.
pub(super) fn many(count: usize, item: &dyn Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

/// A service with further fields, and further secrets.
fn below_services<'a>(
    policy: &'a str,
    fields: impl Fn(usize) -> String + 'a,
    secrets: impl Fn(usize) -> String + 'a,
) -> Document<'a> {
    Box::new(move |size| {
        let service = format!("  services:\n    - {{name: many, image: x, {}}}\n", fields(size));
        let policy = policy.replacen("  services:\n", &service, 1);
        policy.replacen("  secrets:\n", &format!("  secrets:\n{}", secrets(size)), 1)
    })
}

/// The storefront's seed with a further field, and further secrets.
fn below_seed(policy: &str, field: fn(usize) -> String, secrets: fn(usize) -> String) -> Document<'_> {
    const LAST: &str = "        command: [npm, run, \"seed:preview\"]\n";
    Box::new(move |size| {
        let policy = policy.replacen(LAST, &format!("{LAST}        {}\n", field(size)), 1);
        policy.replacen("  secrets:\n", &format!("  secrets:\n{}", secrets(size)), 1)
    })
}

/// As many services as expressions that name one of them.
fn expressions_beside_services(policy: &str) -> Document<'_> {
    let text = |size| many(size / 20, &|n| format!("${{{{ services['s-{n}'].url ~ 'x' }}}}"));
    let flags = move |size| many(20, &|n| format!("    f{n}: \"{}\"\n", text(size)));
    let services = |size| many(size, &|n| format!("    - {{name: s-{n}, image: x, port: 80}}\n"));
    Box::new(move |size| {
        let policy = policy.replacen("  services:\n", &format!("  services:\n{}", services(size)), 1);
        policy.replacen("  flags:\n", &format!("  flags:\n{}", flags(size)), 1)
    })
}

/// `s` so many times.
fn again(times: usize) -> String {
    format!("uses: [{}]", "s, ".repeat(times))
}

/// The secret `s`, with so many keys.
fn secret_of(keys: usize) -> String {
    format!("    - {{name: s, keys: {{{}}}}}\n", many(keys, &|n| format!("K{n}: a, ")))
}

#[test]
fn documents_that_grow() {
    let policy = &of_case("storefront-single", POLICY);
    // In place of a line of the policy, the line and so many items more.
    let below = |line: &'static str, item: fn(usize) -> String| -> Document<'_> {
        Box::new(move |size| policy.replacen(line, &format!("{line}{}", many(size, &item)), 1))
    };
    let cases: Vec<(&str, usize, Document<'_>)> = vec![
        ("many aliases", 5_000, after(policy, "\nx: [&a 1", ", *a", "]\n")),
        ("nested lists", 50_000, Box::new(|size| format!("{policy}\nx: {}{}\n", "[".repeat(size), "]".repeat(size)))),
        ("nested lists without an end", 50_000, after(policy, "\nx: ", "[", "\n")),
        (
            "nested maps",
            50_000,
            Box::new(|size| format!("{policy}\nx: {}1{}\n", "{a: ".repeat(size), "}".repeat(size))),
        ),
        ("nested questions", 20_000, after(policy, "\n", "? ", "")),
        ("nested dashes", 20_000, after("", "", "- ", "")),
        ("documents", 10_000, after(policy, "", "---\na: 1\n", "")),
        ("empty documents", 100_000, after(policy, "", "---\n", "")),
        ("a long line", 900_000, after(policy, "\nx: ", "y", "\n")),
        ("a long quoted line", 100_000, after(policy, "\nx: \"", "\\u001b", "\"\n")),
        ("a long key", 900_000, after(policy, "\n", "y", ": 1\n")),
        ("a long comment", 900_000, after(policy, "\n# ", "\u{1b}", "\n")),
        ("many keys", 60_000, Box::new(|size| format!("{policy}\n{}", many(size, &|n| format!("k{n}: 1\n"))))),
        ("many duplicate keys", 9_000, after(policy, "\n", "k: 1\n", "")),
        ("many unknown fields", 4_000, below("spec:\n", |n| format!("  k{n}: 1\n"))),
        ("many wrong names", 15_000, below("  egress: [", |n| format!("e{n}, "))),
        ("many services", 1_500, below("  services:\n", |n| format!("    - {{name: s{n}, image: x}}\n"))),
        (
            "many services whose images say nothing",
            4_000,
            below("  services:\n", |n| format!("    - {{name: s{n}, image: \"${{{{ x }}}}\"}}\n")),
        ),
        (
            "many services with an address",
            4_000,
            below("  services:\n", |n| format!("    - {{name: s{n}, image: x, env: {{A: \"postgres://x/y\"}}}}\n")),
        ),
        (
            "many routes",
            1_500,
            below("  routes:\n", |n| format!("    - {{name: r{n}, service: web, access: staff}}\n")),
        ),
        ("many flags", 4_000, below("  flags:\n", |n| format!("    f{n}: x\n"))),
        ("many expressions", 4_000, below("  flags:\n", |n| format!("    f{n}: \"${{{{ pr.title|upper }}}}\"\n"))),
        ("a bad expression many times", 4_000, below("  flags:\n", |n| format!("    f{n}: \"${{{{ pr.x }}}}\"\n"))),
        ("bad expressions in a line", 4_000, {
            let flags = |size| many(size, &|n| format!("f{n}: \"é ${{{{ pr.x }}}}\", "));
            let lines = "  flags:\n    new-cart: \"on\"\n    price-engine: v2\n";
            assert!(policy.contains(lines));
            Box::new(move |size| policy.replacen(lines, &format!("  flags: {{{}}}\n", flags(size)), 1))
        }),
        // Their places are looked for.
        ("expressions that are written otherwise", 4_000, {
            below("  flags:\n", |n| format!("    f{n}: \"\\x24{{{{ pr.x }}}}\"\n"))
        }),
        (
            "unreadable expressions",
            4_000,
            below("  flags:\n", |n| format!("    f{n}: \"${{{{ x. }}}}\\x20${{{{ y. }}}}\"\n")),
        ),
        ("many unreadable expressions", 20_000, {
            let text = |size| format!("price-engine: \"{}\"", "${{ x. }}".repeat(size));
            Box::new(move |size| policy.replacen("price-engine: v2", &text(size), 1))
        }),
        // Two dimensions at once.
        ("unknown references", 4_000, {
            let names = |size| many(size, &|n| format!("U{n}: \"$(UNSET_{n})\", "));
            below_services(policy, move |size| format!("env: {{{}}}", names(size)), |_| String::new())
        }),
        ("variables without an end", 200_000, {
            below_services(policy, |size| format!("env: {{A: \"{}\"}}", "${".repeat(size)), |_| String::new())
        }),
        ("the same secret again and again", 1_000, below_services(policy, again, secret_of)),
        ("the same secret again and again for seed", 1_000, below_seed(policy, again, secret_of)),
        ("unknown secrets beside many", 4_000, {
            let secrets = |size: usize| many(size / 4, &|n| format!("    - {{name: s{n}, keys: {{K: a}}}}\n"));
            below_services(policy, |size| format!("uses: [{}]", many(size, &|n| format!("x{n}, "))), secrets)
        }),
        ("expressions beside many services", 2_000, expressions_beside_services(policy)),
        ("tabs", 100_000, after("", "", "\t", "")),
        ("quotes", 100_000, after("", "", "'", "")),
        ("ampersands", 100_000, after("", "", "&", "")),
        ("exclamation marks", 100_000, after("", "", "!", "")),
        ("percent signs", 100_000, after("", "", "%", "")),
        ("colons", 100_000, after("", "", ": ", "")),
        ("byte-order marks", 50_000, after("", "", "\u{feff}", "")),
        ("bars", 50_000, after("", "", "|\n", "")),
    ];
    let scratch = Scratch::new("storefront-single");
    for (what, size, document) in cases {
        grows(&scratch, what, size, &document);
    }
}

#[test]
fn files_of_services_that_grow() {
    let policy = &of_case("storefront-single", POLICY);
    let cases: Vec<(&str, usize, Document<'_>)> = vec![
        ("many files", 4_000, {
            let files = |size| many(size, &|n| format!("\"/a/{n}\": x, "));
            below_services(policy, move |size| format!("files: {{{}}}", files(size)), |_| String::new())
        }),
        ("many services with files below each other", 2_000, {
            let files = many(50, &|n| format!("/a{}: x, ", "/b".repeat(n)));
            Box::new(move |size| {
                let services = many(size / 50, &|n| {
                    format!("    - {{name: s{n}, image: x, writable: [/a], files: {{{files}}}}}\n")
                });
                policy.replacen("  services:\n", &format!("  services:\n{services}"), 1)
            })
        }),
        ("a file of addresses", 20_000, {
            let text = "\\npostgres://x/y";
            below_services(policy, move |size| format!("files: {{/a: \"{}\"}}", text.repeat(size)), |_| String::new())
        }),
        ("a file of variables", 20_000, {
            let text = "$(STRIPE_KEY) {{ pr.number }} $(";
            below_services(
                policy,
                move |size| format!("uses: [stripe], files: {{/a: \"{}\"}}", text.repeat(size)),
                |_| String::new(),
            )
        }),
    ];
    let scratch = Scratch::new("storefront-single");
    for (what, size, document) in cases {
        grows(&scratch, what, size, &document);
    }
}

/// A document four times as long takes no more than [`GROWTH`] times as long.
fn grows(scratch: &Scratch, what: &str, size: usize, document: &Document<'_>) {
    let measured = |text: String| {
        scratch.write(POLICY, text);
        timed(scratch, what)
    };
    // Once more, if the machine was busy with something else.
    let fits = (0..3).any(|_| {
        let (_, quarter) = measured(document(size / 4));
        let (run, all) = measured(document(size));
        assert_ne!(run.code, ExitCode::Fine, "{what}");
        let (out, err) = (run.out.len(), run.err.len());
        assert!(out < 256 << 10 && err < 8 << 20, "{what}: {out} {err}");
        all < quarter.max(NOISE) * GROWTH
    });
    assert!(fits, "{what}: four times as much takes more than {GROWTH} times as long");
}

/// Services, migrate and seed have the bound together, and whoever goes beyond it first is told.
#[test]
fn what_containers_use_has_a_bound() {
    let scratch = Scratch::new("storefront-single");
    let policy = of_case("storefront-single", POLICY);
    let policy = policy.replacen("  secrets:\n", &format!("  secrets:\n{}", secret_of(1_000)), 1);
    let told = |services: usize, databases: usize| {
        let step = "{image: \"ghcr.io/acme/x:${{ pr.headSha }}\", command: [x], uses: [s]}";
        let services = many(services, &|n| format!("    - {{name: s{n}, image: x, uses: [s]}}\n"));
        let databases = many(databases, &|n| {
            format!("    - {{name: d{n}, baseline: storefront, migrate: {step}, seed: {step}}}\n")
        });
        let policy = policy.replacen("  services:\n", &format!("  services:\n{services}"), 1);
        scratch.write(POLICY, policy.replacen("  databases:\n", &format!("  databases:\n{databases}"), 1));
        let lines = run(&scratch, "what is used").err;
        let lines = lines.lines().filter(|line| line.contains("more than 20000 variables")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    assert!(told(7, 6).is_empty());
    for (services, databases) in [(25, 0), (0, 13), (9, 7)] {
        let told = told(services, databases);
        assert!(told.len() == 1 && told[0].starts_with("error[input-limit]: "), "{services} {databases}: {told:?}");
    }
}

/// A manifest with a mistake in each line: the first thousand are said, and that there are more.
#[test]
fn mistakes_in_manifests_have_a_bound() {
    let head = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: ";
    let cases = [
        (
            "labels",
            format!(
                "{head}{{metadata: {{labels: {{{}}}}}}}}}}}}}\n",
                many(8_000, &|n| format!("argoproj.io/a{n}: b, "))
            ),
        ),
        (
            "bad labels",
            format!("{head}{{metadata: {{labels: {{{}}}}}}}}}}}}}\n", many(8_000, &|n| format!("a-{n}-: b, "))),
        ),
        (
            "amounts",
            format!(
                "{head}{{spec: {{containers: [{{resources: {{limits: {{{}}}}}}}]}}}}}}}}}}\n",
                many(8_000, &|n| format!("a{n}: x, "))
            ),
        ),
        (
            "images",
            format!(
                "{head}{{spec: {{containers: [{}]}}}}}}}}}}\n",
                many(11_000, &|n| format!("{{name: c{n}, image: \"${{{{ x{n} }}}}\"}}, "))
            ),
        ),
        (
            "mounts",
            format!(
                "{head}{{spec: {{restartPolicy: Never, volumes: [{}], containers: [{{volumeMounts: [{}]}}]}}}}}}}}}}\n",
                many(200, &|n| format!("{{name: {}{n}}}, ", "v".repeat(50))),
                many(3_000, &|n| format!("{{name: {}{n}}}, ", "w".repeat(50)))
            ),
        ),
    ];
    for (what, text) in cases {
        let scratch = Scratch::new("storefront-single");
        let is_bounded = |errors: usize| assert!(errors > 900 && errors < 2_100, "{what}: {errors}");
        // Three files are enough to be more than each file's first thousand would be.
        for file in 0..3 {
            scratch.write(&format!("deploy/{file}.yaml"), &text);
        }
        let all = scratch.run("check", &[]).out;
        is_bounded(all.matches("\nerror[").count());
        assert!(all.contains("more mistakes"), "{what}");
        for file in 3..20 {
            scratch.write(&format!("deploy/{file}.yaml"), &text);
        }
        let (run, took) = timed(&scratch, what);
        assert!(run.err.len() <= 33 << 10, "{what}: {}", run.err.len());
        let errors = run.err.lines().rev().find_map(|line| line.strip_suffix(" errors")?.parse().ok());
        is_bounded(errors.expect("how many there are"));
        assert!(took < Duration::from_secs(15), "{what}: {took:?}");
    }
}

/// Expressions that would grow, loop or go deep.
#[test]
fn expressions_that_grow() {
    let grow = "|replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')";
    let mut cases: Vec<(&str, String)> = vec![
        ("replace", format!("'a'{}", grow.repeat(20))),
        ("repeat", "'a' * 999999999".into()),
        ("repeat a list", "([0] * 999999999)|length".into()),
        ("power", "9 ** 9 ** 9 ** 9".into()),
        ("join", format!("[{}]|join('a'{})", "1, ".repeat(1_000), grow.repeat(3))),
        ("concatenate", vec!["'aaaaaaaaaaaaaaaaaaaa'"; 20_000].join(" ~ ")),
        ("parentheses", format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000))),
        ("lists", format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))),
        ("maps", format!("{}1{}", "{'a': ".repeat(20_000), "} ".repeat(20_000))),
        ("not", format!("{}true", "not ".repeat(50_000))),
        ("minus", format!("{}1", "-".repeat(50_000))),
        ("attributes", format!("pr{}", "['a']".repeat(20_000))),
        ("a path", format!("pr{}", ".a".repeat(100_000))),
        ("filters", format!("'a'{}", "|upper".repeat(20_000))),
        ("conditions", format!("{}1{}", "(1 if pr.draft else ".repeat(5_000), ")".repeat(5_000))),
        ("conditions in a row", format!("{}1", "1 if pr.draft else ".repeat(20_000))),
        ("comparisons", vec!["1"; 50_000].join(" < ")),
        ("a call", "range(999999999)".into()),
        ("a statement", "pr %}{% for x in [1] %}".into()),
    ];
    // The longest that are let in, too.
    let longest = |unit: &str, end: &str| format!("{}{end}", unit.repeat((1_000 - end.len()) / unit.len()));
    let deep = [
        longest("-", "1"),
        longest("not ", "true"),
        longest("'a'~", "'a'"),
        longest("1<", "1"),
        longest("1 if 1 else ", "1"),
        longest("(", "1"),
        longest("[", "1"),
        longest("{1:", "1"),
        longest("a.", "a"),
        format!("{}1{}", "(".repeat(100), ")".repeat(100)),
        format!("{}1{}", "[".repeat(100), "]".repeat(100)),
        format!("'a'{}", "|upper".repeat(160)),
        format!("pr{}", "[0]".repeat(300)),
    ];
    cases.extend(deep.into_iter().map(|expression| ("the longest", expression)));
    let scratch = Scratch::new("storefront-single");
    let policy = of_case("storefront-single", POLICY);
    for (what, expression) in cases {
        let line = format!("    price-engine: {}\n", json!(format!("${{{{ {expression} }}}}")));
        scratch.write(POLICY, policy.replacen("    price-engine: v2\n", &line, 1));
        let run = run(&scratch, what);
        assert!(run.out.len() < 1 << 20 && run.err.len() < 64 << 10, "{what}: {} {}", run.out.len(), run.err.len());
        assert!(!run.out.is_empty(), "{what}: {}", run.err);
    }
}

/// Each expression has its own bounds; all of a policy, and of its manifests' images, have theirs together.
#[test]
fn expressions_have_a_budget() {
    let scratch = Scratch::new("storefront-single");
    let policy = of_case("storefront-single", POLICY);
    let computed = |count: usize| format!("'{}'", "${{pr.number~1}}".repeat(count));
    let titles = |count: usize| format!("'{}'", "${{pr.title}}".repeat(count));
    scratch.write(PARAMETERS, changed(|parameters| drop(parameters.insert("title".into(), json!("🚀".repeat(200))))));
    let flags = |texts: Vec<String>| {
        let texts = many(texts.len(), &|n| format!("    f{n}: {}\n", texts[n]));
        policy.replacen("    price-engine: v2\n", &texts, 1)
    };
    let aliases = |first: String| flags([vec![format!("&a {first}")], vec!["*a".into(); 19]].concat());
    let job = |count: usize| {
        let images = many(count, &|n| format!("{{name: c{n}, image: \"x:${{{{ pr.headSha|lower }}}}\"}}, "));
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\nspec: {{template: {{spec: {{containers: [{images}]}}}}}}\n"
        )
    };
    let most = "more than 2000 expressions that are more than a path in all texts together";
    for (what, policy, manifest, message) in [
        ("all", flags(vec![computed(100); 20]), String::new(), ""),
        ("one more", flags([vec![computed(100); 20], vec![computed(1)]].concat()), String::new(), most),
        ("many of each", flags(vec![computed(100); 600]), String::new(), most),
        ("aliases", aliases(computed(100)), String::new(), ""),
        ("constants after them", flags([vec![computed(100); 20], vec!["x".into(); 100]].concat()), String::new(), ""),
        ("a text", flags(vec![computed(101)]), String::new(), "more than 100 expressions that are more than a path"),
        ("a long text", flags(vec![titles(1_400)]), String::new(), "it comes to more than 1048576 bytes"),
        ("long texts", flags(vec![titles(1_200); 8]), String::new(), ""),
        (
            "more long texts",
            flags(vec![titles(1_200); 11]),
            String::new(),
            "more than 8388608 bytes in all texts together",
        ),
        ("images", policy.clone(), job(3_000), most),
    ] {
        scratch.write(POLICY, &policy);
        scratch.write("deploy/x.yaml", &manifest);
        let run = run(&scratch, what);
        assert!(run.err.contains(message), "{what}: {}", &run.err[..run.err.len().min(2000)]);
        assert_eq!(run.err.contains("more than"), !message.is_empty(), "{what}: {}", run.err);
        assert!(run.out.len() < 16 << 20 && run.err.len() < 1 << 20, "{what}: {} {}", run.out.len(), run.err.len());
    }
}
