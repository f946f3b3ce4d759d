//! Bodies: queries, forms and JSON as they are written by hand and by tools.

use serde_json::{Value, json};

use super::{Answer, FORM, JSON, MULTIPART, multipart, raw, sender};
use crate::support::{ADMIN, Running, ok, start};

/// A message as the server shows it, as far as its sender chose it.
fn chosen(answer: Answer) -> Value {
    let sent = answer.is(200).json();
    json!([sent["title"], sent["message"], sent["priority"]])
}

async fn post_json(running: &Running, token: &str, body: &[u8]) -> Answer {
    raw(
        running,
        "POST",
        &format!("/message?token={token}"),
        &[JSON],
        body,
    )
    .await
}

#[tokio::test]
async fn fields_in_the_address() {
    let running = start().await;
    let token = sender(&running).await;
    let query = "title=T&message=Doorbell&priority=8";
    for (headers, body, expected) in [
        (&[][..], "", json!(["T", "Doorbell", 8])),
        (&[FORM][..], "", json!(["T", "Doorbell", 8])),
        // The body wins, field by field.
        (&[FORM], "message=body", json!(["T", "body", 8])),
        (&[FORM], "message=body&priority=1", json!(["T", "body", 1])),
        // To Gotify, a body of another type is no form.
        (
            &[("Content-Type", "text/plain")],
            "message=body",
            json!(["T", "Doorbell", 8]),
        ),
        (
            &[("Content-Type", "application/octet-stream")],
            "\u{0}&&=",
            json!(["T", "Doorbell", 8]),
        ),
    ] {
        let target = format!("/message?token={token}&{query}");
        let answer = raw(&running, "POST", &target, headers, body.as_bytes()).await;
        assert_eq!(chosen(answer), expected, "{headers:?} {body:?}");
    }
    // Nothing in a body of another type makes the request fail.
    let target = format!("/message?token={token}&message=Doorbell");
    for (kind, body) in [
        (&[("Content-Type", "text/plain")][..], "priority=high"),
        (&[], "priority=high"),
    ] {
        let answer = raw(&running, "POST", &target, kind, body.as_bytes()).await;
        assert_eq!(chosen(answer), json!(["Sender", "Doorbell", 4]), "{kind:?}");
    }
    // A form that is not declared is one, if the address has no fields of its own.
    let target = format!("/message?token={token}");
    let answer = raw(&running, "POST", &target, &[], b"message=m&priority=5").await;
    assert_eq!(chosen(answer), json!(["Sender", "m", 5]));
    // JSON and multipart bodies are read alone.
    let target = format!("/message?token={token}&{query}");
    let answer = raw(&running, "POST", &target, &[JSON], br#"{"message":"m"}"#).await;
    assert_eq!(chosen(answer), json!(["Sender", "m", 4]));
    let body = multipart(&[("message", "m")]);
    let answer = raw(&running, "POST", &target, &[MULTIPART], &body).await;
    assert_eq!(chosen(answer), json!(["Sender", "m", 4]));
    raw(&running, "POST", &target, &[JSON], b"{}").await.is(400);
    running.server.shutdown().await;
}

#[tokio::test]
async fn fields_in_the_address_of_every_route() {
    let running = start().await;
    let basic = (
        "Authorization",
        "Basic YWRtaW46YSBwYXNzd29yZCBvZiB0aGUgdGVzdHM=",
    );
    let request = async |method: &str, target: &str| {
        let answer = raw(&running, method, target, &[basic], b"").await;
        answer.is(200).json()
    };
    let application = request("POST", "/application?name=Q&defaultPriority=7").await;
    assert_eq!(application["name"], "Q");
    assert_eq!(application["defaultPriority"], 7);
    let path = format!("/application/{}?name=R&description=d", application["id"]);
    let changed = request("PUT", &path).await;
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("R"), &json!("d"))
    );
    let client = request("POST", "/client?name=Q").await;
    assert_eq!(client["name"], "Q");
    let user = request("POST", "/user?name=q&pass=p&admin=t").await;
    assert_eq!((&user["name"], &user["admin"]), (&json!("q"), &json!(true)));
    let login = request("POST", "/auth/local/login?name=browser").await;
    assert_eq!(login["name"], "admin");
    running.server.shutdown().await;
}

#[tokio::test]
async fn extras_in_a_form() {
    let running = start().await;
    let token = sender(&running).await;
    let target = format!("/message?token={token}");
    for ignored in ["[]", "", "text", "{", "null", "\"{}\"", "5"] {
        let body = multipart(&[("message", "m"), ("extras", ignored)]);
        let sent = raw(&running, "POST", &target, &[MULTIPART], &body).await;
        assert!(sent.is(200).json().get("extras").is_none(), "{ignored}");
        let body = format!("message=m&extras={ignored}");
        let sent = raw(&running, "POST", &target, &[FORM], body.as_bytes()).await;
        assert!(sent.is(200).json().get("extras").is_none(), "{ignored}");
        let target = format!("{target}&message=m&extras={ignored}");
        let sent = raw(&running, "POST", &target.replace('"', "%22"), &[], b"").await;
        assert!(sent.is(200).json().get("extras").is_none(), "{ignored}");
    }
    let extras = r#"{"client::display":{"contentType":"text/markdown"}}"#;
    let body = multipart(&[("message", "m"), ("extras", extras)]);
    let sent = raw(&running, "POST", &target, &[MULTIPART], &body).await;
    assert_eq!(
        sent.is(200).json()["extras"]["client::display"]["contentType"],
        "text/markdown"
    );
    running.server.shutdown().await;
}

/// Scripts and small boards write forms without a library.
#[tokio::test]
async fn a_multipart_form_written_by_hand() {
    let running = start().await;
    let token = sender(&running).await;
    let target = format!("/message?token={token}");
    let body = multipart(&[("title", "T"), ("message", "a\nb"), ("priority", "5")]);
    let body = String::from_utf8(body).unwrap();
    for written in [
        body.clone(),
        body.replace("\r\n", "\n"),
        body.replace("form-data; name=", "form-data;\r\n name="),
        body.replace("form-data; name=", "Form-Data;NAME = "),
        body.replace('"', ""),
        body.replace("--b--\r\n", "--b--"),
        format!("A form of several parts.\r\n\r\n{body}\r\nIts end."),
    ] {
        for kind in [
            "multipart/form-data; boundary=b",
            "multipart/form-data;Boundary = \"b\"",
        ] {
            let headers = [("Content-Type", kind)];
            let answer = raw(&running, "POST", &target, &headers, written.as_bytes()).await;
            assert_eq!(
                chosen(answer),
                json!(["T", "a\nb", 5]),
                "{kind} {written:?}"
            );
        }
    }
    let cut = body.replace("--b--", "");
    for (kind, body, says) in [
        ("multipart/form-data; boundary=b", cut.as_str(), "cut off"),
        ("multipart/form-data", body.as_str(), "boundary"),
    ] {
        let headers = [("Content-Type", kind)];
        let error = raw(&running, "POST", &target, &headers, body.as_bytes()).await;
        let text = error.is(400).json()["errorDescription"].to_string();
        assert!(text.contains(says), "{text}");
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn null_for_an_absent_field() {
    let running = start().await;
    let token = sender(&running).await;
    let body = br#"{"message":"m","title":null,"priority":null,"extras":null,"appid":null}"#;
    let answer = post_json(&running, &token, body).await;
    assert_eq!(chosen(answer), json!(["Sender", "m", 4]));
    for body in [&b"null"[..], b"{\"message\":null}"] {
        let error = post_json(&running, &token, body).await.is(400).json();
        assert_eq!(error["errorDescription"], "Field 'message' is required");
    }
    let params =
        json!({"name": "n", "description": null, "defaultPriority": null, "sortKey": null});
    ok(running.post("/application", &ADMIN, params).await);
    let params = json!({"name": "n", "expiresAfterInactivitySeconds": null});
    ok(running.post("/client", &ADMIN, params).await);
    let user = json!({"name": "n", "pass": "p", "admin": null});
    assert_eq!(
        ok(running.post("/user", &ADMIN, user).await)["admin"],
        false
    );
    running.server.shutdown().await;
}

#[tokio::test]
async fn keys_in_any_case() {
    let running = start().await;
    let token = sender(&running).await;
    for body in [
        r#"{"Message":"m","Title":"t","Priority":5}"#,
        r#"{"MESSAGE":"m","TITLE":"t","PRIORITY":5}"#,
        r#"{"mEssage":"m","tiTle":"t","priority":5}"#,
    ] {
        let answer = post_json(&running, &token, body.as_bytes()).await;
        assert_eq!(chosen(answer), json!(["t", "m", 5]), "{body}");
    }
    // The last of several counts, in whatever case it is.
    for (body, message) in [
        (r#"{"message":"exact","Message":"other"}"#, "other"),
        (r#"{"Message":"other","message":"exact"}"#, "exact"),
        (r#"{"message":"exact","Message":null}"#, "exact"),
    ] {
        let answer = post_json(&running, &token, body.as_bytes()).await;
        assert_eq!(answer.is(200).json()["message"], message, "{body}");
    }
    let answer = post_json(&running, &token, br#"{"Message":"m","Extras":{"A":1}}"#).await;
    assert_eq!(answer.is(200).json()["extras"], json!({"A": 1}));
    let params = json!({"NAME": "n", "DefaultPriority": 3, "sortkey": "b7"});
    let created = ok(running.post("/application", &ADMIN, params).await);
    assert_eq!(
        (&created["defaultPriority"], &created["sortKey"]),
        (&json!(3), &json!("b7"))
    );
    running.server.shutdown().await;
}

#[tokio::test]
async fn bytes_after_the_first_value() {
    let running = start().await;
    let token = sender(&running).await;
    for body in [
        &b"{\"message\":\"first\"}\n{\"message\":\"second\"}"[..],
        b"{\"message\":\"first\"}{\"message\":\"second\"}",
        b"{\"message\":\"first\"}]",
        b"{\"message\":\"first\"} trailing \xff",
        b"\xef\xbb\xbf{\"message\":\"first\"}\0",
    ] {
        let answer = post_json(&running, &token, body).await;
        assert_eq!(chosen(answer), json!(["Sender", "first", 4]));
    }
    for wrong in [
        &b"[{\"message\":\"m\"}]"[..],
        b"\"m\"",
        b"5",
        b"{\"message\":",
        b"x{\"message\":\"m\"}",
        b"",
    ] {
        post_json(&running, &token, wrong).await.is(400);
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn bad_unicode() {
    let running = start().await;
    let token = sender(&running).await;
    for (body, message) in [
        (&b"{\"message\":\"caf\xe9\"}"[..], "caf\u{fffd}"),
        (b"{\"message\":\"a\xe2\x82b\"}", "a\u{fffd}\u{fffd}b"),
        (br#"{"message":"a\udcffb"}"#, "a\u{fffd}b"),
        (br#"{"message":"a\ud83d"}"#, "a\u{fffd}"),
        (br#"{"message":"\ud83d\ude00"}"#, "\u{1f600}"),
        (br#"{"message":"\\ud83d"}"#, "\\ud83d"),
    ] {
        let sent = post_json(&running, &token, body).await.is(200).json();
        assert_eq!(sent["message"], message);
    }
    let body = b"{\"message\":\"m\",\"extras\":{\"k\xff\":\"\\ud800\"}}";
    let sent = post_json(&running, &token, body).await.is(200).json();
    assert_eq!(sent["extras"], json!({"k\u{fffd}": "\u{fffd}"}));
    for (header, body) in [
        (FORM, b"message=caf\xe9&title=%ff".to_vec()),
        (MULTIPART, {
            let mut body = multipart(&[("title", "?"), ("message", "caf?")]);
            for byte in &mut body {
                if *byte == b'?' {
                    *byte = 0xe9;
                }
            }
            body
        }),
    ] {
        let target = format!("/message?token={token}");
        let answer = raw(&running, "POST", &target, &[header], &body).await;
        assert_eq!(chosen(answer), json!(["\u{fffd}", "caf\u{fffd}", 4]));
    }
    let list = ok(running.get("/message", &ADMIN).await);
    assert_eq!(list["paging"]["size"], 9);
    running.server.shutdown().await;
}

#[tokio::test]
async fn the_same_field_twice() {
    let running = start().await;
    let token = sender(&running).await;
    let body = br#"{"message":"a","title":"t","priority":1,"message":"b","Priority":2}"#;
    let answer = post_json(&running, &token, body).await;
    assert_eq!(chosen(answer), json!(["t", "b", 2]));
    let target = format!("/message?token={token}");
    let body = b"message=a&priority=1&message=b&priority=2";
    let answer = raw(&running, "POST", &target, &[FORM], body).await;
    assert_eq!(chosen(answer), json!(["Sender", "a", 1]));
    let body = multipart(&[("message", "a"), ("message", "b")]);
    let answer = raw(&running, "POST", &target, &[MULTIPART], &body).await;
    assert_eq!(chosen(answer), json!(["Sender", "a", 4]));
    let query = format!("{target}&message=a&message=b&priority=1&priority=2");
    let answer = raw(&running, "POST", &query, &[], b"").await;
    assert_eq!(chosen(answer), json!(["Sender", "a", 1]));
    let list = format!("/message?limit=1&limit=5&token={token}");
    raw(&running, "GET", &list, &[], b"").await.is(401);
    let page = ok(running.get("/message?limit=1&limit=5", &ADMIN).await);
    assert_eq!(page["paging"]["limit"], 1);
    running.server.shutdown().await;
}

#[tokio::test]
async fn numbers_and_booleans_as_shells_write_them() {
    let running = start().await;
    let token = sender(&running).await;
    let target = format!("/message?token={token}");
    for (written, priority) in [
        ("", 0),
        ("5\r", 5),
        (" 5 ", 5),
        ("\t-3\n", -3),
        ("+7", 7),
        ("007", 7),
    ] {
        let body = multipart(&[("message", "m"), ("priority", written)]);
        let sent = raw(&running, "POST", &target, &[MULTIPART], &body).await;
        assert_eq!(sent.is(200).json()["priority"], priority, "{written:?}");
        let encoded: String = url_encoded(written);
        let body = format!("message=m&priority={encoded}");
        let sent = raw(&running, "POST", &target, &[FORM], body.as_bytes()).await;
        assert_eq!(sent.is(200).json()["priority"], priority, "{written:?}");
        let query = format!("{target}&message=m&priority={encoded}");
        let sent = raw(&running, "POST", &query, &[], b"").await;
        assert_eq!(sent.is(200).json()["priority"], priority, "{written:?}");
    }
    for wrong in ["high", "5.5", "1,000", "0x5"] {
        let body = format!("message=m&priority={wrong}");
        let error = raw(&running, "POST", &target, &[FORM], body.as_bytes()).await;
        let text = error.is(400).json()["errorDescription"].to_string();
        assert!(text.contains("Field 'priority'"), "{text}");
    }
    for (n, (written, admin)) in [
        ("1", true),
        ("T", true),
        ("TRUE", true),
        ("true\r", true),
        ("", false),
        ("0", false),
        ("F", false),
    ]
    .into_iter()
    .enumerate()
    {
        let user = running
            .request(reqwest::Method::POST, "/user", &ADMIN)
            .form(&[
                ("name", format!("u{n}").as_str()),
                ("pass", "p"),
                ("admin", written),
            ]);
        let created = ok(running.send(user).await);
        assert_eq!(created["admin"], admin, "{written:?}");
    }
    // An empty limit is an absent one.
    let page = ok(running.get("/message?limit=&since=", &ADMIN).await);
    assert_eq!(page["paging"]["limit"], 100);
    running.server.shutdown().await;
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Beyond Gotify, which refuses them.
#[tokio::test]
async fn numbers_as_text_in_json() {
    let running = start().await;
    let token = sender(&running).await;
    for (written, priority) in [
        ("\"8\"", json!(8)),
        ("\" 8\\n\"", json!(8)),
        ("8.0", json!(8)),
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
        ("-9223372036854775808", json!(i64::MIN)),
    ] {
        let body = format!(r#"{{"message":"m","priority":{written}}}"#);
        let sent = post_json(&running, &token, body.as_bytes()).await;
        assert_eq!(sent.is(200).json()["priority"], priority, "{written}");
    }
    for wrong in ["\"high\"", "8.5", "true", "[8]", "9223372036854775808"] {
        let body = format!(r#"{{"message":"m","priority":{wrong}}}"#);
        post_json(&running, &token, body.as_bytes()).await.is(400);
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn deep_extras() {
    let running = start().await;
    let token = sender(&running).await;
    for depth in [129, 9000] {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(r#"{{"message":"m","extras":{{"a":{nested}}}}}"#);
        let answer = post_json(&running, &token, body.as_bytes()).await.is(200);
        assert!(String::from_utf8(answer.body).unwrap().contains(&nested));
    }
    let body = format!(
        r#"{{"message":"m","extras":{}1{}}}"#,
        "{\"a\":".repeat(10_001),
        "}".repeat(10_001)
    );
    let error = post_json(&running, &token, body.as_bytes()).await.is(400);
    let text = error.json()["errorDescription"].to_string();
    assert!(text.contains("nested deeper than 10000"), "{text}");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_percent_sign_of_a_shell_script() {
    let running = start().await;
    let token = sender(&running).await;
    let target = format!("/message?token={token}");
    let body = b"message=disk 100% full&title=50%";
    let answer = raw(&running, "POST", &target, &[FORM], body).await;
    assert_eq!(chosen(answer), json!(["50%", "disk 100% full", 4]));
    running.server.shutdown().await;
}
