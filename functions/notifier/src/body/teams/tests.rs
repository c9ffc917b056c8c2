use super::*;
use crate::testing::sample::{hostile, hostile_texts, opened, texts_in};

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
    for text in hostile_texts() {
        let sent = message(&hostile(&text));
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
