//! What a single instruction of a Dockerfile gives away. The text itself stays here.

use model::facts::docker::Instruction as Judged;

use super::parse::Instruction;
use crate::docker::history::{base_name, parts};
use crate::docker::secrets;

/// Packages that bring a server of remote shells.
const SHELL_SERVERS: &[&str] = &[
    "openssh-server",
    "openssh",
    "ssh",
    "dropbear",
    "telnetd",
    "inetutils-telnetd",
    "telnetd-ssl",
    "telnet-server",
    "rsh-server",
    "rsh-redone-server",
    "xrdp",
    "tigervnc-standalone-server",
    "tightvncserver",
    "x11vnc",
    "shellinabox",
    "ttyd",
    "gotty",
    "wetty",
];
/// Programs that install packages, and the words by which they do.
const INSTALLERS: &[&str] =
    &["apt-get", "apt", "aptitude", "apk", "dnf", "microdnf", "yum", "tdnf", "zypper", "pacman"];
const INSTALLS: &[&str] = &["install", "add", "in", "-S", "-Sy", "-Syu"];
/// Words by which programs load without looking at certificates or signatures.
const UNCHECKED: &[&str] = &[
    "--insecure",
    "--no-check-certificate",
    "--trusted-host",
    "--allow-unauthenticated",
    "--force-yes",
    "--allow-untrusted",
    "--nogpgcheck",
    "--no-gpg-checks",
];
/// Assignments that switch such checks off wherever they stand.
const UNCHECKED_SETTINGS: &[&str] = &[
    "NODE_TLS_REJECT_UNAUTHORIZED=0",
    "PYTHONHTTPSVERIFY=0",
    "GIT_SSL_NO_VERIFY=1",
    "GIT_SSL_NO_VERIFY=true",
    "http.sslVerify=false",
    "strict-ssl=false",
    "trusted=yes",
    "sslverify=0",
    "sslverify=false",
];
/// Names of files that hold keys or passwords.
const SECRET_FILES: &[&str] = &[
    ".env",
    ".git",
    ".ssh",
    ".aws",
    ".npmrc",
    ".pypirc",
    ".netrc",
    ".git-credentials",
    ".pgpass",
    ".htpasswd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "credentials.json",
    "service-account.json",
    "kubeconfig",
];
/// How names of files end that hold keys or passwords.
const SECRET_ENDINGS: &[&str] = &[".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", "_rsa", "_ed25519"];
/// How names end that are made to be copied and filled in.
const SAMPLES: &[&str] = &[".example", ".sample", ".template", ".dist"];

/// The instruction, judged; `stage` counts from 1.
pub(super) fn judged(instruction: &Instruction, stage: u64, path: &str) -> Judged {
    let rest = instruction.rest.as_str();
    let runs = instruction.keyword == "RUN";
    let copies = matches!(instruction.keyword, "COPY" | "ADD");
    let words = super::plain(rest);
    let parts = parts(&words);
    let (flags, sources) = copied(rest);
    let parts_of_run: &[Vec<&str>] = if runs { &parts } else { &[] };
    Judged {
        instruction: instruction.keyword.to_owned(),
        stage,
        adds_from_network: instruction.keyword == "ADD"
            && sources.iter().any(|source| is_remote(source))
            && !flags.iter().any(|flag| flag.starts_with("--checksum=")),
        skips_certificate_checks: skips_checks(rest, parts_of_run, runs),
        uses_sudo: parts_of_run.iter().any(|part| {
            part.iter().find(|word| !word.starts_with("--")).is_some_and(|word| base_name(word) == "sudo")
                || (installs(part) && part.contains(&"sudo"))
        }),
        opens_files_to_all: parts_of_run.iter().any(|part| opens(part))
            || (copies && flags.iter().filter_map(|flag| flag.strip_prefix("--chmod=")).any(is_open_mode)),
        remote_shells: parts_of_run
            .iter()
            .filter(|part| installs(part))
            .flat_map(|part| part.iter())
            .map(|word| word.split('=').next().unwrap_or(word))
            .filter(|name| SHELL_SERVERS.contains(name))
            .map(str::to_owned)
            .collect(),
        secret_files: if copies && !flags.iter().any(|flag| flag.starts_with("--from=")) {
            sources
                .iter()
                .map(|source| base_name(source))
                .filter(|name| is_secret_file(name))
                .map(str::to_owned)
                .collect()
        } else {
            Vec::new()
        },
        secret_arguments: if instruction.keyword == "ARG" { secret_arguments(rest) } else { Vec::new() },
        source: format!("{path}:{}", instruction.line),
    }
}

/// Flags, and sources without the destination, of `COPY` and `ADD`.
pub(super) fn copied(rest: &str) -> (Vec<&str>, Vec<&str>) {
    let line = rest.lines().next().unwrap_or_default();
    let words = line.split_whitespace().map(|word| word.trim_matches(['[', ']', ',', '"', '\'']));
    let (flags, mut paths): (Vec<&str>, Vec<&str>) =
        words.filter(|word| !word.is_empty()).partition(|word| word.starts_with("--"));
    paths.pop();
    (flags, paths)
}

fn is_remote(source: &str) -> bool {
    ["http://", "https://", "git@", "git://", "ssh://", "ftp://"]
        .iter()
        .any(|scheme| source.starts_with(scheme))
}

fn installs(part: &[&str]) -> bool {
    part.iter().any(|word| INSTALLERS.contains(&base_name(word)))
        && part.iter().any(|word| INSTALLS.contains(word))
}

fn skips_checks(rest: &str, parts: &[Vec<&str>], runs: bool) -> bool {
    let loader = |part: &[&str]| part.iter().any(|word| base_name(word) == "curl");
    // `-k` may stand among other letters: `-fsSkL`.
    let insecure = |word: &str| {
        word.strip_prefix('-').is_some_and(|letters| {
            letters.contains('k') && letters.chars().all(|letter| letter.is_ascii_alphabetic())
        })
    };
    parts.iter().any(|part| {
        part.iter().any(|word| UNCHECKED.contains(&word.split('=').next().unwrap_or(word)))
            || (loader(part) && part.iter().any(|word| insecure(word)))
    }) || ((runs || rest.contains("NODE_") || rest.contains("PYTHON") || rest.contains("GIT_"))
        && UNCHECKED_SETTINGS.iter().any(|setting| rest.contains(setting)))
}

/// `chmod 777 x`, `chmod -R a+rwX x`.
fn opens(part: &[&str]) -> bool {
    let Some(index) = part.iter().position(|word| base_name(word) == "chmod") else { return false };
    let mode = part.iter().skip(index + 1).find(|word| !word.starts_with('-'));
    mode.is_some_and(|mode| is_open_mode(mode))
}

/// Whether the mode lets everybody write. Directories like /tmp with the sticky bit do not count.
fn is_open_mode(mode: &str) -> bool {
    let mode = mode.trim_matches(['"', '\'']);
    if let Ok(bits) = u32::from_str_radix(mode, 8) {
        return bits & 0o002 != 0 && bits & 0o1000 == 0;
    }
    mode.split(',').any(|clause| {
        let Some((who, rights)) = clause.split_once(['+', '=']) else { return false };
        (who.contains('o') || who.contains('a')) && rights.contains('w') && !rights.contains('t')
    })
}

/// Whether a file of that name holds keys or passwords.
pub(super) fn is_secret_file(name: &str) -> bool {
    if SAMPLES.iter().any(|ending| name.ends_with(ending)) {
        return false;
    }
    SECRET_FILES.contains(&name)
        || name.starts_with(".env.")
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Names of arguments that hold secrets, with or without a default.
fn secret_arguments(rest: &str) -> Vec<String> {
    rest.split_whitespace()
        .map(|word| word.split_once('=').unwrap_or((word, "given at build")))
        .filter(|(name, value)| !secrets::secret_kind(name, value).is_empty())
        .map(|(name, _)| crate::docker::json::clip(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(keyword: &'static str, rest: &str) -> Judged {
        judged(&Instruction { keyword, rest: rest.to_owned(), line: 3 }, 1, "/Dockerfile")
    }

    #[test]
    fn mistakes_are_seen_and_their_look_alikes_are_not() {
        assert!(one("ADD", "https://a.example/x /x").adds_from_network);
        assert!(!one("ADD", "--checksum=sha256:00 https://a.example/x /x").adds_from_network);
        assert!(!one("COPY", "x https://").adds_from_network);
        assert!(one("RUN", "curl -fsSkL https://a | tar x").skips_certificate_checks);
        assert!(one("RUN", "wget --no-check-certificate https://a").skips_certificate_checks);
        assert!(one("ENV", "NODE_TLS_REJECT_UNAUTHORIZED=0").skips_certificate_checks);
        assert!(!one("RUN", "curl -fsSL https://a --kind x").skips_certificate_checks);
        assert!(one("RUN", "a && sudo b").uses_sudo);
        assert!(one("RUN", "apt-get install -y sudo").uses_sudo);
        assert!(one("RUN", "--mount=type=cache,target=/x sudo b").uses_sudo);
        assert!(!one("RUN", "echo sudoku").uses_sudo);
        assert!(one("RUN", "[\"chmod\", \"777\", \"/x\"]").opens_files_to_all);
        for open in ["chmod 777 /x", "chmod -R a+rwX /x", "/bin/chmod 0666 x", "chmod o=rw x"] {
            assert!(one("RUN", open).opens_files_to_all, "{open}");
        }
        for shut in ["chmod 755 /x", "chmod 1777 /tmp", "chmod +x a", "chmod g+w a", "echo 777"] {
            assert!(!one("RUN", shut).opens_files_to_all, "{shut}");
        }
        assert!(one("COPY", "--chmod=0777 a /a").opens_files_to_all);
        assert_eq!(one("RUN", "apk add --no-cache openssh=9.1").remote_shells, ["openssh"]);
        assert!(one("RUN", "apt-get install openssh-client").remote_shells.is_empty());
        assert_eq!(
            one("COPY", "[\"conf/.env\", \"tls/server.key\", \"/app/\"]").secret_files,
            [".env", "server.key"]
        );
        assert!(one("COPY", ".env.example server.crt /app/").secret_files.is_empty());
        assert!(one("COPY", "--from=build /out/server.key /app/").secret_files.is_empty());
        assert_eq!(one("ARG", "API_TOKEN").secret_arguments, ["API_TOKEN"]);
        assert!(one("ARG", "VERSION=1.2").secret_arguments.is_empty());
        assert_eq!(one("RUN", "x").source, "/Dockerfile:3");
    }
}
