use std::borrow::Cow;

use super::masked;
use crate::tests::processor::processor_time;

#[test]
fn passwords_are_stars() {
    for (text, expected) in [
        ("DB: \"postgres://u:hunter2@db/shop\" # x:y@z", "DB: \"postgres://u:*******@db/shop\" # x:y@z"),
        ("mysql://root:p@ss:wörd@db:3306/a?b=c", "mysql://root:*********@db:3306/a?b=c"),
        ("redis://:secret@r", "redis://:******@r"),
        ("a://b:c@d e://f:g@h", "a://b:*@d e://f:*@h"),
        ("a://b:it's@d", "a://b:****@d"),
        ("a://b://c:d@e", "a://b:*****@e"),
        ("keys: [MC4CAQAwBQYDK2VwBCIEIA+/x]", "keys: [MC4CAQAwBQYDK2Vw*********]"),
        ("['MC4CAQAwBQYDK2VwBCIEIA'] # whose?", "['MC4CAQAwBQYDK2Vw******'] # whose?"),
        // In whatever order they stand.
        ("Pwd=x;Password=y a://b:c@d", "Pwd=*;Password=***********"),
        ("a://b:c@d Pwd=x", "a://b:*@d Pwd=*"),
        // A word ends with its quote, and what comes then is another's.
        ("'a://b:c@d','e:f@g' h i@j k", "'a://b:*@d','e:f@g' h i@j k"),
        ("\"a://b:c@d\",\"e:f@g\"", "\"a://b:*@d\",\"e:f@g\""),
        ("`a://b:c@d`,e:f@g", "`a://b:*@d`,e:f@g"),
        ("<a://b:c@d>e:f@g", "<a://b:*@d>e:f@g"),
        ("jdbc:postgresql://db/x?user=u&password=pw&ssl=on", "jdbc:postgresql://db/x?user=u&password=**&ssl=on"),
        ("jdbc:postgresql://db/x?password=pw&ssl=on; x", "jdbc:postgresql://db/x?password=**&ssl=on; x"),
        ("jdbc:oracle:thin:u/p/w@db:1521/app", "jdbc:oracle:thin:u/***@db:1521/app"),
    ] {
        assert_eq!(masked(text), expected);
        assert_eq!(masked(text).chars().count(), text.chars().count());
    }
    for text in [
        "https://acme.dev/a:b",
        "https://user@acme.dev",
        "image: ghcr.io/acme/web@sha256:ab",
        "a: ://",
        "@",
        "jdbc:oracle:thin:@//db/app",
        "main: u@tcp(db)/app",
        "{\"main\":\"u@tcp(db)/app\"}",
        "(a: b@c)",
        "password: see (x)",
        "Password=;Database=app",
        "Password='';Database=app",
    ] {
        assert!(matches!(masked(text), Cow::Borrowed(same) if same == text), "{text}: {}", masked(text));
    }
}

/// As ADO.NET, ODBC and libpq quote them, and as YAML and JSON quote these.
#[test]
fn a_password_beside_its_name_ends_where_clients_end_it() {
    for (text, expected) in [
        ("Server=db;Password=a b, c}d;Pwd=x;", "Server=db;Password=********;Pwd=*;"),
        ("Password=a b;Server=db", "Password=***;Server=db"),
        ("Server=db; Password=a b", "Server=db; Password=***"),
        ("x: \"Server=db;Password=a b\" # c", "x: \"Server=db;Password=***\" # c"),
        ("Server=db;Password=it's;Database=x", "Server=db;Password=****;Database=x"),
        ("Password='a b';Server=db", "Password='***';Server=db"),
        ("Password=\"a;b\";Server=db", "Password=\"***\";Server=db"),
        ("Password='it''s; so';Server=db", "Password='*********';Server=db"),
        ("Password='''x';Server=db", "Password='''*';Server=db"),
        ("PWD={a b};Server=db", "PWD={***};Server=db"),
        ("PWD={a}};b};Server=db", "PWD={*****};Server=db"),
        ("PWD={{ .Values.pw }};x", "PWD={{************}};x"),
        ("password = pw host = db", "password = ** host = db"),
        ("password = 'a \\' b' host = db", "password = '******' host = db"),
        ("password=pw host=db", "password=** host=db"),
        ("psql 'password=pw' -c x", "psql 'password=**' -c x"),
        ("PGPASSWORD=x psql; y", "PGPASSWORD=* psql; y"),
        ("passwd=x psw=y", "passwd=* psw=*"),
        ("cache:6380,password=pw,ssl=True", "cache:6380,password=**,ssl=True"),
        ("['--password=pw', x]", "['--password=**', x]"),
        // Of quotes within quotes.
        ("'Password=''a b'';x=y'", "'Password=''***'';x=y'"),
        ("'Password=''''a b'';x=y'", "'Password=''''***'';x=y'"),
        (r#"{"a":"Password=\"a b\";x=y"}"#, r#"{"a":"Password=\"****";x=y"}"#),
        (r#"{"a":"Password=\"a\"\"b\";x=y"}"#, r#"{"a":"Password=\"*******";x=y"}"#),
        (r#"{"a":"Password=\"a\\\"b\";x=y"}"#, r#"{"a":"Password=\"*******";x=y"}"#),
        // Without an end, that of the line.
        ("Password='a b;c\nx", "Password='*****\nx"),
        ("Password=a\nx;y", "Password=*\nx;y"),
    ] {
        assert_eq!(masked(text), expected);
        assert_eq!(masked(text).chars().count(), text.chars().count());
    }
}

#[test]
fn a_password_of_go_is_whatever_is_between_a_user_and_a_network() {
    for (text, expected) in [
        ("u:pw@tcp(db:3306)/app", "u:**@tcp(db:3306)/app"),
        ("dsn: u:pw@tcp(db)/app", "dsn: u:**@tcp(db)/app"),
        ("dsn=u:p@w/x:y@tcp6([::1])/app", "dsn=u:*******@tcp6([::1])/app"),
        (":pw@unix(/run/x)/app", ":**@unix(/run/x)/app"),
        ("u:my pw@cloud-sql(db)/app", "u:*****@cloud-sql(db)/app"),
        ("u:it's@tcp(db)/app", "u:****@tcp(db)/app"),
        ("u:(pw@tcp(db)/app", "u:***@tcp(db)/app"),
        ("mysql://u:pw@tcp(db)/app", "mysql://u:**@tcp(db)/app"),
        ("a:b\nu:x@tcp(db) v:y@tcp(db)", "a:b\nu:*@tcp(db) v:*@tcp(db)"),
        ("{\"a\":\"u:pw@tcp(db)/app\"}", "{\"a\":\"u:**@tcp(db)/app\"}"),
    ] {
        assert_eq!(masked(text), expected);
    }
}

/// A key longer than any bound, as clouds give them.
#[test]
fn a_long_password_is_hidden_to_its_end() {
    let long = "x".repeat(5_000);
    for text in [
        format!("a://b:{long}@c"),
        format!("Password={long};a=b"),
        format!("Password='{long}'"),
        format!("u:{long}@tcp(c)"),
    ] {
        assert!(!masked(&text).contains("xx"), "{}", &text[..20]);
    }
}

#[test]
fn a_line_as_long_as_a_file_takes_no_longer_than_others() {
    for piece in [
        "password=x ",
        "password='",
        "password={",
        "password=\\\"",
        "password='x' ",
        "password",
        "password \t ",
        "pwd=x;",
        "a://b:",
        "a://",
        "@tcp(",
        "a:b@tcp(",
        "a: b@tcp",
        "(",
        ":",
        ":oracle:",
        ":oracle:a/b@",
        "'",
        "\"a",
    ] {
        let text = piece.repeat((1 << 19) / piece.len());
        let more = format!("{text}=@tcp(");
        let ((), took) = processor_time(|| drop((masked(&text), masked(&more))));
        assert!(took.as_secs() < 5, "{piece}: {took:?}");
    }
}
