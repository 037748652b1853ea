//! Durations and sizes: numbers that are written with their unit.

use std::cmp::Ordering;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::value::{Cx, Raw, Shape, Value, Wrong};

/// Units of time with their seconds, the longest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Units of storage with their bytes, the largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A duration in whole seconds, within the bounds of its parameter. Written with its unit: `"1800s"`, `"30m"`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    seconds: u64,
    /// Seconds of the unit in which it was written, which is shown again: the guide writes 1800s and 180d.
    unit: u64,
}

impl Span {
    /// The duration.
    pub fn get(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

/// By length, however it was written.
impl Ord for Span {
    fn cmp(&self, other: &Self) -> Ordering {
        self.seconds.cmp(&other.seconds)
    }
}

impl PartialOrd for Span {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.seconds == other.seconds
    }
}

impl Eq for Span {}

impl Value for Span {
    const FORM: &'static str = "a duration with its unit such as \"90s\", \"30m\", \"8h\" or \"180d\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        number(raw, &TIMES, Self::FORM, "s").map(|(seconds, unit)| Self { seconds, unit })
    }

    fn shown(&self) -> Json {
        let unit = TIMES.iter().find(|(_, seconds)| *seconds == self.unit);
        json!(unit.map_or_else(
            || Self::written(self.seconds),
            |(name, unit)| format!("{}{name}", self.seconds / unit)
        ))
    }

    fn measure(&self) -> Option<u64> {
        Some(self.seconds)
    }

    fn written(measure: u64) -> String {
        largest(measure, &TIMES)
    }
}

/// A number of bytes, within the bounds of its parameter. Written with its unit: `"1MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// The bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl Value for Size {
    const FORM: &'static str = "a size with its unit such as \"512KiB\" or \"1MiB\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        number(raw, &SIZES, Self::FORM, "B").map(|(bytes, _)| Self(bytes))
    }

    fn shown(&self) -> Json {
        json!(Self::written(self.0))
    }

    fn measure(&self) -> Option<u64> {
        Some(self.0)
    }

    fn written(measure: u64) -> String {
        largest(measure, &SIZES)
    }
}

/// A number in the largest unit that it is a multiple of.
fn largest(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, unit): &&(&str, u64)| number >= *unit && number.is_multiple_of(*unit);
    match units.iter().find(fits).or(units.last()) {
        Some((name, unit)) => format!("{}{name}", number / unit),
        None => number.to_string(),
    }
}

/// A number followed by one of `units`: in the smallest of them, and what one of that unit is.
fn number(raw: &Raw, units: &[(&str, u64)], form: &str, smallest: &str) -> Result<(u64, u64), Vec<Wrong>> {
    let names: Vec<&str> = units.iter().rev().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let bare = |number: &str| {
        vec![raw.wrong(
            format!("is {number}, a number without a unit"),
            format!("write \"{number}{smallest}\" if that was meant; units are {names}"),
        )]
    };
    let text = match &raw.shape {
        Shape::Integer(number) => return Err(bare(&number.to_string())),
        Shape::Text(text) | Shape::Word(text) => text,
        _ => return Err(raw.other_than(form)),
    };
    let shown = text.escape_debug();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (Some(number), Some(unit)) = (text.get(..digits), text.get(digits..)) else {
        return Err(raw.other_than(form));
    };
    if number.is_empty() {
        return Err(vec![raw.wrong(format!("is \"{shown}\""), format!("write {form}"))]);
    }
    if unit.is_empty() {
        return Err(bare(number));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let what = format!("is \"{shown}\": there is no unit \"{}\"", unit.escape_debug());
        let near = units.iter().find(|(name, _)| is_long_form(unit, name));
        let help = match near {
            Some((name, _)) => format!("write \"{number}{name}\""),
            None => format!("units are {names}"),
        };
        return Err(vec![raw.wrong(what, help)]);
    };
    let value = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    let value = value.ok_or_else(|| vec![raw.wrong("is too large a number", format!("write {form}"))])?;
    Ok((value, *factor))
}

/// Whether `unit` is another spelling of the unit `name`: `sec`, `minutes`, `mb`.
fn is_long_form(unit: &str, name: &str) -> bool {
    let unit = unit.trim().to_lowercase();
    match name {
        "s" => unit.starts_with("sec") || unit == "s",
        "m" => unit.starts_with("min") || unit == "m",
        "h" => unit.starts_with("ho") || unit == "hr" || unit == "hrs" || unit == "h",
        "d" => unit.starts_with("da") || unit == "d",
        "B" => unit.starts_with("byte") || unit == "b",
        _ => {
            let short = name.to_lowercase().replace("ib", "");
            unit == short || unit == format!("{short}b") || unit == format!("{short}ib")
        }
    }
}
