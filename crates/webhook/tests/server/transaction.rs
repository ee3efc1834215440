//! Publishing as a part of the application's own transaction.

use std::sync::Arc;

use polywire_webhook::store::{PostgresOptions, PostgresStore};
use sqlx::{Connection, PgConnection};

use crate::world::{Place, copies, names, postgres};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_kept_if_and_only_if_it_commits() {
    let world = postgres().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let Place::Server(database) = &world.place else {
        panic!("a database")
    };
    let store = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap();
    let store = Arc::new(store);
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let publisher = world.server.publisher();
    for (name, commits) in [("lost", false), ("kept", true)] {
        let mut transaction = connection.begin().await.unwrap();
        for message in copies(&["1.4.0", "2.1.0"], name) {
            publisher
                .publish_in(&store, &mut transaction, message)
                .await
                .unwrap();
        }
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    let rendered = world.rendered(&id).await;
    assert_eq!(names(&rendered), ["kept-v1"]);
    assert_eq!(rendered[0].sequence, 1, "without a gap");
    use polywire_webhook::store::Store;
    store.close().await;
    world.close().await;
}
