//! One text read as everything that an image may consist of, for the fuzz target.

use std::collections::BTreeMap;
use std::rc::Rc;

use host::Door;
use model::facts::docker::{Image, ImagePackage};

use super::layer::{Layer, Scanner};
use super::manifest::{self, Store};
use super::store::Members;
use super::stream::Budget;
use super::{facts, secrets, vulnerabilities};

/// A store in which every document reads the same and every layer is the same.
struct Echo<'a> {
    text: &'a [u8],
    layer: Rc<Layer>,
}

impl Store for Echo<'_> {
    fn json(&mut self, _: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(Some(self.text.to_vec()))
    }

    fn layer(&mut self, _: &str) -> Result<Rc<Layer>, String> {
        Ok(Rc::clone(&self.layer))
    }
}

/// Reads `bytes` as an archive, as a layer, as every JSON document of an image, as a file of each kind and as data of
/// vulnerabilities; the images that came of it.
pub fn heard(door: &Door, bytes: &[u8]) -> Vec<Image> {
    let budget = Budget::new(door);
    let mut parts = Vec::new();
    if let Ok(mut members) = Members::read(bytes, bytes.len() as u64, &budget) {
        parts.extend(manifest::images(&mut members, true).unwrap_or_default());
        parts.extend(manifest::images(&mut members, false).unwrap_or_default());
    }
    let empty = [0; 1024];
    let layer = Scanner::new().scan(bytes).or_else(|_| Scanner::new().scan(empty.as_slice()));
    if let Ok(layer) = layer {
        let mut echo = Echo { text: bytes, layer: Rc::new(layer) };
        parts.extend(manifest::images(&mut echo, true).unwrap_or_default());
        parts.extend(manifest::images(&mut echo, false).unwrap_or_default());
    }
    for path in ["app/.env", "etc/shadow", "root/.pgpass", "root/.netrc", "app/key"] {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        assert!(secrets::search(path, bytes).iter().all(|hit| hit.line <= lines));
    }
    let package = ImagePackage {
        kind: "deb".to_owned(),
        source_name: "openssl".to_owned(),
        source_version: "1".to_owned(),
        ..ImagePackage::default()
    };
    let release = [("ID", "debian"), ("VERSION_ID", "12"), ("VERSION_CODENAME", "bookworm")];
    let release: BTreeMap<_, _> =
        release.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    vulnerabilities::heard(bytes, &[package], &release);
    parts.iter().map(|parts| facts::image(parts, "heard".to_owned(), "heard")).collect()
}
