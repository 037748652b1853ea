//! Walking CEL's tree: paths become variables, uses are noted for the checks, operands are replaced for mutants.

use std::collections::BTreeMap;

use ::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use ::cel::common::types::CelBool;

use super::ROOTS;
use crate::paths::{Path, Step};

/// Something in an expression that can be checked against the schema or the list of functions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Use {
    /// A path; `bound` when it begins at a root, not at a comprehension's variable.
    Path {
        /// The path, with comprehension variables replaced by what they range over.
        path: Path,
        /// Character offset in the text.
        offset: usize,
        /// Whether it is a variable of its own.
        bound: bool,
    },
    /// A name that is neither a root nor a comprehension's variable.
    Unknown {
        /// The name.
        name: String,
        /// Character offset.
        offset: usize,
    },
    /// A function call.
    Call {
        /// The function.
        name: String,
        /// Character offset.
        offset: usize,
    },
    /// `has()`, which would call unreadable absent.
    Has {
        /// Character offset.
        offset: usize,
    },
    /// A path compared with a literal.
    Comparison(Comparison),
}

/// A path compared with a literal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    /// The path.
    pub(crate) path: Path,
    /// `==`, `<`, ...
    pub(crate) operator: String,
    /// `string`, `number`, `boolean` or `null`.
    pub(crate) literal: &'static str,
    /// Character offset.
    pub(crate) offset: usize,
}

/// Names in force while walking.
pub(super) struct Scope {
    roots: Vec<String>,
    variables: BTreeMap<String, Option<Path>>,
}

impl Scope {
    pub(super) fn new(element: Option<&str>) -> Self {
        let roots = ROOTS.iter().copied().chain(element).map(str::to_owned).collect();
        Self { roots, variables: BTreeMap::new() }
    }
}

type Places<'a> = &'a dyn Fn(u64) -> usize;

/// Replaces paths by variables and notes every use.
pub(super) fn rewrite(node: &mut IdedExpr, scope: &mut Scope, places: Places<'_>, uses: &mut Vec<Use>) {
    if let Some((path, start, bound)) = path_of(node, scope) {
        uses.push(Use::Path { path: path.clone(), offset: places(start), bound });
        if bound {
            node.expr = Expr::Ident(path.to_string());
        }
        return;
    }
    match &mut node.expr {
        Expr::Ident(name) => {
            if !scope.variables.contains_key(name) {
                uses.push(Use::Unknown { name: name.clone(), offset: places(node.id) });
            }
        }
        Expr::Select(select) => {
            if select.test {
                uses.push(Use::Has { offset: places(node.id) });
            }
            rewrite(&mut select.operand, scope, places, uses);
        }
        Expr::Call(call) => rewrite_call(call, node.id, scope, places, uses),
        Expr::List(list) => list.elements.iter_mut().for_each(|item| rewrite(item, scope, places, uses)),
        Expr::Map(map) => rewrite_entries(&mut map.entries, scope, places, uses),
        Expr::Struct(structure) => rewrite_entries(&mut structure.entries, scope, places, uses),
        Expr::Comprehension(comprehension) => {
            let range = path_of(&comprehension.iter_range, scope).map(|(path, ..)| path.then(Step::Any));
            rewrite(&mut comprehension.iter_range, scope, places, uses);
            rewrite(&mut comprehension.accu_init, scope, places, uses);
            let outer = scope.variables.clone();
            scope.variables.insert(comprehension.iter_var.clone(), range);
            scope.variables.extend(comprehension.iter_var2.clone().map(|name| (name, None)));
            scope.variables.insert(comprehension.accu_var.clone(), None);
            rewrite(&mut comprehension.loop_cond, scope, places, uses);
            rewrite(&mut comprehension.loop_step, scope, places, uses);
            rewrite(&mut comprehension.result, scope, places, uses);
            scope.variables = outer;
        }
        Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn rewrite_call(call: &mut CallExpr, id: u64, scope: &mut Scope, places: Places<'_>, uses: &mut Vec<Use>) {
    let name = call.func_name.as_str();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        uses.push(Use::Call { name: name.to_owned(), offset: places(id) });
    }
    if let [left, right] = call.args.as_slice() {
        let operator = name.trim_matches('_').to_owned();
        if matches!(operator.as_str(), "==" | "!=" | "<" | "<=" | ">" | ">=") {
            for (side, other) in [(left, right), (right, left)] {
                if let (Some((path, start, _)), Some(literal)) = (path_of(side, scope), literal_kind(other)) {
                    let offset = places(start);
                    uses.push(Use::Comparison(Comparison {
                        path,
                        operator: operator.clone(),
                        literal,
                        offset,
                    }));
                }
            }
        }
    }
    if let Some(target) = &mut call.target {
        rewrite(target, scope, places, uses);
    }
    call.args.iter_mut().for_each(|argument| rewrite(argument, scope, places, uses));
}

fn rewrite_entries(
    entries: &mut [::cel::common::ast::IdedEntryExpr],
    scope: &mut Scope,
    places: Places<'_>,
    uses: &mut Vec<Use>,
) {
    for entry in entries {
        match &mut entry.expr {
            EntryExpr::StructField(field) => rewrite(&mut field.value, scope, places, uses),
            EntryExpr::MapEntry(entry) => {
                rewrite(&mut entry.key, scope, places, uses);
                rewrite(&mut entry.value, scope, places, uses);
            }
        }
    }
}

/// Whether the whole is a condition: true or false.
pub(super) fn is_condition(node: &IdedExpr) -> bool {
    let conditions = ["==", "!=", "<", "<=", ">", ">=", "&&", "||", "!"];
    match &node.expr {
        Expr::Call(call) => conditions.contains(&call.func_name.trim_matches('_')),
        _ => literal_kind(node) == Some("boolean"),
    }
}

fn literal_kind(node: &IdedExpr) -> Option<&'static str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(_)) => Some("string"),
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_)) => Some("number"),
        Expr::Literal(LiteralValue::Boolean(_)) => Some("boolean"),
        Expr::Literal(LiteralValue::Null) => Some("null"),
        _ => None,
    }
}

/// The path a node spells, the id of its leftmost node, and whether it begins at a root.
fn path_of(node: &IdedExpr, scope: &Scope) -> Option<(Path, u64, bool)> {
    match &node.expr {
        Expr::Ident(name) => match scope.variables.get(name) {
            Some(range) => range.clone().map(|path| (path, node.id, false)),
            None => scope.roots.contains(name).then(|| (Path::root(name), node.id, true)),
        },
        Expr::Select(select) if !select.test => {
            let (path, start, bound) = path_of(&select.operand, scope)?;
            Some((path.then(Step::Field(select.field.clone())), start, bound))
        }
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [operand, index] = call.args.as_slice() else { return None };
            let step = match &index.expr {
                Expr::Literal(LiteralValue::String(key)) => Step::Key(key.inner().to_owned()),
                Expr::Literal(LiteralValue::Int(number)) => Step::Index(usize::try_from(*number.inner()).ok()?),
                _ => return None,
            };
            let (path, start, bound) = path_of(operand, scope)?;
            Some((path.then(step), start, bound))
        }
        _ => None,
    }
}

/// A comprehension over a list of facts whose elements, one by one, decide a predicate.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    /// The list.
    pub(crate) range: Path,
    /// The name of its elements in `test`.
    pub(super) variable: String,
    /// What is asked of each element.
    pub(super) test: IdedExpr,
    /// The answer of the elements because of which the predicate is false.
    pub(super) offends_when: bool,
}

/// The comprehensions of a rewritten tree that are false because of single elements:
/// `list.all(x, TEST)`, `!list.exists(x, TEST)` and what `list.filter(x, TEST)` counts.
pub(super) fn picks(node: &IdedExpr, negated: bool, into: &mut Vec<Pick>) {
    match &node.expr {
        Expr::Call(call) => {
            let negated = negated != (call.func_name == operators::LOGICAL_NOT);
            call.target.iter().for_each(|target| picks(target, negated, into));
            call.args.iter().for_each(|argument| picks(argument, negated, into));
        }
        Expr::Comprehension(comprehension) => {
            let (Expr::Ident(range), Expr::Call(step)) =
                (&comprehension.iter_range.expr, &comprehension.loop_step.expr)
            else {
                return;
            };
            let (test, offends_when) = match (step.func_name.as_str(), step.args.as_slice()) {
                (operators::LOGICAL_AND, [_, test]) if !negated => (test, false),
                (operators::LOGICAL_OR, [_, test]) if negated => (test, true),
                (operators::CONDITIONAL, [test, ..]) => (test, true),
                _ => return,
            };
            if let Some(range) =
                Path::parse(range).filter(|path| !matches!(path.root.as_str(), "params" | "declared"))
            {
                let variable = comprehension.iter_var.clone();
                into.push(Pick { range, variable, test: test.clone(), offends_when });
            }
        }
        _ => {}
    }
}

/// One copy of the tree for each boolean operand and each of true and false in its place.
pub(super) fn mutants(root: &IdedExpr) -> Vec<(String, IdedExpr)> {
    let mut places = Vec::new();
    operands(root, &mut Vec::new(), &mut places);
    let mut mutants = Vec::new();
    for place in places {
        for value in [true, false] {
            let mut copy = root.clone();
            if let Some(node) = descend(&mut copy, &place) {
                let what = describe(node);
                node.expr = Expr::Literal(LiteralValue::Boolean(CelBool::from(value)));
                mutants.push((format!("{what} replaced by {value}"), copy));
            }
        }
    }
    mutants
}

/// Collects the ways (argument numbers) to the whole, to both sides of `&&` and `||`, and below `!` and `?:`.
fn operands(node: &IdedExpr, way: &mut Vec<usize>, places: &mut Vec<Vec<usize>>) {
    if let Expr::Call(call) = &node.expr {
        let logical = matches!(
            call.func_name.as_str(),
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::CONDITIONAL
        );
        if logical {
            for (index, argument) in call.args.iter().enumerate() {
                way.push(index);
                operands(argument, way, places);
                way.pop();
            }
            return;
        }
    }
    places.push(way.clone());
}

fn descend<'a>(node: &'a mut IdedExpr, way: &[usize]) -> Option<&'a mut IdedExpr> {
    let Some((first, rest)) = way.split_first() else { return Some(node) };
    match &mut node.expr {
        Expr::Call(call) => descend(call.args.get_mut(*first)?, rest),
        _ => None,
    }
}

/// A short name for an operand: the paths in it.
fn describe(node: &IdedExpr) -> String {
    fn names(node: &IdedExpr, into: &mut Vec<String>) {
        match &node.expr {
            Expr::Ident(name) if !name.starts_with('@') => into.push(name.clone()),
            Expr::Select(select) => names(&select.operand, into),
            Expr::Call(call) => {
                call.target.iter().for_each(|target| names(target, into));
                call.args.iter().for_each(|argument| names(argument, into));
            }
            Expr::Comprehension(comprehension) => names(&comprehension.iter_range, into),
            _ => {}
        }
    }
    let mut found = Vec::new();
    names(node, &mut found);
    match found.as_slice() {
        [] => "an operand".to_owned(),
        [only] => format!("the part on `{only}`"),
        [first, ..] => format!("the part on `{first}` ..."),
    }
}
