//! The mapping, and what is refused.

use super::*;
use sluicebox_sdk::{config, testing};

/// A payment in the manner of WeChat Pay, with CDATA for texts.
const PAYMENT: &str = "<xml>\n  <appid><![CDATA[wx2421b1c4370ec43b]]></appid>\n  <attach><![CDATA[a <b> & c]]></attach>\n  \
    <fee_type>CNY</fee_type>\n  <total_fee>1</total_fee>\n</xml>\n";

const ORDER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- from the shop -->
<s:order xmlns:s="urn:shop" id="7" s:kind="gift &amp; &#x2764;">
    <item sku="a">2</item>
    <item sku="b"/>
    <note>for <b>you</b> only</note>
    <tags><tag>x</tag></tags>
</s:order>"#;

fn run(body: impl Into<Vec<u8>>, config: &Value) -> Result<Outcome> {
    testing::set_settings(config);
    xml_to_json(Event::new("shop", "order").with_body(body).with_content_type("application/xml"), config::settings()?)
}

fn converted(body: &str, config: &Value) -> Value {
    match run(body, config).expect("an outcome") {
        Outcome::Emit(messages) => {
            assert_eq!(messages[0].content_type(), Some("application/json"));
            Event::new("", "").with_body(messages[0].body()).json().expect("JSON")
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(body: impl Into<Vec<u8>>, expected: &str) {
    let error = run(body, &json!({})).expect_err("refused");
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn the_fixtures_pass() {
    testing::fixtures("fixtures", xml_to_json);
}

#[test]
fn a_payment_becomes_an_object_of_texts() {
    assert_eq!(
        converted(PAYMENT, &json!({})),
        json!({ "xml": { "appid": "wx2421b1c4370ec43b", "attach": "a <b> & c", "fee_type": "CNY", "total_fee": "1" } })
    );
}

#[test]
fn attributes_texts_and_repeated_elements_have_their_places() {
    assert_eq!(
        converted(ORDER, &json!({})),
        json!({ "s:order": {
            "@xmlns:s": "urn:shop",
            "@id": "7",
            "@s:kind": "gift & ❤",
            "item": [{ "@sku": "a", "#text": "2" }, { "@sku": "b" }],
            "note": { "b": "you", "#text": "for  only" },
            "tags": { "tag": "x" },
        } })
    );
}

#[test]
fn settings_choose_where_there_is_a_choice() {
    let config = json!({ "always_array": ["tag", "order"], "strip_prefixes": true });
    let order = &converted(ORDER, &config)["order"];
    assert_eq!(
        (&order["@kind"], &order["@xmlns:s"], &order["tags"]),
        (&json!("gift & ❤"), &Value::Null, &json!({ "tag": ["x"] }))
    );
    assert_eq!(converted("<a> x\r\n </a>", &json!({})), json!({ "a": "x" }));
    assert_eq!(converted("<a> x\r\n </a>", &json!({ "trim": false })), json!({ "a": " x\n " }));
    assert_eq!(converted("<a>\n  <b> </b>\n</a>", &json!({ "trim": false })), json!({ "a": { "b": " " } }));
}

#[test]
fn empty_elements_are_empty_texts_and_a_mark_of_byte_order_is_none() {
    assert_eq!(
        converted("\u{feff}<a><b/><c></c><d x=''/></a>", &json!({})),
        json!({ "a": { "b": "", "c": "", "d": { "@x": "" } } })
    );
}

#[test]
fn what_is_no_xml_is_rejected_with_its_line() {
    refused("<a>\n<b>\n</a>", "invalid-xml: line 3: ");
    refused("<a>\n<b>", "invalid-xml: line 2: the document ends within <b>");
    refused("<a/>\n<b/>", "invalid-xml: line 2: a second root element");
    refused("<a/>\nx", "invalid-xml: line 2: text outside of the root element");
    refused("{\"a\": 1}", "invalid-xml: line 1: text outside of the root element");
    refused("", "invalid-xml: line 1: no root element");
    refused("<a x='1' x='2'/>", "invalid-xml: line 1: ");
    refused("<a x=1/>", "invalid-xml: line 1: ");
    refused("<a>&</a>", "invalid-xml: line 1: ");
    refused("<a><1/></a>", "invalid-xml: line 1: \"1\" is no name");
    refused("</a>", "invalid-xml: line 1: ");
    refused("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "invalid-xml: line 1: the encoding \"ISO-8859-1\" is not UTF-8");
    refused(b"<a>\xe9</a>", "invalid-utf8: ");
}

#[test]
fn no_entity_is_expanded_but_the_five() {
    assert_eq!(converted("<a>&lt;&amp;&gt;&apos;&quot;&#65;</a>", &json!({})), json!({ "a": "<&>'\"A" }));
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]>\n<a>&c;</a>";
    refused(bomb, "invalid-xml: line 2: the entity &c; is not one of XML's five");
    refused("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a b=\"&x;\"/>", "invalid-xml: line 1: ");
    refused("<a>&#0;</a>", "invalid-xml: line 1: ");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(run(nested(64), &json!({})).is_ok());
    refused(nested(65), "invalid-xml: line 1: elements are nested more than 64 deep (depth_max)");
    converted(&nested(120), &json!({ "depth_max": 120 }));
    refused(nested(100_000), "invalid-xml: ");
}

#[test]
fn wrong_settings_are_refused() {
    for config in [json!({ "depth_max": 0 }), json!({ "depth_max": 121 }), json!({ "array": [] })] {
        assert_eq!(run("<a/>", &config).expect_err("wrong settings").code(), "invalid-config", "{config}");
    }
}
