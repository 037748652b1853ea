//! Lists of installed packages in an image's files: dpkg, apk, Python, Node.js. rpm's databases are only seen.

use std::io::{self, BufRead, Read};

use model::facts::docker::ImagePackage;
use serde_json::Value;

use super::tar::broken;
use crate::dpkg::{self, Installed};
use crate::stanzas;

/// Lists of one layer: distroless images have one for every package, Python and Node.js too.
pub(super) const DATABASE_LIMIT: usize = 20_000;
/// apk's database is one text; a large image has 1 MiB.
const APK_LIMIT: u64 = 32 << 20;
/// The head of a Python package's METADATA, which its description follows; package.json as a whole.
const METADATA_LIMIT: u64 = 256 << 10;
/// Lines of a list of files.
const FILE_LIST_LIMIT: u64 = 16 << 20;

/// A list of packages of one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// dpkg's status.
    Dpkg,
    /// One package in dpkg's status.d, as distroless images have it.
    DpkgPart,
    /// apk's database.
    Apk,
    /// A database of rpm, in one of three binary formats.
    Rpm,
    /// METADATA of a Python package.
    Python,
    /// package.json of a module of Node.js.
    Node,
}

/// What a list holds.
#[derive(Clone, Debug)]
pub(super) enum Database {
    /// Packages.
    Packages(Vec<ImagePackage>),
    /// It cannot be read.
    Rpm,
}

/// The format of the list at a path; none when there is no list.
pub(super) fn kind_of(path: &str) -> Option<Format> {
    let (above, name) = path.rsplit_once('/')?;
    match path {
        "var/lib/dpkg/status" => return Some(Format::Dpkg),
        "lib/apk/db/installed" | "usr/lib/apk/db/installed" => return Some(Format::Apk),
        _ => {}
    }
    match above {
        "var/lib/dpkg/status.d" => return (!name.ends_with(".md5sums")).then_some(Format::DpkgPart),
        "var/lib/rpm" | "usr/lib/sysimage/rpm" => {
            return ["Packages", "Packages.db", "rpmdb.sqlite"].contains(&name).then_some(Format::Rpm);
        }
        _ => {}
    }
    if (name == "METADATA" && above.ends_with(".dist-info"))
        || (name == "PKG-INFO" && above.ends_with(".egg-info"))
    {
        return Some(Format::Python);
    }
    let (folder, module) = above.rsplit_once('/')?;
    let scoped = || {
        module != ".bin"
            && folder.rsplit_once('/').is_some_and(|(up, scope)| scope.starts_with('@') && is_modules(up))
    };
    (name == "package.json" && (is_modules(folder) || scoped())).then_some(Format::Node)
}

fn is_modules(folder: &str) -> bool {
    folder == "node_modules" || folder.ends_with("/node_modules")
}

/// Bytes of a list of that size that are read; past any limit where that would not be the whole list.
pub(super) fn cost(format: Format, size: u64) -> u64 {
    match format {
        Format::Rpm => 0,
        Format::Python | Format::Node => size.min(METADATA_LIMIT),
        Format::Apk if size > APK_LIMIT => u64::MAX,
        Format::Dpkg | Format::DpkgPart | Format::Apk => size,
    }
}

/// Reads the list.
pub(super) fn read(format: Format, content: &mut impl BufRead) -> io::Result<Database> {
    let other = |error: host::Error| broken(error.to_string());
    Ok(Database::Packages(match format {
        Format::Rpm => return Ok(Database::Rpm),
        Format::Dpkg => Installed::parse(content).map_err(other)?.all().map(debian).collect(),
        Format::DpkgPart => {
            let mut found = Vec::new();
            stanzas::each(content, "dpkg's status.d", |paragraph| {
                found.extend(dpkg::installed(paragraph).as_ref().map(debian));
            })
            .map_err(other)?;
            found
        }
        Format::Apk => apk(&text(content, APK_LIMIT)?),
        Format::Python => python(&text(content, METADATA_LIMIT)?).into_iter().collect(),
        Format::Node => node(&text(content, METADATA_LIMIT)?).into_iter().collect(),
    }))
}

fn text(content: &mut impl BufRead, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    content.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn debian(package: &dpkg::Package) -> ImagePackage {
    ImagePackage {
        name: package.name.clone(),
        version: package.version.clone(),
        kind: "deb".to_owned(),
        architecture: package.architecture.clone(),
        source_name: package.source.clone(),
        source_version: package.source_version.clone(),
        ..ImagePackage::default()
    }
}

/// Paragraphs of one-letter fields.
fn apk(text: &str) -> Vec<ImagePackage> {
    text.split("\n\n")
        .filter_map(|stanza| {
            let field = |mark: &str| stanza.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
            let (name, version) = (field("P:")?, field("V:")?);
            Some(ImagePackage {
                source_name: field("o:").unwrap_or_else(|| name.clone()),
                source_version: version.clone(),
                name,
                version,
                kind: "apk".to_owned(),
                architecture: field("A:").unwrap_or_default(),
                licence: field("L:").unwrap_or_default(),
                source: String::new(),
            })
        })
        .collect()
}

/// The fields before the first empty line.
fn python(text: &str) -> Option<ImagePackage> {
    let head = || text.lines().take_while(|line| !line.is_empty());
    let field =
        |mark: &str| head().find_map(|line| line.strip_prefix(mark)).map(|value| value.trim().to_owned());
    Some(plain(field("Name:")?, field("Version:")?, "pypi", field("License-Expression:").unwrap_or_default()))
}

fn node(text: &str) -> Option<ImagePackage> {
    let json: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(plain(field("name")?, field("version")?, "npm", field("license").unwrap_or_default()))
}

fn plain(name: String, version: String, kind: &str, licence: String) -> ImagePackage {
    ImagePackage {
        source_name: name.clone(),
        source_version: version.clone(),
        name,
        version,
        kind: kind.to_owned(),
        architecture: String::new(),
        licence,
        source: String::new(),
    }
}

/// Whether the file lists what a package of dpkg installed.
pub(super) fn is_file_list(path: &str) -> bool {
    path.strip_prefix("var/lib/dpkg/info/").is_some_and(|name| name.ends_with(".list"))
}

/// The files below /usr of such a list, without the leading slash.
pub(super) fn file_list(content: &mut impl BufRead, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut bounded = content.take(FILE_LIST_LIMIT);
    let mut line = Vec::new();
    while {
        line.clear();
        bounded.read_until(b'\n', &mut line)?
    } > 0
    {
        let path = String::from_utf8_lossy(line.trim_ascii_end());
        if let Some(path) = path.strip_prefix('/').filter(|path| path.starts_with("usr/")) {
            each(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_packages_are_known_by_their_places() {
        for (path, expected) in [
            ("var/lib/dpkg/status", Some(Format::Dpkg)),
            ("var/lib/dpkg/status.d/libc6", Some(Format::DpkgPart)),
            ("var/lib/dpkg/status.d/libc6.md5sums", None),
            ("lib/apk/db/installed", Some(Format::Apk)),
            ("var/lib/rpm/rpmdb.sqlite", Some(Format::Rpm)),
            ("usr/lib/python3/dist-packages/x-1.dist-info/METADATA", Some(Format::Python)),
            ("app/node_modules/left-pad/package.json", Some(Format::Node)),
            ("app/node_modules/@scope/left-pad/package.json", Some(Format::Node)),
            ("app/node_modules/left-pad/test/package.json", None),
            ("app/package.json", None),
            ("status", None),
        ] {
            assert_eq!(kind_of(path), expected, "{path}");
        }
    }

    #[test]
    fn each_format_gives_name_version_and_source() {
        let read = |format, text: &str| match read(format, &mut text.as_bytes()).unwrap() {
            Database::Packages(packages) => packages
                .into_iter()
                .map(|p| format!("{} {} {} {} {}", p.kind, p.name, p.version, p.source_name, p.source_version))
                .collect::<Vec<_>>(),
            Database::Rpm => panic!("rpm"),
        };
        let status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\n";
        assert_eq!(read(Format::Dpkg, status), ["deb libc6 2.36-9+b1 glibc 2.36-9"]);
        assert_eq!(
            read(Format::DpkgPart, "Package: tzdata\nVersion: 2024a\n"),
            ["deb tzdata 2024a tzdata 2024a"]
        );
        assert_eq!(
            read(
                Format::Apk,
                "C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\n\nP:ssl_client\nV:1.36-r5\no:busybox\n"
            ),
            ["apk musl 1.2.4-r2 musl 1.2.4-r2", "apk ssl_client 1.36-r5 busybox 1.36-r5"]
        );
        assert_eq!(
            read(Format::Python, "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\n\nName: no\n"),
            ["pypi Flask 3.0 Flask 3.0"]
        );
        assert_eq!(
            read(Format::Node, r#"{"name":"left-pad","version":"1.3.0"}"#),
            ["npm left-pad 1.3.0 left-pad 1.3.0"]
        );
        for format in [Format::Dpkg, Format::DpkgPart, Format::Apk, Format::Python, Format::Node] {
            assert!(read(format, "\u{0}junk\u{fffd}").is_empty());
        }
    }
}
