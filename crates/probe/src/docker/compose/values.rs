//! What texts in compose files mean: switches, sizes, durations, numbers.

use model::Fact;
use model::fact::Source;

use crate::yaml::{Node, Place, Text};

/// A value read at a place.
pub(super) fn at<T>(value: T, place: &Place) -> Fact<T> {
    Fact::sourced(value, Source::at(place.to_string()))
}

/// The text of a node, or why nobody knows it.
pub(super) fn text(node: &Node) -> Fact<String> {
    match node.text() {
        Some(text) if text.unknown.is_empty() => at(super::super::json::clip(&text.text), &node.at),
        Some(text) => Fact::unreadable(format!("{}: {}", node.at, text.unknown)),
        None => Fact::unreadable(format!("{}: this is no text", node.at)),
    }
}

/// What a text means, or why that cannot be said.
pub(super) fn parsed<T>(node: &Node, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Fact<T> {
    text(node).and_then(|text| match parse(text.trim()) {
        Some(value) => Fact::known(value),
        None => Fact::unreadable(format!("{}: this is not {wanted}", node.at)),
    })
}

/// A switch, as YAML 1.1 and 1.2 write it.
pub(super) fn switch(node: &Node) -> Fact<bool> {
    parsed(node, "true or false", |text| match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    })
}

/// Bytes: `512m`, `1.5gb`, `1024`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let thousandths = fraction
        .bytes()
        .chain([b'0'; 3])
        .take(3)
        .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))?;
    whole.checked_mul(factor)?.checked_add(factor.checked_mul(thousandths)? / 1000)
}

/// Seconds: `30s`, `1m30s`, `500ms`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(letters)?;
        let factor = match unit {
            "us" => 0.000_001,
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = next;
    }
    Some(total)
}

/// A number of processors above zero.
pub(super) fn processors(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// The words of a command, written as a list or as one text.
pub(super) fn words(node: &Node) -> Vec<&Text> {
    node.text().into_iter().chain(node.items().iter().filter_map(Node::text)).collect()
}

/// The texts of a list, or of one text alone.
pub(super) fn texts(node: &Node) -> Fact<Vec<String>> {
    let all = if node.text().is_some() { vec![text(node)] } else { node.items().iter().map(text).collect() };
    let mut known = Vec::new();
    for one in all {
        match one {
            Fact::Known(text, _) => known.push(text),
            Fact::Absent => {}
            Fact::Unreadable(why) => return Fact::unreadable(why),
        }
    }
    at(known, &node.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_compose_does() {
        for (text, expected) in [
            ("512m", Some(512 << 20)),
            ("1.5g", Some(3 << 29)),
            ("64kb", Some(64 << 10)),
            ("2GiB", Some(2 << 30)),
            ("100", Some(100)),
            ("", None),
            ("many", None),
            ("5x", None),
            ("99999999999999999t", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("30"), None);
        assert_eq!(seconds("abc"), None);
    }
}
