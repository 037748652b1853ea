//! Comparing packages with data of known vulnerabilities on disk: an export of OSV, or Debian's security tracker.
//! Nothing is asked of the network. The data is read as a stream; only what concerns an installed package is kept.

mod osv;
mod tracker;
mod versions;
mod zip;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, Read};
use std::path::Path;

use host::Door;
use model::Fact;
use model::facts::docker::{ImagePackage, Vulnerability, VulnerabilityData};

use super::stream::{Budget, timed};
use crate::fact::reason;
use crate::stamp;

/// Vulnerabilities of one image; one with more has one answer.
const LIST_LIMIT: usize = 5000;

/// The packages of an image by the names that records know them by.
pub(super) struct Wanted<'a> {
    release: &'a BTreeMap<String, String>,
    /// By kind and name.
    packages: HashMap<(&'static str, String), Vec<&'a ImagePackage>>,
}

impl<'a> Wanted<'a> {
    fn new(packages: &'a [ImagePackage], release: &'a BTreeMap<String, String>) -> Self {
        let mut by_name: HashMap<(&'static str, String), Vec<&ImagePackage>> = HashMap::new();
        for package in packages {
            let key = match package.kind.as_str() {
                "deb" => ("deb", package.source_name.clone()),
                "apk" => ("apk", package.source_name.clone()),
                "pypi" => ("pypi", python_name(&package.name)),
                "npm" => ("npm", package.name.clone()),
                _ => continue,
            };
            let of_name = by_name.entry(key).or_default();
            // Packages that were built from one source have its vulnerabilities once.
            if !of_name.iter().any(|other| other.source_version == package.source_version) {
                of_name.push(package);
            }
        }
        Self { release, packages: by_name }
    }

    /// The packages that records of an ecosystem call by this name.
    fn named(&self, ecosystem: &str, name: &str) -> &[&'a ImagePackage] {
        let Some(kind) = self.kind_of(ecosystem) else { return &[] };
        let name = if kind == "pypi" { python_name(name) } else { name.to_owned() };
        self.packages.get(&(kind, name)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The kind of packages that an ecosystem of OSV is about; none for one that is not the image's.
    fn kind_of(&self, ecosystem: &str) -> Option<&'static str> {
        let (system, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
        let (id, version) = (self.setting("ID"), self.setting("VERSION_ID"));
        let minor: Vec<&str> = version.split('.').take(2).collect();
        match system {
            "PyPI" => Some("pypi"),
            "npm" => Some("npm"),
            "Debian" if id == "debian" => (release == version).then_some("deb"),
            // `Ubuntu:22.04:LTS`; what `Ubuntu:Pro:` says is for those who pay.
            "Ubuntu" if id == "ubuntu" => (release.split(':').next() == Some(version)).then_some("deb"),
            "Alpine" if id == "alpine" => {
                (release.strip_prefix('v') == Some(minor.join(".").as_str())).then_some("apk")
            }
            _ => None,
        }
    }

    /// A setting of os-release; empty when it is not there.
    fn setting(&self, name: &str) -> &str {
        self.release.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// PEP 503: runs of `-`, `_` and `.` are one `-`, case does not matter.
fn python_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if c != '-' || !plain.ends_with('-') {
            plain.push(c);
        }
    }
    plain
}

/// What reading a file of records gave.
#[derive(Default)]
pub(super) struct Compared {
    format: &'static str,
    records: u64,
    /// The kinds of packages that records are about.
    covered: BTreeSet<&'static str>,
    /// The newest change among the records.
    newest: Option<model::Timestamp>,
    found: Vec<Vulnerability>,
}

/// What comparing told.
pub(super) struct Told {
    /// The data.
    pub(super) data: VulnerabilityData,
    /// What was found.
    pub(super) found: Fact<Vec<Vulnerability>>,
    /// Why other packages may have vulnerabilities all the same: the data is not about their kind.
    pub(super) left_out: Option<String>,
}

/// Compares the packages with the file at `path`.
///
/// # Errors
/// What is wrong with the file, for a person.
pub(super) fn compare(
    door: &Door,
    path: &Path,
    packages: &Fact<Vec<ImagePackage>>,
    release: &BTreeMap<String, String>,
) -> Result<Told, String> {
    let none = Vec::new();
    let wanted = Wanted::new(packages.value().unwrap_or(&none), release);
    let file = door.open(path).map_err(|error| reason(&error, door))?;
    let place = path.display().to_string();
    let mut compared =
        read(timed(file, &Budget::new(door)), &wanted).map_err(|why| format!("{place}: {why}"))?;
    let as_of = match compared.newest {
        Some(newest) => Fact::read_at(newest.to_string(), format!("the newest record of {place}")),
        None => stamp::modified(door, &place),
    };
    let data = VulnerabilityData {
        path: place.clone(),
        format: compared.format.to_owned(),
        records: compared.records,
        as_of,
        source: place.clone(),
    };
    compared.found.sort_by(|a, b| (&a.package, &a.id).cmp(&(&b.package, &b.id)));
    compared.found.dedup_by(|a, b| (&a.package, &a.id, &a.version) == (&b.package, &b.id, &b.version));
    compared.found.truncate(LIST_LIMIT);
    for found in &mut compared.found {
        found.source = format!("{place}: {}", found.source);
        let mended =
            found.fixed_version.value().map(|fixed| format!(" (mended in {fixed})")).unwrap_or_default();
        found.name = format!("{} in {} {}{mended}", found.id, found.package, found.version);
    }
    let left_out = left_out(&place, packages.value().unwrap_or(&none), &compared.covered, &wanted);
    Ok(Told { data, found: packages.clone().map(|_| compared.found), left_out })
}

/// Why packages of some kinds were compared with nothing.
fn left_out(
    place: &str,
    packages: &[ImagePackage],
    covered: &BTreeSet<&'static str>,
    wanted: &Wanted<'_>,
) -> Option<String> {
    // Those of the distribution are packages of its own kind too.
    let is_own = |package: &ImagePackage| {
        package.source.contains("/dist-packages/") || package.source.starts_with("/usr/share/nodejs/")
    };
    let kinds: BTreeSet<&str> =
        packages.iter().filter(|package| !is_own(package)).map(|package| package.kind.as_str()).collect();
    let missing: Vec<String> = kinds
        .into_iter()
        .filter(|kind| !covered.contains(*kind))
        .map(|kind| match kind {
            "deb" | "apk" => format!("{kind} of {} {}", wanted.setting("ID"), wanted.setting("VERSION_ID")),
            kind => kind.to_owned(),
        })
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{place} holds no records about packages of the kinds that the image has: {}; name data that does",
            missing.join(", ")
        )
    })
}

/// Reads any bytes as records; how many vulnerabilities they tell of.
pub(super) fn heard(bytes: &[u8], packages: &[ImagePackage], release: &BTreeMap<String, String>) -> usize {
    read(bytes, &Wanted::new(packages, release)).map_or(0, |compared| compared.found.len())
}

/// Reads records in whatever form they stand.
fn read(mut stream: impl BufRead, wanted: &Wanted<'_>) -> Result<Compared, String> {
    let mut head = Vec::new();
    (&mut stream).take(4096).read_to_end(&mut head).map_err(|error| error.to_string())?;
    let is_zip = head.starts_with(b"PK");
    let first = head.trim_ascii_start().first().copied();
    let key = first_key(&head).map(str::to_owned);
    let mut stream = std::io::Cursor::new(head).chain(stream);
    let mut compared = Compared { format: "osv", ..Compared::default() };
    if is_zip {
        zip::each(&mut stream, |name, bytes| {
            osv::record(bytes, wanted, &mut compared).map_err(|why| format!("{name}: {why}"))
        })?;
    } else if first == Some(b'[') {
        osv::list(stream, wanted, &mut compared)?;
    } else if key.as_deref().is_some_and(osv::is_field) {
        let mut bytes = Vec::new();
        stream.take(zip::RECORD_LIMIT).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        osv::record(&bytes, wanted, &mut compared)?;
    } else if first == Some(b'{') {
        compared.format = "debian-security-tracker";
        tracker::read(stream, wanted, &mut compared)?;
    } else {
        return Err(
            "it is neither an export of OSV (a zip archive or JSON) nor the JSON of Debian's security tracker"
                .to_owned(),
        );
    }
    if compared.records == 0 {
        return Err("it holds no records".to_owned());
    }
    Ok(compared)
}

/// The first key of a JSON object.
fn first_key(head: &[u8]) -> Option<&str> {
    let rest = head.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

#[cfg(test)]
mod tests;
