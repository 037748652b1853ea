//! Predicates: the only place that knows the CEL library.
//!
//! An expression is parsed once. Every path in it that begins at a root (`facts`, `params`, `declared`, the element)
//! becomes one variable, so that only what a predicate names is converted, and a path that leads nowhere is an error
//! that names it in full. CEL's `&&` and `||` absorb such an error when the other side decides.

mod matches;
mod walk;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ::cel::common::ast::IdedExpr;
use ::cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use ::cel::common::value::Val;
use ::cel::parser::PrattParser;
use ::cel::{Context, Env, ExecutionError, ParseErrors, Value as CelValue};
use jiff::Timestamp;
use serde_json::Value;

use crate::content::Purpose;
use crate::paths::{Path, Resolved, Root};

pub(crate) use walk::{Pick, Use};

/// Roots that every expression may name; the element of `each` comes on top.
pub(crate) const ROOTS: [&str; 3] = ["facts", "params", "declared"];

/// Functions an expression may call, besides operators.
pub(crate) const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "min",
    "max",
    "age_days",
    "days_until",
    "vercmp",
];

/// Macros an expression may use; they are gone after parsing and listed for suggestions.
pub(crate) const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "map"];

/// The most bytes of an expression: predicates stay under three lines.
const TEXT_LIMIT: usize = 4096;

/// The deepest nesting, counting signs and conditions too: the parser recurses.
const DEPTH_LIMIT: usize = 48;

/// A parsed expression.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    ast: IdedExpr,
    /// Paths from a root, each once, in the order of the text.
    pub(crate) paths: Vec<Path>,
    /// The variables that stand for the paths, in their order.
    names: Vec<String>,
    /// Everything worth checking: paths with their places, calls, comparisons. The places are there to check.
    pub(crate) uses: Vec<Use>,
    /// Whether a path below something absent is `null`, as `when` reads it, rather than an error.
    pub(crate) below_absent_is_null: bool,
}

/// What is wrong with an expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// Character offset in the text.
    pub(crate) offset: usize,
    /// What is wrong, for a person.
    pub(crate) message: String,
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is true or false.
    Decided(bool),
    /// It needs a path that leads nowhere, or a field of an element that is not there.
    Missing(Missing),
    /// It cannot be evaluated for another reason, such as comparing absence with a number.
    Failed(String),
}

/// The fact an expression misses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Missing {
    /// This path.
    Path(Path),
    /// A field of this name, of some element.
    Field(String),
}

impl Expression {
    /// Whether it gives true or false, whatever the facts are.
    pub(crate) fn is_condition(&self) -> bool {
        walk::is_condition(&self.ast)
    }

    /// Parses `text`; `element` is the name that `each` gives to an element.
    pub(crate) fn parse(engine: &Engine, text: &str, element: Option<&str>) -> Result<Self, SyntaxError> {
        refuse_hostile(text)?;
        let mut uses = Vec::new();
        let mut scope = walk::Scope::new(element);
        let ast = match engine.quickly(text) {
            Some(mut ast) => {
                walk::rewrite(&mut ast, &mut scope, &|_| 0, &mut uses);
                ast
            }
            None => {
                let program = engine.env.compile(text).map_err(|errors| syntax_error(text, &errors))?;
                let mut ast = program.expression().clone();
                let places =
                    |id: u64| program.source_info().offset_for(id).map_or(0, |(start, _)| start as usize);
                walk::rewrite(&mut ast, &mut scope, &places, &mut uses);
                ast
            }
        };
        let mut paths = Vec::new();
        for found in &uses {
            if let Use::Path { path, bound: true, .. } = found
                && !paths.contains(path)
            {
                paths.push(path.clone());
            }
        }
        let names = paths.iter().map(ToString::to_string).collect();
        Ok(Self { ast, paths, names, uses, below_absent_is_null: false })
    }

    /// The paths that begin at `root`, each with the variable that stands for it.
    fn variables<'e>(&'e self, root: &'e str) -> impl Iterator<Item = (&'e Path, &'e str)> {
        let all = self.paths.iter().zip(self.names.iter().map(String::as_str));
        all.filter(move |(path, _)| path.root == root)
    }

    /// The lists whose single elements can make the expression false.
    pub(crate) fn picks(&self) -> Vec<Pick> {
        let mut picks = Vec::new();
        walk::picks(&self.ast, false, &mut picks);
        picks
    }

    /// Every expression that differs in one boolean operand replaced by true or false; see [`crate::check()`].
    pub(crate) fn mutants(&self) -> Vec<(String, Self)> {
        walk::mutants(&self.ast)
            .into_iter()
            .map(|(what, ast)| (what, Self { ast, uses: Vec::new(), ..self.clone() }))
            .collect()
    }
}

/// Refuses what would cost the parser its stack: content may come from outside.
fn refuse_hostile(text: &str) -> Result<(), SyntaxError> {
    if text.len() > TEXT_LIMIT {
        let message = format!("an expression has at most {TEXT_LIMIT} bytes");
        return Err(SyntaxError { offset: 0, message });
    }
    let mut depth = 0_usize;
    for (offset, character) in text.chars().enumerate() {
        match character {
            '(' | '[' | '{' | '!' | '-' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_LIMIT {
            let message = format!("an expression nests at most {DEPTH_LIMIT} deep");
            return Err(SyntaxError { offset, message });
        }
    }
    Ok(())
}

fn syntax_error(text: &str, errors: &ParseErrors) -> SyntaxError {
    let first = errors.errors.first();
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    let message = first.map_or_else(|| errors.to_string(), |error| shorten(&error.msg));
    SyntaxError { offset: offset_of(text, line, column), message }
}

/// The part of a parser's message that a person can use.
fn shorten(message: &str) -> String {
    let message = message.split(" expecting ").next().unwrap_or(message);
    message.replace("'<EOF>'", "the end of the expression").trim().to_owned()
}

fn offset_of(text: &str, line: isize, column: isize) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(line).map(|line| line.chars().count()).sum();
    before + usize::try_from(column - 1).unwrap_or(0)
}

/// The CEL environment: standard functions and ours.
pub(crate) struct Engine {
    env: Arc<Env>,
    purpose: Purpose,
}

impl Engine {
    /// Builds the environment.
    pub(crate) fn new(purpose: Purpose) -> Self {
        let mut env = Env::stdlib();
        let declared = matches::declare(&mut env);
        debug_assert!(declared.is_ok(), "the library has `matches` itself");
        Self { env: Arc::new(env), purpose }
    }

    /// The tree of a text by the library's other parser, which is some twenty times faster but tells no places.
    ///
    /// None when places are wanted or the text is wrong: then the first parser says what is wrong, and where.
    fn quickly(&self, text: &str) -> Option<IdedExpr> {
        match self.purpose {
            Purpose::Check => None,
            Purpose::Decide => PrattParser::new().enable_optional_syntax(true).parse(text).ok(),
        }
    }

    /// The outermost scope of one decision.
    pub(crate) fn scope<'v>(&self, now: Timestamp) -> Scope<'_, 'v> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let age = move |text: Arc<String>| days(&text).map(|then| now.as_second() as f64 / 86_400.0 - then);
        let until = move |text: Arc<String>| days(&text).map(|then| then - now.as_second() as f64 / 86_400.0);
        let vercmp = |a: Arc<String>, b: Arc<String>| model::version::vercmp(&a, &b) as i64;
        // These names are ours alone, so declaring them cannot conflict.
        for declared in [
            context.add_function("age_days", age),
            context.add_function("days_until", until),
            context.add_function("vercmp", vercmp),
        ] {
            debug_assert!(declared.is_ok(), "a function name of ours is taken");
        }
        Scope { context, bound: BTreeSet::new() }
    }
}

/// Days since 1970 of an RFC 3339 time or a date.
fn days(text: &str) -> Result<f64, ExecutionError> {
    let at: Timestamp = text
        .parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .map_err(|_| ExecutionError::function_error("age_days", format!("`{text}` is not an RFC 3339 time")))?;
    Ok(at.as_second() as f64 / 86_400.0)
}

/// Values bound to paths. They are borrowed for `'v`: no text of the facts is copied.
pub(crate) struct Scope<'p, 'v> {
    context: Context<'p, 'v>,
    bound: BTreeSet<&'v str>,
}

impl<'v> Scope<'_, 'v> {
    /// A scope inside this one, for one element or one rule.
    pub(crate) fn inner(&self) -> Scope<'_, 'v> {
        Scope { context: self.context.new_inner_scope(), bound: BTreeSet::new() }
    }

    /// Binds the paths of `expression` that begin at `root`, as far as they lead somewhere from `value`.
    pub(crate) fn bind(&mut self, expression: &'v Expression, root: &'v str, value: impl Into<Root<'v>>) {
        let value = value.into();
        self.bind_values(expression, root, value);
        self.bind_absent(expression, root, value);
    }

    /// As [`Self::bind`], but without what is below an absent thing: that is null in some expressions only, so a
    /// scope that several rules share must not hold it.
    pub(crate) fn bind_values(
        &mut self,
        expression: &'v Expression,
        root: &'v str,
        value: impl Into<Root<'v>>,
    ) {
        let value = value.into();
        for (path, name) in expression.variables(root) {
            if !self.bound.contains(name)
                && let Resolved::Value(value) = path.resolve(value)
            {
                self.set(name, to_val(value));
            }
        }
    }

    /// Binds what is below an absent thing where the expression reads that as absent.
    pub(crate) fn bind_absent(
        &mut self,
        expression: &'v Expression,
        root: &'v str,
        value: impl Into<Root<'v>>,
    ) {
        if !expression.below_absent_is_null {
            return;
        }
        let value = value.into();
        for (path, name) in expression.variables(root) {
            if matches!(path.resolve(value), Resolved::BelowAbsent(_)) {
                self.set(name, Box::new(CelNull));
            }
        }
    }

    fn set(&mut self, name: &'v str, value: Box<dyn Val + 'v>) {
        self.context.add_variable_as_val(name, value);
        self.bound.insert(name);
    }

    /// Evaluates an expression whose paths were bound.
    pub(crate) fn evaluate(&self, expression: &Expression) -> Outcome {
        match self.context.resolve(&expression.ast) {
            Ok(CelValue::Bool(decided)) => Outcome::Decided(decided),
            Ok(other) => {
                Outcome::Failed(format!("the predicate gives a {:?}, not true or false", other.type_of()))
            }
            Err(error) => failure(&error),
        }
    }

    /// Whether `element` is one of those because of which the predicate around `pick` is false.
    pub(crate) fn offends<'s>(&'s self, pick: &Pick, element: &'s Value) -> bool
    where
        'v: 's,
    {
        let around: &Context<'_, 's> = &self.context;
        let mut inner = around.new_inner_scope();
        inner.add_variable_as_val(pick.variable.as_str(), to_val(element));
        matches!(inner.resolve(&pick.test), Ok(CelValue::Bool(answer)) if answer == pick.offends_when)
    }

    /// Evaluates an expression to any value.
    pub(crate) fn value(&self, expression: &Expression) -> Result<Value, Outcome> {
        self.context.resolve(&expression.ast).map(|value| from_cel(&value)).map_err(|error| failure(&error))
    }
}

fn failure(error: &ExecutionError) -> Outcome {
    match error {
        ExecutionError::UndeclaredReference(name) => match Path::parse(name) {
            Some(path) => Outcome::Missing(Missing::Path(path)),
            None => Outcome::Missing(Missing::Field(name.to_string())),
        },
        ExecutionError::NoSuchKey(name) => Outcome::Missing(Missing::Field(name.to_string())),
        other => Outcome::Failed(other.to_string()),
    }
}

fn to_val(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Box::new(CelInt::from(number)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(to_val).collect::<Vec<_>>())),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (CelMapKey::from(key.as_str()), to_val(value)));
            Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
        }
    }
}

fn from_cel(value: &CelValue) -> Value {
    match value {
        CelValue::Bool(value) => Value::Bool(*value),
        CelValue::Int(number) => Value::from(*number),
        CelValue::UInt(number) => Value::from(*number),
        CelValue::Float(number) => Value::from(*number),
        CelValue::String(text) => Value::String(text.to_string()),
        CelValue::List(items) => Value::Array(items.iter().map(from_cel).collect()),
        CelValue::Map(map) => {
            Value::Object(map.map.iter().map(|(key, value)| (key.to_string(), from_cel(value))).collect())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests;
