//! Decides: every rule over the facts, every finding with the evidence it rests on.

use std::collections::BTreeSet;

use model::content::Rule;
use model::fact::Source;
use model::profile::Profile;
use model::report::{Evidence, Finding, ProfileSummary, REPORT_SCHEMA, Report, Summary, Tool, Verdict};
use model::{FactsDocument, Severity, Timestamp};
use serde_json::{Map, Value};

use crate::cel::{Missing, Outcome, Scope, Use};
use crate::content::Content;
use crate::paths::{Path, Resolved, Root, Step};
use crate::rules::{CompiledRule, EachPart};
use crate::{rollup, waive};

/// The most elements of one list that a rule judges; a longer list ends in an unknown finding that says so.
const ELEMENT_LIMIT: usize = 20_000;

/// Fewer rules than this are decided sooner than a second thread is there.
const WORTH_A_THREAD: usize = 50;

/// Everything a decision depends on.
pub struct Inputs<'a> {
    /// Rules and guides.
    pub content: &'a Content,
    /// What is known of the target.
    pub document: &'a FactsDocument,
    /// What the site says.
    pub profile: &'a Profile,
    /// The profile's file, for the report.
    pub profile_path: &'a str,
    /// The time at which ages are judged.
    pub now: Timestamp,
    /// The program's version.
    pub version: &'a str,
    /// Rules to decide; all when empty.
    pub rules: &'a [String],
    /// Guides to roll up; all when empty. Only rules that one of them asks for are decided.
    pub guides: &'a [String],
    /// The least severity to decide.
    pub severity: Severity,
}

/// Decides every wanted rule and rolls the findings up into the guides. The duration is left at 0.
pub fn decide(inputs: &Inputs<'_>) -> Report {
    let by_rule = inputs.content.requirements_by_rule();
    let guides: Vec<_> = inputs
        .content
        .guides
        .iter()
        .filter(|guide| {
            let wanted = if inputs.guides.is_empty() { &inputs.profile.guides } else { inputs.guides };
            wanted.is_empty() || wanted.contains(&guide.id)
        })
        .collect();
    let asked: BTreeSet<&str> = guides
        .iter()
        .flat_map(|guide| &guide.requirements)
        .flat_map(|requirement| requirement.rules.iter().map(String::as_str))
        .collect();
    let asked = |rule: &str| inputs.guides.is_empty() || asked.contains(rule);
    let kind = inputs.document.target.kind;
    let declared = declared(inputs.profile);
    let wanted: Vec<&CompiledRule> = inputs
        .content
        .rules
        .iter()
        .filter(|rule| {
            let id = &rule.rule.id;
            let named = inputs.rules.is_empty() || inputs.rules.contains(id);
            named && rule.concerns(kind) && rule.rule.severity >= inputs.severity && asked(id)
        })
        .collect();
    let decide_some = |rules: &[&CompiledRule]| {
        let mut outer = inputs.content.engine.scope(inputs.now);
        let mut findings = Vec::new();
        for rule in rules {
            // Many rules ask for the same lists: each is converted once.
            rule.bind_shared(&mut outer, inputs.document, &declared);
            let params = parameters(&rule.rule, inputs.profile);
            let judge = Judge {
                rule,
                document: inputs.document,
                content: Some(inputs.content),
                declared: &declared,
                params: &params,
                requirements: by_rule.get(rule.rule.id.as_str()).map(Vec::as_slice).unwrap_or_default(),
            };
            findings.extend(judge.findings(&outer));
        }
        findings
    };
    let mut findings = in_two(&wanted, &decide_some);
    let about_waivers = waive::apply(&mut findings, inputs);
    findings.extend(about_waivers);
    // They stand in the order of the content, those about the profile itself last; that stays within each severity.
    findings.sort_by_cached_key(|finding| (rank(finding.verdict), std::cmp::Reverse(finding.severity)));
    let profile = ProfileSummary {
        path: inputs.profile_path.to_owned(),
        role: inputs.profile.role,
        parameters: inputs
            .profile
            .params
            .iter()
            .flat_map(|(rule, params)| params.keys().map(move |name| format!("{rule}.{name}")))
            .collect(),
    };
    let by_id = rollup::ByRule::new(&findings);
    let guides = guides.into_iter().filter_map(|guide| rollup::guide(guide, &by_id, inputs)).collect();
    Report {
        schema: REPORT_SCHEMA.to_owned(),
        tool: Tool {
            name: "palisade".to_owned(),
            version: inputs.version.to_owned(),
            content: inputs.content.hash.clone(),
        },
        target: inputs.document.target.clone(),
        started_at: inputs.document.collected_at,
        duration_ms: 0,
        profile,
        probes: inputs.document.probes.clone(),
        summary: summary(&findings),
        guides,
        findings,
        changes: None,
    }
}

/// Decides one half of the rules while another thread decides the other; the findings stand in the rules' order.
fn in_two(
    rules: &[&CompiledRule],
    decide_some: &(impl Fn(&[&CompiledRule]) -> Vec<Finding> + Sync),
) -> Vec<Finding> {
    if rules.len() < WORTH_A_THREAD {
        return decide_some(rules);
    }
    let (first, second) = rules.split_at(rules.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| decide_some(second));
        let mut findings = decide_some(first);
        match other.join() {
            Ok(more) => findings.extend(more),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        findings
    })
}

/// Counts findings by verdict.
pub(crate) fn summary(findings: &[Finding]) -> Summary {
    let mut summary = Summary::default();
    for finding in findings {
        match finding.verdict {
            Verdict::Pass => summary.pass += 1,
            Verdict::Fail => summary.fail += 1,
            Verdict::Unknown => summary.unknown += 1,
            Verdict::NotApplicable => summary.not_applicable += 1,
            Verdict::Waived => summary.waived += 1,
        }
    }
    summary
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Waived => 2,
        Verdict::Pass => 3,
        Verdict::NotApplicable => 4,
    }
}

/// A rule's parameters: its defaults, changed by the profile.
pub(crate) fn parameters(rule: &Rule, profile: &Profile) -> Value {
    let changed = profile.params.get(&rule.id);
    let values = rule.params.iter().map(|(name, param)| {
        let value = changed.and_then(|changed| changed.get(name)).unwrap_or(&param.default);
        (name.clone(), value.clone())
    });
    Value::Object(values.collect())
}

pub(crate) fn declared(profile: &Profile) -> Value {
    Value::Object(profile.declare.clone().into_iter().collect::<Map<_, _>>())
}

/// One rule over one facts document.
pub(crate) struct Judge<'a> {
    pub(crate) rule: &'a CompiledRule,
    pub(crate) document: &'a FactsDocument,
    /// For the wording of missing declarations.
    pub(crate) content: Option<&'a Content>,
    pub(crate) declared: &'a Value,
    pub(crate) params: &'a Value,
    pub(crate) requirements: &'a [&'a str],
}

/// One element of the list a rule goes through.
struct Element<'a> {
    value: &'a Value,
    /// Where it stands in the list.
    step: Step,
    each: &'a EachPart,
}

impl Judge<'_> {
    /// All findings of the rule, in a scope in which its facts and declarations are bound.
    pub(crate) fn findings(&self, outer: &Scope<'_>) -> Vec<Finding> {
        let mut scope = outer.inner();
        for part in self.rule.parts() {
            scope.bind_absent(&part.expression, "facts", &self.document.facts);
            scope.bind_absent(&part.expression, "declared", self.declared);
            scope.bind(&part.expression, "params", self.params);
        }
        match &self.rule.each {
            None => vec![self.judge(&scope, self.applies(&scope), None)],
            Some(each) => self.judge_each(&scope, each),
        }
    }

    fn judge_each(&self, scope: &Scope<'_>, each: &EachPart) -> Vec<Finding> {
        let list = match each.path.resolve(&self.document.facts) {
            Resolved::Value(Value::Null) => {
                return vec![self.not_applicable(format!("`{}` is absent", each.path))];
            }
            Resolved::Value(list) => list,
            Resolved::BelowAbsent(steps) => {
                return vec![self.not_applicable(format!("`{}` is absent", each.path.prefix(steps)))];
            }
            Resolved::Missing => {
                let missing = Missing::Path(each.path.clone());
                return vec![self.unknown(None, self.explain(&missing, None))];
            }
        };
        let elements = elements(list, each);
        let unread = self.unread_elements(each);
        if elements.is_empty() && unread.is_empty() {
            return vec![self.not_applicable(format!("`{}` is empty", each.path))];
        }
        let count = elements.len();
        let mut findings = Vec::new();
        // A reason that concerns every element alike, such as a missing declaration, is told once.
        let mut told: Vec<String> = Vec::new();
        for element in elements.into_iter().take(ELEMENT_LIMIT) {
            let mut inner = scope.inner();
            for part in self.rule.parts() {
                inner.bind(&part.expression, &each.name, element.value);
            }
            let applies = self.applies(&inner);
            if applies == Outcome::Decided(false) {
                continue;
            }
            let finding = self.judge(&inner, applies, Some(&element));
            let common = finding.verdict == Verdict::Unknown && finding.reason.contains("`declared.");
            if common {
                if !told.contains(&finding.reason) {
                    told.push(finding.reason.clone());
                    findings.push(Finding { subject: self.document.target.name.clone(), ..finding });
                }
                continue;
            }
            findings.push(finding);
        }
        if count > ELEMENT_LIMIT {
            let reason =
                format!("`{}` has {count} elements; only the first {ELEMENT_LIMIT} were judged", each.path);
            findings.push(self.unknown(None, reason));
        }
        findings.extend(unread);
        if findings.is_empty() {
            let when = &self.rule.rule.when;
            findings.push(self.not_applicable(format!("`{when}` is false for all {count} of `{}`", each.path)));
        }
        findings
    }

    /// One unknown finding for each reason why an element of the list is missing from it.
    fn unread_elements(&self, each: &EachPart) -> Vec<Finding> {
        let list = each.path.below_root();
        let is_element = |path: &str| {
            let step = path.strip_prefix(list.as_str()).and_then(|rest| rest.strip_prefix('['));
            step.and_then(|step| step.strip_suffix(']'))
                .is_some_and(|step| step.bytes().all(|b| b.is_ascii_digit()))
        };
        let first = format!("{list}[");
        let below =
            self.document.unreadable.range(first.clone()..).take_while(|(path, _)| path.starts_with(&first));
        let reasons = below.filter(|(path, _)| is_element(path));
        reasons.take(ELEMENT_LIMIT).map(|(path, why)| self.unknown(None, format!("{path}: {why}"))).collect()
    }

    /// What `when` comes to.
    fn applies(&self, scope: &Scope<'_>) -> Outcome {
        self.rule.when.as_ref().map_or(Outcome::Decided(true), |when| scope.evaluate(&when.expression))
    }

    fn judge(&self, scope: &Scope<'_>, applies: Outcome, element: Option<&Element<'_>>) -> Finding {
        match applies {
            Outcome::Decided(true) => {}
            Outcome::Decided(false) => {
                let mut finding = self.not_applicable(format!("`{}` is false", self.rule.rule.when));
                let paths = self.rule.when.iter().flat_map(|when| &when.expression.paths);
                finding.evidence = self.evidence(paths, element);
                return finding;
            }
            other => return self.unknown(element, self.explain_outcome(&other, element)),
        }
        match scope.evaluate(&self.rule.expect.expression) {
            Outcome::Decided(true) => self.finding(Verdict::Pass, element, String::new()),
            Outcome::Decided(false) => {
                let mut finding = self.finding(Verdict::Fail, element, String::new());
                self.keep_offenders(&mut finding, scope, element);
                finding
            }
            other => self.unknown(element, self.explain_outcome(&other, element)),
        }
    }

    /// Leaves of each list in the evidence only the elements because of which the rule fails; the place of the first is the
    /// place of the list then.
    fn keep_offenders(&self, finding: &mut Finding, scope: &Scope<'_>, element: Option<&Element<'_>>) {
        for pick in self.rule.expect.expression.picks() {
            let list = match element {
                Some(element) if pick.range.root == element.each.name => element.full(&pick.range).below_root(),
                _ => pick.range.below_root(),
            };
            let Some(shown) = finding.evidence.iter_mut().find(|evidence| evidence.path == list) else {
                continue;
            };
            let Value::Array(elements) = &mut shown.value else { continue };
            if elements.iter().any(|element| scope.offends(&pick, element)) {
                elements.retain(|element| scope.offends(&pick, element));
                let place = elements.first().and_then(|first| first.get("source")?.as_str());
                let place = place.filter(|place| !place.is_empty());
                shown.source = place.map(Source::at).or(shown.source.take());
            }
        }
    }

    fn unknown(&self, element: Option<&Element<'_>>, reason: String) -> Finding {
        self.finding(Verdict::Unknown, element, reason)
    }

    fn not_applicable(&self, reason: String) -> Finding {
        self.finding(Verdict::NotApplicable, None, reason)
    }

    fn finding(&self, verdict: Verdict, element: Option<&Element<'_>>, reason: String) -> Finding {
        let rule = &self.rule.rule;
        let mends = matches!(verdict, Verdict::Fail | Verdict::Unknown);
        Finding {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            verdict,
            subject: element.map_or_else(|| self.document.target.name.clone(), Element::subject),
            expected: match rule.expected.as_str() {
                "" => rule.expect.clone(),
                expected => with_parameters(expected, self.params),
            },
            // What makes a rule not applicable is its condition's evidence, not what it would show.
            evidence: match verdict {
                Verdict::NotApplicable => Vec::new(),
                _ => self.evidence(self.rule.shows.iter().map(|(path, _)| path), element),
            },
            reason,
            why: if mends { rule.why.clone() } else { String::new() },
            waiver: None,
            requirements: self.requirements.iter().map(|id| (*id).to_owned()).collect(),
            remedy: if mends { rule.remedy.clone() } else { String::new() },
            fix: rule
                .fix
                .as_ref()
                .filter(|_| verdict == Verdict::Fail && self.document.target.kind.can_be_mended())
                .map(|fix| filled(fix, self.params)),
        }
    }

    /// The facts at `paths`, with their sources. What stands below something absent shows that as absent; paths
    /// that lead nowhere are left out.
    fn evidence<'p>(
        &self,
        paths: impl Iterator<Item = &'p Path>,
        element: Option<&Element<'_>>,
    ) -> Vec<Evidence> {
        let mut evidence: Vec<Evidence> = Vec::new();
        for path in paths {
            let (full, resolved) = match (path.root.as_str(), element) {
                ("facts", _) => (path.clone(), path.resolve(&self.document.facts)),
                ("declared", _) => (path.clone(), path.resolve(self.declared)),
                ("params", _) => (path.clone(), path.resolve(self.params)),
                (_, Some(element)) => (element.full(path), path.resolve(element.value)),
                (_, None) => continue,
            };
            let (full, value) = match resolved {
                Resolved::Value(value) => (full, value.clone()),
                Resolved::BelowAbsent(steps) => {
                    let below = path.steps.len() - steps;
                    (full.prefix(full.steps.len() - below), Value::Null)
                }
                Resolved::Missing => continue,
            };
            let known = full.root == "facts";
            let name = if known { full.below_root() } else { full.to_string() };
            if evidence.iter().any(|shown| shown.path == name) {
                continue;
            }
            let source = if known { self.source(&full) } else { None };
            evidence.push(Evidence { path: name, value, source });
        }
        evidence
    }

    /// The source of a fact: its own, else that of the nearest thing it stands in.
    fn source(&self, path: &Path) -> Option<Source> {
        let (text, ends) = path.spelled();
        let trail = path.trail(&self.document.facts);
        ends.iter().zip(trail).rev().find_map(|(end, value)| {
            let own = text.get(..*end).and_then(|prefix| self.document.sources.get(prefix)).cloned();
            own.or_else(|| value.get("source")?.as_str().map(Source::at))
        })
    }

    fn explain_outcome(&self, outcome: &Outcome, element: Option<&Element<'_>>) -> String {
        match outcome {
            Outcome::Missing(missing) => self.explain(missing, element),
            Outcome::Failed(message) => match self.absent_path(element) {
                Some(path) => format!("`{path}` is absent, and the rule needs a value"),
                None => message.clone(),
            },
            Outcome::Decided(_) => String::new(),
        }
    }

    /// Why a path leads nowhere, ending with the remedy where there is one.
    fn explain(&self, missing: &Missing, element: Option<&Element<'_>>) -> String {
        let path = match missing {
            Missing::Path(path) => path,
            Missing::Field(name) => return self.explain_field(name),
        };
        match path.root.as_str() {
            "declared" => {
                let name = path.below_root();
                let described = self.content.and_then(|content| content.declarations.get(&name));
                let about = described.map(|described| format!(": {}", described.about)).unwrap_or_default();
                let shape =
                    if described.is_some_and(|described| described.is_text) { "\"...\"" } else { "[...]" };
                format!(
                    "the profile does not say `declared.{name}`{about} Add `{name}: {shape}` under `declare:` in it."
                )
            }
            "params" => format!("the rule has no parameter `{}`", path.below_root()),
            root => {
                let full = match element {
                    Some(element) if root != "facts" => element.full(path),
                    _ => path.clone(),
                };
                self.explain_fact(&full)
            }
        }
    }

    fn explain_fact(&self, path: &Path) -> String {
        if let Resolved::BelowAbsent(steps) = path.resolve(&self.document.facts) {
            return format!("`{}` is absent, so `{path}` cannot be read", path.prefix(steps));
        }
        match self.document.reason_for(&path.below_root()) {
            Some((at, reason)) => format!("{at}: {reason}"),
            None => format!("`{path}` was not collected"),
        }
    }

    /// A comprehension asked for a field that one of its elements does not have.
    fn explain_field(&self, name: &str) -> String {
        let ranges = self.rule.expect.expression.uses.iter().filter_map(|found| match found {
            Use::Path { path, bound: false, .. } => path.steps.split_last(),
            _ => None,
        });
        for (last, before) in ranges {
            if *last != Step::Field(name.to_owned()) && *last != Step::Key(name.to_owned()) {
                continue;
            }
            let before = Path { root: "facts".to_owned(), steps: before.to_vec() }.below_root();
            let (head, tail) = before.split_once("[*]").unwrap_or((&before, ""));
            let reason = self
                .document
                .unreadable
                .iter()
                .find(|(path, _)| path.starts_with(head) && path.ends_with(&format!("{tail}.{name}")));
            if let Some((path, reason)) = reason {
                return format!("{path}: {reason}");
            }
        }
        format!("`{name}` of an element is not known")
    }

    /// The first path of the predicate that is absent.
    fn absent_path(&self, element: Option<&Element<'_>>) -> Option<Path> {
        self.rule.expect.expression.paths.iter().find_map(|path| {
            let (root, full): (Root<'_>, Path) = match (path.root.as_str(), element) {
                ("facts", _) => ((&self.document.facts).into(), path.clone()),
                ("params", _) => (self.params.into(), path.clone()),
                ("declared", _) => (self.declared.into(), path.clone()),
                (_, Some(element)) => (element.value.into(), element.full(path)),
                (_, None) => return None,
            };
            matches!(path.resolve(root), Resolved::Value(Value::Null)).then_some(full)
        })
    }
}

impl Element<'_> {
    /// A path of the element as a path of the facts.
    fn full(&self, path: &Path) -> Path {
        let mut full = self.each.path.clone().then(self.step.clone());
        full.steps.extend(path.steps.iter().cloned());
        full
    }

    /// What a finding calls it: what the rule says, else its name, path, id or source, else its key or number.
    fn subject(&self) -> String {
        let named = self.each.subject.as_ref().and_then(|path| match path.resolve(self.value) {
            Resolved::Value(value) => plain(value),
            _ => None,
        });
        named
            .or_else(|| match &self.step {
                Step::Key(key) => Some(key.clone()),
                _ => None,
            })
            .or_else(|| {
                ["name", "path", "id", "source"].iter().find_map(|key| self.value.get(key).and_then(plain))
            })
            .or_else(|| plain(self.value))
            .unwrap_or_else(|| self.each.path.clone().then(self.step.clone()).to_string())
    }
}

fn elements<'a>(list: &'a Value, each: &'a EachPart) -> Vec<Element<'a>> {
    let element = |(step, value)| Element { value, step, each };
    match list {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| element((Step::Index(index), value))).collect()
        }
        Value::Object(map) => map.iter().map(|(key, value)| element((Step::Key(key.clone()), value))).collect(),
        _ => Vec::new(),
    }
}

/// The text with each `{name}` replaced by the parameter of that name, so that it says what the site asks for.
fn with_parameters(text: &str, params: &Value) -> String {
    let Some(params) = params.as_object().filter(|_| text.contains('{')) else { return text.to_owned() };
    params.iter().fold(text.to_owned(), |text, (name, value)| {
        let value = match value {
            Value::Array(items) => items.iter().filter_map(plain).collect::<Vec<_>>().join(", "),
            other => plain(other).unwrap_or_else(|| other.to_string()),
        };
        text.replace(&format!("{{{name}}}"), &value)
    })
}

/// The fix that a rule names, with the rule's own parameters at their defaults.
pub fn default_fix(rule: &Rule) -> Option<Value> {
    let defaults = rule.params.iter().map(|(name, param)| (name.clone(), param.default.clone()));
    let params = Value::Object(defaults.collect());
    rule.fix.as_ref().map(|fix| filled(fix, &params))
}

/// A fix's arguments with the values of the parameters that they name as `"{name}"`.
fn filled(fix: &Value, params: &Value) -> Value {
    match fix {
        Value::String(text) => {
            let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            name.and_then(|name| params.get(name)).cloned().unwrap_or_else(|| fix.clone())
        }
        Value::Array(items) => items.iter().map(|item| filled(item, params)).collect(),
        Value::Object(members) => {
            let filled = members.iter().map(|(name, value)| (name.clone(), filled(value, params)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
