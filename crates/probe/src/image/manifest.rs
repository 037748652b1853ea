//! Which images a store of blobs holds: docker's manifest.json, or OCI's index.json with manifests below it.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;

use super::layer::{Layer, inside};
use super::stream::digest;

/// Images of one archive; a multi-platform one has ten.
const IMAGE_LIMIT: usize = 32;
/// An index that points to an index: once is common.
const DEPTH: usize = 4;
/// Pointers that are followed in all: indexes that point to each other could be read forever.
const POINTER_LIMIT: usize = 1000;
/// overlayfs stacks no more than 500 layers, engines no more than 128.
const LAYER_LIMIT: usize = 512;

/// Blobs by the name under which an archive or folder holds them.
pub(super) trait Store {
    /// A JSON document's bytes; none when nothing has that name.
    fn json(&mut self, name: &str) -> Result<Option<Vec<u8>>, String>;

    /// A layer.
    fn layer(&mut self, name: &str) -> Result<Rc<Layer>, String>;
}

/// An image before it becomes facts.
pub(super) struct Parts {
    /// Its names.
    pub(super) tags: Vec<String>,
    /// The configuration.
    pub(super) config: Value,
    /// The digest of the configuration: the image's id.
    pub(super) id: String,
    /// The digest of its manifest.
    pub(super) manifest: Option<String>,
    /// Its layers, lowest first.
    pub(super) layers: Vec<Rc<Layer>>,
    /// What is not as the digests promise.
    pub(super) mismatches: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Pointer>,
}

#[derive(Deserialize)]
struct Pointer {
    digest: String,
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Pointer,
    #[serde(default)]
    layers: Vec<Pointer>,
}

/// All images of the store: by manifest.json when `docker` and there is one, else by index.json, else by the other.
pub(super) fn images(store: &mut impl Store, docker: bool) -> Result<Vec<Parts>, String> {
    let order = if docker { ["manifest.json", "index.json"] } else { ["index.json", "manifest.json"] };
    for name in order {
        let Some(bytes) = store.json(name)? else { continue };
        let images = if name == "manifest.json" { saved(store, &bytes)? } else { indexed(store, &bytes)? };
        if images.is_empty() {
            return Err(format!("{name} names no image whose parts are there"));
        }
        return Ok(images);
    }
    Err("there is neither manifest.json nor index.json: this is no image; write one with `docker save` or `skopeo copy`"
        .to_owned())
}

fn parsed<'a, T: Deserialize<'a>>(bytes: &'a [u8], name: &str) -> Result<T, String> {
    // The error tells line and column, never the text.
    serde_json::from_slice(bytes).map_err(|error| {
        format!("{name} is not what it should be (line {}, column {})", error.line(), error.column())
    })
}

fn saved(store: &mut impl Store, bytes: &[u8]) -> Result<Vec<Parts>, String> {
    let all: Vec<Saved> = parsed(bytes, "manifest.json")?;
    if all.len() > IMAGE_LIMIT {
        return Err(too_many());
    }
    all.into_iter().map(|saved| saved_one(store, saved)).collect()
}

fn saved_one(store: &mut impl Store, saved: Saved) -> Result<Parts, String> {
    let bytes = store.json(&saved.config)?.ok_or_else(|| missing("the configuration", &saved.config))?;
    let id = digest(&bytes);
    let mut parts = Parts {
        tags: saved.repo_tags.unwrap_or_default().iter().map(|name| plain_name(name)).collect(),
        config: parsed(&bytes, &saved.config)?,
        id,
        manifest: None,
        layers: layers(store, saved.layers.unwrap_or_default().into_iter())?,
        mismatches: Vec::new(),
    };
    // The file is named by the digest of what it should hold.
    let named = saved.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if is_hex(named) && parts.id != format!("sha256:{named}") {
        parts.mismatches.push(format!("the configuration is not that of {}", saved.config));
    }
    compare_layers(&mut parts);
    Ok(parts)
}

fn indexed(store: &mut impl Store, bytes: &[u8]) -> Result<Vec<Parts>, String> {
    let index: Index = parsed(bytes, "index.json")?;
    let mut found = Found::default();
    for pointer in index.manifests {
        below(store, &pointer, None, 0, &mut found)?;
    }
    Ok(found.images)
}

/// What following the pointers of an index gave so far.
#[derive(Default)]
struct Found {
    images: Vec<Parts>,
    followed: usize,
}

/// Follows a pointer of an index; `name` is what an index above calls it.
fn below(
    store: &mut impl Store,
    pointer: &Pointer,
    name: Option<&str>,
    depth: usize,
    found: &mut Found,
) -> Result<(), String> {
    let annotation = |key: &str| pointer.annotations.as_ref().and_then(|all| all.get(key)).map(String::as_str);
    // What builders say of how they built is no image.
    if annotation("vnd.docker.reference.type").is_some() {
        return Ok(());
    }
    found.followed += 1;
    if found.followed > POINTER_LIMIT {
        return Err(format!("index.json leads to more than {POINTER_LIMIT} manifests"));
    }
    let name = annotation("io.containerd.image.name")
        .or_else(|| annotation("org.opencontainers.image.ref.name"))
        .or(name);
    // Of an image for many platforms often one is there.
    let Some(bytes) = store.json(&blob(&pointer.digest)?)? else { return Ok(()) };
    let actual = digest(&bytes);
    if is_index(&pointer.media_type, &bytes) {
        if depth >= DEPTH {
            return Err(format!("index.json leads to more than {DEPTH} indexes below each other"));
        }
        let index: Index = parsed(&bytes, &pointer.digest)?;
        for pointer in &index.manifests {
            below(store, pointer, name, depth + 1, found)?;
        }
        return Ok(());
    }
    let manifest: Manifest = parsed(&bytes, &pointer.digest)?;
    let config_name = blob(&manifest.config.digest)?;
    let config =
        store.json(&config_name)?.ok_or_else(|| missing("the configuration", &manifest.config.digest))?;
    let names = manifest.layers.iter().map(|layer| blob(&layer.digest)).collect::<Result<Vec<_>, _>>()?;
    let mut parts = Parts {
        // A name without a path or tag is a tag alone, and of what nobody knows.
        tags: name.filter(|name| name.contains(['/', ':'])).map(plain_name).into_iter().collect(),
        config: parsed(&config, &manifest.config.digest)?,
        id: digest(&config),
        manifest: Some(actual.clone()),
        layers: layers(store, names.into_iter())?,
        mismatches: Vec::new(),
    };
    if actual != pointer.digest {
        parts.mismatches.push(format!("the manifest is not that of {}", pointer.digest));
    }
    if parts.id != manifest.config.digest {
        parts.mismatches.push(format!("the configuration is not that of {}", manifest.config.digest));
    }
    for (number, (layer, promised)) in parts.layers.iter().zip(&manifest.layers).enumerate() {
        if layer.digest != promised.digest {
            parts.mismatches.push(format!("layer {} is not that of {}", number + 1, promised.digest));
        }
    }
    compare_layers(&mut parts);
    if found.images.len() >= IMAGE_LIMIT {
        return Err(too_many());
    }
    found.images.push(parts);
    Ok(())
}

fn too_many() -> String {
    format!("it holds more than {IMAGE_LIMIT} images; save them to several archives")
}

fn is_index(media_type: &str, bytes: &[u8]) -> bool {
    match media_type {
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => true,
        "" => parsed::<Value>(bytes, "").is_ok_and(|value| value.get("manifests").is_some()),
        _ => false,
    }
}

fn layers(store: &mut impl Store, names: impl Iterator<Item = String>) -> Result<Vec<Rc<Layer>>, String> {
    let mut layers = Vec::new();
    for name in names {
        if layers.len() >= LAYER_LIMIT {
            return Err(format!("it has more than {LAYER_LIMIT} layers"));
        }
        layers.push(store.layer(&name)?);
    }
    Ok(layers)
}

/// The layers against the digests that the configuration gives of their unpacked archives.
fn compare_layers(parts: &mut Parts) {
    let promised = parts.config.pointer("/rootfs/diff_ids").and_then(Value::as_array);
    let promised: Vec<&str> = promised.into_iter().flatten().filter_map(Value::as_str).collect();
    if promised.len() != parts.layers.len() {
        parts.mismatches.push(format!(
            "there are {} layers, and the configuration names {}",
            parts.layers.len(),
            promised.len()
        ));
        return;
    }
    let wrong = |(_, (layer, promised)): &(usize, (&Rc<Layer>, &&str))| layer.diff_id != **promised;
    let wrong: Vec<String> = parts
        .layers
        .iter()
        .zip(&promised)
        .enumerate()
        .filter(wrong)
        .map(|(at, (_, promised))| format!("layer {} unpacked is not {}", at + 1, clipped(promised)))
        .collect();
    parts.mismatches.extend(wrong);
}

/// Where a blob stands; a digest becomes part of a path and must be one.
fn blob(digest: &str) -> Result<String, String> {
    match digest.split_once(':') {
        Some(("sha256", hex)) if is_hex(hex) => Ok(format!("blobs/sha256/{hex}")),
        _ => Err(format!("`{}` is no digest of the form sha256:...", clipped(digest))),
    }
}

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn clipped(text: &str) -> String {
    text.chars().take(100).collect()
}

pub(super) fn missing(what: &str, name: &str) -> String {
    format!("{what} {} is not there; the image is incomplete: write it again", clipped(name))
}

/// A name as people write it: the public registry of Docker goes without saying.
pub(super) fn plain_name(name: &str) -> String {
    let short = name.strip_prefix("docker.io/").map(|rest| rest.strip_prefix("library/").unwrap_or(rest));
    clipped(short.unwrap_or(name))
}

/// A member's name as manifests write it, from the root of the archive.
pub(super) fn member(name: &str) -> Result<String, String> {
    inside(name.as_bytes()).ok_or_else(|| format!("`{}` leads out of the image", clipped(name)))
}
