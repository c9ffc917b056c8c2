use super::*;
use crate::testing::sample::{
    closed, denials, hostile, hostile_group, hostile_texts, opened, texts_in,
};

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
    let sent = hostile_texts().into_iter().flat_map(|text| {
        let group = hostile_group(&text);
        [message(&hostile(&text)), message_of_group(&group)]
    });
    for sent in sent {
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

#[test]
fn google_chat_gets_a_group_in_a_thread_of_its_own() {
    insta::assert_json_snapshot!(message_of_group(&denials(3)), @r#"
    {
      "cardsV2": [
        {
          "card": {
            "header": {
              "subtitle": "acme-shop",
              "title": "LOW: DENIED in 3 cases"
            },
            "sections": [
              {
                "widgets": [
                  {
                    "textParagraph": {
                      "text": "3 cases changed from 2026-03-03T05:00:10Z to 2026-03-03T05:00:12Z."
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "acme-shop",
                      "topLabel": "Project",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "01D000 (revision 1): cloud-run:acme-shop/europe-west1/job-0: job-0 was denied: &lt;no attestation&gt;",
                      "topLabel": "LOW: DENIED",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "01D001 (revision 1): cloud-run:acme-shop/europe-west1/job-1: job-1 was denied: &lt;no attestation&gt;",
                      "topLabel": "LOW: DENIED",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "01D002 (revision 1): cloud-run:acme-shop/europe-west1/job-2: job-2 was denied: &lt;no attestation&gt;",
                      "topLabel": "LOW: DENIED",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "group-28acfc0c48c49584941e0268edee8c84",
                      "topLabel": "Message",
                      "wrapText": true
                    }
                  }
                ]
              }
            ]
          },
          "cardId": "group-28acfc0c48c49584941e0268edee8c84"
        }
      ],
      "fallbackText": "LOW: DENIED in 3 cases acme-shop",
      "thread": {
        "threadKey": "group-28acfc0c48c49584941e0268edee8c84"
      }
    }
    "#);
}
