use super::is_utf16;
use crate::{
    finding::Owner,
    input::{Source, read_typed},
    tests::processor::processor_time,
    yaml::{Cost, Limits},
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
        ("a:\n  health:/ready\n  b: c\n", format!("{space} `health:/ready` in line 2: `health: /ready`")),
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

/// What other languages have at the end of a line, and brackets whose line lacks something else.
#[test]
fn what_is_written_as_elsewhere_is_told_where_it_stands() {
    let comma = "not YAML: a `,` ends this line = leave the `,` out: the end of a line is enough";
    for (text, expected) in [
        ("a:,\n  b: c\n  d: e\n", format!("1:3 {comma}")),
        ("a:\n  - b: c\n  - {d: e},\n  - f: g\nh: i\n", format!("3:11 {comma}")),
        ("a: [b, c], # x\nd: e\nf: g\n", format!("1:10 {comma}")),
        ("a: \"b\",\nd: e\nf: g\n", format!("1:7 {comma}")),
        ("a: \"b\",\nc: \"d\",\ne: \"f\",\ng: h\n", format!("1:7 {comma}")),
        ("a:;\n  b: c\n  d: e\n", format!("1:3 {}", comma.replace("`,`", "`;`"))),
        ("a {b: c, d: e}\nf: g\nh: i\n", "1:1 not YAML: no colon behind `a` = ".to_owned()),
        ("a = {b: c, d: e}\nf: g\nh: i\n", "1:1 not YAML: no colon behind `a` = write `a: {b: c, d: e}`".to_owned()),
        ("a {b: \"c\", d: e}\nf: g\nh: i\n", "1:1 not YAML: no colon behind `a` = ".to_owned()),
        ("a:{b: c, d: e}\nf: g\nh: i\n", "1:2 not YAML: no space behind the colon of `a` = ".to_owned()),
        ("a:{b: \"c\", d: e}\nf: g\nh: i\n", "1:2 not YAML: no space behind the colon of `a` = ".to_owned()),
        (
            "a: b: c, d: e}\nf: g\nh: i\n",
            "1:4 not YAML: the `}` that ends this line has no `{` = write a `{` before `b: c, d: e}`".to_owned(),
        ),
        (
            "a:\n  - b: c, d: e}\n  - f: g\nh: i\n",
            "2:5 not YAML: the `}` that ends this line has no `{` = write a `{` before `b: c, d: e}`".to_owned(),
        ),
        (
            "```yaml\na: b\n```\n",
            "1:1 not YAML: the first or last line of a block of Markdown = leave it out, and the other one too"
                .to_owned(),
        ),
        ("a: b\nc: \"d\0e\"\n", "2:6 not YAML: a NUL character (`\\u{0}`) = leave it out: no text has one".to_owned()),
        ("a: [“b-${{ c }}”, d]\n", "`“` is no quote to YAML: write `\"` in its place".to_owned()),
    ] {
        let source = Source { name: "preview.yaml".into(), text: text.into() };
        let found = found(read_typed::<crate::input::Policy>(&source, Owner::Team).expect_err(text));
        assert!(found.contains(&expected), "{text:?}: {found}");
    }
}

/// Lines of files that people wrote, in wrong columns, alone and with what belongs to them: whoever is told a cause is told of a
/// line that is part of it.
#[test]
fn a_wrong_indentation_is_found_where_it_is() {
    // All of them are right as well, and take a minute.
    const EVERY: usize = 29;
    let (mut cases, mut unreadable) = (0, 0);
    for text in [
        include_str!("../../../testdata/storefront/preview.yaml"),
        include_str!("../../../testdata/storefront/guardrails.yaml"),
        include_str!("../../../testdata/platform-templates/guardrails.yaml"),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        let indent = |line: &str| line.len() - line.trim_start().len();
        let all = (0..lines.len()).flat_map(|number| (0..28).map(move |turn| (number, turn / 2, turn % 2 == 1)));
        for (number, column, deep) in all {
            cases += 1;
            if cases % EVERY > 0 {
                continue;
            }
            let deeper = lines[number + 1..].iter().take_while(|other| indent(other) > indent(lines[number]));
            let part = number..number + 1 + if deep { deeper.count() } else { 0 };
            let spoil = |(at, text): (usize, &&str)| {
                let spaces = (indent(text) + column).saturating_sub(indent(lines[number]));
                if part.contains(&at) {
                    format!("{}{}", " ".repeat(spaces), text.trim_start())
                } else {
                    (*text).to_owned()
                }
            };
            let text = lines.iter().enumerate().map(spoil).collect::<Vec<_>>().join("\n");
            let source = Source { name: "x.yaml".into(), text };
            let Err(findings) = source.manifests(Owner::Team, &mut Cost::default(), true) else { continue };
            if *findings[0].rule != crate::rules::input::NOT_YAML {
                continue;
            }
            unreadable += 1;
            let place = findings[0].location().line.expect("a line");
            let help = findings[0].help.as_deref().unwrap_or_default();
            let said = format!("{} {help} ", findings[0].message).replace(')', " ");
            let mut part = part.map(|line| u32::try_from(line).expect("few lines") + 1);
            assert!(
                part.any(|line| line == place || said.contains(&format!("line {line} ")))
                    && ["same column", "further right", "begins with `- `"].iter().any(|help| said.contains(help)),
                "{place}: {said}\n{}",
                source.text
            );
        }
    }
    assert!(unreadable > 100, "{unreadable}");
}

/// A line of the storefront's policy, as people write it, and what is said of it.
const WRITTEN: &[(usize, &str, &str)] = &[
    (
        7,
        "    team: payments",
        "7:5 not YAML: `team` begins in column 5, `costCenter` in line 8 in column 3 = all keys of a map begin in the same column",
    ),
    (
        8,
        "costCenter: x",
        "8:1 not YAML: `costCenter` begins in column 1, `team` in line 7 in column 3 = all keys of a map begin in the same column",
    ),
    (
        17,
        "     port: 8080",
        "17:6 not YAML: `port` begins in column 6, `image` in line 16 in column 7 = all keys of a map begin in the same column",
    ),
    (
        17,
        "        port: 8080",
        "17:9 not YAML: `port` begins in column 9, `image` in line 16 in column 7 = all keys of a map begin in the same column",
    ),
    (
        32,
        "   routes:",
        "32:4 not YAML: `routes` begins in column 4, `application` in line 28 in column 3 = all keys of a map begin in the same column",
    ),
    (
        15,
        "    name: web",
        "15:5 not YAML: `name` stands among the items of a list, and has no `-` = an item of a list begins with `- `: `- name: web`",
    ),
    (
        20,
        "      PUBLIC_URL: x",
        "20:7 not YAML: `PUBLIC_URL` begins in column 7, `env` in line 19 in column 7 = what belongs to a key begins further right \
             than the key",
    ),
    (
        23,
        "    -name: worker",
        "23:5 not YAML: no space behind the `-` of `-name` = an item of a list begins with `- `: `- name: worker`",
    ),
    (
        15,
        "    -name: web",
        "15:5 not YAML: no space behind the `-` of `-name` = an item of a list begins with `- `: `- name: web`",
    ),
    (
        23,
        "     - name: worker",
        "23:6 not YAML: this `-` begins in column 6, the one in line 15 in column 5 = all `-` of a list begin in the same column",
    ),
    (
        21,
        "        BANNER: |\n       x\n       y",
        "22:8 not YAML: the text of `BANNER` is not indented more than its key = all lines of a text behind `|` begin right of the \
             key, in column 11 for example",
    ),
    (
        21,
        "        BANNER: 'Preview of Grace's PR'",
        "21:34 not YAML: the text in `'…'` ends with this `'`, amid a word = an apostrophe is written twice there (`''`); or put the \
             text into `\"…\"`",
    ),
    (
        21,
        "        BANNER: \"of \"Grace\" x\"",
        "21:21 not YAML: this quote ends the text, and more follows = quotes go around all of a text; inside of it, `\"` is written as `\\\"`, or put the text into `'…'`",
    ),
    (
        17,
        "      port:\u{a0}8080",
        "17:12 not YAML: a no-break space (`\\u{a0}`) stands where a space belongs = write a space in its place: YAML takes no other one",
    ),
    (
        17,
        "\u{3000}     port: 8080",
        "17:1 not YAML: an ideographic space (`\\u{3000}`) stands where a space belongs = write a space in its place: YAML takes no other one",
    ),
    (
        17,
        "      port:\u{200b}8080",
        "17:12 not YAML: a character that is not seen (`\\u{200b}`) stands where a space belongs = take it out, or write a space in \
             its place",
    ),
    (22, "      uses: [stripe, main", "22:13 not YAML: the `[` that begins here is not closed = end it with `]`"),
    (33, "    - {name: web, service: web", "33:7 not YAML: the `{` that begins here is not closed = end it with `}`"),
    (
        25,
        "      command: [\n        node,\n        x",
        "25:16 not YAML: the `[` that begins here is not closed = end it with `]`",
    ),
    (22, "      uses: [stripe]]", "22:21 not YAML: this `]` closes nothing = "),
    (22, "      uses: [stripe}", "22:20 not YAML: this `}` ends no `[…]` = "),
    (
        22,
        "      uses: [\"a\" \"b\"]",
        "22:18 not YAML: a `,` is missing before this, or the quotes are wrong = between the items of `[…]`, and the entries of `{…}`, stands a `,`",
    ),
    (
        21,
        "        BANNER: Preview: x # y",
        "21:24 not YAML: the text of `BANNER` holds a `: ` and is not in quotes = put it in quotes: `\"Preview: x\"`; a key begins a \
             line of its own",
    ),
    (
        21,
        "        BANNER: “Preview: x”",
        "21:25 not YAML: the text of `BANNER` holds a `: ` and is not in quotes = `“` is no quote to YAML: write `\"Preview: x\"`",
    ),
    (
        21,
        "        BANNER: @acme",
        "21:17 not YAML: no text without quotes begins with `@` = text that begins with `@` stands in quotes: `\"@acme\"`",
    ),
    (
        22,
        "      uses: [%x, main]",
        "22:14 not YAML: no text without quotes begins with `%` = text that begins with `%` stands in quotes: `\"%x\"`",
    ),
    (
        21,
        "        BANNER: `x`",
        "21:17 not YAML: no text without quotes begins with a backtick = text that begins with a backtick stands in quotes: \
             `\"`x`\"`",
    ),
    (
        21,
        "        BANNER: *.acme.dev",
        "21:17 not YAML: `*` begins an alias, and nothing above has its anchor = text that begins with `*` stands in quotes: \
             `\"*.acme.dev\"`",
    ),
    (
        21,
        "        BANNER: * \"*\"",
        "21:17 not YAML: `*` begins an alias, which has a name = text that begins with `*` stands in quotes: `'* \"*\"'`",
    ),
    (
        21,
        "        BANNER: >=1.2",
        "21:17 not YAML: `>` begins a text of several lines, which stand below it = text that begins with `>` stands in quotes: \
             `\">=1.2\"`; or begin the text in the next line",
    ),
    (
        21,
        "        BANNER: !important",
        "21:17 the tag `!important` has no meaning here = text that begins with `!` stands in quotes: `\"!important\"`",
    ),
    (
        21,
        "        BANNER: \"\\x41\\n C:\\path\"",
        "21:27 not YAML: `\\p` is no escape, and in `\"…\"` every `\\` begins one = write `\\\\` for a `\\`, or put the text into `'…'`, where it stands for itself",
    ),
    (
        21,
        "        BANNER: \"C:\\users\"",
        "21:20 not YAML: `\\u` is no escape, and in `\"…\"` every `\\` begins one = write `\\\\` for a `\\`, or put the text into `'…'`, where it stands for itself",
    ),
    (17, "      port：8080", "17:11 not YAML: `：` (`\\u{ff1a}`) is no colon `:` = write `port: 8080`"),
    (14, "  services：", "14:11 not YAML: `：` (`\\u{ff1a}`) is no colon `:` = write `services:`"),
    (15, "    – name: web", "15:5 not YAML: `–` (`\\u{2013}`) is no dash `-` = write `- name: web`"),
    (23, "    • name: worker", "23:5 not YAML: `•` (`\\u{2022}`) is no dash `-` = write `- name: worker`"),
    (17, "      port = 8080", "17:7 not YAML: no colon behind `port` = write `port: 8080`"),
    (14, "  services", "14:3 not YAML: no colon behind `services` = write `services:`"),
    (
        17,
        "      port 8080",
        "17:7 not YAML: no colon behind `port` = a key and its value are written `port: 8080`; text that goes on is indented more \
             than its key",
    ),
    (
        9,
        "<<<<<<< HEAD\n  ttl: 48h\n=======\n  ttl: 24h\n>>>>>>> main",
        "9:1 not YAML: a conflict that Git left to be resolved = keep what is right of both sides, and delete the lines with \
                    `<<<<<<<`, `=======` and `>>>>>>>`",
    ),
    (
        9,
        "=======\n  ttl: 24h\n>>>>>>> main",
        "9:1 not YAML: a conflict that Git left to be resolved = keep what is right of both sides, and delete the lines with \
                    `<<<<<<<`, `=======` and `>>>>>>>`",
    ),
];

#[test]
fn what_people_write_is_told_as_what_it_is() {
    const POLICY: &str = include_str!("../../../testdata/storefront/preview.yaml");
    for &(line, written, expected) in WRITTEN {
        let lines: Vec<&str> =
            POLICY.lines().enumerate().map(|(at, text)| if at + 1 == line { written } else { text }).collect();
        let source = Source { name: "preview.yaml".into(), text: lines.join("\n") };
        assert_eq!(
            found(read_typed::<crate::input::Policy>(&source, Owner::Team).expect_err(written)),
            expected,
            "{written}"
        );
        // So it is for a manifest, for one of a platform's templates, and on Windows.
        let windows = Source { text: lines.join("\r\n"), ..source.clone() };
        if !written.contains('\n') {
            let told = windows.manifests(Owner::Team, &mut Cost::default(), true).expect_err(written);
            assert_eq!(found(told), expected, "{written}");
        }
        assert_eq!(found(source.unreadable_template().expect(written)), expected, "{written}");
    }
}

/// One of the two is wrong: what is seen is the `-`.
#[test]
fn an_item_among_the_entries_of_a_map_is_told_as_one() {
    let told = |line: u32, column: u32, key: &str, above: u32| {
        format!(
            "{line}:{column} not YAML: this `-` begins an item of a list, and `{key}` in line {above} an entry of a map, in the same column \
             = what belongs to one key is a map, without `-`, or a list, in which each item has one"
        )
    };
    for (text, expected) in [
        ("services:\n  web:\n    port: 1\n  - name: worker\n    port: 2\nx: y\n", told(4, 3, "web", 2)),
        ("services:\n  a: 1\n  b: 2\n  - name: c\n  - name: d\n  e: 3\nx: y\n", told(4, 3, "b", 3)),
        ("services:\n  - name: a\n    env:\n      B: c\n      - D: e\n    port: 1\n", told(5, 7, "B", 4)),
        ("spec:\n  team: a\n  - costCenter: b\n  services:\n    - name: c\n", told(3, 3, "team", 2)),
        (
            "services:\n  - name: a\n    port: 1\n    - name: b\n    port: 2\n",
"4:5 not YAML: this `-` begins in column 5, the one in line 2 in column 3 = all `-` of a list begin in the same column"
                .to_owned(),
        ),
        // A list of the key above it, which is what stands in the wrong column.
        (
            "spec:\n  app:\n    path: x\n    kustomize:\n      images: [a]\n      routes:\n    - name: web\n  egress: [a]\n",
            "7:7 not YAML: this `-` begins in column 5, `routes` in line 6 in column 7 = what belongs to a key begins further right than the key"
                .to_owned(),
        ),
        (
            "- a: 1\n- b: 2\nc: 3\n- d: 4\n",
"3:1 not YAML: `c` begins in column 1, `b` in line 2 in column 3 = all keys of a map begin in the same column; an item of a list \
             begins with `- `"
                .to_owned(),
        ),
    ] {
        let source = Source { name: "x.yaml".into(), text: text.into() };
        assert_eq!(found(source.manifests(Owner::Team, &mut Cost::default(), true).expect_err(text)), expected, "{text}");
    }
}

/// Whatever is wrong besides, no other line is blamed.
#[test]
fn what_is_not_clear_has_no_cause() {
    for (text, expected) in [
        ("spec:\n  a:\n    b: 1\n   c: 2\n   d: 3\n  e: f: g\n", "4:4 "),
        ("a: |\n  <<<<<<< HEAD\nb: [\n", "3:4 not YAML: the `[`"),
        ("a: x # 'it\nb: 'c'd'\n", "2:6 not YAML: the text in `'…'` ends"),
        ("- image:1.2\n-  a: b\n  c: d\n", "3:3 not YAML: `c` begins in column 3, `a` in line 2 in column 4"),
        ("a: [b]\n  ---\nb: 2\nc: 3\n", "2:1 not YAML: this `---` is indented"),
    ] {
        let source = Source { name: "x.yaml".into(), text: text.into() };
        let found = found(source.manifests(Owner::Team, &mut Cost::default(), true).expect_err(text));
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

/// Only what is the file's own is cut.
#[test]
fn the_readers_words_are_whole() {
    let key = "k".repeat(100);
    let cut = "k".repeat(80);
    for (text, expected) in [
        (format!("{key}: 1\n{key}: 2\n"), format!("duplicate key `{cut}…`, first in line 1")),
        (format!("a: !{key} 1\n"), format!("the tag `!{}…` has no meaning here", &cut[1..])),
        (
            "%YAML 1.2 x\n---\na: b\n".to_owned(),
            "not YAML: while scanning a directive, did not find expected comment or line break".to_owned(),
        ),
    ] {
        let source = Source { name: "x.yaml".into(), text };
        let told = source.manifests(Owner::Team, &mut Cost::default(), true).expect_err("no YAML");
        assert_eq!(told[0].message, expected);
    }
}

/// Each kind of file says where the rest belongs.
#[test]
fn too_many_documents_say_where_they_belong() {
    let source = Source { name: "x.yaml".into(), text: "a: b\n---\nc: d\n".into() };
    let policy = read_typed::<crate::input::Policy>(&source, Owner::Team).expect_err("two documents");
    let guardrails = read_typed::<crate::input::Guardrails>(&source, Owner::Platform).expect_err("two documents");
    let parameters = source.document(Owner::PullRequest, super::Kind::Parameters, Limits::DOCUMENT).expect_err("two");
    let many = Source { name: "x.yaml".into(), text: "a: b\n---\n".repeat(201) };
    let manifests = many.manifests(Owner::Team, &mut Cost::default(), true).expect_err("many documents");
    let template = many.unreadable_template().expect("many documents");
    for (found, expected) in [
        (policy, "other objects go into files that `manifests` names"),
        (guardrails, "guardrails are one document: leave out this `---` and what follows"),
        (parameters, "parameters are one document, a map of them all: leave out this `---`"),
        (manifests, "put the objects into several files"),
        (template, "put the objects into several templates"),
    ] {
        assert!(found[0].help.as_deref().is_some_and(|help| help.ends_with(expected)), "{found:#?}");
    }
}

/// A long file is looked through a few times, not once for each line.
#[test]
fn a_long_file_is_not_read_without_end() {
    for text in [
        format!("{}   x\n y: z\n", "a:\n  - b: {c: d}\n    e: f\n".repeat(20_000)),
        format!("{}\n b: c: d: e\n", "[".repeat(500_000)),
        format!("a: {}\n b: c\n", "x: ".repeat(300_000)),
        "- - ".repeat(200_000) + "\n x: y: z",
        format!("a: \"{}\\p\"\n", "\\x41".repeat(200_000)),
        "<<<<<<<\n".repeat(100_000) + "a: b: c\n",
        "\u{a0}".repeat(400_000) + "a: b: c\n",
        "-\n".repeat(300_000) + " a: b: c\n",
    ] {
        let source = Source { name: "x.yaml".into(), text };
        let (read, took) = processor_time(|| source.manifests(Owner::Team, &mut Cost::default(), true));
        let told = read.expect_err("no YAML");
        assert!(took.as_secs() < 10, "{took:?}: {told:#?}");
        assert!(told[0].message.len() < 500 && told[0].help.as_ref().is_none_or(|help| help.len() < 1000), "{told:#?}");
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
        let found = found(source.manifests(Owner::Team, &mut Cost::default(), true).expect_err(text));
        assert_eq!(found.ends_with(help), is_helm, "{text}: {found}");
    }
}

/// Each is looked up in the file; a file has room for thousands.
#[test]
fn numbers_without_end_come_to_an_end() {
    let source = Source { name: "x.yaml".into(), text: "- .inf\n- {a: \"{{ .Values.x }}\"}\n".repeat(30) };
    let found = source.manifests(Owner::Team, &mut Cost::default(), true).expect_err("numbers that JSON has not");
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

/// A key without a value ends a file behind its last line, and a carriage return alone begins a line.
#[test]
fn marks_outside_of_the_lines_do_no_harm() {
    for (text, expected) in [
        ("  a: 1\n?\n", "2:1 not YAML: did not find expected <document start>"),
        (" a:\n- 1\n?\n", "2:1 not YAML: did not find expected <document start>"),
        ("  x: 1\n  y: 2\n?", "3:2 not YAML: expected whitespace"),
        ("#\r\r\r#\na:\n    - 1\n    - 2\n    -3\n    - 4\n", "8:5 not YAML: no space behind the `-` of `-3`"),
        ("a: 1\rb: 2\r  c: 3\r", "3:3 not YAML: `c` begins in column 3, `b` in line 2 in column 1"),
    ] {
        let source = Source { name: "x.yaml".into(), text: text.into() };
        let told = found(source.manifests(Owner::Team, &mut Cost::default(), true).expect_err(text));
        assert!(told.starts_with(expected), "{text:?}: {told}");
    }
}

/// Without its `=`, nothing is known as a password.
#[test]
fn a_password_is_not_told_in_another_form() {
    let text = "a: 1\nenv:\n  x: y\n  DB_PASSWORD=hünter2\n  z: y\n";
    let source = Source { name: "x.yaml".into(), text: text.into() };
    let told = source.manifests(Owner::Team, &mut Cost::default(), true).expect_err(text);
    assert_eq!(told[0].help.as_deref(), Some("write `DB_PASSWORD: *******`"));
    assert!(!format!("{told:?}").contains("nter2"), "{told:?}");
}

proptest::proptest! {
    /// Whatever is written, there is an answer, about a line that there is, or the one behind the last.
    #[test]
    fn any_text_has_an_answer(
        lines in proptest::collection::vec("[ ]{0,6}(- |-|[?] )?[a-c\"'&*!|>%@`é]{0,2}(:|: |=)?[0-9{}\\[\\],#]{0,3}", 1..8),
        ends in proptest::collection::vec(proptest::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r", "\r\r", "\n\n"]), 8),
    ) {
        let text: String = lines.iter().zip(&ends).flat_map(|(line, end)| [line.as_str(), end]).collect();
        let count = u32::try_from(crate::yaml::lines(&text).count()).unwrap();
        let source = Source { name: "x.yaml".into(), text };
        for finding in source.manifests(Owner::Team, &mut Cost::default(), true).err().into_iter().flatten() {
            proptest::prop_assert!(finding.location().line.is_none_or(|line| line <= count + 1), "{finding:?}");
        }
    }
}
