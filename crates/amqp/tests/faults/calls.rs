//! Calls whose request, reply or provider is lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use polywire_core::{Channel, Dispatched, ErrorKind, Reply, Result, Session};
use polywire_testkit::sample::{CONTRACT, Echo, Echoed, Edition, SampleError, interaction};
use tokio::task::JoinHandle;

use crate::support;
use crate::support::proxy::{Mode, Proxy, unknown_ack};
use crate::support::stage::{Provider, provider, session, until_ready, within};

/// Longer than anything here takes unless somebody waits for a deadline.
const LONG: Duration = Duration::from_secs(25);
const SOON: Duration = Duration::from_secs(12);

type Waiting = JoinHandle<Result<Reply>>;

/// A call whose handler has begun, and waits.
async fn begin_call(client: Session, provider: &Provider) -> Waiting {
    let waiting = tokio::spawn(async move { client.call(interaction::WAIT, "{}".into()).await });
    provider
        .probe
        .until("the handler", |log| log.count(&interaction::WAIT) == 1)
        .await
        .unwrap();
    waiting
}

/// The call ends soon, and says that it may have been handled.
async fn assert_lost(waiting: Waiting, begin: Instant) {
    let error = within("the end of the call", waiting)
        .await
        .unwrap()
        .unwrap_err();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_ne!(error.dispatched(), Dispatched::No, "{error:?}");
}

/// Each of many calls at once gets its own answer or its own refusal, also when every third has no queue to go to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_and_refusals_reach_the_call_they_belong_to() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let served = session(&provider.channel, "^1.4", LONG);
    let unserved = session(&provider.channel, "^1.9", LONG);
    let calls = (0..300_u64).map(|number| {
        let (served, unserved) = (served.clone(), unserved.clone());
        async move {
            let request = Echo {
                text: format!("call {number}"),
                number,
            };
            if number.is_multiple_of(3) {
                let refused = unserved
                    .request::<_, Echoed, SampleError>(interaction::ECHO, &request)
                    .await;
                let error = refused.unwrap_err();
                assert_eq!(error.wire().unwrap().kind(), ErrorKind::NoMatch, "{error}");
            } else {
                let answer = served
                    .request::<_, Echoed, SampleError>(interaction::ECHO, &request)
                    .await
                    .unwrap();
                assert_eq!((answer.number, answer.text), (number, request.text));
            }
        }
    });
    within("all answers", join_all(calls)).await;
}

/// A reply that can come no more, as the connection it would come on is lost, ends the call at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_its_connection() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let proxied = proxy.before(config.clone());
    let channel = support::transport(&proxied).unwrap().open();
    let client = session(&channel, "^1.4", LONG);
    let waiting = begin_call(client, &provider).await;
    let begin = Instant::now();
    proxy.cut();
    assert_lost(waiting, begin).await;
    provider.probe.open();
}

/// When the broker closes the channel of replies, calls go on over another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_survive_the_channel_of_replies() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = support::config().unwrap();
    let _provider = provider(&config, &[Edition::V1_4]).await;
    let proxied = proxy.before(config.clone());
    let channel = support::transport(&proxied).unwrap().open();
    let client = session(&channel, "^1.4", LONG);
    client
        .call(interaction::ECHO, r#"{"text":"a"}"#.into())
        .await
        .unwrap();
    assert_eq!(proxy.tell_broker(unknown_ack), 1);
    let answered = async {
        // Until the client has noticed, a call may end with the channel it went out on.
        while let Err(error) = client
            .call(interaction::ECHO, r#"{"text":"b"}"#.into())
            .await
        {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        }
    };
    within("an answer", answered).await;
    until_ready(&channel).await;
}

/// A provider that was killed answers nothing; its callers know long before their deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_its_provider() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = support::config().unwrap();
    let proxied = proxy.before(config.clone());
    let provider = provider(&proxied, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", LONG);
    let waiting = begin_call(client, &provider).await;
    let begin = Instant::now();
    proxy.close_port().await;
    proxy.cut();
    assert_lost(waiting, begin).await;
    let error = channel.discover(&CONTRACT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    provider.probe.open();
}

/// So does a call whose provider was replaced at once, though another one answers for the contract now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_when_its_provider_is_replaced() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = support::config().unwrap();
    let proxied = proxy.before(config.clone());
    let first = provider(&proxied, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", LONG);
    let waiting = begin_call(client.clone(), &first).await;
    let begin = Instant::now();
    proxy.close_port().await;
    proxy.cut();
    let second = provider(&config, &[Edition::V1_4]).await;
    assert_lost(waiting, begin).await;
    assert_eq!(second.probe.log().count(&interaction::WAIT), 0);
    let echo = client.call(interaction::ECHO, r#"{"text":"a"}"#.into());
    within("an answer", echo).await.unwrap();
    first.probe.open();
}

/// A call that takes long is not given up while its provider is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_call_is_waited_for() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", LONG);
    let mut waiting = begin_call(client, &provider).await;
    let early = tokio::time::timeout(Duration::from_secs(6), &mut waiting).await;
    assert!(early.is_err(), "given up: {early:?}");
    provider.probe.open();
    within("the answer", waiting).await.unwrap().unwrap();
}
