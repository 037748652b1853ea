//! An image's facts out of its configuration and layers.

use std::collections::BTreeMap;

use model::Fact;
use model::facts::docker::{
    Contents, FoundSecret, Image, ImageFile, ImagePackage, ImageRelease, PackageCache, SetuidFile,
};
use serde_json::{Value, json};

use super::layer::{CACHES, Found, Layer, RELEASES, Stack, is_below};
use super::manifest::Parts;
use super::packages::Database;
use crate::docker::{SHELLS, image_of_config};
use crate::files::is_usual_setuid;
use crate::os;

/// The most of one list; an image with more of them has one answer.
const LIST_LIMIT: usize = 1000;
/// The most packages of one image.
const PACKAGE_LIMIT: usize = 50_000;

/// The facts of an image whose layers were read; vulnerabilities are filled in by others.
pub(super) fn image(parts: &Parts, name: String, place: &str) -> Image {
    let stack = Stack(&parts.layers);
    let text = |pointer: &str| parts.config.pointer(pointer).and_then(Value::as_str);
    // What an engine says of an image that it has.
    let described = json!({
        "RepoTags": parts.tags,
        "Created": text("/created"),
        "Config": parts.config.get("config"),
        "RootFS": {"Layers": parts.layers.iter().map(|layer| layer.diff_id.as_str()).collect::<Vec<_>>()},
        "Size": parts.layers.iter().map(|layer| layer.size).sum::<u64>(),
    });
    let history = history(&parts.config);
    let steps: Vec<String> = history.iter().map(|(command, _)| command.clone()).collect();
    let platform: Vec<&str> = ["/os", "/architecture", "/variant"].iter().filter_map(|at| text(at)).collect();
    let mut image = image_of_config(&parts.id, &described, place, steps, |path| stack.has(path));
    image.name = name;
    image.repo_digests = Fact::Absent;
    let (shown, deleted) = secrets(stack, &history);
    image.contents = Fact::known(Contents {
        platform: Fact::from_option((!platform.is_empty()).then(|| platform.join("/"))),
        manifest_digest: Fact::from_option(parts.manifest.clone()),
        digest_mismatches: Fact::known(parts.mismatches.clone()),
        escaping_entries: Fact::known(numbered(&parts.layers, |layer| &layer.escaping)),
        release: described_release(&release(parts)),
        secrets: Fact::known(shown),
        deleted_secrets: Fact::known(deleted),
        files_cut: Fact::known(parts.layers.iter().map(|layer| layer.cut).sum()),
        setuid_programs: Fact::known(setuid(stack)),
        world_writable: Fact::known(
            stack
                .visible(|layer| &layer.writable, |found| &found.path)
                .into_iter()
                .take(LIST_LIMIT)
                .map(|(at, found)| file(at, found))
                .collect(),
        ),
        shells: Fact::known(
            SHELLS.iter().filter(|path| stack.has(path)).map(|path| format!("/{path}")).collect(),
        ),
        package_caches: Fact::known(caches(stack)),
        packages: packages(stack),
        ..Contents::default()
    });
    image
}

/// The commands of the history, and whether each made a layer.
fn history(config: &Value) -> Vec<(String, bool)> {
    let steps = config.get("history").and_then(Value::as_array);
    let step = |step: &Value| {
        let command = step.get("created_by").and_then(Value::as_str).unwrap_or_default();
        (command.to_owned(), step.get("empty_layer").and_then(Value::as_bool) != Some(true))
    };
    steps.into_iter().flatten().take(LIST_LIMIT).map(step).collect()
}

fn numbered<'a>(layers: &'a [std::rc::Rc<Layer>], items: impl Fn(&'a Layer) -> &'a [String]) -> Vec<String> {
    let of_layer = |(at, layer): (usize, &'a std::rc::Rc<Layer>)| {
        items(layer).iter().map(move |item| format!("layer {}: {item}", at + 1)).collect::<Vec<_>>()
    };
    layers.iter().enumerate().flat_map(of_layer).take(LIST_LIMIT).collect()
}

/// The settings of the os-release that shows; empty when none does.
pub(super) fn release(parts: &Parts) -> BTreeMap<String, String> {
    let stack = Stack(&parts.layers);
    let found = stack.visible(|layer| &layer.releases, |(path, _)| path);
    let mut found: Vec<_> = found.into_iter().map(|(_, release)| release).collect();
    // The uppermost of the first path; /etc/os-release is a link in most images, and then not among them.
    found.sort_by_key(|(path, _)| RELEASES.iter().position(|release| release == path));
    found.first().map(|(_, text)| os::release_settings(text)).unwrap_or_default()
}

fn described_release(settings: &BTreeMap<String, String>) -> Fact<ImageRelease> {
    if settings.is_empty() {
        return Fact::Absent;
    }
    let text = |key: &str| settings.get(key).filter(|value| !value.is_empty()).cloned();
    Fact::known(ImageRelease {
        support_ends: match (text("ID"), text("VERSION_ID")) {
            (Some(id), Some(version)) => os::support_of_release(&id, &version),
            _ => Fact::unreadable("os-release names no version, so the support period is unknown"),
        },
        id: Fact::from_option(text("ID")),
        version_id: Fact::from_option(text("VERSION_ID")),
        pretty_name: Fact::from_option(text("PRETTY_NAME")),
    })
}

/// The secrets that containers see, and those in files that a later layer deletes.
fn secrets(stack: Stack<'_>, history: &[(String, bool)]) -> (Vec<FoundSecret>, Vec<FoundSecret>) {
    let makers: Vec<u64> =
        history.iter().zip(1..).filter(|((_, makes), _)| *makes).map(|(_, number)| number).collect();
    let told = makers.len() == stack.0.len();
    let (mut shown, mut deleted) = (Vec::new(), Vec::new());
    for (index, layer) in stack.0.iter().enumerate() {
        for (path, hit) in &layer.secrets {
            // What the distribution ships is known to all.
            if stack.0.iter().any(|layer| layer.packages(path)) {
                continue;
            }
            let list = if stack.shows(index, path) { &mut shown } else { &mut deleted };
            if list.len() >= LIST_LIMIT {
                continue;
            }
            let (number, place) = (index as u64 + 1, format!("/{path}:{}", hit.line));
            list.push(FoundSecret {
                name: format!("{} in {place} of layer {number}", hit.kind),
                file: format!("/{path}"),
                kind: hit.kind.to_owned(),
                line: hit.line,
                layer: number,
                step: Fact::from_option(makers.get(index).copied().filter(|_| told)),
                source: format!("layer {number}: {place}"),
            });
        }
    }
    (shown, deleted)
}

fn setuid(stack: Stack<'_>) -> Vec<SetuidFile> {
    let found = stack.visible(|layer| &layer.setuid, |found| &found.path);
    found
        .into_iter()
        .take(LIST_LIMIT)
        .map(|(at, found)| {
            let plain = file(at, found);
            SetuidFile {
                usual: !found.has_capabilities && is_usual_setuid(&plain.path),
                has_capabilities: found.has_capabilities,
                path: plain.path,
                mode: plain.mode,
                uid: plain.uid,
                gid: plain.gid,
                layer: plain.layer,
                source: plain.source,
            }
        })
        .collect()
}

fn file(index: usize, found: &Found) -> ImageFile {
    let (layer, path) = (index as u64 + 1, format!("/{}", found.path));
    ImageFile {
        mode: format!("{:04o}", found.mode),
        uid: found.uid,
        gid: found.gid,
        layer,
        source: format!("layer {layer}: {path}"),
        path,
    }
}

fn caches(stack: Stack<'_>) -> Vec<PackageCache> {
    let mut caches: Vec<PackageCache> = Vec::new();
    for (_, (path, size)) in stack.visible(|layer| &layer.cached, |(path, _)| path) {
        let Some(place) = CACHES.iter().find(|place| is_below(path, place)) else { continue };
        let place = format!("/{place}");
        let at = caches.iter().position(|cache| cache.path == place).unwrap_or_else(|| {
            caches.push(PackageCache { path: place, ..PackageCache::default() });
            caches.len() - 1
        });
        if let Some(cache) = caches.get_mut(at) {
            cache.files += 1;
            cache.size_bytes = cache.size_bytes.saturating_add(*size);
        }
    }
    caches
}

fn packages(stack: Stack<'_>) -> Fact<Vec<ImagePackage>> {
    let mut all: Vec<ImagePackage> = Vec::new();
    let (mut read, mut rpm) = (false, false);
    if stack.0.iter().any(|layer| layer.lists_cut) {
        return Fact::unreadable("the image holds more lists of packages, or larger ones, than are read");
    }
    for (_, (path, database)) in stack.visible(|layer| &layer.databases, |(path, _)| path) {
        match database {
            Database::Rpm => rpm = true,
            Database::Packages(packages) => {
                read = true;
                if all.len() + packages.len() > PACKAGE_LIMIT {
                    return Fact::unreadable(format!("the image holds more than {PACKAGE_LIMIT} packages"));
                }
                let placed = packages
                    .iter()
                    .map(|package| ImagePackage { source: format!("/{path}"), ..package.clone() });
                all.extend(placed);
            }
        }
    }
    if rpm {
        return Fact::unreadable("the packages of rpm stand in a binary database that cannot be read yet");
    }
    all.sort_by(|a, b| (&a.kind, &a.name, &a.version).cmp(&(&b.kind, &b.name, &b.version)));
    all.dedup_by(|a, b| {
        (&a.kind, &a.name, &a.version, &a.architecture) == (&b.kind, &b.name, &b.version, &b.architecture)
    });
    if read { Fact::known(all) } else { Fact::Absent }
}
