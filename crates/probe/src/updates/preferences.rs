//! apt's preferences that hold packages back.

use host::{Door, Error};
use model::facts::updates::Pinned;

use crate::text::files_in;

/// The most entries that are kept.
const MOST: usize = 1_000;

/// Entries with a negative priority, and those that pin a version above everything newer.
pub(super) fn pinned(door: &Door) -> Result<Vec<Pinned>, Error> {
    let folder = "/etc/apt/preferences.d";
    let mut pinned = Vec::new();
    for name in files_in(door, folder, "")? {
        let plain = name.strip_suffix(".pref").unwrap_or(&name);
        if plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            let path = format!("{folder}/{name}");
            entries(&door.read_text(&path)?, &path, &mut pinned);
        }
    }
    match door.read_text("/etc/apt/preferences") {
        Ok(text) => entries(&text, "/etc/apt/preferences", &mut pinned),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    pinned.truncate(MOST);
    Ok(pinned)
}

fn entries(text: &str, path: &str, pinned: &mut Vec<Pinned>) {
    let mut entry = Pinned::default();
    for (index, line) in text.lines().chain([""]).enumerate() {
        if line.trim().is_empty() {
            let by_version = entry.pin.starts_with("version") && entry.priority >= 500;
            if !entry.package.is_empty() && (entry.priority < 0 || by_version) {
                pinned.push(std::mem::take(&mut entry));
            }
            entry = Pinned::default();
            continue;
        }
        let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "package" => {
                value.clone_into(&mut entry.package);
                entry.source = format!("{path}:{}", index + 1);
            }
            "pin" => value.clone_into(&mut entry.pin),
            "pin-priority" => entry.priority = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
}
