//! Records of OSV (ossf.github.io/osv-schema): which versions of which package are affected.

use std::io::Read;

use model::Fact;
use model::facts::docker::{ImagePackage, Vulnerability};
use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};

use super::versions::{Order, order_of};
use super::{Compared, Wanted};

/// Fields with which a record may begin.
const FIELDS: &[&str] = &[
    "schema_version",
    "id",
    "modified",
    "published",
    "withdrawn",
    "aliases",
    "upstream",
    "related",
    "summary",
    "details",
    "severity",
    "affected",
    "references",
    "credits",
    "database_specific",
];

pub(super) fn is_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Severity {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    score: String,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(default)]
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    ecosystem_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Specific {
    urgency: Option<String>,
}

/// One record, and what of the image it concerns.
pub(super) fn record(bytes: &[u8], wanted: &Wanted<'_>, compared: &mut Compared) -> Result<(), String> {
    let record: Record = serde_json::from_slice(bytes).map_err(|error| {
        format!("it is no record of OSV (line {}, column {})", error.line(), error.column())
    })?;
    add(&record, wanted, compared);
    Ok(())
}

/// A list of records, one after the other.
pub(super) fn list(stream: impl Read, wanted: &Wanted<'_>, compared: &mut Compared) -> Result<(), String> {
    struct Each<'a, 'w>(&'a Wanted<'w>, &'a mut Compared);
    impl<'de> Visitor<'de> for Each<'_, '_> {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of records")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(record) = list.next_element::<Record>()? {
                add(&record, self.0, self.1);
            }
            Ok(())
        }
    }
    let mut json = serde_json::Deserializer::from_reader(stream);
    (&mut json).deserialize_seq(Each(wanted, compared)).and_then(|()| json.end()).map_err(|error| {
        format!("it is no list of records of OSV (line {}, column {})", error.line(), error.column())
    })
}

fn add(record: &Record, wanted: &Wanted<'_>, compared: &mut Compared) {
    compared.records += 1;
    let changed = record.modified.as_ref().and_then(|text| text.parse().ok());
    compared.newest = compared.newest.max(changed);
    if record.withdrawn.is_some() {
        return;
    }
    for affected in &record.affected {
        let Some(package) = &affected.package else { continue };
        compared.covered.extend(wanted.kind_of(&package.ecosystem));
        for installed in wanted.named(&package.ecosystem, &package.name) {
            if let Some(fixed) = affects(affected, installed) {
                compared.found.push(vulnerability(record, affected, &package.name, installed, fixed));
            }
        }
    }
}

fn vulnerability(
    record: &Record,
    affected: &Affected,
    name: &str,
    installed: &ImagePackage,
    fixed: Option<String>,
) -> Vulnerability {
    let others = record.aliases.iter().chain(&record.upstream);
    let cve = others.clone().find(|name| name.starts_with("CVE-"));
    let cvss = record.severity.iter().filter(|severity| severity.r#type.starts_with("CVSS"));
    Vulnerability {
        name: String::new(),
        id: cve.unwrap_or(&record.id).clone(),
        aliases: std::iter::once(&record.id).chain(others).filter(|id| Some(*id) != cve).cloned().collect(),
        package: installed.name.clone(),
        source_name: name.to_owned(),
        version: installed.source_version.clone(),
        fixed_version: Fact::from_option(fixed),
        urgency: Fact::from_option(
            affected.ecosystem_specific.as_ref().and_then(|specific| specific.urgency.clone()),
        ),
        cvss: Fact::from_option(
            cvss.max_by_key(|severity| severity.r#type.as_str()).map(|severity| severity.score.clone()),
        ),
        source: record.id.clone(),
    }
}

/// Whether the installed version is affected, and the version that mends it where there is one.
fn affects(affected: &Affected, installed: &ImagePackage) -> Option<Option<String>> {
    let version = installed.source_version.as_str();
    let order = order_of(&installed.kind);
    let mut listed = affected.versions.iter().any(|affected| affected == version);
    let mut fixed: Option<String> = None;
    for range in affected.ranges.iter().filter(|range| range.r#type != "GIT") {
        let Some(order) = order else {
            // Which versions come between nobody tells here; the list of versions decides, and the fix is a hint.
            fixed = fixed.or_else(|| range.events.iter().find_map(|event| event.fixed.clone()));
            continue;
        };
        if is_in(range, version, order) {
            listed = true;
            let later = range.events.iter().filter_map(|event| event.fixed.as_ref());
            let later = later.filter(|fixed| order(fixed, version).is_gt()).min_by(|a, b| order(a, b));
            fixed = fixed.or_else(|| later.cloned());
        }
    }
    listed.then_some(fixed)
}

/// The algorithm of the schema: events in the order of versions, the last one that is not later decides.
fn is_in(range: &Range, version: &str, order: Order) -> bool {
    let reached = |other: &String| other == "0" || order(version, other).is_ge();
    let introduced = range.events.iter().filter_map(|event| event.introduced.as_ref()).filter(|v| reached(v));
    let newest = |a: &&String, b: &&String| match (a.as_str(), b.as_str()) {
        ("0", "0") => std::cmp::Ordering::Equal,
        ("0", _) => std::cmp::Ordering::Less,
        (_, "0") => std::cmp::Ordering::Greater,
        (a, b) => order(a, b),
    };
    let Some(introduced) = introduced.max_by(newest) else { return false };
    let after = |other: &String| introduced == "0" || order(other, introduced).is_ge();
    let fixed = range.events.iter().filter_map(|event| event.fixed.as_ref());
    let last = range.events.iter().filter_map(|event| event.last_affected.as_ref());
    !fixed.filter(|v| after(v)).any(|fixed| order(version, fixed).is_ge())
        && !last.filter(|v| after(v)).any(|last| order(version, last).is_gt())
}
