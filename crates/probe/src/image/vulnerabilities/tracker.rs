//! The JSON of Debian's security tracker: package, then CVE, then release.

use std::collections::BTreeMap;
use std::io::Read;

use model::Fact;
use model::facts::docker::Vulnerability;
use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::{Compared, Wanted};

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    releases: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
}

/// Reads all packages; only the installed ones are looked into.
pub(super) fn read(stream: impl Read, wanted: &Wanted<'_>, compared: &mut Compared) -> Result<(), String> {
    struct Packages<'a, 'w>(&'a Wanted<'w>, &'a mut Compared);
    impl<'de> Visitor<'de> for Packages<'_, '_> {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map of packages")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let ecosystem = format!("Debian:{}", self.0.setting("VERSION_ID"));
            let codename = self.0.setting("VERSION_CODENAME");
            let kind = self.0.kind_of(&ecosystem);
            while let Some(name) = map.next_key::<String>()? {
                let installed = self.0.named(&ecosystem, &name);
                self.1.records += 1;
                // Others are looked into until one tells that the data is about the image's release.
                if installed.is_empty() && kind.is_none_or(|kind| self.1.covered.contains(kind)) {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                let entries = map.next_value::<BTreeMap<String, Entry>>()?;
                if entries.values().any(|entry| entry.releases.contains_key(codename)) {
                    self.1.covered.extend(kind);
                }
                for package in installed {
                    let of_release = |(id, entry): (&String, &Entry)| {
                        let state = entry.releases.get(codename)?;
                        let fixed = open(state, &package.source_version)?;
                        Some(Vulnerability {
                            name: String::new(),
                            id: id.clone(),
                            aliases: Vec::new(),
                            package: package.name.clone(),
                            source_name: name.clone(),
                            version: package.source_version.clone(),
                            fixed_version: Fact::from_option(fixed),
                            urgency: Fact::from_option(state.urgency.clone()),
                            cvss: Fact::Absent,
                            source: format!("{name} {id}"),
                        })
                    };
                    self.1.found.extend(entries.iter().filter_map(of_release));
                }
            }
            Ok(())
        }
    }
    let mut json = serde_json::Deserializer::from_reader(stream);
    (&mut json).deserialize_map(Packages(wanted, compared)).and_then(|()| json.end()).map_err(|error| {
        format!(
            "it is not the JSON of Debian's security tracker (line {}, column {})",
            error.line(),
            error.column()
        )
    })
}

/// Whether the version is open to it, and the version that mends it. Version 0 mends what was never there.
fn open(state: &State, version: &str) -> Option<Option<String>> {
    match (state.status.as_str(), &state.fixed_version) {
        ("resolved", Some(fixed)) if fixed != "0" && model::version::vercmp(version, fixed).is_lt() => {
            Some(Some(fixed.clone()))
        }
        ("open", _) => Some(None),
        _ => None,
    }
}
