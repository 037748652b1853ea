//! Durations and sizes: numbers that are written with their unit.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::value::{Cx, Raw, Shape, Value, Wrong};

/// Units of time with their seconds, the longest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Units of storage with their bytes, the largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A duration in whole seconds, within the bounds of its parameter. Written with its unit: `"1800s"`, `"30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// The duration.
    pub fn get(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl Value for Span {
    const FORM: &'static str = "a duration with its unit such as \"90s\", \"30m\", \"8h\" or \"180d\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        number(raw, &TIMES, Self::FORM, "s").map(Self)
    }

    fn shown(&self) -> Json {
        json!(Self::written(self.0))
    }

    fn measure(&self) -> Option<u64> {
        Some(self.0)
    }

    fn written(measure: u64) -> String {
        // The guide writes seconds up to a day and days beyond: 1800s, 86400s, 180d.
        match measure {
            days if days > 86_400 && days % 86_400 == 0 => format!("{}d", days / 86_400),
            seconds => format!("{seconds}s"),
        }
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
        number(raw, &SIZES, Self::FORM, "B").map(Self)
    }

    fn shown(&self) -> Json {
        json!(Self::written(self.0))
    }

    fn measure(&self) -> Option<u64> {
        Some(self.0)
    }

    fn written(measure: u64) -> String {
        let fits = |(_, bytes): &&(&str, u64)| measure >= *bytes && measure.is_multiple_of(*bytes);
        match SIZES.iter().find(fits) {
            Some((unit, bytes)) => format!("{}{unit}", measure / bytes),
            None => format!("{measure}B"),
        }
    }
}

/// A number followed by one of `units`, in the smallest of them.
fn number(raw: &Raw, units: &[(&str, u64)], form: &str, smallest: &str) -> Result<u64, Vec<Wrong>> {
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
    value.ok_or_else(|| vec![raw.wrong("is too large a number", format!("write {form}"))])
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
