//! The configuration file: bounded, and only of those who may decide.

use std::io::Read as _;
use std::path::Path;

use policy::Problem;
use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use super::effective::Danger;

/// The most bytes of a configuration file: twenty times one with every parameter and its sentence.
const FILE_LIMIT: u64 = 256 << 10;

/// The text, and what is unsafe about the file.
///
/// # Errors
/// It cannot be read, or somebody else than its owner can change it.
pub(super) fn read(path: &Path) -> Result<(String, Vec<Danger>), Problem> {
    let name = path.display().to_string();
    let wrong = |what: String| Problem::at(&name, (0, 0), what);
    // Without NONBLOCK the opening of a pipe waits for its writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let unreadable = |error: std::io::Error| {
        wrong(format!("the configuration cannot be read: {error}"))
            .help("`palisade config example` writes one to begin with".to_owned())
    };
    let file = open(path, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?;
    let stat = fstat(&file).map_err(|error| unreadable(error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(wrong("the configuration is not a file".to_owned()));
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o022 != 0 {
        let problem =
            wrong(format!("the configuration has mode {mode:04o}: others can change what the server does"));
        return Err(problem.help(format!("run: chmod 0640 {name}")));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(format!("the configuration cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(wrong("the configuration is larger than 256 KiB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Problem::at(&name, (line, 0), "the configuration is not UTF-8 text")
    })?;
    let mut dangers = Vec::new();
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != own {
        dangers.push(Danger {
            reason: format!("user {} owns the configuration and can change what the server does", stat.st_uid),
            remedy: format!("run: chown root {name}"),
        });
    }
    if mode & 0o007 != 0 {
        dangers.push(Danger {
            reason: format!(
                "the configuration has mode {mode:04o}: every user of this machine can read it (NRV-MS-036)"
            ),
            remedy: format!("run: chmod 0640 {name}"),
        });
    }
    Ok((text, dangers))
}
