//! Branches of databases: what the renderer tells the Jobs, and what runs inside them.

pub mod attestation;
pub mod spec;
