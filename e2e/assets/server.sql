-- The shared server, as docs/databases/postgres.md sets one up: an administrator with what it needs and no more, and a role
-- without powers that owns what the baselines hold.
CREATE ROLE dayfly LOGIN CREATEDB CREATEROLE PASSWORD 'administrator-of-the-tests';
GRANT pg_signal_backend TO dayfly;
CREATE ROLE app_owner NOLOGIN;
GRANT app_owner TO dayfly WITH ADMIN OPTION;
REVOKE CONNECT ON DATABASE postgres, preview, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO dayfly;
