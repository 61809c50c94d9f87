//! dayfly: pull request in, preview environment out.
//!
//! A pure function from (pull request, team's policy, platform's guardrails) to Kubernetes manifests. The modules tell it
//! in this order: [`input`] reads the three files, [`resolve`] decides and calls the [`rules`], [`template`] lays out,
//! [`objects`] labels, patches and orders, [`emit`] writes. [`render`] is the whole way; [`finding`] is what there is to say
//! about the inputs. While rendering, nothing reads the clock, the environment, the network or a file.

pub mod cli;
pub mod database;
pub mod emit;
pub mod explain;
pub mod expression;
pub mod finding;
pub mod input;
pub mod objects;
pub mod render;
pub mod resolve;
pub mod rules;
pub mod template;
pub mod value;
pub mod yaml;

#[cfg(test)]
mod tests;
