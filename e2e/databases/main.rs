//! Databases, end to end: the program against real servers, and against vendors' APIs held to their own specifications.
//! `e2e/databases/run` starts what the tests need; without it they fail.

#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::unused_self,
    reason = "helpers of tests fail as tests do, and read as sentences"
)]

mod aurora;
mod cluster;
mod commands;
mod crunchy_bridge;
mod dblab;
mod embedded;
mod files;
mod held;
mod hosted;
mod hostile;
mod lab;
mod laptop;
mod leaks;
mod masking;
mod mysql;
mod neon;
mod planetscale;
mod postgres;
mod psql;
mod residue;
mod sanitized;
mod standin;
mod steps;
mod supabase;
mod turn;

#[path = "../page.rs"]
mod page;
