//! PAM's stacks: the modules that a service goes through, includes followed.

use host::Door;
use model::Source;

use crate::fact::reason;

/// Depth of includes; distributions use two.
const MAX_DEPTH: usize = 8;

/// Files read for one stack: files may include one another many times over.
const MAX_FILES: usize = 300;

/// Modules of one stack.
const MAX_MODULES: usize = 300;

/// One line of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Module {
    /// The module without directory and `.so`: `pam_unix`.
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    /// `/etc/pam.d/common-auth:17`.
    pub(crate) source: String,
    /// The line's text.
    pub(crate) text: String,
}

/// A stack of a service.
pub(crate) type Stack = Result<Vec<Module>, String>;

/// One line of a file below `/etc/pam.d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// `@include FILE`: everything of that file.
    Include(String),
    /// A module, or a file included for one kind.
    Module { kind: String, control: String, module: String, args: Vec<String>, number: usize, text: String },
}

/// Whether the service has a file; without one PAM uses `other`.
pub(crate) fn has_service(door: &Door, service: &str) -> bool {
    door.exists(format!("/etc/pam.d/{service}")) || door.exists(format!("/usr/lib/pam.d/{service}"))
}

/// The modules of one kind (`auth`, `account`, `password`, `session`) that the service goes through.
pub(crate) fn stack(door: &Door, service: &str, kind: &str) -> Stack {
    let mut modules = Vec::new();
    collect(door, service, kind, 0, &mut 0, &mut modules)?;
    Ok(modules)
}

fn collect(
    door: &Door,
    service: &str,
    kind: &str,
    depth: usize,
    files: &mut usize,
    modules: &mut Vec<Module>,
) -> Result<(), String> {
    *files += 1;
    if *files > MAX_FILES || depth > MAX_DEPTH || modules.len() >= MAX_MODULES || service.contains("..") {
        return Err(format!("the PAM stack of {service} includes too much, or itself"));
    }
    let name = service.rsplit('/').next().unwrap_or_default();
    let mut read = Err(host::Error::NotFound(String::new()));
    let mut path = String::new();
    for directory in ["/etc/pam.d", "/usr/lib/pam.d"] {
        path = format!("{directory}/{name}");
        read = door.read_text(&path);
        if !matches!(&read, Err(error) if error.is_not_found()) {
            break;
        }
    }
    let text = match read {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(reason(&error, door)),
    };
    for line in parse(&text) {
        match line {
            Line::Include(file) => collect(door, &file, kind, depth + 1, files, modules)?,
            Line::Module { kind: found, control, module, args, number, text } if found == kind => {
                if control == "include" || control == "substack" {
                    collect(door, &module, kind, depth + 1, files, modules)?;
                } else {
                    let name = module.rsplit('/').next().unwrap_or_default();
                    modules.push(Module {
                        name: name.strip_suffix(".so").unwrap_or(name).to_owned(),
                        args,
                        source: format!("{path}:{number}"),
                        text,
                    });
                }
            }
            Line::Module { .. } => {}
        }
    }
    Ok(())
}

/// The lines of one file.
pub(crate) fn parse(text: &str) -> Vec<Line> {
    crate::text::meaningful_lines(text)
        .filter_map(|line| {
            let text = line.text.split(" #").next().unwrap_or_default();
            if let Some(file) = text.strip_prefix("@include") {
                return Some(Line::Include(file.trim().to_owned()));
            }
            let (kind, rest) = text.split_once([' ', '\t'])?;
            let rest = rest.trim_start();
            let (control, rest) = match rest.strip_prefix('[') {
                Some(bracketed) => bracketed.split_once(']')?,
                None => rest.split_once([' ', '\t'])?,
            };
            let mut words = rest.split_ascii_whitespace();
            Some(Line::Module {
                kind: kind.trim_start_matches('-').to_ascii_lowercase(),
                control: control.to_owned(),
                module: words.next()?.to_owned(),
                args: words.map(str::to_owned).collect(),
                number: line.number,
                text: line.text.clone(),
            })
        })
        .collect()
}

impl Module {
    /// Where it stands, with the line's text.
    pub(crate) fn place(&self) -> Source {
        Source { excerpt: Some(self.text.clone()), ..Source::at(&self.source) }
    }

    /// The value of `name=value`.
    pub(crate) fn arg(&self, name: &str) -> Option<&str> {
        self.args.iter().rev().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether the flag is given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| arg == flag)
    }
}
