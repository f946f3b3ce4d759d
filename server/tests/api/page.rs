//! The page's addresses, with or without the page in the program, and the
//! description of the API that the page is made from.

use std::collections::BTreeSet;

use mortise_server::{Server, config::PathPrefix};
use reqwest::{
    Method, StatusCode,
    header::{self, HeaderValue},
};

use crate::support::{As, ok, refused, start};

#[tokio::test]
async fn the_page_answers_at_its_own_addresses_only() {
    let running = start().await;
    for own in ["/", "//", "/messages/3", "/administration/plugins/a.b"] {
        let request = running.request(Method::GET, own, &As::Nobody);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{own}");
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
        let is_built = kind.starts_with("text/html");
        assert!(is_built || kind.starts_with("text/plain"), "{own}: {kind}");
        let text = response.text().await.unwrap();
        let says = if is_built {
            "<div id=\"root\">"
        } else {
            "cargo xtask web"
        };
        assert!(text.contains(says), "{own}: {text}");
    }
    for other in ["/nothing", "/page/nothing.js", "/plugin/1/nothing"] {
        refused(running.get(other, &As::Nobody).await, 404, "page not found");
    }
    let posted = running.request(Method::POST, "/", &As::Nobody);
    refused(running.send(posted).await, 404, "page not found");
    refused(running.get("/message", &As::Nobody).await, 401, "");
}

#[tokio::test]
async fn the_document_names_its_files_below_the_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = crate::support::config(&directory);
    config.path_prefix = "/push".parse().unwrap();
    let below = Server::start(config, mortise_backends::of_server)
        .await
        .unwrap();
    let root = start().await;
    let get = async |url: String, known: Option<HeaderValue>| {
        let mut request = root.http.get(url);
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        request.send().await.unwrap()
    };
    for (url, path, files) in [
        (below.url(), "/push", "/push/page/"),
        (below.url(), "/push/plugins/5", "/push/page/"),
        (below.url(), "/plugins/5", "/push/page/"),
        (root.server.url(), "/plugins", "./page/"),
        (root.server.url(), "/plugins/5/log", "../../page/"),
        (root.server.url(), "//plugins", "../page/"),
    ] {
        let answer = get(format!("{url}{path}"), None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        // Without Node.js there is no page in the program.
        let Some(tag) = answer.headers().get(header::ETAG).cloned() else {
            continue;
        };
        let text = answer.text().await.unwrap();
        let addresses: Vec<_> = text
            .split(['"', '>'])
            .filter(|part| part.contains("page/"))
            .collect();
        assert!(!addresses.is_empty(), "{text}");
        for address in addresses {
            assert!(address.starts_with(files), "{path}: {address}");
        }
        let weak = HeaderValue::try_from(format!("W/{}", tag.to_str().unwrap())).unwrap();
        for known in [tag, weak] {
            let again = get(format!("{url}{path}"), Some(known)).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        }
    }
    below.shutdown().await;
}

/// A path that a proxy took the prefix away from must not look as if it had it.
#[tokio::test]
async fn no_prefix_is_an_address_of_the_server() {
    let running = start().await;
    let description = ok(running.get("/openapi.json", &As::Nobody).await);
    let paths = description["paths"].as_object().unwrap().keys();
    let own = paths.map(String::as_str).chain([
        "/docs",
        "/openapi.json",
        "/swagger",
        "/page/icon.svg",
        "/administration",
        "/applications",
        "/clients",
        "/messages",
        "/plugins",
        "/settings",
        "/users",
    ]);
    for path in own.filter(|path| *path != "/") {
        let first = path.split('/').nth(1).unwrap();
        for prefix in [format!("/{first}"), format!("/{first}/below")] {
            let error = prefix.parse::<PathPrefix>().unwrap_err();
            assert!(error.contains(&format!("below /{first};")), "{error}");
        }
    }
}

#[tokio::test]
async fn each_operation_has_an_id_of_its_own() {
    let running = start().await;
    let description = ok(running.get("/openapi.json", &As::Nobody).await);
    let paths = description["paths"].as_object().unwrap();
    let operations: Vec<_> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation.get("operationId"))
        .map(|id| id.as_str().unwrap())
        .collect();
    let different: BTreeSet<_> = operations.iter().collect();
    assert!(operations.len() > 50, "{operations:?}");
    assert_eq!(different.len(), operations.len());
}

/// A change of the API is a change of this file, for its reviewer to see.
#[tokio::test]
async fn the_description_is_the_one_on_record() {
    let running = start().await;
    let mut description = ok(running.get("/openapi.json", &As::Nobody).await);
    description["info"]["version"] = "of this build".into();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!("openapi", description);
    });
}
