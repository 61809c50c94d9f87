//! Branches of databases: what the renderer tells the Jobs, and what runs inside them.
//!
//! [`spec`] is what a Job is told and [`attestation`] what makes a baseline trusted: the renderer has these. The rest is
//! behind the feature `in-cluster`: [`provision`], [`steps`] (migrate and seed), [`verify`], [`sweep`] and [`prepare`] are
//! the commands; [`job`] is what those about one branch work with, [`engine`] what makes branches at a provider, [`session`]
//! what is asked inside one, [`files`] what a migration is made of, [`credentials`] where logins are kept.

pub mod attestation;
pub mod spec;

#[cfg(feature = "in-cluster")]
pub mod check;
#[cfg(feature = "in-cluster")]
pub mod connection;
#[cfg(feature = "in-cluster")]
pub mod credentials;
#[cfg(feature = "in-cluster")]
pub mod engine;
#[cfg(feature = "in-cluster")]
pub mod failure;
#[cfg(feature = "in-cluster")]
pub mod files;
#[cfg(feature = "in-cluster")]
pub mod http;
#[cfg(feature = "in-cluster")]
pub mod job;
#[cfg(feature = "in-cluster")]
pub mod kubernetes;
#[cfg(feature = "in-cluster")]
pub mod local;
#[cfg(feature = "in-cluster")]
pub mod log;
#[cfg(feature = "in-cluster")]
pub mod mark;
#[cfg(feature = "in-cluster")]
pub mod prepare;
#[cfg(feature = "in-cluster")]
pub mod provision;
#[cfg(feature = "in-cluster")]
pub mod random;
#[cfg(feature = "in-cluster")]
pub mod retry;
#[cfg(feature = "in-cluster")]
pub mod rotate;
#[cfg(feature = "in-cluster")]
pub mod scan;
#[cfg(feature = "in-cluster")]
pub mod schema;
#[cfg(feature = "in-cluster")]
pub mod session;
#[cfg(feature = "in-cluster")]
pub mod steps;
#[cfg(feature = "in-cluster")]
pub mod sweep;
#[cfg(feature = "in-cluster")]
pub mod time;
#[cfg(feature = "in-cluster")]
pub mod tls;
#[cfg(feature = "in-cluster")]
pub mod verify;
