//! Shell patterns in paths and names: `*`, `?`, `[a-z]`.

use host::{Door, Error, FileKind};

/// Paths that a pattern may name at most.
const MAX_PATHS: usize = 20_000;

/// The files that `pattern` names, sorted, as `glob(3)` gives them; none when nothing matches.
pub(crate) fn expand(door: &Door, pattern: &str) -> Result<Vec<String>, Error> {
    let mut paths = vec![String::new()];
    let components: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (depth, component) in components.iter().enumerate() {
        let is_last = depth + 1 == components.len();
        if !component.contains(['*', '?', '[']) {
            for path in &mut paths {
                path.push('/');
                path.push_str(component);
            }
            continue;
        }
        let mut next = Vec::new();
        for path in paths {
            let directory = if path.is_empty() { "/" } else { path.as_str() };
            let entries = match door.read_dir(directory) {
                Ok(entries) => entries,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let fits = entries.into_iter().filter(|entry| {
                entry.name.starts_with('.') == component.starts_with('.')
                    && (is_last || entry.kind != FileKind::File)
                    && matches(component, &entry.name)
            });
            next.extend(fits.map(|entry| format!("{path}/{}", entry.name)).take(MAX_PATHS - next.len()));
        }
        paths = next;
    }
    paths.retain(|path| door.exists(path));
    Ok(paths)
}

/// Whether `name` fits `pattern` as a whole.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The usual two-pointer walk: on a mismatch go back to the last star and let it take one more.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => name.get(n).and_then(|c| class(pattern.get(p..).unwrap_or_default(), *c)),
            Some(c) => (name.get(n) == Some(c)).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(width), _) => {
                p += width;
                n += 1;
            }
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// How many characters of the pattern the class `[...]` takes, when `c` is in it.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|c| *c == ']').map(|at| at + 2);
    let Some(end) = end else { return (c == '[').then_some(1) };
    let inside = pattern.get(1..end).unwrap_or_default();
    let (negated, inside) = match inside {
        ['!' | '^', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut found = false;
    let mut at = 0;
    while let Some(first) = inside.get(at) {
        match (inside.get(at + 1), inside.get(at + 2)) {
            (Some('-'), Some(last)) => {
                found |= (*first..=*last).contains(&c);
                at += 3;
            }
            _ => {
                found |= *first == c;
                at += 1;
            }
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_the_shell_matches_them() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("10-[a-c]?.conf", "10-bx.conf", true),
            ("10-[!a-c]?.conf", "10-bx.conf", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("[", "[", true),
            ("", "", true),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
