use super::*;
use crate::testing::sample::{denials, hostile, hostile_group, hostile_texts, opened, texts_in};

#[test]
fn slack_gets_blocks() {
    insta::assert_json_snapshot!(message(&opened()), @r#"
    {
      "blocks": [
        {
          "text": {
            "emoji": false,
            "text": "HIGH: BREAK GLASS",
            "type": "plain_text"
          },
          "type": "header"
        },
        {
          "text": {
            "emoji": false,
            "text": "night-duty@example.com deployed checkout past the policy",
            "type": "plain_text"
          },
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Target*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "cloud-run:acme-shop/europe-west1/checkout",
              "type": "plain_text"
            },
            {
              "text": "*Images*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11",
              "type": "plain_text"
            },
            {
              "text": "*Who*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "night-duty@example.com",
              "type": "plain_text"
            },
            {
              "text": "*Reason given*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "INC-77 &lt;payments&gt; are down",
              "type": "plain_text"
            },
            {
              "text": "*Without it*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "would have been denied",
              "type": "plain_text"
            }
          ],
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Owner*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "team-checkout",
              "type": "plain_text"
            },
            {
              "text": "*Due*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "2026-03-03T09:00:10Z",
              "type": "plain_text"
            },
            {
              "text": "*Back by*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "gcloud run services update-traffic checkout",
              "type": "plain_text"
            },
            {
              "text": "*Detection*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "gcp.cloud-run.break-glass",
              "type": "plain_text"
            },
            {
              "text": "*Opened*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "2026-03-03T05:00:10Z",
              "type": "plain_text"
            }
          ],
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Case*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01CASE (revision 1)",
              "type": "plain_text"
            }
          ],
          "type": "section"
        }
      ],
      "mrkdwn": false,
      "text": "HIGH: BREAK GLASS cloud-run:acme-shop/europe-west1/checkout",
      "unfurl_links": false,
      "unfurl_media": false
    }
    "#);
}

#[test]
fn no_text_gets_markup_or_mentions_into_slack() {
    for text in hostile_texts() {
        for sent in [
            message(&hostile(&text)),
            message_of_group(&hostile_group(&text)),
        ] {
            is_text_only(&sent);
        }
    }
}

fn is_text_only(sent: &Value) {
    let blocks = sent["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for block in blocks {
        let limit = if block["type"] == "header" { 150 } else { 3000 };
        assert!(block["text"]["text"].as_str().unwrap_or("").chars().count() <= limit);
        let fields = block["fields"].as_array().map_or(&[][..], Vec::as_slice);
        assert!(fields.len() <= 10);
        for field in fields {
            let text = field["text"].as_str().unwrap();
            assert!((1..=2000).contains(&text.chars().count()));
            // Only our own words may have a markup.
            assert!(field["type"] == "plain_text" || is_ours(text), "{text}");
        }
    }
    for (key, text) in texts_in(sent) {
        assert!(!text.contains(['<', '>', '\n', '\u{202e}']), "{key}");
    }
}

/// Words of ours that name a fact.
fn is_ours(text: &str) -> bool {
    text.len() < 60
        && text
            .chars()
            .all(|char| char.is_ascii_alphabetic() || " *:()".contains(char))
}

#[test]
fn slack_gets_a_group_as_one_message() {
    insta::assert_json_snapshot!(message_of_group(&denials(12)), @r#"
    {
      "blocks": [
        {
          "text": {
            "emoji": false,
            "text": "LOW: DENIED in 12 cases",
            "type": "plain_text"
          },
          "type": "header"
        },
        {
          "text": {
            "emoji": false,
            "text": "12 cases changed from 2026-03-03T05:00:10Z to 2026-03-03T05:00:21Z.",
            "type": "plain_text"
          },
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Project*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "acme-shop",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D000 (revision 1): cloud-run:acme-shop/europe-west1/job-0: job-0 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D001 (revision 1): cloud-run:acme-shop/europe-west1/job-1: job-1 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D002 (revision 1): cloud-run:acme-shop/europe-west1/job-2: job-2 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D003 (revision 1): cloud-run:acme-shop/europe-west1/job-3: job-3 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            }
          ],
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D004 (revision 1): cloud-run:acme-shop/europe-west1/job-4: job-4 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D005 (revision 1): cloud-run:acme-shop/europe-west1/job-5: job-5 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D006 (revision 1): cloud-run:acme-shop/europe-west1/job-6: job-6 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D007 (revision 1): cloud-run:acme-shop/europe-west1/job-7: job-7 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D008 (revision 1): cloud-run:acme-shop/europe-west1/job-8: job-8 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            }
          ],
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*LOW: DENIED*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01D009 (revision 1): cloud-run:acme-shop/europe-west1/job-9: job-9 was denied: &lt;no attestation&gt;",
              "type": "plain_text"
            },
            {
              "text": "*Not shown*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "2 more; all of them: postern case list",
              "type": "plain_text"
            },
            {
              "text": "*Message*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "group-6416cefac1f375055cc1988991d7d084",
              "type": "plain_text"
            }
          ],
          "type": "section"
        }
      ],
      "mrkdwn": false,
      "text": "LOW: DENIED in 12 cases acme-shop",
      "unfurl_links": false,
      "unfurl_media": false
    }
    "#);
}
