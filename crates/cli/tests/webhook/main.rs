//! `polywire webhook` beside a provider that runs on the same store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../../../webhook/tests/support/database.rs"]
mod database;
mod shop;

use shop::{Folder, Ran, Shop, signed};

/// With single spaces, however wide a table's columns are.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What every store must be able to do.
async fn deliveries_are_listed_shown_and_made_again(folder: &Folder) {
    let shop = Shop::open(folder).await;
    let id = shop.id.clone();
    shop.sink.answers(501);
    shop.ship([1, 2, 3]).await;

    let dead = folder.listed("deliveries list --state dead", 3).await;
    for (member, value) in [
        ("subscription", id.as_str()),
        ("state", "dead"),
        ("event", "shipped"),
        ("version", "1.4.0"),
        ("reason", "status 501"),
    ] {
        assert_eq!(dead[0][member], value, "{member}");
    }
    let number = |at: usize| dead[at]["id"].as_i64().unwrap();
    let shown = folder.json(&format!("deliveries show {}", number(0))).await;
    assert_eq!(shown["attempted"][0]["outcome"], "status 501");
    assert_eq!(shown["body"]["data"]["order"], 1);
    let table = folder.run("deliveries list --limit 2").await;
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", table.out);
    assert!(
        words(lines[1]).contains(" 1 dead shipped 1.4.0 1 ") && lines[1].ends_with("status 501"),
        "{}",
        table.out
    );
    let text = folder
        .run(&format!("deliveries show {}", number(2)))
        .await
        .out;
    assert!(
        text.contains("\"order\":3") && words(&text).contains(" ms status 501"),
        "{text}"
    );

    let dry = folder.run("replay --dead --dry-run").await;
    assert_eq!(dry, Ran::good("would replay 3\n"));
    folder.listed("deliveries list --state dead", 3).await;
    shop.sink.answers(204);
    let one = folder.run(&format!("replay {}", number(1))).await;
    assert_eq!(one, Ran::good("replayed 1\n"));
    assert_eq!(shop.sink.orders(1).await, [2]);
    let rest = folder.run("replay --dead --channel orders").await;
    assert_eq!(rest, Ran::good("replayed 2\n"));
    assert_eq!(shop.sink.orders(3).await, [1, 2, 3]);

    // What was accepted, again, within a time.
    folder.listed("deliveries list --state done", 3).await;
    let again = format!("replay --subscription {id} --since");
    for (range, count) in [("1h --until 30m", 0), ("1h", 3)] {
        let ran = folder.run(&format!("{again} {range} --dry-run")).await;
        assert_eq!(
            ran,
            Ran::good(&format!("would replay {count}\n")),
            "{range}"
        );
    }
    let ran = folder.run(&format!("{again} 1h")).await;
    assert_eq!(ran, Ran::good("replayed 3\n"));
    assert_eq!(shop.sink.orders(6).await, [1, 1, 2, 2, 3, 3]);
    let since = format!("deliveries list --subscription {id} --since");
    folder.listed(&format!("{since} 1h"), 3).await;
    folder
        .listed(&format!("{since} 2100-01-01T00:00:00Z"), 0)
        .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_in_sqlite_are_listed_shown_and_made_again() {
    deliveries_are_listed_shown_and_made_again(&Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_in_postgres_are_listed_shown_and_made_again() {
    let database = database::Database::make().await;
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let store = format!("store = {:?}\nsealing_keys = \"k:{key}\"\n", database.url);
    let folder = Folder::with(&store);
    let nothing = folder.run("subscriptions list").await;
    let error = "there is no webhook store in this database: no provider has run with it";
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""));
    assert!(nothing.err.contains(error), "{}", nothing.err);
    deliveries_are_listed_shown_and_made_again(&folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_listed_paused_resumed_and_ended() {
    let folder = Folder::new();
    let shop = Shop::open(&folder).await;
    let (other, _) = shop.subscribe("stock").await;
    for (filter, count) in [
        ("", 2),
        (" --group stock", 1),
        (
            " --state active --track v1 --tenant anonymous --channel orders",
            2,
        ),
        (" --track v2", 0),
        (" --state paused", 0),
        (" --tenant somebody", 0),
        (" --limit 1", 1),
    ] {
        folder
            .listed(&format!("subscriptions list{filter}"), count)
            .await;
    }
    let table = folder.run("subscriptions list --group billing").await.out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(
        words(lines[1])
            .contains(" active orders 1.4.0 billing shipped anonymous http://127.0.0.1:"),
        "{table}"
    );
    assert!(
        !table.contains("hunter2"),
        "the token in the sink's query: {table}"
    );

    let paused = folder
        .json(&format!("subscriptions pause {}", shop.id))
        .await;
    assert_eq!(
        (&paused["state"], &paused["reason"]),
        (&"paused".into(), &"operator".into())
    );
    // From here on the store gives nobody what is for it.
    shop.ship([1]).await;
    // To the other one at once, to this one when it is resumed.
    assert_eq!(shop.sink.orders(1).await, [1]);
    let shown = folder
        .json(&format!("subscriptions show {}", shop.id))
        .await;
    assert_eq!(shown["backlog"]["deliveries"], 1);
    assert_eq!(shown["sequence"], 1);
    let resumed = folder
        .run(&format!("subscriptions resume {}", shop.id))
        .await;
    assert_eq!((resumed.code, resumed.err.as_str()), (Some(0), ""));
    assert!(
        words(&resumed.out).contains(" state active contract orders "),
        "{}",
        resumed.out
    );
    assert_eq!(shop.sink.orders(2).await, [1, 1]);

    let ended = folder.run(&format!("subscriptions end {other}")).await;
    assert_eq!(ended, Ran::good(&format!("ended {other}\n")));
    let shown = folder.run(&format!("subscriptions show {other}")).await;
    assert_eq!(
        shown,
        Ran::bad(
            "",
            &format!("there is no subscription {other}: it may have ended\n")
        )
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_shown_once_and_signs_beside_the_old_one() {
    let folder = Folder::new();
    let shop = Shop::open(&folder).await;
    let tested = folder.run(&format!("test {}", shop.id)).await;
    assert_eq!((tested.code, tested.err.as_str()), (Some(0), ""));
    assert!(
        tested.out.starts_with("accepted: status 204 after "),
        "{}",
        tested.out
    );

    let rotated = folder.json(&format!("rotate {}", shop.id)).await;
    assert_eq!(
        (&rotated["kid"], &rotated["signs"]),
        (&"k2".into(), &true.into())
    );
    let secret = rotated["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret != shop.secret);
    // Its worker may have the keys as they were for another moment: a delivery follows until both sign.
    let mut shipped = 0;
    loop {
        shop.ship([1]).await;
        shipped += 1;
        let taken = shop.sink.taken(shipped).await;
        let last = taken.last().unwrap();
        assert!(signed(&shop.secret, last), "the key before signs for a day");
        if signed(&secret, last) {
            break;
        }
        assert!(shipped < 500, "the new key does not sign");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for arguments in [
        format!("subscriptions show {}", shop.id),
        format!("subscriptions show {} --format json", shop.id),
        "subscriptions list --format json".to_owned(),
        "deliveries list --format json".to_owned(),
        "deliveries show 1".to_owned(),
    ] {
        let ran = folder.run(&arguments).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.out.contains("whsec_"), "{}", ran.out);
    }
    let shown = folder
        .json(&format!("subscriptions show {}", shop.id))
        .await;
    let kids: Vec<_> = shown["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["kid"])
        .collect();
    assert_eq!(kids, ["k2", "k1"]);

    shop.sink.answers(500);
    let tested = folder.run(&format!("test {} --format json", shop.id)).await;
    assert_eq!(tested.code, Some(1));
    let tested: serde_json::Value = serde_json::from_str(&tested.out).unwrap();
    assert_eq!(
        (&tested["status"], &tested["accepted"]),
        (&500.into(), &false.into())
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_wrongly_is_told() {
    let folder = Folder::new();
    let nothing = folder.run("subscriptions list").await;
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""));
    assert!(
        nothing.err.starts_with("there is no webhook store ")
            && nothing
                .err
                .contains("outbox.db: no provider has run with it"),
        "{}",
        nothing.err
    );
    assert!(!folder.path().join("kept").exists(), "nothing is made");

    let shop = Shop::open(&folder).await;
    for (arguments, error) in [
        (
            "subscriptions list --channel ordres",
            "polywire.toml: no channel \"ordres\": valid: local, orders\n",
        ),
        (
            "subscriptions list --channel local",
            "channel \"local\" is on a transport of type \"memory\": one of type \"webhook\" keeps subscriptions\n",
        ),
        (
            "subscriptions show sub_nobody",
            "there is no subscription sub_nobody: it may have ended\n",
        ),
        (
            "rotate sub_nobody",
            "there is no subscription sub_nobody: it may have ended\n",
        ),
        (
            "test a/b",
            "subscription \"a/b\": a subscription id of 3 bytes: expected 1 to 128 of a-z, A-Z, 0-9, '_' and '-'\n",
        ),
        (
            "deliveries show 99",
            "there is no delivery 99: it may have been swept\n",
        ),
        (
            "deliveries list --since yesterday",
            "since \"yesterday\": expected a time such as 2026-11-23T12:00:00Z, or how long ago such as 90s, 15m, 6h or 2d\n",
        ),
        (
            "replay --since 1h",
            "what was accepted is delivered again to one subscription at a time: add --subscription, or --dead\n",
        ),
    ] {
        assert_eq!(
            folder.run(arguments).await,
            Ran::bad("", error),
            "{arguments}"
        );
    }
    assert_eq!(
        folder.run("replay 98 99").await,
        Ran::bad(
            "replayed 0\n",
            "there is no delivery 98: it may have been swept\nthere is no delivery 99: it may have been swept\n"
        )
    );
    for arguments in [
        "subscriptions",
        "subscriptions list --state broken",
        "replay",
        "replay 1 --dead",
        "rotate",
    ] {
        let ran = folder.run(arguments).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(2), ""),
            "{arguments}: {ran:?}"
        );
    }
    // Another store by the environment, as for every other command.
    let elsewhere = [("POLYWIRE_TRANSPORT_WEBHOOK_STORE", "elsewhere")];
    let ran = folder.run_with("subscriptions list", &elsewhere).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("elsewhere"), "{}", ran.err);
    shop.close().await;
    folder.write("[channel.local]\ntransport = \"memory\"\n");
    assert_eq!(
        folder.run("subscriptions list").await,
        Ran::bad(
            "",
            "polywire.toml: no channel is on a transport of type \"webhook\", which keeps subscriptions\n"
        )
    );
}
