//! From an audit to a plan, and from a plan to a host that falls short no more.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use harden::{
    ApplyError, Disk, Entry, Executor, Journal, Mended, Operator, Plan, Request, Site, Status, Watchdog,
};
use host::Door;
use model::facts::Facts;
use model::report::Verdict;
use model::{FactsDocument, Report};
use policy::{Content, Inputs, LoadedProfile};

use super::{interrupt, page, session, tree};
use crate::args::{HardenPlan, ListFormat, PlanOutput, SeverityArg};
use crate::audit::check_names;
use crate::output::{Ending, say, talk, tell_problems};
use crate::{input, target};

/// How often a plan is made again without the findings whose fix did not help.
const ROUNDS: usize = 6;

/// What stands in the reason of a finding that cannot be decided because its host does not run.
const RUNNING: &str = "a running host";

/// The longest window: whoever did not confirm within a day will not.
const LONGEST_WINDOW: f64 = 24.0 * 60.0;

/// Plans; with `--apply` carries the plan out.
pub(super) fn run(args: &HardenPlan) -> Result<Ending> {
    if args.apply {
        take_back_leftovers(args.root.as_deref())?;
    }
    let (work, document) = Work::new(args)?;
    let report = work.decide(&document);
    let mut without: BTreeMap<String, String> =
        args.without.iter().map(|id| (id.clone(), "left out by --without".to_owned())).collect();
    let plan = work.plan(&document, &report, &mut without, &Tried::new())?;
    let shown = match (args.output, args.format) {
        (Some(PlanOutput::Playbook), _) => say(&harden::playbook(&plan, &report.target.name)),
        (None, ListFormat::Json) => say(&serde_json::to_string_pretty(&plan.view())?),
        (None, ListFormat::Terminal) => say(&page::plan(&plan, args.apply)),
    };
    if !args.apply {
        return shown.map(|()| Ending::Clean);
    }
    if let Err(error) = shown {
        bail!("the plan cannot be shown, so nothing was changed: {error}");
    }
    if !args.all && args.rule.is_empty() && args.guide.is_empty() && args.severity.is_none() {
        bail!("say what to mend: --all, --rule, --guide or --severity");
    }
    session::must_be_root(&work.door, args.root.as_deref())?;
    work.apply(&document, &report, plan, without)
}

/// Takes back what earlier runs left in the middle: a plan made before that would count it as mended.
fn take_back_leftovers(root: Option<&Path>) -> Result<()> {
    let door = target::door(root)?;
    // Whoever may not write is told so once the plan is shown.
    if root.is_some() || door.is_root() {
        session::recover_first(&door, root, &session::operator(&target::door(None)?))?;
    }
    Ok(())
}

/// Findings whose fix did not help, with the reason.
type Tried = BTreeMap<(String, String), String>;

/// What one run works with.
struct Work<'a> {
    args: &'a HardenPlan,
    door: Door,
    disk: Disk,
    content: Content,
    profile: LoadedProfile,
    operator: Operator,
}

impl<'a> Work<'a> {
    /// Reads the target and all that is needed to judge it.
    fn new(args: &'a HardenPlan) -> Result<(Self, FactsDocument)> {
        let root = args.root.as_deref();
        let (loaded, document) = input::content_while(&args.content, || target::collect_all(root));
        let ((content, problems), document) = (loaded?, document?);
        tell_problems(&problems);
        if !problems.is_empty() {
            bail!("nothing is changed while rules are broken");
        }
        check_names(&args.rule, &args.guide, &content)?;
        for id in args.opt_in.iter().chain(&args.without) {
            if harden::fixes::find(id).is_none() {
                bail!("there is no fix `{id}`; `palisade fixes` lists them");
            }
        }
        if !(0.0..=LONGEST_WINDOW).contains(&args.window) || args.window == 0.0 {
            bail!("--window is a number of minutes above 0 and up to {LONGEST_WINDOW}");
        }
        let profile = input::profile(args.profile.as_deref(), &content)?;
        let door = target::door(args.root.as_deref())?;
        let disk = Disk::below(tree(args.root.as_deref()))?;
        let operator = session::operator(&target::door(None)?);
        Ok((Self { args, door, disk, content, profile, operator }, document))
    }

    /// What the rules say of the target.
    fn decide(&self, document: &FactsDocument) -> Report {
        policy::decide(&Inputs {
            content: &self.content,
            document,
            profile: &self.profile.profile,
            profile_path: &self.profile.path,
            now: target::now(),
            version: env!("CARGO_PKG_VERSION"),
            rules: &self.args.rule,
            guides: &self.args.guide,
            severity: self.args.severity.unwrap_or(SeverityArg::Low).into(),
        })
    }

    /// The plan for what fails, without what would lock the operator out.
    fn plan(
        &self,
        document: &FactsDocument,
        report: &Report,
        without: &mut BTreeMap<String, String>,
        tried: &Tried,
    ) -> Result<Plan> {
        let facts: Facts = serde_json::from_value(serde_json::to_value(&document.facts)?)
            .context("the facts do not have the shape of facts; this is a bug")?;
        let site = Site {
            declared: self.profile.profile.declare.clone(),
            // Whoever hardens a tree is not logged in to it.
            operator: if self.door.is_live() { self.operator.clone() } else { Operator::default() },
            now: document.collected_at,
        };
        loop {
            let failing = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
            let findings = failing
                .filter_map(|f| f.fix.as_ref().map(|fix| (fix, f.rule.clone(), f.subject.clone())))
                .collect();
            let plan = harden::plan(&Request {
                facts: &facts,
                sources: &document.sources,
                site: &site,
                findings,
                opt_in: &self.args.opt_in,
                without,
                tried,
                door: &self.door,
                disk: &self.disk,
            });
            let refused =
                if self.door.is_live() { harden::guard(&facts, &plan, &self.operator) } else { Vec::new() };
            if refused.is_empty() {
                return Ok(plan);
            }
            without.extend(refused);
        }
    }

    fn apply(
        &self,
        document: &FactsDocument,
        report: &Report,
        mut plan: Plan,
        mut without: BTreeMap<String, String>,
    ) -> Result<Ending> {
        let root = self.args.root.as_deref();
        let mut tell = page::teller();
        if plan.is_empty() {
            return Ok(Ending::Clean);
        }
        if let Some((id, _)) = Journal::list(tree(root))?.into_iter().rev().find(|(_, status)| status.is_open())
        {
            return Err(ApplyError::Waiting(id).into());
        }
        // Nobody holds the lock while a person thinks: what waits to be confirmed must be able to revert.
        let agreed = session::agrees(&format!("Make {}?", page::size(&plan)), self.args.yes);
        let answer = match &agreed {
            Ok(true) => "agreed",
            _ => "declined",
        };
        let mut executor = Executor::new(&self.door, tree(root), session::who(&self.operator), &mut tell)?;
        executor.journal().record(self.entry(&plan, answer))?;
        if !agreed? {
            bail!("nothing was changed");
        }
        executor.stop_when(interrupt::watch()?);
        let mut tried = Tried::new();
        for _ in 0..ROUNDS {
            let failing = match self.round(&mut executor, &plan) {
                Ok((outcome, unseen)) => return self.done(&plan, &outcome, unseen),
                Err(ApplyError::StillFails { findings, .. }) => findings,
                // Whatever else is planned does not wait for a fix that cannot be made here.
                Err(ApplyError::Failed { what, fixes, .. }) if !fixes.is_empty() => {
                    talk(&format!("{}: {what}: put back", fixes.join(", ")));
                    let reason = format!("it was tried, and everything of it was put back: {what}");
                    without.extend(fixes.into_iter().map(|fix| (fix, reason.clone())));
                    Vec::new()
                }
                Err(error) => return Err(error.into()),
            };
            for one in failing {
                talk(&format!("{} ({}) still fails after its fix: put back", one.rule, one.subject));
                let reason = "its fix was tried, and it still failed; everything of it was put back".to_owned();
                tried.insert((one.rule, one.subject), reason);
            }
            // All is as it was, so what was read at first still holds.
            plan = self.plan(document, report, &mut without, &tried)?;
            if plan.is_empty() {
                bail!("no change of the plan could be made and helped; everything is as it was");
            }
        }
        bail!("after {ROUNDS} tries some findings still fail; everything is as it was")
    }

    /// Applies a plan once. Gives also how many findings only a running host shows to be mended.
    fn round(&self, executor: &mut Executor<'_>, plan: &Plan) -> Result<(harden::Outcome, usize), ApplyError> {
        let mut unseen = 0;
        let window = Duration::from_secs_f64(self.args.window * 60.0);
        let reverts = self.door.is_live() && plan.can_cut_off();
        let until = reverts.then(|| target::now() + window);
        let result = executor.apply(
            plan,
            target::now(),
            until,
            &mut |id| {
                if !reverts {
                    return Ok(());
                }
                let program = std::env::current_exe().map_err(|error| error.to_string())?;
                session::warn_of_strangers(&self.door, &program);
                let armed = Watchdog::new(&self.disk).arm(&program.display().to_string());
                if !armed.map_err(|error| error.to_string())? {
                    talk("warning: nothing here runs jobs at boot; after a restart run `palisade harden recover`");
                }
                session::start_watch(&self.door, id, window).map_err(|error| error.to_string())
            },
            &mut || {
                let document = target::collect_all(self.args.root.as_deref()).map_err(|error| error.to_string())?;
                let (failing, hidden) = judge(plan, &self.decide(&document), self.door.is_live());
                unseen = hidden;
                Ok(failing)
            },
        );
        if result.is_err() && reverts {
            // The watching process finds nothing to do any more; its boot job goes with it, unless another needs it.
            if let Err(error) = executor.stand_down() {
                talk(&format!("warning: {error}"));
            }
        }
        result.map(|outcome| (outcome, unseen))
    }

    fn done(&self, plan: &Plan, outcome: &harden::Outcome, unseen: usize) -> Result<Ending> {
        let text = page::done(plan, outcome, unseen, self.args.root.as_deref());
        match (self.args.output, self.args.format) {
            (None, ListFormat::Terminal) => say(&text)?,
            // A program reads the plan alone.
            _ => talk(text.trim()),
        }
        if let Status::Awaiting { .. } = outcome.status {
            talk(&page::must_confirm(self.args.window));
        }
        Ok(Ending::Clean)
    }

    fn entry(&self, plan: &Plan, answer: &str) -> Entry {
        Entry {
            at: target::now(),
            who: session::who(&self.operator),
            act: "plan".to_owned(),
            change_set: String::new(),
            result: answer.to_owned(),
            fixes: plan.fixes.iter().map(|fix| fix.id.clone()).collect(),
            files: Vec::new(),
            live: plan.live.iter().map(|live| live.what.clone()).collect(),
            previous: String::new(),
        }
    }
}

/// What the plan meant to mend and what does not pass now, and how much else cannot be decided because the host does not
/// run. What waits for a boot is not judged before it.
fn judge(plan: &Plan, report: &Report, live: bool) -> (Vec<Mended>, usize) {
    let judged = plan.fixes.iter().filter(|fix| fix.disruption < harden::Disruption::Reboot);
    let (mut failing, mut unseen) = (Vec::new(), 0);
    for one in judged.flat_map(|fix| &fix.mends) {
        let findings =
            report.findings.iter().filter(|found| found.rule == one.rule && found.subject == one.subject);
        let open: Vec<bool> = findings
            .filter(|found| matches!(found.verdict, Verdict::Fail | Verdict::Unknown))
            // The files are mended; the rest no tree can tell.
            .map(|found| !live && found.verdict == Verdict::Unknown && found.reason.contains(RUNNING))
            .collect();
        if open.contains(&false) {
            failing.push(one.clone());
        } else if !open.is_empty() {
            unseen += 1;
        }
    }
    (failing, unseen)
}
