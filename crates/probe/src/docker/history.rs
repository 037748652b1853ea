//! Judging the commands by which an image was built. The commands themselves stay here.

use model::facts::docker::Step;

use super::image::step;
use super::secrets;

const UNPACKED: &[&str] = &[".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst"];
const LOADERS: &[&str] = &["curl", "wget", "fetch"];
const INTERPRETERS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "node"];
/// Package managers and the words by which they upgrade everything.
const UPGRADES: &[(&str, &[&str])] = &[
    ("apt-get", &["upgrade", "dist-upgrade", "full-upgrade"]),
    ("apt", &["upgrade", "dist-upgrade", "full-upgrade"]),
    ("apk", &["upgrade"]),
    ("dnf", &["upgrade", "update"]),
    ("microdnf", &["upgrade", "update"]),
    ("yum", &["upgrade", "update"]),
    ("tdnf", &["upgrade", "update"]),
    ("zypper", &["update", "up", "patch", "dist-upgrade", "dup"]),
];

/// The steps, judged.
pub(super) fn steps(commands: &[String]) -> Vec<Step> {
    commands.iter().enumerate().map(|(index, command)| judged(index, command)).collect()
}

fn judged(index: usize, command: &str) -> Step {
    let (instruction, rest) = instruction(command);
    let mut step = step(index + 1, instruction);
    let runs = instruction == "RUN";
    let parts: Vec<Vec<&str>> = parts(rest);
    step.secrets = if matches!(instruction, "COPY" | "FROM" | "EXPOSE" | "import") {
        Vec::new()
    } else {
        secrets(instruction, rest)
    };
    // The first step of an image that starts from nothing unpacks its root filesystem.
    step.uses_add = instruction == "ADD" && index > 0 && !unpacks(rest);
    let loads = |part: &Vec<&str>| part.iter().any(|word| LOADERS.contains(&base_name(word)));
    step.loads_without_tls = (instruction == "ADD" && rest.contains("http://"))
        || (runs && parts.iter().any(|part| loads(part) && part.iter().any(|word| is_plain_http(word))));
    step.pipes_download_to_shell = runs && pipes_to_shell(rest);
    step.updates_index_alone = runs && {
        let has =
            |word: &str| parts.iter().any(|part| manages(part, &["apt-get", "apt"]) && part.contains(&word));
        has("update") && !["install", "upgrade", "dist-upgrade", "full-upgrade"].iter().any(|word| has(word))
    };
    step
}

/// Whether the command upgrades the system's packages.
pub(super) fn upgrades_packages(command: &str) -> bool {
    let (instruction, rest) = instruction(command);
    instruction == "RUN"
        && parts(rest).iter().any(|part| {
            UPGRADES.iter().any(|(manager, words)| {
                // `dnf update PACKAGE` upgrades one: options may follow, names may not.
                manages(part, &[manager]) && part.iter().any(|word| words.contains(word))
            })
        })
}

/// The instruction of a Dockerfile and its text, out of the forms that old and new builders write.
fn instruction(command: &str) -> (&'static str, &str) {
    const NAMES: &[&str] = &[
        "RUN",
        "COPY",
        "ADD",
        "ENV",
        "ARG",
        "CMD",
        "ENTRYPOINT",
        "LABEL",
        "EXPOSE",
        "USER",
        "WORKDIR",
        "VOLUME",
        "HEALTHCHECK",
        "STOPSIGNAL",
        "SHELL",
        "ONBUILD",
        "MAINTAINER",
        "FROM",
    ];
    let command = command.trim();
    if command.is_empty() {
        return ("import", "");
    }
    let text = command.split_once("#(nop)").map_or(command, |(_, rest)| rest).trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    match NAMES.iter().find(|name| **name == first) {
        Some(name) => (name, text.get(first.len()..).unwrap_or_default().trim()),
        None => ("RUN", text),
    }
}

/// Commands of a shell line, each as its words.
pub(super) fn parts(line: &str) -> Vec<Vec<&str>> {
    line.split(['&', ';', '|', '\n']).map(|part| part.split_whitespace().collect()).collect()
}

pub(super) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word).trim_matches(['(', ')', '"', '\'', '`'])
}

fn manages(part: &[&str], managers: &[&str]) -> bool {
    part.iter().any(|word| managers.contains(&base_name(word)))
}

fn is_plain_http(word: &str) -> bool {
    let local = ["http://localhost", "http://127.", "http://[::1]"];
    word.contains("http://") && !local.iter().any(|local| word.contains(local))
}

fn unpacks(rest: &str) -> bool {
    rest.split_whitespace().any(|word| {
        let word = word.trim_matches(['"', '[', ']', ',']);
        !word.contains("://") && UNPACKED.iter().any(|suffix| word.ends_with(suffix))
    })
}

/// `curl ... | sh`, also with sudo or options between.
fn pipes_to_shell(line: &str) -> bool {
    line.split(['&', ';', '\n']).any(|chain| {
        let mut loaded = false;
        for part in chain.split('|') {
            let mut words = part.split_whitespace().map(base_name);
            if loaded
                && words
                    .clone()
                    .find(|word| *word != "sudo" && !word.starts_with('-'))
                    .is_some_and(|word| INTERPRETERS.contains(&word))
            {
                return true;
            }
            loaded |= words.any(|word| LOADERS.contains(&word));
        }
        false
    })
}

/// Names of what holds a secret. `ENV NAME value` is the old form of `ENV NAME=value`.
fn secrets(instruction: &str, rest: &str) -> Vec<String> {
    if instruction == "ENV"
        && let Some((name, value)) = rest.split_once(char::is_whitespace)
        && !name.contains('=')
    {
        return if secrets::secret_kind(name, value).is_empty() {
            Vec::new()
        } else {
            vec![super::json::clip(name)]
        };
    }
    secrets::secrets_in([rest])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(command: &str) -> Step {
        judged(3, command)
    }

    #[test]
    fn old_and_new_builders_are_understood() {
        for (command, expected) in [
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD"),
            ("/bin/sh -c apt-get update", "RUN"),
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN"),
            ("|1 TOKEN=abc /bin/sh -c make", "RUN"),
            ("COPY file:1 in / ", "COPY"),
            ("", "import"),
        ] {
            assert_eq!(one(command).instruction, expected, "{command}");
        }
    }

    #[test]
    fn secrets_show_by_name_only() {
        for (command, expected) in [
            ("/bin/sh -c #(nop)  ENV DB_PASSWORD=abc", vec!["DB_PASSWORD"]),
            ("ENV DB_PASSWORD abc", vec!["DB_PASSWORD"]),
            ("|1 TOKEN=abc /bin/sh -c make", vec!["TOKEN"]),
            ("RUN |1 TOKEN=abc /bin/sh -c make # buildkit", vec!["TOKEN"]),
            ("RUN /bin/sh -c login --password hunter2", vec!["password"]),
            ("ARG TOKEN", vec![]),
            ("ENV DB_PASSWORD_FILE=/run/secrets/x", vec![]),
        ] {
            assert_eq!(one(command).secrets, expected, "{command}");
        }
    }

    #[test]
    fn risky_downloads_and_stale_indexes_are_seen() {
        assert!(one("RUN curl -fsSL https://get.example | sudo -E bash -").pipes_download_to_shell);
        assert!(!one("RUN curl -o x https://a; cat x | sh").pipes_download_to_shell);
        assert!(one("RUN wget http://a.example/x").loads_without_tls);
        assert!(!one("RUN curl http://localhost:80/").loads_without_tls);
        assert!(one("ADD http://a.example/x /x").loads_without_tls);
        assert!(one("ADD dir:12 in /app").uses_add);
        assert!(!one("ADD rootfs.tar.xz / # buildkit").uses_add);
        assert!(!judged(0, "/bin/sh -c #(nop) ADD file:12 in / ").uses_add);
        assert!(one("RUN apt-get update").updates_index_alone);
        assert!(!one("RUN apt-get update && apt-get install -y curl").updates_index_alone);
    }

    #[test]
    fn upgrades_are_known_in_every_family() {
        for command in [
            "RUN apt-get update && apt-get -y upgrade",
            "/bin/sh -c apk --no-cache upgrade",
            "RUN dnf -y update && dnf clean all",
        ] {
            assert!(upgrades_packages(command), "{command}");
        }
        for command in ["RUN apt-get update", "ENV X=upgrade apt", "RUN echo upgrade", ""] {
            assert!(!upgrades_packages(command), "{command}");
        }
    }
}
