//! What can be wrong with a file or a parameter, before anybody asks what it means.

use crate::finding::{Rule, Severity};

/// What the reader says of a file that it cannot read.
pub static NOT_YAML: Rule = Rule {
    code: "not-yaml",
    severity: Severity::Error,
    summary: "input files are YAML or JSON",
    explanation: "The file could not be read. Tags other than YAML's own have no meaning here.",
};

/// What the reader says of a map; the first of the keys is looked at further.
pub static DUPLICATE_KEY: Rule = Rule {
    code: "duplicate-key",
    severity: Severity::Error,
    summary: "a key stands once in its map",
    explanation: "YAML readers disagree about which of two equal keys counts, so neither does.",
};

/// What is said of input that is larger than any of the limits.
pub static INPUT_LIMIT: Rule = Rule {
    code: "input-limit",
    severity: Severity::Error,
    summary: "files are of a size that people write",
    explanation: "Bytes, nesting, nodes, aliases and documents are limited, because pull requests bring files too; what an anchor \
                  keeps and what an alias repeats count again. For one pull request, a policy's texts compute at most 2000 expressions that are more than a path, and \
                  come to 8 MiB; it has at most 100 databases, and each service at most 100 files of 1 MiB together. Of more than 1000 mistakes in manifests, the first are told.",
};

/// About a map's key that is none of its type's fields.
pub static UNKNOWN_FIELD: Rule = Rule {
    code: "unknown-field",
    severity: Severity::Error,
    summary: "every field is one that dayfly knows",
    explanation: "A misspelt field would silently do nothing. `dayfly schema policy` and `dayfly schema guardrails` print what there is.",
};

/// About a field that its type, or another field, asks for.
pub static MISSING_FIELD: Rule = Rule {
    code: "missing-field",
    severity: Severity::Error,
    summary: "required fields are there",
    explanation: "The field has no default that would be right for everybody, or another one means nothing without it.",
};

/// About a value of another type than its field's.
pub static WRONG_TYPE: Rule = Rule {
    code: "wrong-type",
    severity: Severity::Error,
    summary: "values have the type of their field",
    explanation: "A number or `true` where text is meant is put in quotes; nothing is converted silently. So it is in \
                  manifests, where `yes`, `on` and `012` without quotes are no text either: Kubernetes refuses a variable, an \
                  argument or an entry of a ConfigMap that is none.",
};

/// About a value of the right type that its field does not take.
pub static INVALID_VALUE: Rule = Rule {
    code: "invalid-value",
    severity: Severity::Error,
    summary: "values have the shape, unit or word that their field takes",
    explanation: "The message says what is allowed.",
};

/// About a parameter, which is never refused as a file is: the pull request is quarantined at worst.
pub static INVALID_PARAMETER: Rule = Rule {
    code: "invalid-parameter",
    severity: Severity::Error,
    summary: "parameters describe a pull request",
    explanation: "A pull request whose number or SHA is none is quarantined: every name and image hangs on them. \
                  Titles, branches and labels may hold anything; they are data.",
};

/// About `${{ … }}` in an input file.
pub static BAD_EXPRESSION: Rule = Rule {
    code: "bad-expression",
    severity: Severity::Error,
    summary: "expressions name things that there are",
    explanation: "`${{ … }}` in the policy sees `policy`, `pr`, `preview`, `guardrails`, `routes` and `services`. \
                  Free text of the pull request (`pr.title`, `pr.branch`, `pr.author`, …) is only there in `env` and `flags`: \
                  anywhere else it could become a command, an image, the path of a secret or a line of a program's configuration.\n\n\
                  In `manifests` an image may hold one, since no file holds the SHA of the commit that it is in. It sees `policy.name`, \
                  `pr.number`, `pr.headSha`, `pr.headShortSha` and `pr.headShortSha7`.",
};
