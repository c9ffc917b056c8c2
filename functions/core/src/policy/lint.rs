//! Mistakes in policies and attestors: what Google refuses, and what it accepts but people regret.
//!
//! Errors are what Google refuses or what cannot work; warnings are what works otherwise than its
//! author may think. Every finding has a line and a fix.

mod attestors;
mod keys;
mod patterns;
mod rules;
mod shape;

use serde::Serialize;

use super::Policy;
use super::document::{self, Node, looks_like_json};
use super::parse::{self, PolicyError, Position};

/// One mistake or danger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LintFinding {
    /// Stable id of the rule, such as `pattern-open-prefix`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Which of the texts it is in.
    #[serde(skip)]
    pub source: Source,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Google refuses it, or it can never work.
    Error,
    /// It works, and people regret it.
    Warning,
}

/// Which text a finding is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The policy.
    Policy,
    /// One of the attestor files, by its index.
    Attestors(usize),
}

/// Finds the mistakes of a policy and, where attestor files are given, of these and of what the
/// policy requires of them. In the order of the texts and their lines.
pub fn lint(policy: &str, attestors: &[&str]) -> Vec<LintFinding> {
    let mut report = Report::default();
    let known = attestors::check(attestors, &mut report);
    report.source = Some(Source::Policy);
    if let Some(tree) = tree(policy, &mut report) {
        shape::check(&tree, &mut report);
        rules::check(&tree, &mut report);
        patterns::check(&tree, &mut report);
        if let Some(known) = known {
            attestors::check_required(&tree, &known, &mut report);
        }
        let in_policy = |f: &LintFinding| f.source == Source::Policy && f.is_error();
        if !report.findings.iter().any(in_policy)
            && let Err(error) = Policy::parse(policy)
        {
            report.parse_error("malformed", &error);
        }
    }
    let mut findings = report.findings;
    findings.sort_by_key(|finding| (finding.source, finding.line, finding.column));
    findings
}

impl LintFinding {
    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl std::fmt::Display for LintFinding {
    /// `LINE:COLUMN: SEVERITY[RULE]: MESSAGE`, then the fix on a line of its own; whoever prints it
    /// puts the file's name in front.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self {
            rule,
            line,
            column,
            message,
            fix,
            ..
        } = self;
        write!(
            f,
            "{line}:{column}: {severity}[{rule}]: {message}\n  fix: {fix}"
        )
    }
}

/// Where findings are collected.
#[derive(Default)]
struct Report {
    source: Option<Source>,
    findings: Vec<LintFinding>,
}

impl Report {
    fn error(&mut self, rule: &'static str, at: &Node, message: String, fix: impl Into<String>) {
        self.add(rule, Severity::Error, at.at, message, fix.into());
    }

    fn warning(&mut self, rule: &'static str, at: &Node, message: String, fix: impl Into<String>) {
        self.add(rule, Severity::Warning, at.at, message, fix.into());
    }

    fn parse_error(&mut self, rule: &'static str, error: &PolicyError) {
        let (at, message, fix) = match error {
            PolicyError::Malformed { at, message, fix } => (*at, message.clone(), fix.clone()),
            other => (Position { line: 1, column: 1 }, other.to_string(), None),
        };
        let fix = fix.unwrap_or_else(|| "correct this place and run the check again".to_owned());
        self.add(rule, Severity::Error, at, message, fix);
    }

    fn add(
        &mut self,
        rule: &'static str,
        severity: Severity,
        Position { line, column }: Position,
        message: String,
        fix: String,
    ) {
        let source = self.source.unwrap_or(Source::Policy);
        self.findings.push(LintFinding {
            rule,
            severity,
            source,
            line,
            column,
            message,
            fix,
        });
    }
}

/// The one document of a policy file.
fn tree(text: &str, report: &mut Report) -> Option<Node> {
    if let Err(error) = parse::check_size(text) {
        report.parse_error("syntax", &error);
        return None;
    }
    if looks_like_json(text)
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        report.parse_error("syntax", &PolicyError::json(&error));
        return None;
    }
    match document::parse(text) {
        Ok(mut documents) if documents.len() == 1 => documents.pop(),
        Ok(documents) => {
            if let Some(second) = documents.get(1) {
                let message = format!("{} documents; a policy is one", documents.len());
                report.error("syntax", second, message, "keep one and remove the others");
            }
            None
        }
        Err(error) => {
            report.parse_error("syntax", &error);
            None
        }
    }
}

#[cfg(test)]
mod tests;
