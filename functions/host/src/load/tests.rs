use std::collections::BTreeMap;

use proptest::prelude::*;

use postern_core::finding::Severity;

use super::*;
use crate::config::OneOrMore;
use crate::config::{Access, OnUndetermined, OutputKind, Right};

/// Synthetic; the one of the documentation.
const SAMPLE: &str = r#"
store: sqlite:postern-data/postern.db
policy: policy.yaml
attestors: attestors.yaml
attestations: [store, registry]
projects: {demo-project: 123456789012}
auth:
  gate:
    - {issuer: "https://accounts.google.com", audience: "https://gate.example", claims: {email: "ci@demo-project.iam.gserviceaccount.com"}, may: [decide]}
    - {issuer: "https://token.actions.githubusercontent.com", audience: "postern", claims: {repository_id: "123", ref: "refs/heads/main"}, may: [decide, attest]}
  auditor:
    - {issuer: "https://accounts.google.com", audience: "https://auditor.example", claims: {email: "push@demo-project.iam.gserviceaccount.com"}, may: [ingest]}
gate: {onUndetermined: deny, maxConcurrency: 8}
breakGlass: {ticket: "^INC-[0-9]+", maxPerDay: 3}
registries:
  - {host: "localhost:5000", plainHttp: true, allowPrivate: true}
  - host: us-docker.pkg.dev
    credential: {type: basic, username: ci, password: "env:HOOK_SECRET"}
attestor:
  signers:
    - attestor: projects/demo-project/attestors/built-by-ci
      key: env:SIGNING_KEY
      callers: [ci@demo-project.iam.gserviceaccount.com]
      repositories: ["us-docker.pkg.dev/demo-project/repo/*"]
outputs:
  - {name: security, type: webhook, url: "https://hooks.example/postern", secret: "env:HOOK_SECRET"}
  - {name: log, type: file, path: alerts.ndjson}
routes:
  - {match: {severity: HIGH}, to: [security, log]}
  - {match: {severity: [LOW, INFO], category: DRY_RUN, project: "demo-*", owner: web, target: "cloud-run:*"}, to: [log]}
silences:
  - {match: {target: "cloud-run:demo-project/*/canary", category: [DRY_RUN, DENIED]}, owner: web, until: 2026-02-01T00:00:00Z, reason: canaries move}
"#;

fn environment(vars: &[(&str, &str)]) -> BTreeMap<String, String> {
    let hook = ("HOOK_SECRET", "synthetic");
    vars.iter()
        .chain([&hook])
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn read_with(text: &str, vars: &[(&str, &str)]) -> Result<Config, String> {
    parse("postern.yaml", text, &environment(vars)).map_err(|errors| errors.to_string())
}

fn mistakes(text: &str) -> String {
    read_with(text, &[]).unwrap_err()
}

#[test]
fn the_documented_sample_is_read() {
    let config = read_with(SAMPLE, &[]).unwrap();
    let Some(Access::Issuers(issuers)) = &config.auth.gate else {
        panic!("issuers")
    };
    assert_eq!(issuers[1].may, [Right::Decide, Right::Attest]);
    assert_eq!(issuers[1].claims["repository_id"], "123");
    assert_eq!(config.gate.max_concurrency, 8);
    assert_eq!(config.projects.0["demo-project"], 123_456_789_012);
    assert!(matches!(
        &config.outputs[0].kind,
        OutputKind::Webhook {
            secret: Some(_),
            ..
        }
    ));
    assert_eq!(config.routes[0].to, ["security", "log"]);
    let named = config.routes[1].matches.severity.as_ref().unwrap();
    assert_eq!(*named, OneOrMore::More(vec![Severity::Low, Severity::Info]));
    assert_eq!(config.silences[0].owner, "web");
}

#[test]
fn a_silence_has_an_owner_an_end_and_something_to_be_silent_about() {
    let text = r#"
silences:
  - {match: {category: DENIED}, owner: web, reason: noise}
  - {match: {category: DENIED}, owner: web, reason: noise, until: tomorrow}
  - {match: {}, owner: web, reason: noise, until: 2026-02-01T00:00:00Z}
  - {match: {category: [DENIED, BYPASS]}, owner: " ", reason: "", until: 2026-02-01T00:00:00Z}
  - {match: {severity: []}, owner: web, reason: noise, until: 2026-02-01T00:00:00Z}
"#;
    insta::assert_snapshot!(mistakes(text), @r"
postern.yaml has 7 mistakes:
  line 3: silences[0]: `until` is missing
  line 4: silences[1].until: failed to parse four digit integer as year: invalid digit, expected 0-9 but got t
  line 5: silences[2].match: this would silence everything: say what
  line 6: silences[3].match.category: BREAK_GLASS, TRUST_CHAIN, AUDIT_BLINDED and BYPASS are never silenced: name others
  line 6: silences[3].owner: say who answers for it
  line 6: silences[3].reason: say why
  line 7: silences[4].match.severity: an empty list matches nothing
");
}

#[rstest::rstest]
#[case::nothing("")]
#[case::comment("# nothing yet\n")]
#[case::null("~")]
#[case::empty_sections("gate:\nauth:\noutputs:\n")]
fn nothing_is_the_embedded_set_up(#[case] text: &str) {
    let config = read_with(text, &[]).unwrap();
    assert_eq!(config.store, "sqlite:postern-data/postern.db");
    assert_eq!(config.attestations, ["store", "registry"]);
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = r#"
store: redis://cache
polcy: policy.yaml
listen: 0.0.0.0:8080
gate:
  onUndetermined: maybe
  maxConcurrency: many
  compareRepositry: true
breakGlass: {ticket: "INC-[0-9", maxPerDay: -1}
attestations: [store, "s3://bucket"]
registries:
  - {host: "https://registry.example"}
  - {host: registry.example, plainHttp: true, credential: {type: basic, username: me}}
attestor:
  signers:
    - {attestor: nonsense, key: "env:K", callers: [a], repositories: [r]}
    - {attestor: projects/p/attestors/a, key: secret-itself, callers: [], repositories: []}
outputs:
  - {name: a, type: webhook, url: "http://hooks.example/"}
  - {name: a, type: file, path: x}
  - {name: b, type: file, url: "https://hooks.example/"}
  - {name: c, type: pubsub, topic: projects/p/subscriptions/s}
  - {name: d, type: webhook, url: "https://hooks.example/", secret: hunter2}
  - {name: e, type: webhook, url: "https://hooks.example/", secret: "gcpsm://projects/p/secrets/s"}
routes:
  - {match: {severity: huge}, to: [a]}
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    postern.yaml has 23 mistakes:
      line 2: store: `redis://…` is no store: use `sqlite:PATH` or `postgres://USER@HOST/DATABASE`
      line 3: polcy: there is no such key here; there are: store, acceptEphemeralStore, listen, policy, systemPolicy, attestors, attestations, projects, auth, gate, breakGlass, forward, registries, attestor, trust, audit, cases, owners, ledger, endpoints, aws, outputs, routes, silences, heartbeat, terraform
      line 4: listen: `auth` is not configured, so only loopback may be listened on: add `auth`, or listen on 127.0.0.1
      line 6: gate.onUndetermined: this should be one of deny, allow
      line 7: gate.maxConcurrency: invalid type: string "many", expected usize
      line 8: gate.compareRepositry: there is no such key here; there are: onUndetermined, compareRepository, indexCoversManifests, allowCodeOutsideImage, observe, maxConcurrency, spool, tls
      line 9: breakGlass.maxPerDay: invalid value: integer `-1`, expected u32
      line 9: breakGlass.ticket: this is no regular expression: unclosed character class
      line 10: attestations[1]: attestations are looked for in `store`, `store:DIR`, `registry`, `containeranalysis:projects/ID` or a file
      line 12: registries[0].host: this should be a host as in image names, such as `us-docker.pkg.dev` or `localhost:5000`
      line 13: registries[1].credential: `basic` takes `username` and `password`
      line 13: registries[1].plainHttp: HTTP without TLS is for loopback, or with `allowPrivate` for a network that you trust
      line 16: attestor.signers[0].attestor: "nonsense" is not of the form projects/PROJECT/attestors/ID
      line 17: attestor.signers[1].callers: nobody could ask: name the callers' e-mail addresses or subjects
      line 17: attestor.signers[1].repositories: nothing could be signed: name the repositories, such as `us-docker.pkg.dev/PROJECT/REPO/*`
      line 17: attestor.signers[1].key: a key is written as `file:PATH`, `env:NAME`, `awskms:///ARN-or-alias` or `gcpkms://projects/…/cryptoKeyVersions/N`
      line 19: outputs[0].url: this should be an https:// URL (http:// only to loopback)
      line 20: outputs[1].name: another output has this name
      line 21: outputs[2]: `file` takes `path`, and may have `body`
      line 22: outputs[3].topic: this should be a topic: projects/PROJECT/topics/TOPIC
      line 23: outputs[4].secret: a secret is written as `env:NAME`, `file:PATH`, `gcpsm://projects/P/secrets/S` or `awssm://ARN-or-name`, never as itself
      line 24: outputs[5].secret: `gcpsm://projects/p/secrets/s` was not fetched: secrets of a manager are read once, with the configuration
      line 26: routes[0].match.severity: this should be one of INFO, LOW, MEDIUM, HIGH, CRITICAL
    "#);
}

#[test]
fn mistakes_in_the_rules_of_cases_are_told_by_key() {
    let text = r#"
owners: ""
cases:
  justification: {minLength: 20, ticket: "INC-[0-9"}
  twoPerson: MEDIUM
  due: {CRITICAL: 0s, HIGH: 12h}
  maxException: -1h
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    postern.yaml has 4 mistakes:
      line 2: owners: this is empty: leave it out
      line 4: cases.justification.ticket: this is no regular expression: unclosed character class
      line 6: cases.due.CRITICAL: this time is over before it starts: make it longer
      line 7: cases.maxException: this time is over before it starts: make it longer
    "#);
}

#[test]
fn what_is_observed_must_be_targets() {
    let text = r#"
gate:
  observe:
    - "cloud-run:demo-project/*"
    - "*/demo-project/*"
    - "gke:us-central1-a.prod/new:*"
    - demo-project
    - "cloud-run: demo-project/*"
"#;
    insta::assert_snapshot!(mistakes(text), @r"
    postern.yaml has 2 mistakes:
      line 7: gate.observe[3]: this should be a target, such as `cloud-run:demo-project/*`, with `*` for any characters
      line 8: gate.observe[4]: this should be a target, such as `cloud-run:demo-project/*`, with `*` for any characters
    ");
}

#[test]
fn mistakes_of_access_are_told_by_entry() {
    let text = r#"
auth:
  gate:
    - {issuer: "http://issuer.example", audience: "", may: []}
    - {issuer: "https://issuer.example", may: [decide]}
    - {issuer: "https://accounts.google.com", audience: a, may: [decide, fly]}
    - {issuer: "https://accounts.google.com", audience: a, may: [decide]}
    - {issuer: "https://a.example", audience: a, may: [decide], jwksUri: "https://a.example/1"}
    - {issuer: "https://a.example", audience: a, may: [decide], jwks: "x"}
  auditor: platform
  attestor: nobody
  cases: []
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
postern.yaml has 12 mistakes:
  line 4: auth.gate[0].issuer: this should be an https:// URL (http:// only to loopback)
  line 4: auth.gate[0].audience: tokens meant for anybody would be taken: name this function's audience
  line 4: auth.gate[0].may: such a caller may do nothing: name rights, or leave the entry out
  line 5: auth.gate[1]: `audience` is missing
  line 6: auth.gate[2].may[1]: this should be one of decide, breakGlass, attest, ingest, view, respond, approve
  line 6: auth.gate[2].claims: anybody can have a token of this issuer: name claims that only yours have
  line 7: auth.gate[3].claims: anybody can have a token of this issuer: name claims that only yours have
  line 9: auth.gate[5].jwks: there is no such key here; there are: issuer, audience, claims, jwksUri, may
  line 9: auth.gate[5].jwksUri: another entry of this issuer says otherwise: keys are those of the issuer
  line 10: auth.auditor: `platform` believes what stands in front, and nothing does: it is for Cloud Run and Lambda; name issuers here
  line 11: auth.attestor: invalid value: string "nobody", expected `platform`, or a list of issuers
  line 12: auth.cases: nobody could call: name an issuer, or leave it out for loopback only
"#);
}

#[test]
fn text_that_is_not_yaml_is_told_with_its_line() {
    insta::assert_snapshot!(mistakes("store: a\ngate: [1, 2\npolicy: }"), @r#"
postern.yaml has a mistake:
  line 3: illegal placement of ':' indicator at line 3, column 7
"#);
    insta::assert_snapshot!(mistakes("store: a\nstore: b\n"), @r#"
postern.yaml has a mistake:
  line 2: duplicate mapping key: store, set DuplicateKeyPolicy in Options if acceptable at line 2, column 1
"#);
    insta::assert_snapshot!(mistakes("- a\n- b\n"), @r#"
    postern.yaml has a mistake:
      line 1: this should be a mapping with the keys store, acceptEphemeralStore, listen, policy, systemPolicy, attestors, attestations, projects, auth, gate, breakGlass, forward, registries, attestor, trust, audit, cases, owners, ledger, endpoints, aws, outputs, routes, silences, heartbeat, terraform
    "#);
}

#[test]
fn mistakes_in_channels_say_where_a_secret_belongs() {
    let text = r#"
outputs:
  - {name: a, type: slack, url: "https://hooks.slack.example/T0/B0/hunter2"}
  - {name: b, type: pagerduty, routingKey: hunter2, url: "http://events.example/"}
  - {name: c, type: alertmanager, url: "https://user:hunter2@alertmanager.example/"}
  - {name: d, type: cloudEvents, url: "https://events.example/", token: "env:UNSET"}
  - {name: e, type: teams, url: "env:HOOK_SECRET", body: ocsf}
  - {name: f, type: googleChat, url: "env:HOOK_SECRET"}
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    postern.yaml has 6 mistakes:
      line 3: outputs[0].url: a secret is written as `env:NAME`, `file:PATH`, `gcpsm://projects/P/secrets/S` or `awssm://ARN-or-name`, never as itself
      line 4: outputs[1].url: this should be an https:// URL (http:// only to loopback)
      line 4: outputs[1].routingKey: a secret is written as `env:NAME`, `file:PATH`, `gcpsm://projects/P/secrets/S` or `awssm://ARN-or-name`, never as itself
      line 5: outputs[2].url: a URL is no place for a secret: use `token: env:NAME`
      line 6: outputs[3].token: the environment variable `UNSET` is not set
      line 7: outputs[4]: `teams` takes `url`, by reference, and may have `allowPrivate` and `group`
    "#);
}

#[test]
fn what_this_build_does_not_have_is_told_as_such() {
    let text = r#"
auth: {owners: []}
outputs: [{name: b, type: pigeon}]
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
postern.yaml has 2 mistakes:
  line 2: auth.owners: there is no such key here; there are: gate, attestor, trust, auditor, cases
  line 3: outputs[0]: this build has no output of type `pigeon`: it is one of webhook, file, stdout, slack, teams, googleChat, pagerduty, alertmanager, cloudEvents, sns, sqs, eventbridge, pubsub, email
"#);
}

#[test]
fn buses_and_mail_servers_are_written_as_such() {
    let text = r#"
outputs:
  - {name: a, type: sns, topic: "arn:aws:sqs:eu-west-1:111122223333:alerts"}
  - {name: b, type: sqs, queue: "http://sqs.eu-west-1.amazonaws.com/111122223333/alerts"}
  - {name: c, type: eventbridge, bus: "a bus"}
  - {name: d, type: eventbridge, bus: "arn:aws:events:eu-west-1:111122223333:event-bus/alerts", region: eu-west-1}
  - {name: e, type: email, server: "https://mail.example.com", from: postern, to: []}
  - {name: f, type: email, server: "smtp://me:word@mail.example.com", from: a@example.com, to: [b@example.com], username: me, password: word}
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    postern.yaml has 9 mistakes:
      line 3: outputs[0].topic: this should be the ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME
      line 4: outputs[1].queue: this should be the URL of a queue: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
      line 5: outputs[2].bus: this should be the name of an event bus, or its ARN
      line 6: outputs[3].region: the ARN says it: leave it out
      line 7: outputs[4].server: this should be smtps://HOST, or smtp://HOST with STARTTLS
      line 7: outputs[4].to: nobody would be told: name an address
      line 7: outputs[4].from: this should be a mail address, such as security@example.com
      line 8: outputs[5].server: a URL is no place for a secret: use `username` and `password: env:NAME`
      line 8: outputs[5].password: a secret is written as `env:NAME`, `file:PATH`, `gcpsm://projects/P/secrets/S` or `awssm://ARN-or-name`, never as itself
    "#);
}

#[test]
fn routes_lead_to_outputs() {
    let text = "outputs: [{name: a, type: stdout}]\nroutes: [{to: [a, b]}, {to: []}]";
    insta::assert_snapshot!(mistakes(text), @r#"
postern.yaml has 2 mistakes:
  line 2: routes[0].to[1]: there is no output `b`
  line 2: routes[1].to: alerts would go nowhere: name an output
"#);
}

#[test]
fn variables_are_laid_over_the_file() {
    let vars = [
        ("POSTERN__STORE", "sqlite:elsewhere.db"),
        ("POSTERN__GATE__MAXCONCURRENCY", "16"),
        ("POSTERN__gate__onUndetermined", "allow"),
        ("POSTERN__BREAKGLASS__TICKET", "^CHG-[0-9]+$"),
        ("POSTERN__POLICY", "2024"),
        ("POSTERN__ATTESTATIONS", "[store]"),
        ("POSTERN__OUTPUTS__1__PATH", "other.ndjson"),
        ("POSTERN__OUTPUTS__2", "{name: out, type: stdout}"),
        ("POSTERN__AUTH__GATE__0__CLAIMS__EMAIL", "other@example.com"),
        ("POSTERN_LOG", "not ours"),
    ];
    let config = read_with(SAMPLE, &vars).unwrap();
    assert_eq!(config.store, "sqlite:elsewhere.db");
    assert_eq!(config.gate.max_concurrency, 16);
    assert_eq!(config.gate.on_undetermined, OnUndetermined::Allow);
    assert_eq!(config.break_glass.ticket.as_deref(), Some("^CHG-[0-9]+$"));
    assert_eq!(
        config.break_glass.max_per_day,
        Some(3),
        "the rest of the section stays"
    );
    assert_eq!(config.policy.as_deref(), Some("2024"), "text stays text");
    assert_eq!(config.attestations, ["store"]);
    assert!(
        matches!(&config.outputs[1].kind, OutputKind::File { path, .. } if path == "other.ndjson")
    );
    assert!(matches!(config.outputs[2].kind, OutputKind::Stdout { .. }));
    let Some(Access::Issuers(issuers)) = &config.auth.gate else {
        panic!("issuers")
    };
    assert_eq!(issuers[0].claims["email"], "other@example.com");
}

#[test]
fn sections_that_the_file_has_not_come_from_variables() {
    let vars = [
        ("POSTERN__BREAKGLASS__MAXPERDAY", "5"),
        ("POSTERN__GATE__COMPAREREPOSITORY", "true"),
    ];
    let config = read_with("", &vars).unwrap();
    assert_eq!(config.break_glass.max_per_day, Some(5));
    assert!(config.gate.compare_repository);
}

#[test]
fn mistakes_in_variables_name_the_variable() {
    let vars = [
        ("POSTERN__GATE__MAXCONCURRENCY", "lots"),
        ("POSTERN__GATE__NOSUCHKEY", "1"),
        ("POSTERN__NOSUCHSECTION", "1"),
        ("POSTERN__STORE__PATH", "x"),
        ("POSTERN__ATTESTATIONS", "[store"),
        ("POSTERN__ROUTES__7__TO", "[a]"),
        ("POSTERN____STORE", "x"),
    ];
    insta::assert_snapshot!(read_with("store: sqlite:x.db\nroutes: []", &vars).unwrap_err(), @r#"
    postern.yaml has 7 mistakes:
      POSTERN__ATTESTATIONS: its value is not YAML: unclosed bracket '[' at line 1, column 1; put it in quotes
      POSTERN__GATE__MAXCONCURRENCY: gate.maxConcurrency: invalid type: string "lots", expected usize
      POSTERN__GATE__NOSUCHKEY: gate.NOSUCHKEY: there is no such key here; there are: onUndetermined, compareRepository, indexCoversManifests, allowCodeOutsideImage, observe, maxConcurrency, spool, tls
      POSTERN__NOSUCHSECTION: NOSUCHSECTION: there is no such key here; there are: store, acceptEphemeralStore, listen, policy, systemPolicy, attestors, attestations, projects, auth, gate, breakGlass, forward, registries, attestor, trust, audit, cases, owners, ledger, endpoints, aws, outputs, routes, silences, heartbeat, terraform
      POSTERN__ROUTES__7__TO: there is no element `7` in a list of 0
      POSTERN__STORE__PATH: `PATH` would be inside of a plain value that line 1 sets
      POSTERN____STORE: its name is not `POSTERN__SECTION__KEY`
    "#);
}

#[rstest::rstest]
#[case::cloud_run("K_SERVICE")]
#[case::lambda("AWS_LAMBDA_FUNCTION_NAME")]
fn on_a_platform_its_iam_is_believed_and_its_disk_is_not(#[case] variable: &str) {
    let error = read_with("auth: {gate: platform}", &[(variable, "gate")]).unwrap_err();
    assert!(error.contains("SQLite is refused on"), "{error}");
    assert_eq!(error.lines().count(), 2, "nothing else is wrong: {error}");
}

#[rstest::rstest]
#[case::gate("gate", None)]
#[case::cases("cases", None)]
#[case::attestor("attestor", Some("attest"))]
#[case::auditor("auditor", None)]
fn what_is_believed_afterwards_comes_from_named_callers(
    #[case] function: &str,
    #[case] right: Option<&str>,
) {
    let text = format!("auth: {{{function}: platform}}");
    let error = read_with(&text, &[("K_SERVICE", "gate")]).unwrap_err();
    let told =
        right.map(|right| format!("auth.{function}: `platform` alone does not give `{right}`"));
    match told {
        Some(told) => assert!(error.contains(&told), "{error}"),
        None => assert!(!error.contains("auth."), "{error}"),
    }
}

#[rstest::rstest]
#[case::google("google", true)]
#[case::ecr("ecr", true)]
#[case::docker("docker-config", false)]
fn tokens_of_a_cloud_are_not_sent_in_the_clear(#[case] credential: &str, #[case] refused: bool) {
    let text = format!(
        "registries: [{{host: 'localhost:5000', plainHttp: true, credential: {{type: {credential}}}}}]"
    );
    let told = "registries[0].plainHttp: a token of the cloud would go out in the clear";
    match read_with(&text, &[]) {
        Ok(_) => assert!(!refused),
        Err(error) => assert!(refused && error.contains(told), "{error}"),
    }
}

#[test]
fn secrets_must_be_there() {
    let text =
        "outputs: [{name: a, type: webhook, url: 'https://h.example', secret: 'env:NOT_SET'}]";
    insta::assert_snapshot!(mistakes(text), @r#"
postern.yaml has a mistake:
  line 1: outputs[0].secret: the environment variable `NOT_SET` is not set
"#);
}

#[test]
fn a_file_is_found_by_argument_or_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postern.yaml");
    std::fs::write(&path, "policy: here.yaml").unwrap();
    let name = path.to_str().unwrap();
    let by_argument = load(Some(&path), &environment(&[])).unwrap();
    let by_variable = load(None, &environment(&[("POSTERN_CONFIG", name)])).unwrap();
    assert_eq!(by_argument.policy.as_deref(), Some("here.yaml"));
    assert_eq!(by_variable.policy.as_deref(), Some("here.yaml"));
    assert_eq!(load(None, &environment(&[])).unwrap().policy, None);
    let missing = folder.path().join("missing.yaml");
    let error = load(Some(&missing), &environment(&[])).unwrap_err();
    assert!(error.to_string().contains("it cannot be read"), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,120}", value in "\\PC{0,40}") {
        let _ = read_with(&text, &[("POSTERN__GATE__SPOOL", &value), ("POSTERN__AUTH", &text)]);
    }

    #[test]
    fn no_shape_makes_it_panic(
        section in "(store|auth|gate|outputs|routes|registries|attestor|projects|breakGlass)",
        value in "[\\[\\]{}a-c:, 0-9-]{0,30}",
    ) {
        let _ = read_with(&format!("{section}: {value}"), &[]);
    }
}

#[test]
fn anchors_are_of_known_types_and_need_a_key() {
    let text = "ledger: {anchors: [{type: file, path: anchored.txt}]}";
    insta::assert_snapshot!(mistakes(text), @"
postern.yaml has a mistake:
  line 1: ledger.anchors: nothing is signed here that could be kept: name a key, `ledger.key`
");
    let text = "ledger: {key: \"awskms:///alias/a\", anchors: [{type: tape, path: a}]}";
    insta::assert_snapshot!(mistakes(text), @r#"
    postern.yaml has a mistake:
      line 1: ledger.anchors[0].type: this should be one of file, gcs, s3, pubsub, sns
    "#);
    let text = "ledger: {key: \"awskms:///alias/a\", anchors: [{type: file, pat: a}]}";
    insta::assert_snapshot!(mistakes(text), @"
postern.yaml has a mistake:
  line 1: ledger.anchors[0]: there is no such key here; there are: path
");
}
