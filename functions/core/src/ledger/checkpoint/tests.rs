use proptest::prelude::*;

use super::*;

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: "postern.example.com/demo".to_owned(),
        size: 1234,
        root: [7; 32],
    }
}

fn note() -> SignedNote {
    SignedNote {
        text: checkpoint().to_string(),
        signatures: vec![NoteSignature {
            name: "postern.example.com/demo".to_owned(),
            key_id: [1, 2, 3, 4],
            signature: b"signature".to_vec(),
        }],
    }
}

#[test]
fn a_checkpoint_has_the_form_of_its_specification() {
    insta::assert_snapshot!(note().to_string(), @r"
    postern.example.com/demo
    1234
    BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=

    — postern.example.com/demo AQIDBHNpZ25hdHVyZQ==
    ");
}

#[test]
fn what_is_written_is_read() {
    let read = SignedNote::parse(&note().to_string()).unwrap();
    assert_eq!(read, note());
    assert_eq!(Checkpoint::parse(&read.text), Ok(checkpoint()));
}

#[test]
fn notes_that_were_appended_are_read_one_by_one() {
    let other = SignedNote {
        text: format!("{}an extension\n", checkpoint()),
        ..note()
    };
    let appended = format!("{}{}\n\n{}", note(), other, note());
    let read = SignedNote::parse_all(&appended).unwrap();
    assert_eq!(read, [note(), other, note()]);
    assert_eq!(SignedNote::parse_all("").unwrap(), []);
    let torn = format!("{}{}", note(), &note().to_string()[..90]);
    assert!(SignedNote::parse_all(&torn).is_err());
    assert!(
        SignedNote::parse_all(&appended[4..]).is_ok(),
        "only a signature shows that"
    );
}

#[test]
fn what_says_the_same_may_be_signed_otherwise() {
    let mut resigned = note();
    resigned.signatures[0].signature = b"another".to_vec();
    let mut grown = note();
    grown.text = grown.text.replace("1234", "1235");
    let one = note().to_string();
    assert!(says_the_same(&one, &resigned.to_string()));
    assert!(!says_the_same(&one, &grown.to_string()));
    assert!(!says_the_same("", ""));
    assert_eq!(file_name(1234), "00000000000000001234.note");
}

#[test]
fn extensions_say_nothing() {
    let text = format!("{}something else\n", checkpoint());
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint()));
}

#[rstest::rstest]
#[case::no_end("a\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")]
#[case::leading_zero("a\n01\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n")]
#[case::sign("a\n+1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n")]
#[case::too_many("a\n18446744073709551616\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n")]
#[case::short_root("a\n1\nBwcH\n")]
#[case::no_root("a\n1\n")]
#[case::origin("a b\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n")]
#[case::empty_line("a\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\nx\n")]
fn what_is_no_checkpoint_is_refused(#[case] text: &str) {
    assert!(Checkpoint::parse(text).is_err());
}

#[rstest::rstest]
#[case::unsigned("a\n1\nx\n")]
#[case::no_end("a\n\n\u{2014} a AQIDBHNpZ25hdHVyZQ==")]
#[case::hyphen("a\n\n- a AQIDBHNpZ25hdHVyZQ==\n")]
#[case::no_signature("a\n\n\u{2014} a AQIDBA==\n")]
#[case::no_base64("a\n\n\u{2014} a !!!\n")]
#[case::control("a\u{7}\n\n\u{2014} a AQIDBHNpZ25hdHVyZQ==\n")]
fn what_is_no_note_is_refused(#[case] text: &str) {
    assert!(SignedNote::parse(text).is_err());
    let long = format!("{}{}", "a\n".repeat(NOTE_LIMIT), note());
    assert!(matches!(
        SignedNote::parse(&long),
        Err(NoteError::TooLarge(_))
    ));
}

proptest! {
    #[test]
    fn no_text_breaks_anything(text in "\\PC{0,20}(\n\\PC{0,50}){0,6}\n?") {
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert_eq!(SignedNote::parse(&note.to_string()), Ok(note));
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert!(text.starts_with(checkpoint.to_string().trim_end()));
        }
    }
}
