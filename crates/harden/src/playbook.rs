//! A plan as an Ansible playbook, for those who must change hosts their own way.
//!
//! Only modules of `ansible.builtin` are used. Whatever a host has a say in, also what its files are called, is marked
//! `!unsafe`: Ansible would otherwise fill in, and run, what stands between braces there.

use crate::change::Act;
use crate::compile::is_secret;
use crate::disk::{Perms, State};
use crate::keeper::Settle;
use crate::plan::{Plan, Step};

/// A link that a user put there since the plan was made must not get another owner for what it leads to.
const NO_LINK: &str = "        follow: false\n";

/// The playbook that makes the changes of `plan`, which was made for `host`.
pub fn playbook(plan: &Plan, host: &str) -> String {
    let mut out = String::new();
    let fixes: Vec<&str> = plan.fixes.iter().map(|fix| fix.id.as_str()).collect();
    line(&mut out, &format!("# Written by `palisade harden --output playbook` for {}.", comment(host)));
    line(&mut out, &format!("# Fixes: {}", fixes.join(", ")));
    if plan.can_cut_off() {
        out.push_str("# It can cut off whoever works over the network, and nothing here reverts by itself: keep a session open.\n");
    }
    line(&mut out, &format!("- name: {}", literal(&format!("Harden {host}"))));
    out.push_str("  hosts: all\n  become: true\n  gather_facts: false\n");
    // The service manager reads its units before any is started.
    let (first, last): (Vec<&Settle>, Vec<&Settle>) = plan.settle.iter().partition(|settle| settle.first);
    let handlers: Vec<&str> = last.iter().map(|settle| settle.what.as_str()).collect();
    out.push_str(if plan.is_empty() { "  tasks: []\n" } else { "  tasks:\n" });
    for step in plan.steps.iter().filter(|step| step.after != State::Absent) {
        file_task(&mut out, step, &handlers);
    }
    for step in plan.steps.iter().rev().filter(|step| step.after == State::Absent) {
        file_task(&mut out, step, &handlers);
    }
    for check in &plan.checks {
        act_task(&mut out, &format!("See that {check} accepts it"), check, false);
    }
    for act in first.iter().flat_map(|settle| &settle.acts) {
        act_task(&mut out, &act.to_string(), act, false);
    }
    for live in &plan.live {
        for act in &live.apply {
            act_task(&mut out, &live.what, act, true);
        }
    }
    if !last.is_empty() {
        out.push_str("  handlers:\n");
        for settle in last {
            for act in &settle.acts {
                act_task(&mut out, &act.to_string(), act, true);
                line(&mut out, &format!("      listen: {}", quoted(&settle.what)));
            }
        }
    }
    out
}

fn file_task(out: &mut String, step: &Step, handlers: &[&str]) {
    let path = literal(&step.path);
    if is_secret(&step.path) && step.after.has_content() {
        line(
            out,
            &format!("    # {} changes too; its text is not written into a playbook.", comment(&step.path)),
        );
        line(out, &format!("    - name: {}", literal(&format!("Say what is left to do for {}", step.path))));
        line(
            out,
            &format!(
                "      ansible.builtin.debug:\n        msg: {}",
                literal(&format!("mend {} by hand", step.path))
            ),
        );
        return;
    }
    line(out, &format!("    - name: {}", literal(&format!("{} ({})", step.path, step.fixes.join(", ")))));
    match &step.after {
        State::Absent => {
            line(out, &format!("      ansible.builtin.file:\n        path: {path}\n        state: absent"));
        }
        State::Link { target } => {
            let target = literal(target);
            line(
                out,
                &format!(
                    "      ansible.builtin.file:\n        path: {path}\n        src: {target}\n        state: link\n        force: true"
                ),
            );
        }
        State::Directory { perms } => {
            line(out, &format!("      ansible.builtin.file:\n        path: {path}\n        state: directory"));
            out.push_str(NO_LINK);
            permissions(out, *perms);
        }
        State::File { content: Some(content), perms, .. } => {
            line(out, &format!("      ansible.builtin.copy:\n        dest: {path}"));
            let text = String::from_utf8_lossy(&content.0);
            if is_plain(&text) {
                out.push_str("        content: !unsafe |\n");
                for text in text.lines() {
                    line(out, &if text.is_empty() { String::new() } else { format!("          {text}") });
                }
            } else {
                line(out, &format!("        content: {}", literal(&text)));
            }
            permissions(out, *perms);
        }
        State::File { content: None, perms, .. } | State::Other { perms } => {
            line(out, &format!("      ansible.builtin.file:\n        path: {path}"));
            out.push_str(NO_LINK);
            permissions(out, *perms);
        }
    }
    if !handlers.is_empty() {
        out.push_str("      notify:\n");
        for handler in handlers {
            line(out, &format!("        - {}", quoted(handler)));
        }
    }
}

fn permissions(out: &mut String, perms: Perms) {
    line(
        out,
        &format!(
            "        owner: {}\n        group: {}\n        mode: \"{:04o}\"",
            quoted(&perms.uid.to_string()),
            quoted(&perms.gid.to_string()),
            perms.mode
        ),
    );
}

fn act_task(out: &mut String, name: &str, act: &Act, changes: bool) {
    let argv: Vec<String> = match act {
        Act::Run { program, args, .. }
        | Act::Ensure { program, args, .. }
        | Act::Prints { program, args, .. } => std::iter::once(program).chain(args).cloned().collect(),
        Act::Kernel { path, to, .. } => {
            let key = path.trim_start_matches("/proc/sys/").replace('/', ".");
            vec!["sysctl".to_owned(), "-w".to_owned(), format!("{key}={to}")]
        }
        Act::Signal { pid_file, signal, .. } => {
            ["pkill", "--signal", signal, "--pidfile", pid_file].map(ToOwned::to_owned).to_vec()
        }
        Act::Post { socket, path, body, .. } => {
            let url = format!("http://localhost{path}");
            let kind = "Content-Type: application/json";
            ["curl", "--fail", "--silent", "--unix-socket", socket, "--header", kind, "--data", body, &url]
                .map(ToOwned::to_owned)
                .to_vec()
        }
        Act::Healthy { container, .. } => {
            ["docker", "container", "inspect", container].map(ToOwned::to_owned).to_vec()
        }
        Act::Alive { pid_file, .. } => ["pgrep", "--pidfile", pid_file].map(ToOwned::to_owned).to_vec(),
    };
    line(out, &format!("    - name: {}\n      ansible.builtin.command:\n        argv:", literal(name)));
    for arg in &argv {
        line(out, &format!("          - {}", literal(arg)));
    }
    line(out, &format!("      changed_when: {changes}"));
    if let Act::Ensure { already, .. } = act {
        // That all is so already is as good as success.
        let others = already.iter().map(|text| format!(" and {} not in done.stderr", quoted(text)));
        let failed = format!("done.rc != 0{}", others.collect::<String>());
        line(out, &format!("      register: done\n      failed_when: {}", quoted(&failed)));
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Whether a YAML block says exactly this text.
fn is_plain(text: &str) -> bool {
    text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\t', '\n'])
        && text.chars().all(|c| c == '\n' || c == '\t' || (c.is_ascii() && !c.is_ascii_control()))
        && !text.lines().any(|line| !line.is_empty() && line.trim().is_empty())
}

/// A text into which Ansible fills nothing.
fn literal(text: &str) -> String {
    format!("!unsafe {}", quoted(text))
}

/// A text as JSON writes it, which YAML reads alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A text that stays in its line.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Live;
    use crate::plan::PLAN_SCHEMA;

    const BRACES: &str = "{{ lookup('pipe', 'id') }}";

    fn plan() -> Plan {
        let file = |mode| State::File {
            content: None,
            perms: Perms::root(mode),
            xattrs: std::collections::BTreeMap::new(),
            modified: None,
        };
        let step = Step {
            path: format!("/var/tmp/{BRACES}"),
            before: file(0o666),
            after: file(0o664),
            fixes: vec!["world-writable".to_owned()],
        };
        let live = Live {
            what: format!("start {BRACES}"),
            apply: vec![Act::run("systemctl", &["start", BRACES])],
            undo: Vec::new(),
        };
        let settle = |what: &str, first| Settle {
            name: what.to_owned(),
            what: what.to_owned(),
            first,
            acts: vec![Act::run("systemctl", &[what])],
        };
        Plan {
            schema: PLAN_SCHEMA.to_owned(),
            fixes: Vec::new(),
            refused: Vec::new(),
            steps: vec![step],
            checks: Vec::new(),
            live: vec![live],
            settle: vec![settle("daemon-reload", true), settle("reload", false)],
        }
    }

    #[test]
    fn what_a_host_calls_its_files_is_not_carried_out() {
        let text = playbook(&plan(), BRACES);
        let bare: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("{{") && !line.starts_with('#') && !line.contains("!unsafe \""))
            .collect();
        assert_eq!(bare, [""; 0], "{text}");
        assert_eq!(text.matches("{{").count(), 6, "{text}");
    }

    #[test]
    fn links_are_not_followed_and_units_are_read_before_one_is_started() {
        let text = playbook(&plan(), "plant-7");
        assert!(text.contains("\n        follow: false\n        owner: \"0\"\n"), "{text}");
        let at = |what: &str| text.find(what).unwrap();
        assert!(at("!unsafe \"daemon-reload\"") < at("!unsafe \"start\""), "{text}");
        assert!(at("!unsafe \"start\"") < at("  handlers:\n"), "{text}");
        assert!(at("  handlers:\n") < at("listen: \"reload\""), "{text}");
        assert!(!text.contains("- \"daemon-reload\""), "{text}");
    }

    #[test]
    fn only_what_a_block_says_exactly_is_a_block() {
        for (text, plain) in [
            ("a\n", true),
            ("a", false),
            ("a\n\n", false),
            (" a\n", false),
            ("a\n  \nb\n", false),
            ("ä\n", false),
        ] {
            assert_eq!(is_plain(text), plain, "{text:?}");
        }
    }
}
