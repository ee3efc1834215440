//! What a layer passes on unchanged.

/// Implements [`polywire_core::Channel`] for a layer with a field `inner`: `call`, `send` and `publish` as given, every
/// other verb passed on.
macro_rules! layer {
    ($layer:ty { $($own:tt)* }) => {
        #[async_trait::async_trait]
        impl polywire_core::Channel for $layer {
            $($own)*

            fn capability(&self) -> &polywire_core::Capability {
                self.inner.capability()
            }

            fn health(&self) -> polywire_core::Health {
                self.inner.health()
            }

            async fn discover(&self, contract: &polywire_core::contract::Name) -> polywire_core::Result<polywire_core::contract::Offer> {
                self.inner.discover(contract).await
            }

            async fn subscribe(&self, subscription: polywire_core::Subscription) -> polywire_core::Result<polywire_core::Deliveries> {
                self.inner.subscribe(subscription).await
            }

            async fn serve(&self, service: std::sync::Arc<polywire_core::Service>) -> polywire_core::Result<()> {
                self.inner.serve(service).await
            }

            async fn address(&self) -> Option<String> {
                self.inner.address().await
            }

            fn letters(&self) -> Option<std::sync::Arc<dyn polywire_core::Letters>> {
                self.inner.letters()
            }

            async fn drain(&self) -> polywire_core::Result<()> {
                self.inner.drain().await
            }

            async fn close(&self) -> polywire_core::Result<()> {
                self.inner.close().await
            }
        }
    };
}

pub(crate) use layer;
