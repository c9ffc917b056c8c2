use postern_auditor::report::break_glass::CaseSummary;
use postern_core::case::{CaseState, ClosedAs};
use postern_core::finding::Severity;
use postern_core::reason::Verdict;

use super::*;

/// Synthetic, and hostile.
fn report() -> BreakGlassReport {
    let attacked = Use {
        at: "2026-04-05T03:10:00Z".parse().unwrap(),
        target: Some("cloud-run:demo-mart/us-east1/web".to_owned()),
        revision: Some("web-00003-xyz".to_owned()),
        principals: vec!["=HYPERLINK(\"https://evil.example\")".to_owned()],
        via: vec!["deployer@demo-mart.iam.gserviceaccount.com".to_owned()],
        images: vec!["us-east1-docker.pkg.dev/demo-mart/r/web@sha256:aa".to_owned()],
        justification: Some(
            "<script>alert(1)</script> \u{1b}[2J\u{202e}txt, \"INC-1\"\r\n+1".to_owned(),
        ),
        ticket: Some("INC-1".to_owned()),
        bypassed: Some(Verdict::NonConformant),
        severity: Severity::High,
        case: Some(CaseSummary {
            id: "01J00000000000000000000000".to_owned(),
            state: CaseState::Closed,
            owner: Some("team-web".to_owned()),
            acknowledged_after_seconds: Some(754),
            closed_at: None,
            closed_as: Some(ClosedAs::Replaced),
        }),
    };
    let bare = Use {
        at: "2026-04-04T03:10:00Z".parse().unwrap(),
        target: None,
        revision: None,
        principals: Vec::new(),
        via: Vec::new(),
        images: Vec::new(),
        justification: None,
        ticket: None,
        bypassed: None,
        severity: Severity::High,
        case: None,
    };
    BreakGlassReport::of(Period::default(), vec![bare, attacked])
}

#[test]
fn the_table_is_harmless() {
    insta::assert_snapshot!(table(&report()), @r#"
    2 uses: 0 open, 1 closed, 0 not looked at; 1 bypassed a denial, 1 without a justification, 1 without a ticket; taken after 12m 34s on average

    2026-04-05T03:10:00Z  cloud-run:demo-mart/us-east1/web
      who               =HYPERLINK("https://evil.example")
      via               deployer@demo-mart.iam.gserviceaccount.com
      revision          web-00003-xyz
      images            us-east1-docker.pkg.dev/demo-mart/r/web@sha256:aa
      justification     <script>alert(1)</script> \u{1b}[2J\u{202e}txt, "INC-1"\u{d}\u{a}+1
      ticket            INC-1
      bypassed          NON_CONFORMANT
      severity          HIGH
      state             CLOSED
      owner             team-web
      acknowledgedAfter 12m 34s
      closedAs          REPLACED
      case              01J00000000000000000000000

    2026-04-04T03:10:00Z  at a target that is not known
      severity          HIGH
    "#);
}

#[test]
fn the_spreadsheet_is_harmless() {
    insta::assert_snapshot!(rows(&report()), @r#"
    at,who,via,target,revision,images,justification,ticket,bypassed,severity,state,owner,acknowledgedAfter,closedAs,case
    "2026-04-05T03:10:00Z","'=HYPERLINK(""https://evil.example"")","deployer@demo-mart.iam.gserviceaccount.com","cloud-run:demo-mart/us-east1/web","web-00003-xyz","us-east1-docker.pkg.dev/demo-mart/r/web@sha256:aa","<script>alert(1)</script> \u{1b}[2J\u{202e}txt, ""INC-1""\u{d}\u{a}+1","INC-1","NON_CONFORMANT","HIGH","CLOSED","team-web","12m 34s","REPLACED","01J00000000000000000000000"
    "2026-04-04T03:10:00Z","","","","","","","","","HIGH","","","","",""
    "#);
}

#[test]
fn the_page_is_harmless() {
    let now = "2026-04-06T00:00:00Z".parse().unwrap();
    insta::assert_snapshot!(page::page(&report(), now), @r#"
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <title>Break-glass</title>
    <style>body{font:14px/1.5 system-ui,sans-serif;margin:2em;color:#1b1b1b}table{border-collapse:collapse}th,td{border:1px solid #c8c8c8;padding:.3em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#f2f2f2}@media print{body{margin:0}}</style>
    </head>
    <body>
    <h1>Break-glass</h1>
    <p>From the beginning until now, as of 2026-04-06T00:00:00Z.</p>
    <p>2 uses: 0 open, 1 closed, 0 not looked at; 1 bypassed a denial, 1 without a justification, 1 without a ticket; taken after 12m 34s on average.</p>
    <table>
    <thead><tr><th>at</th><th>who</th><th>via</th><th>target</th><th>revision</th><th>images</th><th>justification</th><th>ticket</th><th>bypassed</th><th>severity</th><th>state</th><th>owner</th><th>acknowledgedAfter</th><th>closedAs</th><th>case</th></tr></thead>
    <tbody>
    <tr><td>2026-04-05T03:10:00Z</td><td>=HYPERLINK(&quot;https://evil.example&quot;)</td><td>deployer@demo-mart.iam.gserviceaccount.com</td><td>cloud-run:demo-mart/us-east1/web</td><td>web-00003-xyz</td><td>us-east1-docker.pkg.dev/demo-mart/r/web@sha256:aa</td><td>&lt;script&gt;alert(1)&lt;/script&gt; \u{1b}[2J\u{202e}txt, &quot;INC-1&quot;\u{d}\u{a}+1</td><td>INC-1</td><td>NON_CONFORMANT</td><td>HIGH</td><td>CLOSED</td><td>team-web</td><td>12m 34s</td><td>REPLACED</td><td>01J00000000000000000000000</td></tr>
    <tr><td>2026-04-04T03:10:00Z</td><td></td><td></td><td></td><td></td><td></td><td></td><td></td><td></td><td>HIGH</td><td></td><td></td><td></td><td></td><td></td></tr>
    </tbody>
    </table>
    </body>
    </html>
    "#);
}
