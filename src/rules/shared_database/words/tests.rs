use super::super::{Hosts, shared};
use crate::{finding::masked, tests::processor::processor_time};

fn hosts(services: &[String]) -> Hosts<'_> {
    Hosts { services, namespace: "shop-pr-7", variables: &["DB_HOST", "DB_PORT"] }
}

#[test]
fn an_address_in_words_is_one() {
    for (text, how) in [
        // Npgsql, MySQL Connector, SQL Server, Oracle
        ("Host=staging;Port=5432;Database=app;Username=u;Password=hunter 2", "host="),
        ("Server=staging;Database=app;Uid=u;Pwd=hunter,2;", "server="),
        ("server = staging ; database = app", "server="),
        ("Database=app; Host=staging", "host="),
        ("Host=db,staging:5433;Database=app", "host="),
        ("HOST='staging';DATABASE='app'", "host="),
        ("Server=tcp:acme.database.windows.net,1433;Initial Catalog=app;Encrypt=True", "server="),
        ("Data Source=staging\\SQLEXPRESS;Initial Catalog=app;Integrated Security=true", "data source="),
        ("Data Source=staging:1521/app;User Id=u;Password=hunter2", "data source="),
        ("Address=10.1.2.3;Database=app", "address="),
        ("Driver={ODBC Driver 18 for SQL Server};Server=staging;Database=app;UID=u", "server="),
        ("Server=db;Failover Partner=staging;Database=app;Pwd='hunter 2'", "failover partner="),
        ("Driver={PostgreSQL};Servername=staging;Database=app;Pwd={hunter 2}", "servername="),
        ("Hostname=staging;Database=app;Uid=u;Pwd=hunter2", "hostname="),
        ("Host=staging;DB=app;PSW=hunter2", "host="),
        ("Host=2001:db8::5;Database=app", "host="),
        ("Host=[2001:db8::5]:5432;Database=app", "host="),
        ("Host=167837955;Database=app", "host="),
        // With values in quotes or braces, as ADO.NET and ODBC have them, and JSON
        ("Host=staging;Password='hunter;2';Database=app", "host="),
        ("Host=staging;Database=app;Password='hunter;2'", "host="),
        ("Password='hunter;2'; Host=staging;Database=app", "host="),
        ("Main=Password='hunter''s;2';Host=staging;Database=app", "host="),
        ("Driver={ODBC Driver 18};Server=staging;Database=app;UID=u;PWD={hunter;2}", "server="),
        ("Driver={ODBC Driver 18};Server=staging;PWD={hunter}};2};Database=app", "server="),
        (r#"Host=staging;Database="app""#, "host="),
        (r#"Server="staging";Database="app";Username=u"#, "server="),
        (r#"Host=staging;Password="hunter 2";Database=app"#, "host="),
        (r#"{"a": "Host=staging;Password=\"hunter;2\";Database=app"}"#, "host="),
        (r#"a: "Host=staging;Password='hunter;2';Database=app""#, "host="),
        ("a: 'Host=staging;Password=\"hunter;2\";Database=app'", "host="),
        // One that opens and never closes is a character.
        ("Password='hunter2;Host=staging;Database=app", "host="),
        ("Password={hunter2;Options={;Host=staging;Database=app", "host="),
        // up to a comment, or code
        ("Host=staging;Database=app; # staging", "host="),
        ("export DB='Host=staging;Database=app'; exec ./run", "host="),
        ("Host=staging;Database=app;(x)=y", "host="),
        // PDO
        ("oci:dbname=//staging:1521/app", "dbname="),
        ("oci:dbname=staging/app;charset=UTF8", "dbname="),
        ("firebird:dbname=staging:/app.fdb", "dbname="),
        ("firebird:dbname=staging/3050:/app.fdb", "dbname="),
        ("mysql:host=staging;dbname=app;charset=utf8mb4", "host="),
        ("sqlsrv:Server=staging,1433;Database=app", "server="),
        // within other text
        ("ConnectionStrings__Main=Host=staging;Database=app", "host="),
        ("--connection=Host=staging;Database=app", "host="),
        ("a: 1\nmain: 'Host=staging;Database=app'", "host="),
        (r#"{"a": "x;y", "Main": "Username=u;Database=app;Host=staging"}"#, "host="),
        ("Database=app;Host=staging --verbose", "host="),
        // libpq
        ("host=staging port=5432 dbname=app user=u password=hunter2", "host="),
        ("psql 'dbname=app host=staging'", "host="),
        ("host='staging' dbname='app'", "host="),
        ("hostaddr=10.1.2.3 dbname=app", "hostaddr="),
        ("DSN=host=staging user=u dbname=app", "host="),
        ("host = staging dbname = app", "host="),
        ("dsn = host = 'staging' password = 'hunter 2' dbname = 'app'", "host="),
        ("hostaddr=2001:db8::5 dbname=app password=hunter2", "hostaddr="),
        // Oracle
        ("(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=staging)(PORT=1521))(CONNECT_DATA=(SID=app)))", "(host="),
        ("( DESCRIPTION = ( ADDRESS = (HOST = db)) (address = ( host = staging )))", "(host="),
        // Go
        ("u:hunter2@tcp(staging:3306)/app?parseTime=true", "@tcp("),
        ("u:hunter 2@tcp4(staging:3306)/app", "@tcp4("),
        ("u:hunter2@tcp6(staging:3306)/app", "@tcp6("),
        ("u:hunter2@tcp([2001:db8::5]:3306)/app", "@tcp("),
        ("u@tcp(db) u@tcp(staging)/app", "@tcp("),
        // Java
        ("jdbc:sqlserver://staging;databaseName=app;user=u", "sqlserver://"),
        ("jdbc:sqlserver:;serverName=staging;databaseName=app", "jdbc:"),
    ] {
        assert_eq!(shared(text, hosts(&["db".into()])).as_deref(), Some(how), "{text}");
        assert!(!masked(text).contains("hunter") && !masked(text).contains(" 2"), "{}", masked(text));
    }
}

#[test]
fn what_names_no_other_host_or_no_database_is_none() {
    for text in [
        // The preview's own, and what is in the same Pod.
        "Host=db;Database=app;Username=u;Password=p",
        "Host=db.shop-pr-7.svc:5432,db-0.db;Database=app",
        "Host=$(DB_HOST);Port=$(DB_PORT);Database=$(DB_NAME);Username=$(DB_USER);Password=$(DB_PASSWORD)",
        "Server=$(DB_HOST),$(DB_PORT);Database=app",
        "Server=tcp:db,1433;Initial Catalog=app",
        "host=db port=5432 dbname=app",
        "host=$(DB_HOST) dbname=app",
        "u:p@tcp(db:3306)/app",
        "u:p@tcp($(DB_HOST):$(DB_PORT))/app",
        "u:p@unix(/run/mysqld.sock)/app",
        "Server=localhost;Database=app",
        "Server=127.0.0.1,1433;Database=app",
        "Server=.;Database=app",
        "Server=.\\SQLEXPRESS;Database=app",
        "Server=(localdb)\\MSSQLLocalDB;Database=app",
        "Host=/run/postgresql;Database=app",
        "host=/run/postgresql dbname=app",
        "Host=;Database=app",
        "Host='db';Password='a;Host=staging';Database=app",
        "Host=[::1]:5432;Database=app",
        "Host=::1;Database=app",
        "Host=5432;Database=app",
        "host = db dbname = app",
        "u:p@tcp([::1]:3306)/app",
        "u:p@tcpx(staging)/app",
        "oci:dbname=//db:1521/app",
        "oci:dbname=alias",
        "firebird:dbname=/data/app.fdb",
        "firebird:dbname=C:\\data\\app.fdb",
        "(DESCRIPTION=(ADDRESS=(HOST=db)(PORT=1521)))",
        "(HOST=staging)",
        // Somebody else fills it in.
        "Host={0};Database={1}",
        "Host=${HOST};Database=app",
        "Host=<host>;Database=app",
        "Host={host};Database={name}",
        // No database of a server's.
        "Host=smtp.acme.dev;Port=25;Username=u;Password=p",
        "host=rabbit;virtualHost=app;username=u;password=p",
        "Host=redis;Database=0",
        "cache:6380,password=p,ssl=True,defaultDatabase=1",
        "Data Source=/data/app.db;Mode=ReadWrite",
        "Data Source=app.db;Cache=Shared;Password=p",
        "Data Source=:memory:",
        "DefaultEndpointsProtocol=https;AccountName=acme;EndpointSuffix=core.windows.net",
        "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=x=",
        "InstrumentationKey=0;IngestionEndpoint=https://acme.dev/",
        "server=ntp1.acme.dev database=off",
        "host=acme.dev port=80",
        "form-data; name=host; filename=database",
        "sid=1; Path=/; Domain=acme.dev",
        "jdbc:h2:mem:test;MODE=PostgreSQL;DATABASE_TO_UPPER=false",
        // Neither a list nor its names.
        "mydumper --host=staging --dbname=app",
        "migrate --server=staging; echo database=app",
        "my.host=staging;Database=app",
        "ProxyHost=staging;Database=app",
        "https://acme.dev/?host=staging&dbname=app",
        "the host=staging; the database is another",
        "let host = 1; connect(); database=x",
        "host=staging; connect(); database=app",
        "host=staging; # database=app",
        "Host=staging\nDatabase=app",
        r#"{"Host": "staging", "Database": "app"}"#,
        "=;=",
        ";",
        "dbname",
        "@tcp(",
    ] {
        assert_eq!(shared(text, hosts(&["db".into()])), None, "{text}");
    }
}

#[test]
fn a_line_as_long_as_a_file_takes_no_longer_than_others() {
    for piece in [
        "a='b;",
        "a={b;a=\"b;a='b;",
        "a=\\\"b;",
        "a=''",
        ";",
        "=",
        "a=",
        " = ",
        "dbname = ",
        "dbname=a=",
        "host=",
        "(",
        "(address=",
        "(host=",
        "oci:dbname=",
        "oci:dbname=//",
        "@tcp",
        "@tcp(",
        "@tcp([",
        "host=a,",
        "host=a:",
        "\"a=",
        "'=",
    ] {
        let text = piece.repeat((1 << 19) / piece.len());
        let texts = [format!("{text};x=y"), format!("host={text};a=b dbname=c"), format!("=(address=x){text}")];
        let ((), took) = processor_time(|| texts.iter().for_each(|text| drop(shared(text, hosts(&["db".into()])))));
        assert!(took.as_secs() < 5, "{piece}: {took:?}");
    }
}
