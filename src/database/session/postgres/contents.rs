//! What else is in a PostgreSQL database than tables that can be looked at.

use anyhow::Result;
use tokio_postgres::Client;

use super::{Contents, plain};

/// Names are for a message; there is no need for all of them.
const MOST: usize = 20;

/// Servers, tables and logins of another server. An extension's own are everybody's.
const OUTWARD: &str = "WITH servers AS (SELECT s.oid, s.srvname FROM pg_foreign_server s WHERE NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_foreign_server'::regclass AND d.objid = s.oid AND d.deptype = 'e'))
    SELECT format('the foreign server %I', srvname) FROM servers
    UNION ALL SELECT format('the user mapping of %I for the foreign server %I', m.usename, s.srvname)
      FROM pg_user_mappings m JOIN servers s ON s.oid = m.srvid
    UNION ALL SELECT format('the foreign table %I.%I', n.nspname, c.relname)
      FROM pg_foreign_table t JOIN servers s ON s.oid = t.ftserver JOIN pg_class c ON c.oid = t.ftrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL SELECT format('the subscription %I', subname) FROM pg_subscription
      WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Tables of which a policy shows this login a part only.
const HIDDEN: &str = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid)
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

const LARGE_OBJECTS: &str = "SELECT EXISTS (SELECT FROM pg_largeobject_metadata)";

pub(super) async fn contents(client: &Client) -> Result<Contents> {
    let mut names = [OUTWARD, HIDDEN].map(|_| Vec::new());
    for (names, sql) in names.iter_mut().zip([OUTWARD, HIDDEN]) {
        let rows = client.query(&format!("{sql} ORDER BY 1 LIMIT {MOST}"), &[]).await.map_err(plain)?;
        *names = rows.iter().map(|row| row.get::<_, String>(0)).collect();
    }
    let [outward, hidden] = names;
    let has_large_objects = client.query_one(LARGE_OBJECTS, &[]).await.map_err(plain)?.get(0);
    Ok(Contents { outward, hidden, has_large_objects })
}
