//! What pages load: compiled in, named by their content, so that a browser may keep them for ever.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha384};

/// A file that pages load.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its name in the source, by which pages ask for it.
    name: &'static str,
    /// Its address, with a hash of its content, but for those that browsers ask for by a name of their own.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: &'static [u8],
    /// For the attribute `integrity`: `sha384-...`.
    pub(crate) integrity: String,
}

impl Asset {
    /// Whether what stands at its address never changes.
    pub(crate) fn is_immutable(&self) -> bool {
        self.path.starts_with("/assets/")
    }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const FILES: &[(&str, &str, &[u8])] = &[
    ("style.css", "text/css; charset=utf-8", include_bytes!("assets/style.css")),
    ("time.js", SCRIPT, include_bytes!("assets/time.js")),
    ("live.js", SCRIPT, include_bytes!("assets/live.js")),
    ("passkeys.js", SCRIPT, include_bytes!("assets/passkeys.js")),
    ("favicon.svg", "image/svg+xml", include_bytes!("assets/favicon.svg")),
    // Asked for by this name whatever the page says.
    ("favicon.ico", "image/x-icon", include_bytes!("assets/favicon.ico")),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| FILES.iter().map(asset).collect());
static MISSING: Asset =
    Asset { name: "", path: String::new(), content_type: "", bytes: &[], integrity: String::new() };

/// Every file, for the routes.
pub(crate) fn all() -> &'static [Asset] {
    &ASSETS
}

/// The scripts, in the order in which pages load them.
pub(super) fn scripts() -> impl Iterator<Item = &'static Asset> {
    all().iter().filter(|asset| asset.content_type == SCRIPT)
}

/// The file at an address.
#[cfg_attr(not(test), expect(dead_code, reason = "every file has a route of its own"))]
pub(crate) fn at(path: &str) -> Option<&'static Asset> {
    all().iter().find(|asset| asset.path == path)
}

/// The file of this name; an empty one when there is none, which a test rules out.
pub(super) fn named(name: &str) -> &'static Asset {
    all().iter().find(|asset| asset.name == name).unwrap_or(&MISSING)
}

fn asset(&(name, content_type, bytes): &(&'static str, &'static str, &'static [u8])) -> Asset {
    let hash = Sha384::digest(bytes);
    let short = hex::encode(hash.get(..8).unwrap_or(&hash));
    let path = match name.rsplit_once('.') {
        Some((stem, extension)) if name != "favicon.ico" => format!("/assets/{stem}-{short}.{extension}"),
        _ => format!("/{name}"),
    };
    Asset { name, path, content_type, bytes, integrity: format!("sha384-{}", STANDARD.encode(hash)) }
}
