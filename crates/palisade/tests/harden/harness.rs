//! From facts to plan to a changed tree and back, as the program does it, on a made-up machine.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use harden::{Disk, Executor, Mended, Moment, Operator, Plan, Request, Site, Status, Who};
use host::Door;
use model::facts::Facts;
use model::report::{Report, Target, TargetKind, Verdict};
use model::{FactsDocument, Timestamp};
use policy::{Content, Inputs, LoadedProfile};
use tempfile::TempDir;
use test_support::Machine;

use crate::{cases, snapshot};

/// A machine on which a fix has something to mend.
pub(crate) struct Case {
    /// What failures call it.
    pub(crate) name: &'static str,
    /// The fix.
    pub(crate) fix: &'static str,
    /// The rules that fail before and pass after.
    pub(crate) rules: &'static [&'static str],
    /// The machine. Each call makes another with the same files. Live changes need canned answers of their programs,
    /// for doing and undoing.
    pub(crate) machine: fn() -> Machine,
    /// The site's profile, YAML.
    pub(crate) profile: &'static str,
    /// Whether the machine's canned answers say the same after the change, so that only its files can be judged: rules
    /// are then not decided again.
    pub(crate) answers_stay: bool,
}

pub(crate) fn content() -> &'static Content {
    static CONTENT: OnceLock<Content> = OnceLock::new();
    CONTENT.get_or_init(|| Content::load(&policy::embedded()).0)
}

/// Whether a rule names a fix.
pub(crate) fn mends(rule: &model::content::Rule, fix: &str) -> bool {
    rule.fix.as_ref().and_then(|fix| fix.as_object()).is_some_and(|named| named.contains_key(fix))
}

/// The clock of a test.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A machine with its door.
pub(crate) struct Host {
    pub(crate) door: Door,
    pub(crate) root: TempDir,
}

impl Host {
    pub(crate) fn of(case: &Case) -> Self {
        let (door, root) = (case.machine)().door();
        Self { door, root }
    }

    /// The same files, with owners, modes and times, in memory where there is room for it: syncing is what takes long.
    pub(crate) fn copy(&self, case: &Case) -> Self {
        let place = Path::new("/dev/shm");
        let root = if place.is_dir() { tempfile::tempdir_in(place) } else { tempfile::tempdir() }.unwrap();
        copy(self.root.path(), root.path());
        Self { door: (case.machine)().door_at(root.path()), root }
    }

    fn profile(case: &Case) -> LoadedProfile {
        policy::load_profile("profile.yaml", case.profile, content()).unwrap_or_else(|problems| {
            panic!("{}: {problems:?}", case.name);
        })
    }

    /// Reads and decides the rules that name the case's fix.
    pub(crate) fn look(&self, case: &Case) -> (FactsDocument, Report) {
        let target = Target { kind: TargetKind::Host, name: "plant-7".to_owned(), id: String::new() };
        let request = probe::Request {
            door: &self.door,
            target,
            now: now(),
            sections: &[],
            probes: probe::PROBES,
            subject: probe::Subject::Host,
        };
        let document = probe::collect(&request, &mut |_| {});
        let profile = Self::profile(case);
        let rules: Vec<String> = content()
            .rules
            .iter()
            .filter(|rule| mends(&rule.rule, case.fix))
            .map(|rule| rule.rule.id.clone())
            .collect();
        let report = policy::decide(&Inputs {
            content: content(),
            document: &document,
            profile: &profile.profile,
            profile_path: "",
            now: now(),
            version: "0",
            rules: &rules,
            guides: &[],
            severity: model::Severity::Low,
        });
        (document, report)
    }

    /// The plan for what fails.
    pub(crate) fn plan(&self, case: &Case) -> Plan {
        let (document, report) = self.look(case);
        let facts: Facts = serde_json::from_value(serde_json::to_value(&document.facts).unwrap()).unwrap();
        let declared = Self::profile(case).profile.declare;
        let operator = Operator { name: "tester".to_owned(), ssh_from: None };
        let failing = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
        harden::plan(&Request {
            facts: &facts,
            sources: &document.sources,
            site: &Site { declared, operator, now: document.collected_at },
            findings: failing
                .filter_map(|f| f.fix.as_ref().map(|fix| (fix, f.rule.clone(), f.subject.clone())))
                .collect(),
            opt_in: &[case.fix.to_owned()],
            without: &BTreeMap::new(),
            tried: &BTreeMap::new(),
            door: &self.door,
            disk: &Disk::below(self.root.path()).unwrap(),
        })
    }

    /// The case's rules with their verdicts, worst first when a rule has several findings.
    fn verdicts(&self, case: &Case) -> BTreeMap<String, Vec<(String, Verdict, String)>> {
        let (_, report) = self.look(case);
        let mut verdicts: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for f in report.findings {
            verdicts.entry(f.rule).or_default().push((f.subject, f.verdict, f.reason));
        }
        verdicts
    }

    pub(crate) fn apply(
        &self,
        plan: &Plan,
        tell: &mut dyn FnMut(&Moment),
    ) -> Result<String, harden::ApplyError> {
        let mut executor = Executor::new(&self.door, self.root.path(), Who::default(), tell)?;
        let mut recheck = || Ok(Vec::<Mended>::new());
        let outcome = executor.apply(plan, now(), None, &mut |_| Ok(()), &mut recheck)?;
        assert_eq!(outcome.status, Status::Kept);
        Ok(outcome.change_set)
    }

    pub(crate) fn undo(&self, tell: &mut dyn FnMut(&Moment)) -> Result<String, harden::ApplyError> {
        Executor::new(&self.door, self.root.path(), Who::default(), tell)?.undo(
            None,
            "undo",
            "test",
            &[],
            now(),
        )
    }
}

/// Copies what stands in a folder, with owners, modes and times.
pub(crate) fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Does something for each case, several at once, and says of all which went wrong.
pub(crate) fn for_each_case(work: impl Fn(&Case) + Sync) {
    let (cases, next, wrong) = (cases::all(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(case))) {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                        wrong.lock().unwrap().push(format!("{}: {}", case.name, text.unwrap_or_default()));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A line for `docs/reliability.md`: how many of what.
pub(crate) fn count(number: usize, what: &str) {
    println!("reliability: {number} {what}");
}

/// Fails before, passes after, changes nothing the second time, and is as before when undone.
pub(crate) fn there_and_back(case: &Case) {
    let host = Host::of(case);
    let before = snapshot::take(host.root.path());
    let verdicts = host.verdicts(case);
    for rule in case.rules {
        let found = verdicts.get(*rule).unwrap_or_else(|| panic!("no rule {rule} names the fix"));
        assert!(found.iter().any(|(_, v, _)| *v == Verdict::Fail), "{rule} does not fail before: {found:?}");
    }
    let plan = host.plan(case);
    assert!(!plan.is_empty(), "the plan is empty: {:?}", plan.refused);
    for fix in &plan.fixes {
        assert_eq!(fix.id, case.fix);
        assert!(!fix.changes.is_empty());
    }
    host.apply(&plan, &mut |_| {}).unwrap();
    let after = snapshot::take(host.root.path());
    assert!(before != after || !plan.live.is_empty(), "nothing changed");
    if !case.answers_stay {
        let verdicts = host.verdicts(case);
        for rule in case.rules {
            let found = &verdicts[*rule];
            assert!(
                found.iter().all(|(_, v, _)| matches!(v, Verdict::Pass | Verdict::NotApplicable)),
                "{rule} after the fix: {found:?}\n{plan:#?}"
            );
        }
        let again = host.plan(case);
        assert!(again.is_empty(), "a second run changes something: {:#?}", again.fixes);
    }
    // The same plan again: every step is already so.
    host.undo(&mut |_| {}).unwrap();
    let undone = snapshot::take(host.root.path());
    assert!(undone == before, "not as before: {:?}", snapshot::difference(&before, &undone));
}
