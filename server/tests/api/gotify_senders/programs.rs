//! Requests of programs that have a Gotify sender, as each writes them: its method, the
//! token's place, its headers and the form of its body.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Answer, JSON, exchange, raw, secret, sender};
use crate::support::{PASSWORD, start};

/// The place of the application's token.
enum Token {
    Query,
    Key,
    Bearer,
}

/// A request that is sent as it is, but for its token.
struct Sent {
    program: &'static str,
    token: Token,
    /// What comes before `/message`: programs add it to an address that ends with a slash.
    before: &'static str,
    kind: &'static str,
    body: &'static str,
    /// Title, message and priority.
    shown: fn() -> Value,
}

const JSON_KIND: &str = "application/json";
const UTF8: &str = "application/json; charset=utf-8";
const FORM_KIND: &str = "application/x-www-form-urlencoded";

/// The application is named `Sender`, and its priority is 4.
const SENT: &[Sent] = &[
    Sent {
        program: "Proxmox VE, an address with a slash at its end",
        token: Token::Bearer,
        before: "/",
        kind: JSON_KIND,
        body: r#"{"title":"vzdump backup status","message":"Backup successful\n\nLogs\n====\n","priority":1,"extras":{"client::display":{"contentType":"text/plain"}}}"#,
        shown: || {
            json!([
                "vzdump backup status",
                "Backup successful\n\nLogs\n====\n",
                1
            ])
        },
    },
    Sent {
        program: "CrowdSec, two alerts in one request",
        token: Token::Key,
        before: "",
        kind: JSON_KIND,
        body: "{\n\"extras\": {\n\"client::display\": {\n\"contentType\": \"text/markdown\"\n}\n},\n\
               \"priority\": 3,\n\"title\": \"ban 192.0.2.1 for 4h\",\n\
               \"message\": \"ssh-bf \\n\\n[cti](https://cti.example/192.0.2.1)\"\n}\n\
               {\n\"priority\": 3,\n\"title\": \"ban 192.0.2.2 for 4h\",\n\"message\": \"b\"\n}\n",
        shown: || {
            let message = "ssh-bf \n\n[cti](https://cti.example/192.0.2.1)";
            json!(["ban 192.0.2.1 for 4h", message, 3])
        },
    },
    Sent {
        program: "Uptime Kuma",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: r#"{"message":"[web] [🔴 Down] timeout","priority":8,"title":"Uptime-Kuma"}"#,
        shown: || json!(["Uptime-Kuma", "[web] [🔴 Down] timeout", 8]),
    },
    Sent {
        program: "Sonarr and Radarr before they sent JSON",
        token: Token::Query,
        before: "",
        kind: FORM_KIND,
        body: "title=Episode+Grabbed&message=A%20%26%20B%20-%201x01&priority=5",
        shown: || json!(["Episode Grabbed", "A & B - 1x01", 5]),
    },
    Sent {
        program: "Sonarr and Radarr",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: "{\n  \"title\": \"Episode Grabbed\",\n  \"message\": \"A - 1x01\\n\\n[TVDb](https://a.example)\",\n\
               \x20 \"priority\": 5,\n  \"extras\": {\n    \"client::display\": {\n      \"contentType\": \"text/markdown\"\n    },\n\
               \x20   \"client::notification\": {\n      \"bigImageUrl\": \"https://a.example/b.jpg\"\n    }\n  }\n}",
        shown: || {
            json!([
                "Episode Grabbed",
                "A - 1x01\n\n[TVDb](https://a.example)",
                5
            ])
        },
    },
    Sent {
        program: "programs in Go, with `null` for extras that they lack",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: r#"{"title":"","message":"m","priority":null,"extras":{"client::notification":null,"client::display":{"contentType":"text/markdown"}}}"#,
        shown: || json!(["Sender", "m", 4]),
    },
    Sent {
        program: "Netdata",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: "  {\n    \"title\" : \"CRITICAL, disk = 98%, on host\",\n\
               \x20   \"message\" : \"date: chart 98%\",\n    \"priority\" : 10\n  }",
        shown: || json!(["CRITICAL, disk = 98%, on host", "date: chart 98%", 10]),
    },
    Sent {
        program: "Healthchecks, which sends no priority",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: r#"{"title": "\ud83d\udd34 backup is DOWN", "message": "**Last ping**", "extras": {"client::display": {"contentType": "text/markdown"}}}"#,
        shown: || json!(["🔴 backup is DOWN", "**Last ping**", 4]),
    },
    Sent {
        program: "Jellyfin's webhook plugin, an address with a slash at its end",
        token: Token::Query,
        before: "/",
        kind: UTF8,
        body: "{\n    \"extras\":{\n        \"client::display\": {\n            \"contentType\": \"text/markdown\"\n\
               \x20       }\n    },\n    \"message\": \"![](http://media/Items/1/Images/Primary)\\n\",\n\
               \x20   \"priority\": 0,\n    \n        \"title\": \"A Film (1999) has been added\"\n}",
        shown: || {
            let message = "![](http://media/Items/1/Images/Primary)\n";
            json!(["A Film (1999) has been added", message, 0])
        },
    },
    Sent {
        program: "Grafana's webhook, without a sender of its own for Gotify",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: r#"{"receiver":"g","status":"firing","orgId":1,"alerts":[{"status":"firing","labels":{"alertname":"a"},"values":{"B":1e2}}],"version":"1","truncatedAlerts":0,"title":"[FIRING:1] a","state":"alerting","message":"**Firing**\n"}"#,
        shown: || json!(["[FIRING:1] a", "**Firing**\n", 4]),
    },
    Sent {
        program: "Alertmanager's bridge, with extras that are empty",
        token: Token::Key,
        before: "",
        kind: JSON_KIND,
        body: r#"{"title":"[FIR] a","message":"\u003cb\u003efiring\u003c/b\u003e","priority":5,"extras":{}}"#,
        shown: || json!(["[FIR] a", "<b>firing</b>", 5]),
    },
    Sent {
        program: "Home Assistant's `notify.rest` with POST",
        token: Token::Key,
        before: "",
        kind: FORM_KIND,
        body: "message=Door+open&title=Home+Assistant&priority=6",
        shown: || json!(["Home Assistant", "Door open", 6]),
    },
    Sent {
        program: "Home Assistant's `notify.rest` with POST_JSON and a template",
        token: Token::Key,
        before: "",
        kind: JSON_KIND,
        body: r#"{"message":"Door open","title":"Home Assistant","priority":"6"}"#,
        shown: || json!(["Home Assistant", "Door open", 6]),
    },
    Sent {
        program: "ioBroker, with a field of its own and no content type in the extras",
        token: Token::Query,
        before: "",
        kind: JSON_KIND,
        body: r#"{"title":"t","message":"m","timeout":1000,"extras":{"client::display":{}}}"#,
        shown: || json!(["t", "m", 4]),
    },
    Sent {
        program: "the crate `gotify`, with `null` for what it was not given",
        token: Token::Key,
        before: "",
        kind: JSON_KIND,
        body: r#"{"message":"Hello World","title":null,"extras":null,"priority":null}"#,
        shown: || json!(["Sender", "Hello World", 4]),
    },
    Sent {
        program: "Gotify's own client in Go, which sends each field",
        token: Token::Key,
        before: "",
        kind: JSON_KIND,
        body: "{\"extras\":{},\"message\":\"m\",\"priority\":0,\"title\":\"\"}\n",
        shown: || json!(["Sender", "m", 0]),
    },
    Sent {
        program: "wget --post-data, which encodes nothing",
        token: Token::Query,
        before: "",
        kind: FORM_KIND,
        body: "title=Sicherung läuft&message=90% von /home\nZeile 2; Ende&priority=5",
        shown: || json!(["Sicherung läuft", "90% von /home\nZeile 2; Ende", 5]),
    },
    Sent {
        program: "curl --data-urlencode",
        token: Token::Bearer,
        before: "",
        kind: FORM_KIND,
        body: "title=smartd&message=Device%3A%20%2Fdev%2Fsda%20%5BSAT%5D%0A1%20sector&priority=8",
        shown: || json!(["smartd", "Device: /dev/sda [SAT]\n1 sector", 8]),
    },
    Sent {
        program: ".NET's form of parts, with names that have no quotes",
        token: Token::Query,
        before: "",
        kind: "multipart/form-data; boundary=\"4b0f-11\"",
        body: "--4b0f-11\r\nContent-Type: text/plain; charset=utf-8\r\n\
               Content-Disposition: form-data; name=message\r\n\r\nm\r\n\
               --4b0f-11\r\nContent-Type: text/plain; charset=utf-8\r\n\
               Content-Disposition: form-data; name=priority\r\n\r\n5\r\n--4b0f-11--\r\n",
        shown: || json!(["Sender", "m", 5]),
    },
    Sent {
        program: "OkHttp's form of parts",
        token: Token::Query,
        before: "",
        kind: "multipart/form-data; boundary=c2f5",
        body: "--c2f5\r\nContent-Disposition: form-data; name=\"message\"\r\n\
               Content-Transfer-Encoding: binary\r\nContent-Type: text/plain; charset=utf-8\r\n\
               Content-Length: 1\r\n\r\nm\r\n--c2f5--\r\n",
        shown: || json!(["Sender", "m", 4]),
    },
    Sent {
        program: "curl -F",
        token: Token::Query,
        before: "",
        kind: "multipart/form-data; boundary=------------------------d74496d66958873e",
        body: "--------------------------d74496d66958873e\r\n\
               Content-Disposition: form-data; name=\"title\"\r\n\r\nt\r\n\
               --------------------------d74496d66958873e\r\n\
               Content-Disposition: form-data; name=\"message\"\r\n\r\n-- a\r\nb --\r\n\
               --------------------------d74496d66958873e--\r\n",
        shown: || json!(["t", "-- a\r\nb --", 4]),
    },
];

fn shown(answer: Answer) -> Value {
    let sent = answer.is(200).json();
    json!([sent["title"], sent["message"], sent["priority"]])
}

#[tokio::test]
async fn programs_send() {
    let running = start().await;
    let app = sender(&running).await;
    for sent in SENT {
        let bearer = format!("Bearer {app}");
        let (query, header) = match sent.token {
            Token::Query => (format!("?token={app}"), None),
            Token::Key => (String::new(), Some(("X-Gotify-Key", app.as_str()))),
            Token::Bearer => (String::new(), Some(("Authorization", bearer.as_str()))),
        };
        let target = format!("{}/message{query}", sent.before);
        let mut headers = vec![("Content-Type", sent.kind)];
        headers.extend(header);
        let answer = raw(&running, "POST", &target, &headers, sent.body.as_bytes()).await;
        assert_eq!(shown(answer), (sent.shown)(), "{}", sent.program);
    }
    running.server.shutdown().await;
}

/// Heads that other libraries write: of small boards, of PowerShell, of clients behind a
/// proxy, and of clients that do not know the length of a body.
#[tokio::test]
async fn heads_of_other_libraries() {
    let running = start().await;
    let app = sender(&running).await;
    let target = format!("/message?token={app}");
    for request in [
        format!(
            "POST {target} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
        ),
        format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nUser-Agent:\r\nContent-Type:application/json\r\nContent-Length:15\r\nConnection:close\r\n\r\n"
        ),
        format!(
            "POST {target} HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 15\nConnection: close\n\n"
        ),
        format!(
            "POST http://push.example{target} HTTP/1.1\r\nHost: push.example\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
        ),
        format!(
            "\r\nPOST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json;\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
        ),
        format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n"
        ),
    ] {
        let end = if request.contains("chunked") {
            "\r\n0\r\n\r\n"
        } else {
            ""
        };
        let request = format!("{request}{{\"message\":\"m\"}}{end}");
        let answer = exchange(&running, request.as_bytes()).await;
        assert_eq!(shown(answer), json!(["Sender", "m", 4]), "{request:?}");
    }
    // .NET and PHP wait for this before they send a body.
    let expecting = format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: 15\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{{\"message\":\"m\"}}"
    );
    let answer = exchange(&running, expecting.as_bytes()).await;
    let behind = String::from_utf8_lossy(&answer.body);
    assert!(
        answer.status == 200 || behind.starts_with("HTTP/1.1 200"),
        "{}\n{behind}",
        answer.head
    );
    // Bytes beyond ASCII and characters that belong encoded, which `curl` sends as they are.
    let target = format!("{target}&message=läuft|{{a}}[b]^`\\'");
    let answer = raw(&running, "POST", &target, &[], b"").await;
    assert_eq!(shown(answer), json!(["Sender", "läuft|{a}[b]^`\\'", 4]));
    running.server.shutdown().await;
}

/// The calls of the Android app, from its login to its logout.
#[tokio::test]
async fn the_android_app_calls() {
    let running = start().await;
    let version = raw(&running, "GET", "/version", &[], b"")
        .await
        .is(200)
        .json();
    assert!(version["version"].is_string(), "{version}");
    let credentials = BASE64_STANDARD.encode(format!("admin:{PASSWORD}"));
    let basic = format!("Basic {credentials}");
    let basic = [("Authorization", basic.as_str())];
    let user = raw(&running, "GET", "/current/user", &basic, b"")
        .await
        .is(200);
    assert_eq!(user.json()["name"], "admin");
    let json_type = ("Content-Type", "application/json; charset=UTF-8");
    let device = [basic[0], json_type];
    let device = raw(&running, "POST", "/client", &device, br#"{"name":"phone"}"#).await;
    let device = device.is(200).json();
    let key = ("X-Gotify-Key", device["token"].as_str().unwrap());

    let app = sender(&running).await;
    let (_, other) = running.application("Shared").await;
    let applications = raw(&running, "GET", "/application", &[key], b"")
        .await
        .is(200)
        .json();
    let applications = applications.as_array().unwrap().clone();
    assert_eq!(applications.len(), 2);
    for application in &applications {
        for field in ["id", "name", "image", "internal", "token"] {
            assert!(application.get(field).is_some(), "{field}: {application}");
        }
    }
    let image = format!("/{}", applications[0]["image"].as_str().unwrap());
    raw(&running, "GET", &image, &[], b"").await.is(200);
    // A text that a person shares has no date and no number.
    let shared = [("X-Gotify-Key", secret(&other)), json_type];
    let text = br#"{"message":"shared","priority":5,"title":"t"}"#;
    raw(&running, "POST", "/message", &shared, text)
        .await
        .is(200);
    let target = format!("/message?token={app}");
    raw(&running, "POST", &target, &[JSON], br#"{"message":"m"}"#)
        .await
        .is(200);

    let page = raw(&running, "GET", "/message?limit=100", &[key], b"").await;
    let messages = page.is(200).json()["messages"].clone();
    let (first, second) = (&messages[0], &messages[1]);
    assert_eq!(first["message"], "m");
    assert_eq!(second["message"], "shared");
    let target = format!("/message?limit=100&since={}", first["id"]);
    let older = raw(&running, "GET", &target, &[key], b"")
        .await
        .is(200)
        .json();
    assert_eq!(older["messages"], json!([second]));
    assert_eq!(older["paging"]["since"], 0);
    let of_one = format!("/application/{}/message", second["appid"]);
    let page = raw(&running, "GET", &format!("{of_one}?limit=100"), &[key], b"").await;
    assert_eq!(page.is(200).json()["messages"], json!([second]));
    let target = format!("/message/{}", first["id"]);
    raw(&running, "DELETE", &target, &[key], b"").await.is(200);
    raw(&running, "DELETE", &of_one, &[key], b"").await.is(200);
    raw(&running, "DELETE", "/message", &[key], b"")
        .await
        .is(200);
    let page = raw(&running, "GET", "/message?limit=100", &[key], b"").await;
    assert_eq!(page.is(200).json()["messages"], json!([]));

    // At a logout, it deletes its own client.
    let target = format!("/client/{}", device["id"]);
    raw(&running, "DELETE", &target, &[key], b"").await.is(200);
    raw(&running, "GET", "/current/user", &[key], b"")
        .await
        .is(401);
    running.server.shutdown().await;
}
