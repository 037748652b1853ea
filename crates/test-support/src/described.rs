//! Targets that are nothing but files: with every mistake, and with none. The secrets in them all begin with `hunter2`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A compose project, its Dockerfile below `ui`, and the definition of a machine.
pub struct Described {
    files: &'static [(&'static str, &'static str, u32)],
}

/// Every mistake.
pub const WRONG: Described = Described {
    files: &[
        ("docker-compose.yml", include_str!("../described/wrong/docker-compose.yml"), 0o666),
        (".env", include_str!("../described/wrong/dot-env"), 0o644),
        ("app.env", include_str!("../described/wrong/app.env"), 0o644),
        ("ui/Dockerfile", include_str!("../described/wrong/Dockerfile"), 0o644),
        ("ui/id_rsa", "", 0o644),
        ("domain.xml", include_str!("../described/wrong/domain.xml"), 0o644),
    ],
};

/// No mistake.
pub const RIGHT: Described = Described {
    files: &[
        ("compose.yaml", include_str!("../described/right/compose.yaml"), 0o640),
        ("db.txt", "hunter2-file", 0o600),
        ("ui/Dockerfile", include_str!("../described/right/Dockerfile"), 0o644),
        ("domain.xml", include_str!("../described/right/domain.xml"), 0o600),
    ],
};

impl Described {
    /// What stands in one of its files.
    pub fn text(&self, name: &str) -> &'static str {
        self.files.iter().find(|(known, ..)| *known == name).map(|(_, text, _)| *text).unwrap()
    }

    /// Writes the files below a folder.
    pub fn write(&self, folder: &Path) {
        for (name, text, mode) in self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
    }
}
