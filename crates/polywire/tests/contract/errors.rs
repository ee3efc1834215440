//! `#[error]`: codes, texts, and what a consumer makes of a code it does not know.

use polywire_core::ApplicationError;
use polywire_core::contract::ErrorCodes;
use serde_json::json;

use crate::orders::OrdersError;

/// Fields, a renamed code, a keyword, and a content of its own.
#[polywire::error(closed)]
#[derive(PartialEq)]
pub(crate) enum Closed {
    /// {0} is at fault.
    Content(Content),
    /// a {type} at {at:>4}
    #[serde(rename = "typed-wrong")]
    Typed {
        /// A keyword.
        r#type: String,
        /// A number.
        at: u8,
    },
}

/// Stands beside the code.
#[polywire::payload]
#[derive(PartialEq)]
pub(crate) struct Content {
    /// Who.
    pub who: String,
}

impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.who)
    }
}

fn all() -> [OrdersError; 4] {
    [
        OrdersError::NoArticle {
            sku: "tea".to_owned(),
        },
        OrdersError::Busy { clerks: 3 },
        OrdersError::Closed,
        OrdersError::Unknown,
    ]
}

#[test]
fn an_error_is_its_code_and_its_fields() {
    let written = all().map(|error| serde_json::to_value(error).unwrap());
    let expected = [
        json!({"code": "no_article", "sku": "tea"}),
        json!({"code": "busy", "clerks": 3}),
        json!({"code": "closed"}),
        json!({"code": "unknown"}),
    ];
    assert_eq!(written, expected);
    let read = expected.map(|error| serde_json::from_value::<OrdersError>(error).unwrap());
    assert_eq!(read, all());
}

#[test]
fn the_code_is_that_of_the_wire() {
    for error in all() {
        let code = serde_json::to_value(&error).unwrap()["code"]
            .as_str()
            .map(str::to_owned);
        assert_eq!(Some(error.code().as_str()), code.as_deref());
    }
    let codes = OrdersError::codes()
        .into_iter()
        .map(|code| code.code)
        .collect::<Vec<_>>();
    assert_eq!(codes, ["no_article", "busy", "closed", "unknown"]);
}

#[test]
fn documentation_is_the_text() {
    let texts = all().map(|error| error.to_string());
    assert_eq!(
        texts,
        [
            "no article \"tea\", but {braces}",
            "All 3 clerks are busy at the moment",
            "closed",
            "an error that this version does not know"
        ]
    );
}

#[test]
fn retryable_is_what_was_marked() {
    assert_eq!(
        all().map(|error| error.is_retryable()),
        [false, true, false, false]
    );
}

#[test]
fn a_later_code_is_the_fallback_and_a_known_one_must_fit() {
    let later = json!({"code": "sold_out", "until": {"year": 2031}});
    assert_eq!(
        serde_json::from_value::<OrdersError>(later).unwrap(),
        OrdersError::Unknown
    );
    let wrong = serde_json::from_value::<OrdersError>(json!({"code": "busy"})).unwrap_err();
    assert_eq!(wrong.to_string(), "missing field `clerks`");
}

#[test]
fn a_closed_error_refuses_other_codes() {
    let content = Closed::Content(Content {
        who: "the van".to_owned(),
    });
    assert_eq!(
        serde_json::to_value(&content).unwrap(),
        json!({"code": "content", "who": "the van"})
    );
    assert_eq!(content.to_string(), "the van is at fault");
    let typed = Closed::Typed {
        r#type: "typo".to_owned(),
        at: 7,
    };
    assert_eq!(
        (typed.to_string().as_str(), typed.code().as_str()),
        ("a typo at    7", "typed-wrong")
    );
    let other = serde_json::from_value::<Closed>(json!({"code": "sold_out"})).unwrap_err();
    assert_eq!(
        other.to_string(),
        "unknown variant `sold_out`, expected `content` or `typed-wrong`"
    );
}
