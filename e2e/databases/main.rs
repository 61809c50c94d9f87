//! Databases, end to end: the program against real servers, and against vendors' APIs held to their own specifications.
//! `e2e/databases/run` starts what the tests need; without it they fail.

mod lab;
mod leaks;
mod mysql;
mod neon;
mod postgres;
mod psql;
mod sanitized;
mod standin;
mod steps;
