//! Where systemd looks for unit files, which of them win, and which are enabled: systemd.unit(5), systemctl(1).

use std::collections::{BTreeMap, BTreeSet};

use host::{Door, Error, FileKind};

use super::FOLDERS;
use super::file::UnitFile;

/// More unit files than this are not looked at.
const MAX_UNITS: usize = 2000;

/// What stands in the folders.
#[derive(Debug, Default)]
pub(crate) struct UnitTree {
    /// The winning file of each unit.
    pub(crate) units: BTreeMap<String, Place>,
    /// Links in `*.wants`, `*.requires` and alias links, by the unit they point to.
    pub(crate) links: BTreeMap<String, Vec<Link>>,
    /// Drop-in folders: `NAME.d`, each with the folder it stands in.
    pub(crate) drop_in_folders: Vec<(String, usize)>,
}

/// The winning file of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index into [`FOLDERS`].
    pub(crate) folder: usize,
    /// The full path.
    pub(crate) path: String,
    /// Where it points when it is a link.
    pub(crate) target: Option<String>,
}

/// A link by which a unit is pulled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Index into [`FOLDERS`].
    pub(crate) folder: usize,
    /// Where it stands.
    pub(crate) path: String,
    /// The link's own name: an alias, an instance, or the unit's.
    pub(crate) name: String,
    /// Whether it stands in a `.wants` or `.requires` folder; otherwise it is an alias.
    pub(crate) pulls_in: bool,
}

impl UnitTree {
    /// Looks through the folders; none when there is no folder of systemd's at all.
    pub(crate) fn read(door: &Door) -> Result<Option<Self>, Error> {
        let mut tree = Self::default();
        let mut found = false;
        let merged = door.read_link("/lib").is_ok();
        for (index, folder) in FOLDERS.iter().enumerate() {
            if merged && folder.starts_with("/lib/") {
                continue;
            }
            match door.read_dir(folder) {
                Ok(entries) => {
                    found = true;
                    for entry in entries {
                        tree.entry(door, index, folder, &entry.name, entry.kind)?;
                    }
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found.then_some(tree))
    }

    fn entry(
        &mut self,
        door: &Door,
        index: usize,
        folder: &str,
        name: &str,
        kind: FileKind,
    ) -> Result<(), Error> {
        let path = format!("{folder}/{name}");
        match kind {
            FileKind::Directory
                if name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds") =>
            {
                for entry in door.read_dir(&path)? {
                    if is_unit(&entry.name) {
                        let link = Link {
                            folder: index,
                            path: format!("{path}/{}", entry.name),
                            name: entry.name.clone(),
                            pulls_in: true,
                        };
                        // `getty.target.wants/getty@tty1.service` enables the template and the instance.
                        if let Some(template) = template_of(&entry.name) {
                            self.links.entry(template).or_default().push(link.clone());
                        }
                        self.links.entry(entry.name).or_default().push(link);
                    }
                }
            }
            FileKind::Directory if name.ends_with(".d") => {
                self.drop_in_folders.push((name.to_owned(), index));
            }
            FileKind::File | FileKind::Symlink if is_unit(name) && self.units.len() < MAX_UNITS => {
                let target = match kind {
                    FileKind::Symlink => door.read_link(&path).ok().map(|target| target.display().to_string()),
                    _ => None,
                };
                if let Some(points_to) = target.as_deref().and_then(|target| target.rsplit('/').next())
                    && is_unit(points_to)
                    && points_to != name
                {
                    let link =
                        Link { folder: index, path: path.clone(), name: name.to_owned(), pulls_in: false };
                    self.links.entry(points_to.to_owned()).or_default().push(link);
                }
                self.units.entry(name.to_owned()).or_insert(Place { folder: index, path, target });
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the unit is masked: a link to /dev/null, or an empty file.
    pub(crate) fn is_masked(&self, door: &Door, place: &Place) -> bool {
        match &place.target {
            Some(target) => target == "/dev/null",
            None => door.stat_link(&place.path).is_ok_and(|stat| stat.size == 0),
        }
    }

    /// The unit that `place` is only another name of.
    pub(crate) fn alias_of<'a>(&self, name: &str, place: &'a Place) -> Option<&'a str> {
        let points_to = place.target.as_deref()?.rsplit('/').next()?;
        (points_to != name && is_unit(points_to)).then_some(points_to)
    }

    /// `enabled` or `enabled-runtime` when somebody linked the unit into the boot, none otherwise.
    /// A template counts as enabled when its default instance is, as `indirect` when another one is.
    pub(crate) fn enabled(&self, name: &str, default_instance: Option<&str>) -> Option<&'static str> {
        let links = self.links.get(name)?;
        let own = default_instance.map(|instance| name.replacen('@', &format!("@{instance}"), 1));
        let is_own = |link: &Link| {
            let is_instance = link.pulls_in && link.name != name;
            !is_instance || own.as_deref() == Some(link.name.as_str())
        };
        if !links.is_empty() && !links.iter().any(is_own) {
            return Some("indirect");
        }
        let in_folder = |prefix: &str| {
            links
                .iter()
                .filter(|link| is_own(link))
                .any(|link| FOLDERS.get(link.folder).is_some_and(|folder| folder.starts_with(prefix)))
        };
        if in_folder("/etc/") {
            Some("enabled")
        } else if in_folder("/run/systemd/system") {
            Some("enabled-runtime")
        } else {
            None
        }
    }

    /// Links of /etc that make the unit start or give it another name.
    pub(crate) fn links_in_etc(&self, name: &str) -> Vec<String> {
        let links = self.links.get(name).into_iter().flatten();
        links.map(|link| &link.path).filter(|path| path.starts_with("/etc/")).cloned().collect()
    }

    /// Whether the distribution pulls the unit into the boot by itself.
    pub(crate) fn is_pulled_in(&self, name: &str) -> bool {
        self.links.get(name).is_some_and(|links| links.iter().any(|link| link.pulls_in))
    }

    /// The unit's file with its drop-ins; with an error, what could be read of them.
    pub(crate) fn file(
        &self,
        door: &Door,
        place: &Place,
        drop_ins: &[String],
    ) -> (UnitFile, Result<(), Error>) {
        let mut file = UnitFile::default();
        let mut readable = Ok(());
        for path in [&place.path].into_iter().chain(drop_ins) {
            match door.read_text(path) {
                Ok(text) => file.add(&text),
                Err(error) => readable = Err(error),
            }
        }
        (file, readable)
    }

    /// Drop-in files of a unit in the order in which they are read: by file name, the first folder's wins.
    pub(crate) fn drop_ins(&self, door: &Door, name: &str) -> Vec<String> {
        let wanted: BTreeSet<String> = drop_in_names(name).into_iter().collect();
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (folder, index) in &self.drop_in_folders {
            if !wanted.contains(folder) {
                continue;
            }
            let Some(root) = FOLDERS.get(*index) else { continue };
            let directory = format!("{root}/{folder}");
            for entry in door.read_dir(&directory).unwrap_or_default() {
                if entry.name.ends_with(".conf") {
                    files.entry(entry.name.clone()).or_insert(format!("{directory}/{}", entry.name));
                }
            }
        }
        files.into_values().collect()
    }
}

/// Whether the name is one of a service, socket or timer.
pub(crate) fn is_unit(name: &str) -> bool {
    [".service", ".socket", ".timer"].iter().any(|kind| name.ends_with(kind) && name.len() > kind.len())
}

/// `getty@.service` for `getty@tty1.service`.
pub(crate) fn template_of(name: &str) -> Option<String> {
    let (before, after) = name.split_once('@')?;
    let (instance, kind) = after.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{before}@.{kind}"))
}

/// `a-b-c.service` reads `service.d`, `a-.service.d`, `a-b-.service.d`, `a-b-c.service.d`, and its template's.
fn drop_in_names(name: &str) -> Vec<String> {
    let Some((stem, kind)) = name.rsplit_once('.') else { return Vec::new() };
    let mut names = vec![format!("{kind}.d"), format!("{name}.d")];
    names.extend(stem.match_indices('-').filter_map(|(at, _)| Some(format!("{}-.{kind}.d", stem.get(..at)?))));
    names.extend(template_of(name).map(|template| format!("{template}.d")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_of_templates_and_prefixes_are_known() {
        assert_eq!(drop_in_names("a-b.service"), ["service.d", "a-b.service.d", "a-.service.d"]);
        assert_eq!(drop_in_names("g@1.timer"), ["timer.d", "g@1.timer.d", "g@.timer.d"]);
        assert_eq!(template_of("getty@.service"), None);
        assert!(!is_unit(".service"));
    }
}
