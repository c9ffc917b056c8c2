//! Lays environment variables over a configuration.

use super::tree::{Content, Origin, Tree};
use super::{Mistake, Source};
use crate::environment::Environment;

const PREFIX: &str = "POSTERN__";

/// Lays every `POSTERN__SECTION__KEY` over the tree. Shorter names come first, so that a whole
/// section can be replaced and one key of it changed.
pub(super) fn apply(tree: &mut Tree, environment: &dyn Environment) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (name, text) in environment.vars() {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let steps: Vec<_> = path.split("__").collect();
        let outcome = if steps.iter().any(|step| step.is_empty()) {
            Err("its name is not `POSTERN__SECTION__KEY`".to_owned())
        } else {
            Tree::of_variable(&name, &text)
                .map_err(|error| format!("its value is not YAML: {error}; put it in quotes"))
                .and_then(|value| set(tree, &steps, value))
        };
        if let Err(message) = outcome {
            mistakes.push(Mistake {
                source: Some(Source::Variable(name)),
                place: String::new(),
                message,
            });
        }
    }
    mistakes
}

fn set(tree: &mut Tree, steps: &[&str], value: Tree) -> Result<(), String> {
    let [step, rest @ ..] = steps else {
        *tree = value;
        return Ok(());
    };
    if tree.is_null() {
        tree.content = Content::Mapping(Vec::new());
    }
    match &mut tree.content {
        Content::Mapping(entries) => {
            match entries
                .iter_mut()
                .find(|(name, _)| name.eq_ignore_ascii_case(step))
            {
                Some((_, inner)) => set(inner, rest, value),
                None => {
                    let mut inner = Tree::empty();
                    inner.origin = value.origin.clone();
                    set(&mut inner, rest, value)?;
                    entries.push(((*step).to_owned(), inner));
                    Ok(())
                }
            }
        }
        Content::Sequence(items) => match step.parse::<usize>() {
            Ok(index) if index < items.len() => set(&mut items[index], rest, value),
            Ok(index) if index == items.len() => {
                let mut inner = Tree::empty();
                inner.origin = value.origin.clone();
                set(&mut inner, rest, value)?;
                items.push(inner);
                Ok(())
            }
            _ => Err(format!(
                "there is no element `{step}` in a list of {}",
                items.len()
            )),
        },
        Content::Scalar(_) => {
            let whole = match &tree.origin {
                Origin::Line(line) => format!("line {line}"),
                _ => "another variable".to_owned(),
            };
            Err(format!(
                "`{step}` would be inside of a plain value that {whole} sets"
            ))
        }
    }
}
