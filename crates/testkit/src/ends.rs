//! A world for transports whose ends can simply be made again.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use polywire_core::{Channel, Result};

use crate::factory::World;

type Make = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Channel>>> + Send + Sync>;

/// A world of two makers: one for providers' ends, which all stand behind one address, one for consumers' ends.
///
/// A restart closes the provider's end and makes another.
pub struct Ends {
    make_provider: Make,
    make_consumer: Make,
    provider: Mutex<Arc<dyn Channel>>,
    consumer: Arc<dyn Channel>,
}

impl Ends {
    /// Makes a provider's end, then a consumer's.
    ///
    /// # Errors
    /// Those of the makers.
    pub async fn meet<P, C>(
        make_provider: impl Fn() -> P + Send + Sync + 'static,
        make_consumer: impl Fn() -> C + Send + Sync + 'static,
    ) -> Result<Box<dyn World>>
    where
        P: Future<Output = Result<Arc<dyn Channel>>> + Send + 'static,
        C: Future<Output = Result<Arc<dyn Channel>>> + Send + 'static,
    {
        let provider = Mutex::new(make_provider().await?);
        let consumer = make_consumer().await?;
        Ok(Box::new(Self {
            make_provider: Box::new(move || Box::pin(make_provider())),
            make_consumer: Box::new(move || Box::pin(make_consumer())),
            provider,
            consumer,
        }))
    }
}

#[async_trait]
impl World for Ends {
    fn provider(&self) -> Arc<dyn Channel> {
        self.provider.lock().clone()
    }

    fn consumer(&self) -> Arc<dyn Channel> {
        self.consumer.clone()
    }

    async fn another_provider(&self) -> Result<Arc<dyn Channel>> {
        (self.make_provider)().await
    }

    async fn another_consumer(&self) -> Result<Arc<dyn Channel>> {
        (self.make_consumer)().await
    }

    async fn restart_provider(&self) -> Result<Arc<dyn Channel>> {
        self.provider().close().await?;
        let again = (self.make_provider)().await?;
        *self.provider.lock() = again.clone();
        Ok(again)
    }
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}
