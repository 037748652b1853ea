//! Loading guides: YAML -> requirements in document order.

use model::content::{Assurance, Attest, Guide, Level, Requirement, Role, Service};
use serde::Deserialize;

use crate::yaml::{self, Entry, Text};
use crate::{ContentFile, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    guide: String,
    title: String,
    #[serde(default)]
    about: String,
    #[serde(default, rename = "requirements")]
    _requirements: Option<()>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequirement {
    id: Text,
    section: String,
    level: Level,
    title: String,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    assurance: Option<Assurance>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    attest: Option<Attest>,
    #[serde(default)]
    service: Option<Service>,
    #[serde(default)]
    none: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// Loads one guide; none when its head cannot be read.
pub(crate) fn load(file: &ContentFile, problems: &mut Vec<Problem>) -> Option<Guide> {
    let (head, entries, wrong) = yaml::headed_list::<Head, RawRequirement>(&file.path, &file.text);
    problems.extend(wrong);
    let head = head?;
    let mut requirements = Vec::with_capacity(entries.len());
    for entry in &entries {
        let requirement = requirement(file, entry);
        let undecided = requirement.rules.is_empty()
            && requirement.attest.is_none()
            && requirement.service.is_none()
            && requirement.none.is_none();
        if undecided {
            let what = format!("nothing decides requirement {}", requirement.id);
            let help = "name `rules`, `attest`, `service`, or say in `none` why nothing does";
            problems.push(Problem::at(&file.path, entry.place(&entry.value.id), what).help(help));
        }
        requirements.push(requirement);
    }
    Some(Guide { id: head.guide, title: head.title, about: head.about.trim().to_owned(), requirements })
}

fn requirement(file: &ContentFile, entry: &Entry<'_, RawRequirement>) -> Requirement {
    let raw = &entry.value;
    let (line, column) = entry.place(&raw.id);
    Requirement {
        id: raw.id.value.clone(),
        section: raw.section.clone(),
        level: raw.level,
        title: raw.title.clone(),
        role: raw.role,
        assurance: raw.assurance,
        rules: raw.rules.clone(),
        attest: raw.attest.clone(),
        service: raw.service.clone(),
        none: raw.none.clone(),
        note: raw.note.clone(),
        at: format!("{}:{line}:{column}", file.path),
    }
}
