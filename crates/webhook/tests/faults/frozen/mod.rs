//! A worker is frozen for longer than its lease, amid its attempts; another one completes what it held.

pub(crate) mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use polywire_webhook::record::{Delivery, DeliveryId, DeliveryState};
use sqlx::{Connection, PgConnection};
use tokio::sync::Semaphore;

use crate::process::Process;
use crate::sink::{Sink, status};
use crate::world::{Data, World, eventually, new};

/// How long deliveries are leased: as short as may be.
const LEASE: Duration = Duration::from_secs(1);
/// How many attempts are under way at once.
const AT_ONCE: u32 = 4;
/// What the worker that is frozen calls itself.
const FROZEN: &str = "frozen";
/// How many deliveries there are: the others wait in the worker's hands.
const ALL: usize = 10;

/// How the frozen worker hears that its leases are lost.
#[derive(Clone, Copy)]
pub(crate) enum Beats {
    /// By whatever comes first: the store's answer to what it would prolong, or to what it would settle.
    Prompt,
    /// Not until it settles: the store does not answer what it would prolong.
    Withheld,
}

impl Beats {
    fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Withheld => "withheld",
        }
    }
}

/// A sink that answers only when it is told, and the frozen worker's attempts in turn with success and failure.
struct Holding {
    sink: Sink,
    frozen: Arc<Semaphore>,
    other: Arc<Semaphore>,
}

async fn holding() -> Holding {
    let (frozen, other) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let waits = [frozen.clone(), other.clone()];
    let sink = Sink::start(move |seen| {
        let waits = waits.clone();
        async move {
            let is_frozen = seen.header("user-agent") == FROZEN;
            let told = waits[usize::from(!is_frozen)].acquire().await;
            told.unwrap().forget();
            status(if is_frozen && seen.number % 2 == 1 {
                500
            } else {
                204
            })
        }
    })
    .await;
    Holding {
        sink,
        frozen,
        other,
    }
}

pub(crate) async fn taken_over(beats: Beats) {
    let data = Data::postgres().await;
    let Data::Postgres(database) = &data else {
        unreachable!("it was asked for PostgreSQL");
    };
    let url = database.url.clone();
    let world = World::real(data).await;
    let mut audit = audit(&url).await;
    let held = holding().await;
    let sink = &held.sink;
    let id = world.subscribe(&sink.url).await;
    let all = (0..ALL).map(|number| new(&id, &format!("evt-{number}")));
    let ids = world.enqueue(all.collect()).await;

    let start = |name: &str, beats: Beats| {
        let settings = [
            (worker::STORE, url.as_str()),
            (worker::NAME, name),
            (worker::BEATS, beats.name()),
        ];
        Process::start(worker::ROLE, &settings)
    };
    let mut frozen = start(FROZEN, beats);
    frozen.says("started").await;
    sink.wait(AT_ONCE as usize).await;
    for id in &ids {
        world.becomes(*id, DeliveryState::Leased, 1).await;
    }
    frozen.freeze();
    let mut other = start("other", Beats::Prompt);
    other.says("started").await;
    // A second lease of each: the first one has run out.
    sink.wait(2 * AT_ONCE as usize).await;
    for id in &ids {
        world.becomes(*id, DeliveryState::Leased, 2).await;
    }
    match beats {
        // Everything is over when it goes on.
        Beats::Prompt => {
            complete(&world, &held, &ids).await;
            let before = kept(&world, &ids).await;
            thaw(&frozen, &held).await;
            refused(&mut frozen, &ids, beats).await;
            frozen.tell("drain");
            frozen.says("drained").await;
            assert_eq!(
                kept(&world, &ids).await,
                before,
                "what it said changes nothing"
            );
        }
        // The other one is amid its attempts, and only the fence tells its leases from those that were lost.
        Beats::Withheld => {
            thaw(&frozen, &held).await;
            let fates = refused(&mut frozen, &ids, beats).await;
            // Two that succeeded and two that failed, and what it had not begun: it does not begin it now.
            let expected = [("done", 2), ("release", 6), ("retry", 2)];
            let expected = expected.map(|(fate, count)| (fate.to_owned(), count));
            assert_eq!(fates, BTreeMap::from(expected));
            for id in &ids {
                world.becomes(*id, DeliveryState::Leased, 2).await;
            }
            complete(&world, &held, &ids).await;
            kept(&world, &ids).await;
        }
    }
    other.tell("drain");
    other.says("drained").await;
    drop((frozen, other));

    let completed: Vec<(i64, i64)> =
        sqlx::query_as("select delivery, count(*) from completed group by delivery")
            .fetch_all(&mut audit)
            .await
            .unwrap();
    let once: BTreeMap<_, _> = ids.iter().map(|id| (id.0, 1)).collect();
    assert_eq!(completed.into_iter().collect::<BTreeMap<_, _>>(), once);
    posts(sink);
}

/// The other worker's attempts succeed.
async fn complete(world: &World, held: &Holding, ids: &[DeliveryId]) {
    held.other.add_permits(ALL);
    for id in ids {
        world.becomes(*id, DeliveryState::Done, 2).await;
    }
}

/// The frozen worker's attempts are answered, and it goes on.
async fn thaw(frozen: &Process, held: &Holding) {
    let left = held.sink.under_way() - AT_ONCE as usize;
    held.frozen.add_permits(AT_ONCE as usize);
    let answered = async || (held.sink.under_way() == left).then_some(());
    eventually("answered", answered).await;
    frozen.thaw();
}

/// Has the database itself note whenever a delivery becomes done.
async fn audit(url: &str) -> PgConnection {
    let mut audit = PgConnection::connect(url).await.unwrap();
    let done = DeliveryState::Done.number();
    let statements = format!(
        "create table completed (delivery bigint not null);
         create function note() returns trigger language plpgsql as $$ begin
             insert into public.completed values (new.id);
             return null;
         end $$;
         create trigger note after update on polywire_webhook.delivery for each row
             when (new.state = {done}) execute function public.note();"
    );
    sqlx::raw_sql(&statements)
        .execute(&mut audit)
        .await
        .unwrap();
    audit
}

/// Each delivery, which is completed by one attempt.
async fn kept(world: &World, ids: &[DeliveryId]) -> Vec<Delivery> {
    let mut kept = Vec::new();
    for id in ids {
        let attempts = world.store.attempts(*id).await.unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|made| made.outcome.as_str()).collect();
        assert_eq!(outcomes, ["status 204"], "completed once");
        kept.push(world.delivery(*id).await);
    }
    kept
}

/// Waits until the thawed worker has heard of every claim that it is void, and counts what it would have settled.
async fn refused(
    frozen: &mut Process,
    ids: &[DeliveryId],
    beats: Beats,
) -> BTreeMap<String, usize> {
    let mut left: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    let mut fates = BTreeMap::new();
    while !left.is_empty() {
        let line = frozen.line().await;
        let words: Vec<_> = line.split(' ').collect();
        let [what, id, fate] = words[..] else {
            panic!("{line}");
        };
        match (what, beats) {
            ("refused", _) => *fates.entry(fate.to_owned()).or_default() += 1,
            ("lost", Beats::Prompt) => {}
            _ => panic!("{line}: nothing is its to settle"),
        }
        left.remove(id);
    }
    fates
}

/// Each was posted by the other worker; what the frozen one had under way came twice, and was the same.
fn posts(sink: &Sink) {
    let mut posts: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for seen in sink.seen() {
        let of_one = posts.entry(seen.id().to_owned()).or_default();
        of_one.push((seen.header("user-agent").to_owned(), seen.body.clone()));
    }
    assert_eq!(posts.len(), ALL);
    let mut twice = 0;
    for (id, posts) in posts {
        let whose: Vec<_> = posts.iter().map(|(whose, _)| whose.as_str()).collect();
        match whose[..] {
            ["other"] => {}
            [FROZEN, "other"] => twice += 1,
            _ => panic!("{id} was posted by {whose:?}"),
        }
        assert!(
            posts.iter().all(|(_, body)| *body == posts[0].1),
            "{id} is one delivery"
        );
    }
    assert_eq!(
        twice, AT_ONCE,
        "what had not been sent was not sent by the frozen one"
    );
}
