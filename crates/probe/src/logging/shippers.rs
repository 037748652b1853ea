//! Programs that carry log messages away: collectors of every make, and what their configuration says of the receiver.

use host::Door;
use model::Fact;
use model::facts::logging::Forwarder;

use crate::daemons::Running;
use crate::text::meaningful_lines;

/// A collector: its name, its processes, its configuration files.
struct Shipper {
    name: &'static str,
    processes: &'static [&'static str],
    configs: &'static [&'static str],
}

const SHIPPERS: &[Shipper] = &[
    Shipper {
        name: "systemd-journal-upload",
        processes: &["systemd-journal-upload"],
        configs: &["/etc/systemd/journal-upload.conf"],
    },
    Shipper {
        name: "fluent-bit",
        processes: &["fluent-bit"],
        configs: &[
            "/etc/fluent-bit/fluent-bit.conf",
            "/etc/fluent-bit/fluent-bit.yaml",
            "/etc/td-agent-bit/td-agent-bit.conf",
        ],
    },
    Shipper {
        name: "fluentd",
        processes: &["fluentd", "td-agent"],
        configs: &["/etc/fluent/fluentd.conf", "/etc/td-agent/td-agent.conf"],
    },
    Shipper { name: "filebeat", processes: &["filebeat"], configs: &["/etc/filebeat/filebeat.yml"] },
    Shipper { name: "auditbeat", processes: &["auditbeat"], configs: &["/etc/auditbeat/auditbeat.yml"] },
    Shipper {
        name: "journalbeat",
        processes: &["journalbeat"],
        configs: &["/etc/journalbeat/journalbeat.yml"],
    },
    Shipper {
        name: "promtail",
        processes: &["promtail"],
        configs: &["/etc/promtail/config.yml", "/etc/promtail/promtail.yaml", "/etc/loki/promtail.yaml"],
    },
    Shipper { name: "alloy", processes: &["alloy"], configs: &["/etc/alloy/config.alloy"] },
    Shipper {
        name: "vector",
        processes: &["vector"],
        configs: &["/etc/vector/vector.yaml", "/etc/vector/vector.toml"],
    },
    Shipper {
        name: "otelcol",
        processes: &["otelcol", "otelcol-contrib"],
        configs: &["/etc/otelcol/config.yaml", "/etc/otelcol-contrib/config.yaml"],
    },
    Shipper { name: "nxlog", processes: &["nxlog"], configs: &["/etc/nxlog/nxlog.conf"] },
    Shipper {
        name: "splunk",
        processes: &["splunkd"],
        configs: &["/opt/splunkforwarder/etc/system/local/outputs.conf"],
    },
    Shipper { name: "wazuh-agent", processes: &["wazuh-agentd"], configs: &["/var/ossec/etc/ossec.conf"] },
];

/// Words before a receiver's address, in the languages of these programs.
const TARGET_WORDS: &[&str] =
    &["url", "host", "hosts", "endpoint", "endpoints", "address", "server", "uri", "target", "<address>"];

/// Collectors that are configured on this host.
pub(crate) fn read(door: &Door, running: &Running) -> Vec<Forwarder> {
    let mut found = Vec::new();
    for shipper in SHIPPERS {
        let configs = shipper.configs.iter().filter(|path| door.exists(path));
        for config in configs {
            let (target, tls) = match door.read_text(config) {
                Ok(text) => receiver(&text),
                Err(error) => {
                    let reason = crate::fact::reason(&error, door);
                    (Fact::unreadable(reason.clone()), Fact::unreadable(reason))
                }
            };
            // The journal's uploader comes with a file in which everything is commented out.
            if shipper.name == "systemd-journal-upload" && target.is_absent() {
                continue;
            }
            found.push(Forwarder {
                name: shipper.name.to_owned(),
                local: target.clone().map(|target| is_local(&target)),
                target,
                tls,
                verified: Fact::unreadable("the configuration of this collector is not read so far"),
                running: running.any(shipper.processes),
                source: (*config).to_owned(),
            });
        }
    }
    found
}

/// The last address that looks like a receiver's, without credentials, and whether the way is encrypted.
pub fn receiver(text: &str) -> (Fact<String>, Fact<bool>) {
    let mut target = None;
    let mut tls = None;
    for line in meaningful_lines(text) {
        if line.text.starts_with(';') {
            continue;
        }
        let lower = line.text.to_ascii_lowercase();
        let words: Vec<&str> = lower
            .split(|c: char| {
                c.is_whitespace() || matches!(c, '=' | '"' | '\'' | '[' | ']' | ',' | '{' | '}' | '<' | '>')
            })
            .filter(|word| !word.is_empty())
            .collect();
        let url = words.iter().find(|word| word.contains("://"));
        if let Some(url) = url {
            let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
            let authority = rest.split('/').next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            target = Some(format!("{scheme}://{host}"));
            tls = Some(matches!(scheme, "https" | "tls" | "tcp+tls" | "grpcs" | "wss"));
        } else if let [key, value, ..] = words.as_slice()
            && TARGET_WORDS.contains(&key.trim_matches(['-', ':']))
        {
            target = Some((*value).to_owned());
        }
        if let [key, value, ..] = words.as_slice() {
            let key = key.trim_end_matches(':');
            if (key == "tls" || key.ends_with(".tls") || key == "ssl.enabled" || key == "tls.enabled")
                && matches!(*value, "on" | "true" | "yes" | "enabled")
            {
                tls = Some(true);
            }
        }
    }
    let tls = match (&target, tls) {
        (_, Some(tls)) => Fact::known(tls),
        (Some(_), None) => Fact::unreadable("the configuration does not say it in a way we read"),
        (None, None) => Fact::Absent,
    };
    (Fact::from_option(target), tls)
}

/// Whether an address names this host.
pub(crate) fn is_local(target: &str) -> bool {
    let host = target.split("://").last().unwrap_or(target);
    let host = host.trim_start_matches('[');
    host.starts_with("127.")
        || host.starts_with("localhost")
        || host.starts_with("::1")
        || host.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_found_in_many_languages() {
        for (text, target, tls) in [
            ("[Upload]\nURL=https://logs.example:19532\n", "https://logs.example:19532", Some(true)),
            ("[OUTPUT]\n  Name forward\n  Host 10.0.0.9\n  tls on\n", "10.0.0.9", Some(true)),
            ("output.elasticsearch:\n  hosts: [\"https://u:p@es:9200\"]\n", "https://es:9200", Some(true)),
            ("clients:\n  - url: http://loki:3100/loki/api/v1/push\n", "http://loki:3100", Some(false)),
        ] {
            let (found, encrypted) = receiver(text);
            assert_eq!(found.value().map(String::as_str), Some(target), "{text}");
            assert_eq!(encrypted.value().copied(), tls, "{text}");
        }
        assert!(receiver("# URL=x\n").0.is_absent());
    }

    #[test]
    fn this_host_is_no_receiver_elsewhere() {
        assert!(is_local("http://127.0.0.1:9200") && is_local("localhost") && is_local("[::1]:514"));
        assert!(!is_local("logs.example:514"));
    }
}
