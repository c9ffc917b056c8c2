//! Documents whose commands are run, so that what a reader copies is what was tried.
//!
//! A fenced block `sh` is commands for bash, all of one document in one shell. `sh exits=1` must end with that
//! code, any other with 0. A block `text` after it is what they say: each of its lines, in this order, with
//! anything between them, and `…` for anything within a line. Other blocks are for the reader only.

use std::fmt::Write as _;

/// A block of commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The line of the document after which it begins, from 1.
    pub line: usize,
    /// The heading that it stands under.
    pub heading: String,
    /// The commands, for bash.
    pub commands: String,
    /// What they end with.
    pub exit: i32,
    /// Lines that they say.
    pub says: Vec<String>,
}

impl Step {
    /// The first line that was expected and not said.
    #[must_use]
    pub fn unsaid(&self, said: &str) -> Option<&str> {
        let mut said = said.lines();
        let missing = self
            .says
            .iter()
            .find(|line| !said.any(|said| matches(line, said)))?;
        Some(missing)
    }
}

/// The blocks of commands of a document in Markdown.
///
/// # Panics
/// If a block does not end, or is to end with what is no exit code.
#[must_use]
pub fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut heading = String::new();
    let mut fence: Option<&str> = None;
    for (index, line) in markdown.lines().enumerate() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(info)) => {
                fence = Some(info);
                if let Some(exit) = commands(info) {
                    steps.push(Step {
                        line: index + 1,
                        heading: heading.clone(),
                        exit,
                        ..Step::default()
                    });
                }
            }
            (Some(_), Some("")) => fence = None,
            (Some(info), _) => {
                let last = steps.last_mut();
                match last {
                    Some(step) if commands(info).is_some() => step.commands += &format!("{line}\n"),
                    Some(step) if info == "text" => step.says.push(line.to_owned()),
                    _ => {}
                }
            }
            (None, None) => {
                if let Some(title) = line.strip_prefix('#') {
                    title
                        .trim_start_matches('#')
                        .trim()
                        .clone_into(&mut heading);
                }
            }
        }
    }
    assert_eq!(fence, None, "a block does not end");
    steps
}

/// A script that runs steps up to the first one that ends otherwise than it should. Of step N it leaves what it
/// said in the file `N.said`, and its exit code in `N.exit`: that of the last command that failed.
#[must_use]
pub fn script<'a>(steps: impl IntoIterator<Item = &'a Step>) -> String {
    let mut script = "set -o pipefail\ntrap 'postern_status=$?' ERR\n".to_owned();
    for (index, step) in steps.into_iter().enumerate() {
        let _ = write!(
            script,
            "postern_status=0\n{{\n{}}} >{index}.said 2>&1\necho $postern_status >{index}.exit\n\
             [ $postern_status = {} ] || exit 0\n",
            step.commands, step.exit
        );
    }
    script
}

/// The exit code that commands are to end with, if this is a block of them.
fn commands(info: &str) -> Option<i32> {
    let mut words = info.split_whitespace();
    if words.next() != Some("sh") {
        return None;
    }
    let exit = words.next().and_then(|word| word.strip_prefix("exits="));
    Some(exit.map_or(0, |code| {
        code.parse()
            .unwrap_or_else(|_| panic!("no exit code: {info}"))
    }))
}

/// Whether a line is what was expected, `…` being anything.
fn matches(expected: &str, said: &str) -> bool {
    let parts: Vec<&str> = expected.trim().split('…').collect();
    let [first, between @ .., last] = &parts[..] else {
        return said.trim() == expected.trim();
    };
    let Some(mut rest) = said.trim().strip_prefix(first) else {
        return false;
    };
    for part in between {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
# Title

## First

```sh
a=1
echo begin $a
```

It says:

```text
begin …
```

```console
$ not run
```

## Second

```sh exits=3
echo $a end
(exit 3)
```

```yaml
neither: this
```
";

    #[test]
    fn commands_are_taken_with_what_they_say_and_end_with() {
        let steps = steps(DOCUMENT);
        let first = Step {
            line: 5,
            heading: "First".to_owned(),
            commands: "a=1\necho begin $a\n".to_owned(),
            exit: 0,
            says: vec!["begin …".to_owned()],
        };
        let second = Step {
            line: 22,
            heading: "Second".to_owned(),
            commands: "echo $a end\n(exit 3)\n".to_owned(),
            exit: 3,
            says: vec![],
        };
        assert_eq!(steps, [first, second]);
    }

    #[test]
    #[should_panic(expected = "a block does not end")]
    fn a_block_that_does_not_end_is_a_mistake() {
        let _ = steps("```sh\ntrue\n");
    }

    #[test]
    fn lines_are_expected_in_their_order_and_whole() {
        let step = |says: &[&str]| Step {
            says: says.iter().map(|&line| line.to_owned()).collect(),
            ..Step::default()
        };
        let said = "one\n  two of 2 times\nthree\n";
        assert_eq!(step(&["one", "three"]).unsaid(said), None);
        assert_eq!(step(&["two … times", "three"]).unsaid(said), None);
        assert_eq!(step(&["…of…tim…", "…"]).unsaid(said), None);
        assert_eq!(step(&["three", "one"]).unsaid(said), Some("one"));
        assert_eq!(step(&["two"]).unsaid(said), Some("two"));
        assert_eq!(step(&["two … time"]).unsaid(said), Some("two … time"));
        assert_eq!(step(&["one", "one"]).unsaid(said), Some("one"));
    }

    /// Run by bash: variables last, failures are noticed wherever they are, and nothing comes after one.
    #[test]
    fn the_script_stops_at_the_first_step_that_ends_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let mut document = steps(DOCUMENT);
        document.push(Step {
            commands: "false\necho on\n".to_owned(),
            ..Step::default()
        });
        document.push(Step {
            commands: "echo never\n".to_owned(),
            ..Step::default()
        });
        let mut bash = std::process::Command::new("bash");
        bash.current_dir(folder.path())
            .args(["-c", &script(&document)]);
        crate::run(&mut bash);
        let left = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(left("0.said").as_deref(), Some("begin 1\n"));
        assert_eq!(left("1.said").as_deref(), Some("1 end\n"));
        assert_eq!(left("1.exit").as_deref(), Some("3\n"));
        assert_eq!(left("2.said").as_deref(), Some("on\n"));
        assert_eq!(left("2.exit").as_deref(), Some("1\n"));
        assert_eq!(left("3.exit"), None);
    }
}
