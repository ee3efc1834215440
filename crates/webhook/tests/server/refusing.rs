//! What is not carried out, and what is said of it.

use serde_json::{Value, json};

use crate::world::{ask, at, get, post, sqlite, wish};

#[tokio::test]
async fn what_cannot_be_had_is_refused_with_what_can() {
    let world = sqlite().await;
    let refused = async |change: Value| {
        let mut body = wish(&world.sink.url);
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        world.ask(post("").body(&body)).await
    };
    for (change, status, code, detail) in [
        (
            json!({"contract": "stock"}),
            404,
            "",
            "there is no contract \"stock\" here: served are orders",
        ),
        (
            json!({"events": ["paid"]}),
            422,
            "event-unknown",
            "orders has no event \"paid\": expected returned, shipped",
        ),
        (
            json!({"events": ["quote"]}),
            422,
            "event-unknown",
            "orders has no event \"quote\": expected returned, shipped",
        ),
        (
            json!({"events": ["shipped", "shipped"]}),
            422,
            "event-twice",
            "event \"shipped\" is named twice",
        ),
        (
            json!({"lease_seconds": 0}),
            422,
            "lease-refused",
            "a lease of 0 seconds: expected at least 1; end the subscription with DELETE",
        ),
        (
            json!({"rate_per_minute": 0}),
            422,
            "rate-refused",
            "a rate of 0 a minute: expected 1 to 60000000",
        ),
        (
            json!({"sign": []}),
            422,
            "sign-refused",
            "sign: expected [\"v1\"], [\"v1a\"], or both",
        ),
        (
            json!({"sign": ["v1", "v1"]}),
            422,
            "sign-refused",
            "sign: expected [\"v1\"], [\"v1a\"], or both",
        ),
        (
            json!({"sink": "ftp://hooks.example.com/"}),
            422,
            "sink-refused",
            "the sink is neither https nor http: write an URL like \"https://hooks.example.com/acme\"",
        ),
    ] {
        let told = refused(change.clone()).await;
        assert_eq!(told.refusal(), (status, code, detail), "{change}");
    }
    for (change, part) in [
        (
            json!({"evnets": []}),
            "unknown field `evnets`, expected one of `contract`, `version`",
        ),
        (
            json!({"order": "random"}),
            "unknown variant `random`, expected `none` or `by-key`",
        ),
        (
            json!({"sign": ["v2"]}),
            "unknown variant `v2`, expected `v1` or `v1a`",
        ),
        (json!({"version": "1.4"}), "1.4"),
        (json!({"known": "sha1:ab"}), "is no known contract"),
    ] {
        let told = refused(change.clone()).await;
        let (status, _, detail) = told.refusal();
        assert_eq!(status, 400, "{change}: {detail}");
        assert!(detail.contains(part), "{change}: {detail}");
    }
    let no_match = refused(json!({"version": "^3"})).await;
    assert_eq!(no_match.status, 406);
    assert_eq!(no_match.json["nearest"], "2.1.0", "{}", no_match.json);
    let missing = refused(json!({"events": ["shipped", "returned"]})).await;
    assert_eq!(
        missing.json["offered"][0]["why"], "missing-operation",
        "{}",
        missing.json
    );
    world.close().await;
}

#[tokio::test]
async fn where_a_sink_leads_is_never_said() {
    let world = sqlite().await;
    let mut answers = Vec::new();
    for sink in [
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "https://[::1]/",
    ] {
        let told = world.ask(post("").body(&wish(sink))).await;
        assert_eq!(told.refusal().1, "sink-refused");
        answers.push(told.json);
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    // What is only found out when it is dialled reads alike too.
    for sink in [
        "http://localhost:1/",
        "http://nobody.invalid/",
        "http://127.0.0.1:1/",
    ] {
        let told = world.ask(post("").body(&wish(sink)).wait()).await;
        assert_eq!(
            (told.status, &told.json["reason"]),
            (201, &json!("sink-unreachable")),
            "{sink}"
        );
    }
    world.close().await;
}

#[tokio::test]
async fn a_tenant_has_no_more_by_asking_at_once() {
    let world = sqlite().await;
    let options = polywire_webhook::server::ServerOptions {
        max_subscriptions: 3,
        ..world.options()
    };
    let server = world.again(options).await;
    let asked = (0..12).map(|_| post("").body(&wish(&world.sink.url)).of(&server));
    let told = futures_util::future::join_all(asked).await;
    let mut told: Vec<u16> = told.iter().map(|told| told.status).collect();
    told.sort_unstable();
    assert_eq!(told[..3], [201; 3]);
    assert_eq!(told[3..], [429; 9]);
    world.close().await;
}

#[tokio::test]
async fn a_tenant_has_so_many_and_proves_who_it_is() {
    let world = sqlite().await;
    let options = polywire_webhook::server::ServerOptions {
        max_subscriptions: 1,
        ..world.options()
    };
    let server = world.again(options).await;
    let create = || post("").body(&wish(&world.sink.url));
    assert_eq!(create().of(&server).await.status, 201);
    let told = create().of(&server).await;
    assert_eq!(
        told.refusal(),
        (
            429,
            "",
            "the tenant has 1 subscriptions, its maximum: end one first"
        )
    );
    assert_eq!(create().tenant("other").of(&server).await.status, 201);
    let told = create().tenant("bad").of(&server).await;
    assert_eq!(
        told.refusal(),
        (401, "", "token signed by none of the known keys")
    );
    assert_eq!(told.header("www-authenticate"), "Bearer");
    let told = create()
        .header("authorization", "Basic YTpi")
        .of(&server)
        .await;
    assert_eq!(told.refusal().0, 401);
    let told = create().tenant("nobody").of(&server).await;
    assert_eq!(
        told.refusal(),
        (
            403,
            "",
            "the token names no tenant: expected a text of 1 to 256 bytes as its claim \"sub\""
        )
    );
    server.close().await;

    let open = polywire_webhook::server::ServerOptions {
        authenticator: None,
        ..world.options()
    };
    let server = world.again(open).await;
    let told = create().of(&server).await;
    assert_eq!(
        world.record(&told.json["id"]).await.terms.tenant,
        "anonymous"
    );
    server.close().await;
    world.close().await;
}

#[tokio::test]
async fn other_paths_and_methods_are_told() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let path = |rest: &str| format!("{}{rest}", at(&id));
    for (method, rest, allow) in [
        ("PUT", "", "GET, PATCH, DELETE"),
        ("GET", "/lease", "POST"),
        ("DELETE", "/deliveries", "GET"),
        ("GET", "/deliveries/ack", "POST"),
        ("GET", "/upgrade/commit", "POST"),
    ] {
        let told = world.ask(ask(method, &path(rest))).await;
        assert_eq!(
            (told.refusal().0, told.header("allow")),
            (405, allow),
            "{method} {rest}"
        );
    }
    assert_eq!(world.ask(ask("PUT", "")).await.header("allow"), "GET, POST");
    for rest in ["/nothing", "/upgrade/nothing", "/a/b/c", "/"] {
        let told = world.ask(get(&path(rest))).await;
        assert_eq!(told.status, 404, "{rest}");
    }
    for hostile in [
        "/..",
        "/%2e",
        "/a b".replace(' ', "%20").as_str(),
        "//",
        "/sub%00",
    ] {
        assert_eq!(world.ask(get(hostile)).await.status, 404, "{hostile}");
    }
    let large = json!({ "contract": "x".repeat(70_000) });
    assert_eq!(world.ask(post("").body(&large)).await.status, 413);
    assert_eq!(world.ask(post("").text("{")).await.status, 400);
    assert_eq!(world.ask(post("").text("\u{0}\u{1}")).await.status, 400);
    world.close().await;
}

#[tokio::test]
async fn whoever_drains_takes_no_one() {
    let world = sqlite().await;
    let service = crate::world::orders();
    world.server.serve(service.clone());
    let id = world.subscribe(|_| {}).await["id"].clone();
    service.refuse_new();
    for events in [json!(["shipped"]), json!([])] {
        let mut body = wish(&world.sink.url);
        body["events"] = events;
        let told = world.ask(post("").body(&body)).await;
        let text = "contract \"orders\" is draining here: retry at another replica";
        assert_eq!(told.refusal(), (503, "", text));
    }
    let told = world.ask(post(&format!("{}/lease", at(&id)))).await;
    assert_eq!(told.status, 200, "what is there goes on");
    world.close().await;
}

#[tokio::test]
async fn tasks_end_with_the_last_clone() {
    let world = sqlite().await;
    let before = std::sync::Arc::strong_count(&world.store);
    let server = world.again(world.options()).await;
    let (clone, publisher) = (server.clone(), server.publisher());
    drop((server, clone, publisher));
    let ended = async {
        while std::sync::Arc::strong_count(&world.store) > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::world::SOON, ended)
        .await
        .expect("in time");
    world.close().await;
}
