//! Why a target did not let us in: what `ssh` says, with what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use super::Destination;

/// Why a target cannot be asked over SSH. Every message names the target and what to do.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The client cannot be started here.
    #[error("the OpenSSH client cannot be started: {message}; install it (package openssh-client)")]
    Client {
        /// What the operating system says.
        message: String,
    },
    /// The private key's file cannot be read.
    #[error("the private key {} cannot be read: {message}", .file.display())]
    Identity {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        message: String,
    },
    /// Nobody has said which key the host has.
    #[error(
        "the host key of {target} is not known here: `ssh-keyscan {scan}` shows the key; compare its fingerprint with the \
         one on the host's console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then add the line to \
         ~/.ssh/known_hosts"
    )]
    UnknownKey {
        /// The target.
        target: String,
        /// The arguments for `ssh-keyscan`.
        scan: String,
    },
    /// The host has another key than before.
    #[error(
        "the host key of {target} has changed{known}: another machine may answer in its place, or it was set up anew; ask \
         whoever runs it, and only then remove the old key with `ssh-keygen -R '{name}'` and add the new one"
    )]
    ChangedKey {
        /// The target.
        target: String,
        /// Where the old key stands, with a blank and a bracket around it.
        known: String,
        /// The host as `known_hosts` names it.
        name: String,
    },
    /// The host lets nobody in with what we have.
    #[error(
        "{target} refuses the login ({methods}): give a user name and a key that it accepts (`identity` in --credentials, \
         ssh-agent, or ~/.ssh/config); passwords are not used, and a key with a passphrase must be in ssh-agent"
    )]
    Login {
        /// The target.
        target: String,
        /// The ways to log in that it offers.
        methods: String,
    },
    /// The network does not lead there, or nothing answers as an SSH server.
    #[error(
        "{target} cannot be reached: {message}; check name, port and firewall, and that an SSH server listens"
    )]
    Unreachable {
        /// The target.
        target: String,
        /// What `ssh` says.
        message: String,
    },
    /// Connecting and logging in took too long.
    #[error(
        "{target} did not let us in within {} s: something listens but does not answer as an SSH server should; see \
         `ssh -v` to it",
        .limit.as_secs()
    )]
    TimedOut {
        /// The target.
        target: String,
        /// The limit.
        limit: Duration,
    },
    /// Files cannot be read.
    #[error(
        "{target} lets us in, but its files cannot be read over SFTP: {message}; enable `Subsystem sftp` in its sshd_config \
         or install its sftp-server, and let no start-up file of the login shell print anything"
    )]
    NoFiles {
        /// The target.
        target: String,
        /// Why.
        message: String,
    },
    /// Anything else that `ssh` says.
    #[error("no connection to {target}: {message}")]
    Other {
        /// The target.
        target: String,
        /// What `ssh` says.
        message: String,
    },
}

/// What the last words of `ssh` mean.
pub(super) fn why(to: &Destination, said: &str) -> OpenError {
    let target = to.to_string();
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = |wanted: &[&str]| {
        lines.iter().rev().find(|line| wanted.iter().any(|part| line.contains(part))).map(|line| short(line))
    };
    if last(&["REMOTE HOST IDENTIFICATION HAS CHANGED", "REVOKED HOST KEY"]).is_some() {
        let known = lines.iter().find_map(|line| line.strip_prefix("Offending ")?.split_once(" key in "));
        let known = known.map_or(String::new(), |(_, place)| format!(" (the old one is in {})", short(place)));
        return OpenError::ChangedKey { target, known, name: to.known_as() };
    }
    if last(&["Host key verification failed", "host key is known for"]).is_some() {
        let port = to.port().map_or(String::new(), |port| format!("-p {port} "));
        return OpenError::UnknownKey { target, scan: format!("{port}{}", to.host()) };
    }
    if let Some(line) =
        last(&["Permission denied (", "Too many authentication failures", "No more authentication"])
    {
        let methods = line.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        return OpenError::Login {
            target,
            methods: methods.map_or(line.clone(), |(methods, _)| methods.to_owned()),
        };
    }
    let network = [
        "Could not resolve",
        "Connection refused",
        "timed out",
        "No route to host",
        "Network is unreachable",
        "Connection closed",
        "Connection reset",
        "banner exchange",
        "kex_exchange_identification",
        "Bad remote protocol",
        "Protocol major versions differ",
        "Unable to negotiate",
        "Bad packet length",
        "Connection corrupted",
        "not responding",
    ];
    if let Some(line) = last(&network) {
        return OpenError::Unreachable { target, message: line };
    }
    if let Some(line) = last(&["ssh: not found", "ssh: Permission denied"]) {
        return OpenError::Client { message: line };
    }
    let message = lines.last().map_or_else(|| "ssh ended without a word".to_owned(), |line| short(line));
    OpenError::Other { target, message }
}

/// A line as a message can hold it.
pub(super) fn short(line: &str) -> String {
    line.trim().chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expected: &str) {
        let message = why(&"ann@plant:2222".parse().unwrap(), said).to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("ann@plant:2222"), "{message}");
    }

    #[test]
    fn what_ssh_says_becomes_what_to_do() {
        check(
            "@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in /root/.ssh/known_hosts:7\r\nHost key verification failed.\r\n",
            "known_hosts:7): another machine may answer in its place",
        );
        check(
            "No ED25519 host key is known for [plant]:2222 and you have requested strict checking.\r\nHost key verification failed.\r\n",
            "`ssh-keyscan -p 2222 plant`",
        );
        check(
            "ann@plant: Permission denied (publickey,password).\r\n",
            "refuses the login (publickey,password)",
        );
        check("ssh: Could not resolve hostname plant: Name or service not known\r\n", "check name, port");
        check("ssh: connect to host plant port 2222: Connection refused\r\n", "Connection refused; check");
        check("Connection timed out during banner exchange\r\n", "cannot be reached");
        check("", "ended without a word");
        check("/root/.ssh/config: line 1: Bad configuration option: x\r\n", "Bad configuration option");
    }
}
