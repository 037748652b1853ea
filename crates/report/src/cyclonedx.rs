//! CycloneDX 1.6: the packages of an image as a bill of materials, and their vulnerabilities where they were looked for.

use model::Timestamp;
use model::facts::docker::{Contents, Image, ImagePackage, Vulnerability};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The bill of materials of an image. The same image and time give the same bytes.
pub fn cyclonedx(image: &Image, now: Timestamp, version: &str) -> String {
    let nothing = Contents::default();
    let contents = image.contents.value().unwrap_or(&nothing);
    let packages = contents.packages.value().map(Vec::as_slice).unwrap_or_default();
    let release = contents.release.value();
    let distribution = release.and_then(|release| {
        Some((release.id.value()?.as_str(), release.version_id.value().map_or("", String::as_str)))
    });
    let mut components: Vec<Value> = distribution
        .map(|(id, version)| {
            let mut system = json!({
                "type": "operating-system", "bom-ref": format!("os:{id}@{version}"), "name": id,
            });
            put(&mut system, "version", version);
            put(
                &mut system,
                "description",
                release.and_then(|r| r.pretty_name.value()).map_or("", String::as_str),
            );
            system
        })
        .into_iter()
        .collect();
    components.extend(packages.iter().map(|package| component(package, distribution)));
    let digest = image.digest.strip_prefix("sha256:").unwrap_or_default();
    let mut subject = json!({"type": "container", "bom-ref": image.digest, "name": image.name});
    put(&mut subject, "version", contents.manifest_digest.value().unwrap_or(&image.digest));
    if let Some(fields) = subject.as_object_mut().filter(|_| digest.len() == 64) {
        fields.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": digest}]));
    }
    let mut bom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        // The image's digest is what makes it this bill and no other.
        "serialNumber": format!("urn:uuid:{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, image.digest.as_bytes())),
        "version": 1,
        "metadata": {
            "timestamp": now.to_string(),
            "tools": {"components": [{"type": "application", "name": "palisade", "version": version}]},
            "component": subject,
        },
        "components": components,
    });
    let (fixable, open) = (contents.fixable_vulnerabilities.value(), contents.open_vulnerabilities.value());
    if let Some(fields) = bom.as_object_mut().filter(|_| fixable.is_some() || open.is_some()) {
        let all = fixable.into_iter().chain(open).flatten();
        let listed: Vec<Value> = all.map(|found| vulnerability(found, packages, distribution)).collect();
        fields.insert("vulnerabilities".to_owned(), Value::from(listed));
    }
    let mut text = serde_json::to_string_pretty(&bom).unwrap_or_default();
    text.push('\n');
    text
}

/// Adds a field unless it is empty.
fn put(object: &mut Value, name: &str, value: &str) {
    if let Some(fields) = object.as_object_mut().filter(|_| !value.is_empty()) {
        fields.insert(name.to_owned(), Value::from(value));
    }
}

fn component(package: &ImagePackage, distribution: Option<(&str, &str)>) -> Value {
    let purl = purl(package, distribution);
    let mut component = json!({
        "type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl,
    });
    if let Some(fields) = component.as_object_mut() {
        if !package.licence.is_empty() {
            fields.insert("licenses".to_owned(), json!([{"license": {"name": package.licence}}]));
        }
        let property = |name: &str, value: &str| json!({"name": format!("palisade:{name}"), "value": value});
        let mut properties = vec![property("found-in", &package.source)];
        if package.source_name != package.name || package.source_version != package.version {
            properties.push(property("source-package", &package.source_name));
            properties.push(property("source-version", &package.source_version));
        }
        fields.insert("properties".to_owned(), Value::from(properties));
    }
    component
}

/// The package URL (github.com/package-url/purl-spec).
fn purl(package: &ImagePackage, distribution: Option<(&str, &str)>) -> String {
    let (id, release) = distribution.unwrap_or(("", ""));
    let name = match package.kind.as_str() {
        "pypi" => escaped(&package.name.to_ascii_lowercase().replace('_', "-")),
        // The scope is a namespace: its slash stays.
        "npm" => package.name.split('/').map(escaped).collect::<Vec<_>>().join("/"),
        _ => escaped(&package.name),
    };
    let mut purl = match package.kind.as_str() {
        "deb" | "apk" if !id.is_empty() => format!("pkg:{}/{}/{name}", package.kind, escaped(id)),
        kind => format!("pkg:{kind}/{name}"),
    };
    purl.push_str(&format!("@{}", escaped(&package.version)));
    let mut qualifiers = Map::new();
    if !package.architecture.is_empty() {
        qualifiers.insert("arch".to_owned(), Value::from(escaped(&package.architecture)));
    }
    if matches!(package.kind.as_str(), "deb" | "apk") && !id.is_empty() && !release.is_empty() {
        qualifiers.insert("distro".to_owned(), Value::from(escaped(&format!("{id}-{release}"))));
    }
    for (number, (name, value)) in qualifiers.iter().enumerate() {
        purl.push(if number == 0 { '?' } else { '&' });
        purl.push_str(&format!("{name}={}", value.as_str().unwrap_or_default()));
    }
    purl
}

/// Percent-encoded but for what package URLs leave as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn vulnerability(
    found: &Vulnerability,
    packages: &[ImagePackage],
    distribution: Option<(&str, &str)>,
) -> Value {
    let affects: Vec<Value> = packages
        .iter()
        .filter(|package| {
            (package.source_name == found.source_name || package.name == found.package)
                && package.source_version == found.version
        })
        .map(|package| json!({"ref": purl(package, distribution)}))
        .collect();
    let mut entry = json!({
        "bom-ref": format!("{}:{}@{}", found.id, found.package, found.version),
        "id": found.id,
        "affects": affects,
    });
    let references: Vec<Value> =
        found.aliases.iter().map(|alias| json!({"id": alias, "source": {"name": found.source}})).collect();
    let mut rating = Map::new();
    if let Some(vector) = found.cvss.value() {
        rating.insert("vector".to_owned(), Value::from(vector.clone()));
        let method = [("CVSS:4", "CVSSv4"), ("CVSS:3.1", "CVSSv31"), ("CVSS:3", "CVSSv3")];
        let method =
            method.iter().find(|(start, _)| vector.starts_with(start)).map_or("CVSSv2", |(_, name)| name);
        rating.insert("method".to_owned(), Value::from(method));
    } else if let Some(urgency) = found.urgency.value() {
        let severity = match urgency.as_str() {
            "critical" | "high" | "medium" | "low" => urgency.as_str(),
            "unimportant" => "info",
            _ => "unknown",
        };
        rating.insert("severity".to_owned(), Value::from(severity));
        rating.insert("method".to_owned(), Value::from("other"));
    }
    if let Some(fields) = entry.as_object_mut() {
        if !references.is_empty() {
            fields.insert("references".to_owned(), Value::from(references));
        }
        if !rating.is_empty() {
            fields.insert("ratings".to_owned(), json!([rating]));
        }
        if let Some(fixed) = found.fixed_version.value() {
            let advice = format!("update {} to {fixed}", found.source_name);
            fields.insert("recommendation".to_owned(), Value::from(advice));
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(kind: &str, name: &str, version: &str, architecture: &str) -> ImagePackage {
        ImagePackage {
            kind: kind.into(),
            name: name.into(),
            version: version.into(),
            architecture: architecture.into(),
            ..ImagePackage::default()
        }
    }

    #[test]
    fn a_vulnerability_of_two_versions_has_two_references() {
        let found = |version: &str| Vulnerability {
            id: "CVE-1".into(),
            package: "left-pad".into(),
            version: version.into(),
            ..Vulnerability::default()
        };
        let references =
            ["1.0", "1.1"].map(|version| vulnerability(&found(version), &[], None)["bom-ref"].clone());
        assert_eq!(references, ["CVE-1:left-pad@1.0", "CVE-1:left-pad@1.1"]);
    }

    #[test]
    fn package_urls_are_as_their_specification_writes_them() {
        let debian = Some(("debian", "12"));
        for (package, expected) in [
            (
                package("deb", "libc6", "2.36-9+deb12u10", "amd64"),
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
            ),
            (
                package("deb", "g++", "4:12.2.0-3", "amd64"),
                "pkg:deb/debian/g%2B%2B@4:12.2.0-3?arch=amd64&distro=debian-12",
            ),
            (package("pypi", "Foo_Bar", "1.0", ""), "pkg:pypi/foo-bar@1.0"),
            (package("npm", "@scope/left-pad", "1.3.0", ""), "pkg:npm/%40scope/left-pad@1.3.0"),
        ] {
            assert_eq!(purl(&package, debian), expected);
        }
        assert_eq!(purl(&package("apk", "musl", "1.2", ""), None), "pkg:apk/musl@1.2");
    }
}
