//! Content as a whole: rules, guides and declarations, from the binary or from a folder.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use model::content::Guide;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::cel::{Engine, Expression};
use crate::rules::CompiledRule;
use crate::yaml::{self, Text};
use crate::{Problem, guides, rules};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../content");

/// One file of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFile {
    /// Its path from the content folder: `rules/ssh.yaml`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Rules, guides and declarations, ready to decide.
pub struct Content {
    /// Rules by file name, then in the order of the file.
    pub rules: Vec<CompiledRule>,
    /// Guides by file name.
    pub guides: Vec<Guide>,
    /// What a profile may declare, by name.
    pub declarations: BTreeMap<String, Declaration>,
    /// SHA-256 (hex) over all files.
    pub hash: String,
    pub(crate) engine: Engine,
    /// Places in `rules`, sorted by id.
    by_id: Vec<usize>,
}

/// What content is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To check or show it: with the examples of its rules and the places in its expressions.
    Check,
    /// To decide: without examples, which are two fifths of the text, and without those places.
    Decide,
}

/// Something a site may declare in its profile.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// Rules read it as `declared.NAME`.
    pub name: String,
    /// What it lists, for a person.
    pub about: String,
    /// Whether it is one text rather than a list.
    pub is_text: bool,
    /// CEL that gives what the host has now.
    pub(crate) from: Option<Expression>,
    pub(crate) file: String,
    pub(crate) at: (usize, usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeclaration {
    name: Text,
    about: String,
    #[serde(default)]
    from: Option<Text>,
}

/// The content compiled into the program.
pub fn embedded() -> Vec<ContentFile> {
    let mut files: Vec<ContentFile> = ["rules", "guides", "declarations"]
        .iter()
        .filter_map(|folder| EMBEDDED.get_dir(folder))
        .flat_map(|folder| folder.files())
        .filter_map(|file| {
            let path = file.path().to_str()?.to_owned();
            Some(ContentFile { path, text: file.contents_utf8()?.to_owned() })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

impl Content {
    /// Loads files. Entries that cannot be read become problems; the others are there.
    pub fn load(files: &[ContentFile]) -> (Self, Vec<Problem>) {
        Self::read(files, Purpose::Check)
    }

    /// The content compiled into the program, with all that deciding needs and nothing else.
    ///
    /// Nothing can be wrong with it that the tests of this crate would not have found.
    pub fn to_decide() -> (Self, Vec<Problem>) {
        Self::read(&embedded(), Purpose::Decide)
    }

    fn read(files: &[ContentFile], purpose: Purpose) -> (Self, Vec<Problem>) {
        let engine = Engine::new(purpose);
        let mut content = Self {
            rules: Vec::new(),
            guides: Vec::new(),
            declarations: BTreeMap::new(),
            hash: hash(files),
            engine,
            by_id: Vec::new(),
        };
        let mut problems = Vec::new();
        for file in files {
            if file.path.starts_with("rules/") {
                content.rules.extend(rules::load(&content.engine, file, purpose, &mut problems));
            } else if file.path.starts_with("guides/") {
                content.guides.extend(guides::load(file, &mut problems));
            } else if file.path.starts_with("declarations/") {
                content.load_declarations(file, &mut problems);
            }
        }
        content.find_doubles(&mut problems);
        problems.sort();
        let mut by_id: Vec<usize> = (0..content.rules.len()).collect();
        by_id.sort_by_key(|place| content.id_at(*place));
        content.by_id = by_id;
        (content, problems)
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&CompiledRule> {
        let found = self.by_id.binary_search_by(|place| self.id_at(*place).cmp(id)).ok()?;
        self.rules.get(*self.by_id.get(found)?)
    }

    fn id_at(&self, place: usize) -> &str {
        self.rules.get(place).map_or("", |rule| &rule.rule.id)
    }

    /// Requirement ids by the rule they ask for.
    pub fn requirements_by_rule(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut by_rule: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for requirement in self.guides.iter().flat_map(|guide| &guide.requirements) {
            for rule in &requirement.rules {
                by_rule.entry(rule).or_default().push(&requirement.id);
            }
        }
        by_rule
    }

    fn load_declarations(&mut self, file: &ContentFile, problems: &mut Vec<Problem>) {
        let (entries, wrong) = yaml::list::<RawDeclaration>(&file.path, &file.text);
        problems.extend(wrong);
        for entry in entries {
            let raw = &entry.value;
            let from =
                raw.from.as_ref().and_then(|text| match Expression::parse(&self.engine, &text.value, None) {
                    Ok(expression) => Some(expression),
                    Err(error) => {
                        let at = entry.start(text).place(&text.value, error.offset);
                        problems.push(Problem::at(&file.path, at, error.message));
                        None
                    }
                });
            let name = raw.name.value.clone();
            if self.declarations.contains_key(&name) {
                let what = format!("`{name}` is described twice");
                problems.push(Problem::at(&file.path, entry.place(&raw.name), what));
                continue;
            }
            let declaration = Declaration {
                name: name.clone(),
                about: raw.about.clone(),
                is_text: raw.from.as_ref().is_some_and(|from| from.value == "''"),
                from,
                file: file.path.clone(),
                at: entry.place(&raw.name),
            };
            self.declarations.insert(name, declaration);
        }
    }

    fn find_doubles(&self, problems: &mut Vec<Problem>) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        let rules = self.rules.iter().map(|rule| (rule.rule.id.as_str(), rule.rule.at.as_str()));
        let requirements = self.guides.iter().flat_map(|guide| &guide.requirements);
        for (id, at) in
            rules.chain(requirements.map(|requirement| (requirement.id.as_str(), requirement.at.as_str())))
        {
            if let Some(first) = seen.insert(id, at) {
                let (file, line) = at.rsplit_once(':').unwrap_or((at, "0"));
                problems.push(
                    Problem::at(file, (line.parse().unwrap_or(0), 0), format!("`{id}` stands twice"))
                        .help(format!("it stands at {first} already")),
                );
            }
        }
    }
}

fn hash(files: &[ContentFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(file.path.as_bytes());
        hasher.update([0]);
        hasher.update(file.text.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
