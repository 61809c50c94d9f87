use std::{cmp::Ordering, fmt};

use super::Scalar;
use crate::{
    finding::visible,
    input::Ordered,
    value::{Text, Value},
};

/// An amount of a resource in Kubernetes' notation: `500m`, `2`, `1.5Gi`, `1e3`.
///
/// Compared by amount, printed as it was written. Source: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: Text,
    /// Billionths of the unit, the smallest step that Kubernetes knows.
    pub nano: i128,
}

impl Scalar for Quantity {
    const FORMAT: &'static str = "quantity";
    const EXPECTED: &'static str = "a Kubernetes quantity such as `500m`, `2`, `512Mi` or `1.5Gi`";
    const PATTERN: &'static str = r"^([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE]\+?[0-9]+)?$";
    const NUMBERS: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no quantity", visible(text));
        let too_large = || format!("`{}` is too large an amount", visible(text));
        let end = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.len() > 9 || fraction.contains('.') {
            return Err(wrong());
        }
        let unit = match suffix {
            "n" => 1,
            "u" => 1_000,
            "m" => 1_000_000,
            _ => NANO.checked_mul(scale(suffix).ok_or_else(|| no_unit(text, number, suffix))?).ok_or_else(too_large)?,
        };
        // As many are below 2¹²⁷. A plain `1e18` is a float, which comes here with all its zeros.
        if whole.len() + fraction.len() > 38 {
            return Err(too_large());
        }
        let digits = whole.bytes().chain(fraction.bytes()).fold(0, |digits, b| digits * 10 + i128::from(b - b'0'));
        let tenths = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
        // A fraction of a billionth is rounded up, as Kubernetes does.
        let nano = digits.checked_mul(unit).and_then(|n| n.checked_add(tenths - 1)).ok_or_else(too_large)? / tenths;
        Ok(Self { text: text.into(), nano })
    }
}

/// What is said of a unit that there is not; what has a blank too much, and bytes that people write otherwise, are told as Kubernetes
/// has them.
fn no_unit(text: &str, number: &str, suffix: &str) -> String {
    if let Some((whole, part)) = text.split_once(',')
        && [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    {
        return format!("`{}` is written `{}.{}`", visible(text), visible(whole), visible(part));
    }
    let unit = suffix.trim();
    let unit = match unit.to_ascii_lowercase().as_str() {
        _ if matches!(unit, "m" | "u" | "n") || scale(unit).is_some() => unit,
        "k" | "kb" | "ki" | "kib" => "Ki",
        "mb" | "mi" | "mib" => "Mi",
        "g" | "gb" | "gi" | "gib" => "Gi",
        "t" | "tb" | "ti" | "tib" => "Ti",
        _ => return format!("`{}` is no unit of a quantity", visible(suffix)),
    };
    format!("`{}` is written `{}{unit}`", visible(text), visible(number))
}

const NANO: i128 = 1_000_000_000;

fn scale(suffix: &str) -> Option<i128> {
    Some(match suffix {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "P" => 1_000_000_000_000_000,
        "E" => 1_000_000_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        "Ei" => 1 << 60,
        _ => {
            let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            10_i128.saturating_pow(exponent)
        }
    })
}

impl Quantity {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// An amount of the same resource, exactly, in the largest unit of its kind that needs no more than three decimals.
    pub fn like(&self, nano: i128) -> String {
        const BYTES: [&str; 5] = ["Pi", "Ti", "Gi", "Mi", "Ki"];
        let bytes: &[&str] = if self.text.ends_with(['i', 'k', 'M', 'G', 'T', 'P', 'E']) { &BYTES } else { &[] };
        let units = bytes.iter().filter_map(|unit| Some((scale(unit)? * NANO, *unit)));
        let mut units = units.chain([(NANO, ""), (1_000_000, "m"), (1_000, "u")]);
        match units.find(|(unit, _)| nano >= *unit && nano % unit * 1000 % unit == 0) {
            Some((unit, name)) => decimal(nano, unit) + name,
            None if nano == 0 => "0".to_owned(),
            None => format!("{nano}n"),
        }
    }

    /// An amount of the same resource in the same unit, rounded up to three decimals.
    pub fn in_its_unit(&self, nano: i128) -> String {
        let suffix = self.text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        match suffix {
            "n" | "u" | "m" => self.like(nano),
            _ if suffix.starts_with(['e', 'E']) && suffix.len() > 1 && suffix != "Ei" => self.like(nano),
            _ => decimal(nano, scale(suffix).unwrap_or(1) * NANO) + suffix,
        }
    }
}

impl Ordered<Quantity> {
    /// A map of Kubernetes': resources, and amounts as they were written.
    pub fn to_value(&self) -> Value {
        Value::map(self.iter().map(|(name, amount)| (name.to_owned(), Value::string(amount.as_str()))))
    }
}

/// At most three decimals, the last one rounded up.
fn decimal(amount: i128, unit: i128) -> String {
    let thousandths = (amount % unit * 1000 + unit - 1) / unit;
    let text = format!("{}.{:03}", amount / unit + thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantity, Scalar};

    #[test]
    fn compares_amounts() {
        for (one, other) in
            [("1", "1000m"), ("1Gi", "1024Mi"), ("1k", "1e3"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("1Ei", "1024Pi")]
        {
            assert_eq!(Quantity::parse(one), Quantity::parse(other), "{one} {other}");
        }
        assert!(Quantity::parse("1G") < Quantity::parse("1Gi"));
    }

    #[test]
    fn says_amounts_exactly() {
        for (quota, nano, said) in [
            ("4", 4_200_000_000, "4.2"),
            ("199m", 200_000_000, "200m"),
            ("1", 3_000_000_000, "3"),
            ("0", 0, "0"),
            ("4Gi", 4_297_065_472_000_000_000, "4196353Ki"),
            ("4G", (5 << 30) * 1_000_000_000, "5Gi"),
            ("4Gi", 1_000_000_000, "1"),
            ("4Gi", 10_496 * (1 << 20) * 1_000_000_000, "10.25Gi"),
            ("4Gi", 1000 * (1 << 20) * 1_000_000_000, "1000Mi"),
            ("1", 1_500, "1.5u"),
            ("1", 7, "7n"),
            ("1Pi", i128::MAX, "170141183460469231731687303715884105.727u"),
            ("1", 2_000, "2u"),
        ] {
            assert_eq!(Quantity::parse(quota).map(|quota| quota.like(nano)).as_deref(), Ok(said), "{quota}");
        }
    }

    #[test]
    fn says_amounts_in_its_own_unit() {
        for (quota, nano, said) in [
            ("2", 200_200_000_000, "200.2"),
            ("4Gi", 10_496 * (1 << 20) * 1_000_000_000, "10.25Gi"),
            ("4Gi", ((4 << 30) + 1) * 1_000_000_000, "4.001Gi"),
            ("4096Mi", 10_496 * (1 << 20) * 1_000_000_000, "10496Mi"),
            ("199m", 200_000_000, "200m"),
            ("15", 16_000_000_000, "16"),
            ("1e3", 1_001_000_000_000, "1001"),
            ("1", 999_999_999_999, "1000"),
            ("1Ei", (2 << 60) * 1_000_000_000, "2Ei"),
        ] {
            assert_eq!(Quantity::parse(quota).map(|quota| quota.in_its_unit(nano)).as_deref(), Ok(said), "{quota}");
        }
    }

    #[test]
    fn refuses_what_kubernetes_refuses() {
        for text in ["", "Mi", "1E3Mi", "1 Gi", "1gi", "-1", "1.2.3", ".", "1e"] {
            let message = Quantity::parse(text).expect_err(text);
            assert!(!message.contains("too large"), "{text}: {message}");
        }
    }

    #[test]
    fn bytes_are_told_as_kubernetes_writes_them() {
        for (text, said) in [
            ("256MB", "`256MB` is written `256Mi`"),
            ("1gi", "`1gi` is written `1Gi`"),
            ("1.5 GiB", "`1.5 GiB` is written `1.5Gi`"),
            ("64KB", "`64KB` is written `64Ki`"),
            ("500 m", "`500 m` is written `500m`"),
            ("4 k", "`4 k` is written `4k`"),
            ("4 K", "`4 K` is written `4Ki`"),
            ("0,5", "`0,5` is written `0.5`"),
            ("0,5Gi", "`,5Gi` is no unit of a quantity"),
            ("20%", "`%` is no unit of a quantity"),
            ("256b", "`b` is no unit of a quantity"),
        ] {
            assert_eq!(Quantity::parse(text).expect_err(text), said);
        }
        assert!(Quantity::parse(&format!("{}MB", "9".repeat(1000))).is_err_and(|said| said.len() < 300));
    }

    #[test]
    fn says_what_is_too_large() {
        let digits = "9".repeat(30);
        for text in ["1e99", "1e30", "999999999999999999e18", "999999999999999999Ei", &digits] {
            let message = Quantity::parse(text).expect_err(text);
            assert_eq!(message, format!("`{text}` is too large an amount"));
        }
        for (text, same) in [("1e18", "1000000000000000000"), ("1e29", "100000000000000000000000000000")] {
            assert_eq!(Quantity::parse(text), Quantity::parse(same), "{text}");
        }
        assert!(Quantity::parse(&"9".repeat(29)).is_ok());
        let most = format!("{}n", "9".repeat(38));
        assert!(Quantity::parse(&most).is_ok());
        assert!(Quantity::parse(&format!("9{most}")).is_err_and(|message| message.ends_with("is too large an amount")));
    }
}
