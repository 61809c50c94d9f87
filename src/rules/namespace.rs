//! Two pull requests never share a namespace, and so nothing that hangs on it.

use crate::{
    expression::{Interpolated, Part},
    finding::{Rule, Severity},
};

/// What `tells_apart` finds in the guardrails' `namespace`, whatever pull request is rendered.
pub static NAMESPACE_NOT_UNIQUE: Rule = Rule {
    code: "namespace-not-unique",
    severity: Severity::Error,
    summary: "the guardrails' namespace tells apart every policy and every pull request",
    explanation: "`spec.namespace` must hold `${{ policy.name }}` and `${{ pr.number }}`, once each and nothing else that differs, the \
                  number set off from what stands around it by something that is no digit. Otherwise two previews would share a \
                  namespace, and delete each other.",
};

/// About what `namespace` comes to for one pull request.
pub static NAMESPACE_INVALID: Rule = Rule {
    code: "namespace-invalid",
    severity: Severity::Error,
    summary: "the namespace is a DNS label",
    explanation: "Lower-case letters, digits and hyphens. What is longer than 63 characters is shortened and gets a hash.",
};

/// Whether no two pairs of policy and number come to the same text.
pub(crate) fn tells_apart(template: &Interpolated) -> Result<(), String> {
    let parts = template.parts();
    let position = |path: [&str; 2]| {
        parts.iter().position(|part| matches!(part, Part::Path(names) if names.iter().eq(path.iter())))
    };
    let (Some(_), Some(number)) = (position(["policy", "name"]), position(["pr", "number"])) else {
        return Err(format!(
            "`{}` does not hold both `${{{{ policy.name }}}}` and `${{{{ pr.number }}}}`",
            template.source
        ));
    };
    // With a third one, hyphens could belong to either: `a` and `b-c` with 7, `a-b` and `c` with 7.
    if parts.iter().filter(|part| !matches!(part, Part::Text(_))).count() > 2 {
        return Err(format!(
            "`{}` holds more than `${{{{ policy.name }}}}` and `${{{{ pr.number }}}}`, once each: what else differs can make two namespaces one",
            template.source
        ));
    }
    // A policy's name may end or begin with a digit.
    let set_off = |part: Option<&Part>, edge: fn(&str) -> Option<char>| match part {
        None => true,
        Some(Part::Text(text)) => edge(text).is_some_and(|c| !c.is_ascii_digit()),
        Some(_) => false,
    };
    let before = number.checked_sub(1).and_then(|index| parts.get(index));
    if set_off(before, |text| text.chars().last()) && set_off(parts.get(number + 1), |text| text.chars().next()) {
        return Ok(());
    }
    Err(format!(
        "in `{}` nothing sets the number off, so that `a1` with 2 and `a` with 12 would be one",
        template.source
    ))
}

#[cfg(test)]
mod tests {
    use super::tells_apart;
    use crate::expression::Interpolated;

    #[test]
    fn both_and_set_off() {
        for (template, fine) in [
            ("${{ policy.name }}-pr-${{ pr.number }}", true),
            ("pr-${{ pr.number }}-${{ policy.name }}", true),
            ("${{ policy.name }}${{ pr.number }}", false),
            ("${{ policy.name }}-1${{ pr.number }}", false),
            ("${{ policy.name }}-pr", false),
            ("${{ pr.branchSlug }}-${{ policy.name }}-${{ pr.number }}", false),
            ("${{ policy.name }}-${{ pr.number }}-${{ 'x' }}", false),
            ("${{ policy.name }}-${{ policy.name }}-${{ pr.number }}", false),
            ("pr-${{ pr.number }}", false),
            ("previews", false),
        ] {
            assert_eq!(tells_apart(&Interpolated::parse(template).expect(template)).is_ok(), fine, "{template}");
        }
    }
}
