//! `dayfly schema`: JSON Schemas, made from the types that are read.

use clap::{Args, ValueEnum};
use schemars::{JsonSchema, generate::SchemaSettings};

use crate::{
    finding::pretty,
    input::{Guardrails, Policy},
    resolve::Environment,
};

#[derive(Args, Debug)]
pub(super) struct SchemaArgs {
    /// Whose schema to print
    // Its name is the words themselves, so that the error about a missing one lists them.
    #[arg(value_enum, value_name = "policy|guardrails|environment")]
    pub(super) of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Of {
    /// preview.yaml
    Policy,
    /// The platform's file
    Guardrails,
    /// What templates see
    Environment,
}

/// A schema, as it is committed. Draft 7, which editors' YAML servers know best.
pub(super) fn schema(of: Of) -> String {
    fn of_type<T: JsonSchema>() -> String {
        pretty(&SchemaSettings::draft07().into_generator().into_root_schema_for::<T>())
    }
    match of {
        Of::Policy => of_type::<Policy>(),
        Of::Guardrails => of_type::<Guardrails>(),
        Of::Environment => of_type::<Environment>(),
    }
}
