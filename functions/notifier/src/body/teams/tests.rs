use super::*;
use crate::testing::sample::{denials, hostile, hostile_group, hostile_texts, opened, texts_in};

#[test]
fn teams_gets_a_card() {
    insta::assert_json_snapshot!(message(&opened()), @r#"
    {
      "attachments": [
        {
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "body": [
              {
                "color": "attention",
                "size": "Large",
                "text": "HIGH: BREAK GLASS",
                "type": "TextBlock",
                "weight": "Bolder",
                "wrap": true
              },
              {
                "text": "night-duty@example.com deployed checkout past the policy",
                "type": "TextBlock",
                "wrap": true
              },
              {
                "facts": [
                  {
                    "title": "Target",
                    "value": "cloud-run:acme-shop/europe-west1/checkout"
                  },
                  {
                    "title": "Images",
                    "value": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11"
                  },
                  {
                    "title": "Who",
                    "value": "night-duty@example.com"
                  },
                  {
                    "title": "Reason given",
                    "value": "INC-77 \\<payments\\> are down"
                  },
                  {
                    "title": "Without it",
                    "value": "would have been denied"
                  },
                  {
                    "title": "Owner",
                    "value": "team-checkout"
                  },
                  {
                    "title": "Due",
                    "value": "2026-03-03T09:00:10Z"
                  },
                  {
                    "title": "Back by",
                    "value": "gcloud run services update-traffic checkout"
                  },
                  {
                    "title": "Detection",
                    "value": "gcp.cloud-run.break-glass"
                  },
                  {
                    "title": "Opened",
                    "value": "2026-03-03T05:00:10Z"
                  },
                  {
                    "title": "Case",
                    "value": "01CASE \\(revision 1\\)"
                  }
                ],
                "type": "FactSet"
              }
            ],
            "msteams": {
              "width": "Full"
            },
            "type": "AdaptiveCard",
            "version": "1.4"
          },
          "contentType": "application/vnd.microsoft.card.adaptive",
          "contentUrl": null
        }
      ],
      "type": "message"
    }
    "#);
}

#[test]
fn no_text_gets_markup_into_teams_or_breaks_its_limit() {
    let sent = hostile_texts().into_iter().flat_map(|text| {
        let group = hostile_group(&text);
        [message(&hostile(&text)), message_of_group(&group)]
    });
    for sent in sent {
        assert!(sent.to_string().len() <= 28 * 1024);
        for (key, text) in texts_in(&sent) {
            let mut escaped = false;
            for char in text.chars() {
                assert!(escaped || !"*_[]<>`#".contains(char), "{key}: {text}");
                assert!(!char.is_control());
                escaped = char == '\\' && !escaped;
            }
        }
    }
}

#[test]
fn teams_gets_a_group_as_one_card() {
    insta::assert_json_snapshot!(message_of_group(&denials(3)), @r#"
    {
      "attachments": [
        {
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "body": [
              {
                "color": "default",
                "size": "Large",
                "text": "LOW: DENIED in 3 cases",
                "type": "TextBlock",
                "weight": "Bolder",
                "wrap": true
              },
              {
                "text": "3 cases changed from 2026-03-03T05:00:10Z to 2026-03-03T05:00:12Z.",
                "type": "TextBlock",
                "wrap": true
              },
              {
                "facts": [
                  {
                    "title": "Project",
                    "value": "acme-shop"
                  },
                  {
                    "title": "LOW: DENIED",
                    "value": "01D000 \\(revision 1\\): cloud-run:acme-shop/europe-west1/job-0: job-0 was denied: \\<no attestation\\>"
                  },
                  {
                    "title": "LOW: DENIED",
                    "value": "01D001 \\(revision 1\\): cloud-run:acme-shop/europe-west1/job-1: job-1 was denied: \\<no attestation\\>"
                  },
                  {
                    "title": "LOW: DENIED",
                    "value": "01D002 \\(revision 1\\): cloud-run:acme-shop/europe-west1/job-2: job-2 was denied: \\<no attestation\\>"
                  },
                  {
                    "title": "Message",
                    "value": "group-28acfc0c48c49584941e0268edee8c84"
                  }
                ],
                "type": "FactSet"
              }
            ],
            "msteams": {
              "width": "Full"
            },
            "type": "AdaptiveCard",
            "version": "1.4"
          },
          "contentType": "application/vnd.microsoft.card.adaptive",
          "contentUrl": null
        }
      ],
      "type": "message"
    }
    "#);
}
