//! What has to be fetched before a configuration can be loaded.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::tree::{Content, Tree};
use super::{file, overrides, read};
use crate::environment::Environment;
use crate::secret::is_managed;

/// Every reference to a manager of secrets (`gcpsm://…`, `awssm://…`) in the configuration that
/// [`load`](super::load) would read, the environment's overrides included.
///
/// What cannot be read holds none: saying why is for `load`.
pub fn references(path: Option<&Path>, environment: &dyn Environment) -> BTreeSet<String> {
    let text = file(path, environment).map(|path| read(&path));
    let text = text.and_then(Result::ok).unwrap_or_default();
    of_text(&text, environment)
}

fn of_text(text: &str, environment: &dyn Environment) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(mut tree) = Tree::parse(text) {
        overrides::apply(&mut tree, environment);
        collect(&tree, &mut found);
    }
    found
}

fn collect(tree: &Tree, found: &mut BTreeSet<String>) {
    match &tree.content {
        Content::Scalar(Value::String(text)) if is_managed(text) => {
            found.insert(text.clone());
        }
        Content::Scalar(_) => {}
        Content::Sequence(items) => items.iter().for_each(|item| collect(item, found)),
        Content::Mapping(entries) => entries.iter().for_each(|(_, item)| collect(item, found)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand_and_overridden_ones_are_not() {
        let text = "
store: awssm://shop/store
outputs:
  - {type: webhook, url: https://hooks.example.com, secret: awssm://shop/hook}
  - {type: slack, url: 'gcpsm://projects/demo-mart/secrets/slack'}
  - {type: slack, url: env:SLACK}
";
        let environment = BTreeMap::from([
            (
                "POSTERN__OUTPUTS__0__SECRET".to_owned(),
                "awssm://shop/other".to_owned(),
            ),
            ("OTHER".to_owned(), "awssm://shop/no-override".to_owned()),
        ]);
        let found: Vec<_> = of_text(text, &environment).into_iter().collect();
        assert_eq!(
            found,
            [
                "awssm://shop/other",
                "awssm://shop/store",
                "gcpsm://projects/demo-mart/secrets/slack"
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_holds_none() {
        assert!(of_text("a: [", &BTreeMap::new()).is_empty());
        assert!(references(Some(Path::new("/nowhere")), &BTreeMap::new()).is_empty());
    }
}
