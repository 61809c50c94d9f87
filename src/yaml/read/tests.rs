use super::{Cost, Data, Limits, Mark, read, read_and_count};

#[test]
fn merged_entries_keep_their_places() {
    let text = "a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\n";
    let documents = read(text, Limits::DOCUMENT).expect("YAML");
    let line = |pointer: &str| documents[0].locate(pointer).line;
    assert_eq!((line("/b/x"), line("/b/y")), (2, 6));
    let text = format!("{text}  y: 4\n  x: 5\n  x: 6\n");
    let twice = read(&text, Limits::DOCUMENT).expect_err("duplicates");
    let messages: Vec<&str> = twice.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["duplicate key `y`, first in line 6", "duplicate key `x`, first in line 8"]);
}

#[test]
fn what_is_written_wins_over_what_is_merged_and_the_first_map_over_the_next() {
    for (b, expected) in [
        ("{<<: *a, y: 3}", [("x", "1"), ("y", "3")]),
        ("{y: 3, <<: *a}", [("y", "3"), ("x", "1")]),
        ("{<<: [*c, *a]}", [("x", "5"), ("y", "2")]),
    ] {
        let text = format!("a: &a {{x: 1, y: 2}}\nc: &c {{x: 5}}\nb: {b}\n");
        let documents = read(&text, Limits::DOCUMENT).expect("YAML");
        let Some(Data::Map(entries)) = documents[0].get("b").map(|b| &b.data) else { panic!("a map") };
        let found: Vec<_> = entries.iter().map(|entry| (&*entry.key, entry.value.text().unwrap_or_default())).collect();
        assert_eq!(found, expected, "{b}");
    }
}

/// The parser itself only knows those that stand nowhere before.
#[test]
fn an_alias_without_its_anchor() {
    for (text, expected) in [
        ("a: &x [*x]", "an alias inside of its own anchor"),
        ("a: &x 1\n---\nb: *x\n", "this alias's anchor is in another document: `---` ends what an alias sees"),
        ("a: &x 1\n---\nb: &y [*x]\n", "this alias's anchor is in another document: `---` ends what an alias sees"),
        ("a: *x\n", "not YAML: while parsing node, found unknown anchor"),
    ] {
        let refused = read(text, Limits { documents: 2, ..Limits::DOCUMENT }).expect_err(text);
        let messages: Vec<&str> = refused.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, [expected], "{text}");
    }
}

#[test]
fn a_file_has_a_length() {
    let limits = Limits { bytes: 10, ..Limits::DOCUMENT };
    assert!(read("a: 345678\n", limits).is_ok());
    let refused = read("a: 3456789\n", limits).expect_err("too long");
    assert_eq!(refused.problems[0].message, "the file has 11 bytes, allowed are 10");
}

#[test]
fn every_scalar_list_and_map_counts() {
    for (text, count) in [
        ("a", 1),
        ("[]", 1),
        ("[a, b, c]", 4),
        ("{a: [b]}", 4),
        ("{a: [[b]]}", 5),
        ("{a: b, c: }", 5),
        ("{a: b, c: , d: }", 7),
    ] {
        let limits = |nodes| Limits { nodes, ..Limits::DOCUMENT };
        assert!(read(text, limits(count)).is_ok(), "{text}");
        let refused = read(text, limits(count - 1)).expect_err(text);
        let expected = format!("more than {} nodes, with what anchors keep and aliases repeat", count - 1);
        assert_eq!(refused.problems[0].message, expected, "{text}");
    }
}

#[test]
fn a_limit_says_how_many_of_what() {
    for (text, limits, expected) in [
        ("a: {b: {c: d}}", Limits { depth: 2, ..Limits::DOCUMENT }, "more than 2 levels of nesting"),
        ("a: &a b\nc: [*a, *a, *a]", Limits { aliases: 2, ..Limits::DOCUMENT }, "more than 2 aliases"),
        ("a\n---\nb", Limits::DOCUMENT, "more than 1 document"),
        ("a\n---\nb\n---\nc", Limits { documents: 2, ..Limits::DOCUMENT }, "more than 2 documents"),
    ] {
        let refused = read(text, limits).expect_err(text);
        assert_eq!(refused.problems[0].message, expected);
    }
}

#[test]
fn a_tag_makes_text_or_is_refused() {
    for (text, plain) in [("! 12", false), ("!!str 12", false), ("!!int 12", true), ("12", true)] {
        let documents = read(text, Limits::DOCUMENT).expect(text);
        assert!(matches!(documents[0].data, Data::Scalar { plain: found, .. } if found == plain), "{text}");
    }
    for text in ["!x 12", "!x [12]", "!x {a: 12}"] {
        let refused = read(text, Limits::DOCUMENT).expect_err(text);
        assert_eq!(refused.problems[0].message, "the tag `!x` has no meaning here");
    }
}

#[test]
fn what_files_cost_is_added_up() {
    let mut cost = Cost::default();
    for bytes in [12, 24] {
        read_and_count("a: [b, c, d]", Limits::DOCUMENT, &mut cost).expect("YAML");
        assert_eq!((cost.bytes, cost.nodes), (bytes, bytes / 2));
    }
}

/// Their keys are found another way than those of small ones.
#[test]
fn duplicate_keys_of_large_maps() {
    let map: String = (0..100).map(|key| format!("k{key}: x\n")).collect::<Vec<_>>().concat();
    assert!(read(&map, Limits::DOCUMENT).is_ok());
    for key in [0, 31, 32, 33, 98, 99] {
        let text = format!("{map}k{key}: y\nlast: z\n");
        let problem = &read(&text, Limits::DOCUMENT).expect_err("a duplicate").problems[0];
        assert_eq!(problem.message, format!("duplicate key `k{key}`, first in line {}", key + 1));
        assert_eq!(problem.mark, Mark { line: 101, column: 1 });
    }
}

#[test]
fn a_file_with_a_duplicate_key_is_whole_if_that_is_all() {
    let is_whole = |text| read(text, Limits::DOCUMENT).expect_err("a problem").is_whole();
    assert!(is_whole("a: 1\na: 2\n"));
    assert!(!is_whole("a: 1\na: 2\nb: [\n"));
}

/// What is written once, and kept or made many times, is paid for each time.
#[test]
fn anchors_and_aliases_have_a_price() {
    let limits = Limits { bytes: 100, nodes: 40, ..Limits::DOCUMENT };
    let texts = |size: usize| format!("a: &a {}\nb: [*a, *a, *a]\n", "x".repeat(size));
    let keys = |size: usize| format!("a: &a {{{}: b}}\nb: [*a, *a, *a]\n", "x".repeat(size));
    let values = |size: usize| format!("a: &a {{k: {}}}\nb: [*a, *a, *a]\n", "x".repeat(size));
    let anchors = |depth: usize| {
        // A later anchor of a name takes its place.
        format!("a: {}1, 2, 3, 4, 5{}", "&a [".repeat(depth), "]".repeat(depth))
    };
    for (what, fits, too_much, message) in [
        ("texts", texts(18), texts(21), "more than 100 bytes, with what aliases repeat"),
        ("keys", keys(16), keys(20), "more than 100 bytes, with what aliases repeat"),
        ("values", values(15), values(19), "more than 100 bytes, with what aliases repeat"),
        ("nested anchors", anchors(3), anchors(4), "more than 40 nodes, with what anchors keep and aliases repeat"),
    ] {
        assert!(read(&fits, limits).is_ok(), "{what}: {fits}");
        let refused = read(&too_much, limits).expect_err(what);
        assert_eq!(refused.problems[0].message, message, "{what}: {too_much}");
    }
}

/// As Go's reader and libyaml have it.
#[test]
fn the_last_line_of_a_block() {
    for (text, expected) in [
        ("a: |\n  x", "x"),
        ("a: |+\n  x", "x"),
        ("a: |-\n  x", "x"),
        ("a: >\n  x\n  y", "x y"),
        ("a: |\n  x\n  ", "x\n"),
        ("a: |\n  x\n\n  ", "x\n"),
        ("a: |+\n  x\n\n  ", "x\n\n"),
        ("a: |-\n  x\n  ", "x"),
        ("a: |\n  x\n # c", "x\n"),
        ("a: |\n  x\n", "x\n"),
        ("a: \"x\\n\"", "x\n"),
        ("a: |\n  x\nb: c", "x\n"),
        ("\u{feff}a: |\n  ä", "ä"),
    ] {
        let documents = read(text, Limits::DOCUMENT).expect(text);
        assert_eq!(documents[0].get("a").and_then(|node| node.text()), Some(expected), "{text:?}");
    }
}

#[test]
fn a_name_and_what_it_holds_have_places() {
    let documents = read("a:\n  b/c: [1,\n    {d: 2}]\n", Limits::DOCUMENT).expect("YAML");
    let place = |mark: Mark| (mark.line, mark.column);
    for (pointer, name, value) in [
        ("/a", (1, 1), (2, 3)),
        ("/a/b~1c", (2, 3), (2, 8)),
        ("/a/b~1c/1/d", (3, 6), (3, 9)),
        ("/a/b~1c/1", (3, 5), (3, 5)),
        // As near as it gets.
        ("/a/b~1c/1/e", (3, 5), (3, 5)),
        ("/a/x/y", (2, 3), (2, 3)),
    ] {
        let found = (place(documents[0].locate_name(pointer)), place(documents[0].locate(pointer)));
        assert_eq!(found, (name, value), "{pointer}");
    }
    assert!(documents[0].at("/a/b~1c/0").is_some() && documents[0].at("/a/b~1c/7").is_none());
}

/// However a file ends in a block, with or without a line break, and with blanks behind it.
#[test]
fn a_block_at_the_end_of_a_file_is_what_others_read() {
    let mut judged = 0;
    for header in ["|", "|-", "|+", ">", ">-", ">+", "|2"] {
        for content in ["", "  x\n", "  x", "  x\n\n", "  x\n    y\n", "  x\n    y", "\n  x\n", "  x\n  y\n"] {
            for blanks in 0..6 {
                let text = format!("a: {header}\n{content}{}", " ".repeat(blanks));
                let Ok(other) = serde_yaml::from_str::<serde_yaml::Value>(&text) else { continue };
                let documents = read(&text, Limits::DOCUMENT).unwrap_or_else(|found| panic!("{text:?}: {found:?}"));
                let found = documents[0].get("a").and_then(|a| a.text());
                assert_eq!(found, other["a"].as_str(), "{text:?}");
                judged += 1;
            }
        }
    }
    assert!(judged > 250, "{judged}");
}
