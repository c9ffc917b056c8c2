use super::*;
use crate::testing::sample::{closed, hostile, hostile_texts, opened, texts_in};

#[test]
fn google_chat_gets_a_card_in_the_thread_of_its_case() {
    insta::assert_json_snapshot!(message(&opened()), @r#"
    {
      "cardsV2": [
        {
          "card": {
            "header": {
              "subtitle": "cloud-run:acme-shop/europe-west1/checkout",
              "title": "HIGH: BREAK GLASS"
            },
            "sections": [
              {
                "widgets": [
                  {
                    "textParagraph": {
                      "text": "night-duty@example.com deployed checkout past the policy"
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "cloud-run:acme-shop/europe-west1/checkout",
                      "topLabel": "Target",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11",
                      "topLabel": "Images",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "night-duty@example.com",
                      "topLabel": "Who",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "INC-77 &lt;payments&gt; are down",
                      "topLabel": "Reason given",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "would have been denied",
                      "topLabel": "Without it",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "team-checkout",
                      "topLabel": "Owner",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "2026-03-03T09:00:10Z",
                      "topLabel": "Due",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "gcloud run services update-traffic checkout",
                      "topLabel": "Back by",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "gcp.cloud-run.break-glass",
                      "topLabel": "Detection",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "2026-03-03T05:00:10Z",
                      "topLabel": "Opened",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "01CASE (revision 1)",
                      "topLabel": "Case",
                      "wrapText": true
                    }
                  }
                ]
              }
            ]
          },
          "cardId": "01CASE-1"
        }
      ],
      "fallbackText": "HIGH: BREAK GLASS cloud-run:acme-shop/europe-west1/checkout",
      "thread": {
        "threadKey": "01CASE"
      }
    }
    "#);
    assert_eq!(message(&closed())["thread"], message(&opened())["thread"]);
}

#[test]
fn no_text_gets_markup_into_google_chat_or_breaks_its_limit() {
    for text in hostile_texts() {
        let sent = message(&hostile(&text));
        assert!(sent.to_string().len() <= 32_000);
        assert!(sent.get("text").is_none(), "mentions are made there");
        let widgets = sent["cardsV2"][0]["card"]["sections"][0]["widgets"]
            .as_array()
            .unwrap();
        assert!(widgets.len() <= 100);
        for (key, text) in texts_in(&sent) {
            assert!(!text.contains(['<', '>', '\n', '\u{202e}']), "{key}");
        }
    }
}
