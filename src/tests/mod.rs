//! Tests of the whole: what each case of `testdata/` renders to, what every rule refuses, what holds for any input.

mod alone;
mod calls;
mod docs;
mod each;
mod explain;
mod files;
mod golden;
mod guidance;
mod hostile;
mod init;
mod jobs;
mod loading;
mod network;
mod outcomes;
mod process;
pub(crate) mod processor;
mod properties;
mod refusals;
mod routes;
mod scratch;
mod services;
pub(crate) mod support;
mod terminal;
mod withheld;
mod words;
