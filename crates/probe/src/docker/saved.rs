//! An image of the engine as the archive that `docker save` would write, streamed.

use std::io::Read;

use host::Door;
use serde_json::Value;

use super::api::Api;
use super::{Failure, find, open};
use crate::fact::reason;

/// Names that are told when there is no such image.
const NEAR: usize = 3;
/// Letters that near names differ by at most.
const DISTANCE: usize = 3;

/// The archive of the image called `name`.
///
/// # Errors
/// For a person: no engine, no such image (with near names), or what the engine says.
pub(crate) fn saved_image(door: &Door, name: &str) -> Result<Box<dyn Read + Send>, String> {
    // It becomes part of a request: a name holds nothing that would have to be written otherwise.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@');
    if name.is_empty() || name.len() > 512 || !name.chars().all(plain) || name.contains("..") {
        return Err(format!("`{name}` cannot be the name of an image"));
    }
    let found = find::find(door).filter(find::Found::has_engine);
    let found = found.ok_or("there is no Docker engine here; name a file with docker-archive: or oci:")?;
    let (api, _) = open(door, &found).map_err(|failure: Failure| failure.reason().to_owned())?;
    match api.get(&format!("/images/{name}/json")) {
        Ok(_) => {}
        Err(error) if error.is_not_found() => return Err(unknown(&api, name)),
        Err(error) => return Err(reason(&error, door)),
    }
    api.stream(&format!("/images/{name}/get")).map_err(|error| reason(&error, door))
}

/// That there is no such image, and which there are.
fn unknown(api: &Api, name: &str) -> String {
    let list = api.get("/images/json").unwrap_or_default();
    let items = list.as_array().into_iter().flatten();
    let tags = items.filter_map(|item| item.get("RepoTags")?.as_array()).flatten().filter_map(Value::as_str);
    let wanted = if name.contains(':') { name.to_owned() } else { format!("{name}:latest") };
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let mut near: Vec<(usize, &str)> = tags
        .map(|tag| {
            let whole = strsim::damerau_levenshtein(tag, &wanted);
            // The registry or the tag is what is most often forgotten.
            let (of_tag, of_wanted) = (last(tag), last(&wanted));
            let repository = |name: &str| name.split(':').next().unwrap_or(name).to_owned();
            let part = strsim::damerau_levenshtein(&repository(&of_tag), &repository(&of_wanted));
            (whole.min(part), tag)
        })
        .filter(|(distance, _)| *distance <= DISTANCE)
        .collect();
    near.sort_unstable();
    let near: Vec<String> = near.into_iter().take(NEAR).map(|(_, tag)| format!("`{tag}`")).collect();
    if near.is_empty() {
        format!("the engine has no image `{name}`; `docker image ls` lists those it has")
    } else {
        format!("the engine has no image `{name}`; did you mean {}?", near.join(" or "))
    }
}
