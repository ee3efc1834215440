//! One instance of the plugin: a service, the runtime that drives it, and what the host calls it by.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use polywire_contract::{Contract, Name, Range, Requirement};
use polywire_core::{
    Dispatched, Error, ErrorKind, Head, Kind, Outcome, Reply, Result, Service, Stamp, Subscription,
    fields,
};
use polywire_plugin_abi::Code;
use polywire_plugin_abi::read::CallView;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::channel::HostChannel;
use crate::export::{Export, Hook, Setup};
use crate::host::Host;

/// How often a call that waits asks whether the host has given it up.
const POLL: Duration = Duration::from_millis(10);

/// An instance. Its runtime is taken out of it when it is quiesced.
pub(crate) struct Instance {
    host: Host,
    channel: Arc<HostChannel>,
    service: Arc<Service>,
    routes: Vec<Route>,
    self_test: Option<Hook<Result<()>>>,
    on_quiesce: Option<Hook<()>>,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

/// One contract version: what the host calls by indices.
pub(crate) struct Route {
    /// Exactly this version, since the host has negotiated already.
    requirement: Requirement,
    stamp: Arc<Stamp>,
    methods: Vec<(Name, Kind)>,
}

impl Instance {
    /// Makes an instance.
    ///
    /// # Errors
    /// What the provider answers; `Config` when it serves other contracts than the plugin describes.
    pub(crate) fn new(
        setup: &Setup,
        make: impl FnOnce(&Setup) -> Result<Export>,
        described: &[Arc<Contract>],
    ) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("polywire-plugin")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Internal, format!("no runtime: {error}")).caused_by(error)
            })?;
        let handle = runtime.handle().clone();
        let made = {
            let _inside = handle.enter();
            make(setup).and_then(|export| {
                let routes = routes(&export.service, described)?;
                Ok((export, routes))
            })
        };
        let (export, routes) = match made {
            Ok(made) => made,
            Err(error) => {
                runtime.shutdown_timeout(POLL);
                return Err(error);
            }
        };
        Ok(Self {
            host: *setup.host(),
            channel: setup.host_channel().clone(),
            service: export.service,
            routes,
            self_test: export.self_test,
            on_quiesce: export.on_quiesce,
            handle,
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Whether it is fit to be called.
    ///
    /// # Errors
    /// What its own check answers.
    pub(crate) fn self_test(&self) -> Result<()> {
        match &self.self_test {
            Some(test) => self.handle.block_on(test()),
            None => Ok(()),
        }
    }

    /// Answers a call, on the calling thread.
    ///
    /// # Errors
    /// The code that the host is told, with the error where there is one.
    pub(crate) fn call(&self, call: &CallView<'_>) -> Result<Reply, Refused> {
        let route = call.contract.and_then(|index| self.routes.get(index));
        let Some(route) = route else {
            return Err(Refused::new(Code::Version, "no contract of that index"));
        };
        let method = call.method.and_then(|index| route.methods.get(index));
        let Some((name, kind)) = method else {
            return Err(Refused::new(Code::NoSuchMethod, "no method of that index"));
        };
        let mut head = Head::new(*kind, self.service.name().clone(), name.clone());
        head.requirement = Some(route.requirement.clone());
        head.deadline = call
            .timeout
            .and_then(|timeout| tokio::time::Instant::now().checked_add(timeout));
        fields::read(call.headers, &mut head)
            .map_err(|error| Refused::from(error.dispatched_as(Dispatched::No)))?;
        let _inside = self.handle.enter();
        if *kind == Kind::Event {
            return self.admit_subscriber(route, head);
        }
        let body = Bytes::copy_from_slice(call.body);
        if *kind == Kind::Command {
            // The host has accepted it already, and has it wait for its turn.
            let admission = self.service.admit_accepted(head, None);
            let work = admission.map_err(Refused::from)?.dispatch_accepted(body);
            return self.drive(call.id, pin!(work));
        }
        let admission = self.service.admit(head).map_err(Refused::from)?;
        self.drive(call.id, pin!(admission.dispatch(body)))
    }

    /// A call of an event asks whether its caller may subscribe.
    fn admit_subscriber(&self, route: &Route, head: Head) -> Result<Reply, Refused> {
        self.service.admit_subscription(&Subscription {
            contract: head.contract,
            event: head.interaction,
            group: None,
            requirement: route.requirement.clone(),
            prefetch: 1,
            token: head.token,
        })?;
        Ok(Reply {
            stamp: route.stamp.clone(),
            outcome: Outcome::Done,
            body: Bytes::new(),
        })
    }

    /// Most handlers answer at once: then no timer is set and nobody is woken.
    fn drive(
        &self,
        id: u64,
        mut work: Pin<&mut impl Future<Output = Result<Reply>>>,
    ) -> Result<Reply, Refused> {
        let now = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(reply) = now {
            return reply.map_err(Refused::from);
        }
        self.handle.block_on(async {
            loop {
                match tokio::time::timeout(POLL, work.as_mut()).await {
                    Ok(reply) => return reply.map_err(Refused::from),
                    Err(_) if self.host.cancelled(id) => {
                        return Err(Refused::new(Code::Cancelled, "the host gave the call up"));
                    }
                    Err(_) => {}
                }
            }
        })
    }

    /// Stops everything that is its own; whether that took no longer than it may.
    pub(crate) fn quiesce(&self, timeout: Duration) -> bool {
        let begin = Instant::now();
        self.service.refuse_new();
        let Some(runtime) = self.take() else {
            return true;
        };
        let stopped = match &self.on_quiesce {
            Some(stop) => runtime
                .block_on(async { tokio::time::timeout(timeout, stop()).await })
                .is_ok(),
            None => true,
        };
        runtime.shutdown_timeout(timeout.saturating_sub(begin.elapsed()));
        stopped
    }

    fn take(&self) -> Option<Runtime> {
        self.runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.channel.end();
        if let Some(runtime) = self.take() {
            runtime.shutdown_background();
        }
    }
}

/// Why a call has no reply.
pub(crate) struct Refused {
    /// What the host is told.
    pub(crate) code: Code,
    /// What went wrong.
    pub(crate) error: Error,
}

impl Refused {
    fn new(code: Code, message: &'static str) -> Self {
        let (kind, dispatched) = match code {
            Code::Cancelled => (ErrorKind::DeadlineExceeded, Dispatched::Yes),
            _ => (ErrorKind::Unsupported, Dispatched::No),
        };
        let error = Error::new(kind, message).dispatched_as(dispatched);
        Self { code, error }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Overloaded => Code::Overloaded,
            ErrorKind::NoMatch | ErrorKind::Integrity => Code::Version,
            _ => Code::Failed,
        };
        Self { code, error }
    }
}

/// The routes of a service that serves exactly what was described.
pub(crate) fn routes(service: &Service, described: &[Arc<Contract>]) -> Result<Vec<Route>> {
    let list = |contracts: &mut dyn Iterator<Item = &Arc<Contract>>| {
        let mut names: Vec<String> = contracts
            .map(|contract| format!("{} {}", contract.name(), contract.version()))
            .collect();
        names.sort();
        names.join(", ")
    };
    let (serves, describes) = (list(&mut service.contracts()), list(&mut described.iter()));
    if serves != describes {
        return Err(Error::new(
            ErrorKind::Config,
            format!(
                "the plugin describes {describes} and its service serves {serves}: name the same contracts in export_plugin!"
            ),
        ));
    }
    let routes = described.iter().map(|contract| route(contract, service));
    routes.collect()
}

fn route(contract: &Contract, service: &Service) -> Result<Route> {
    let wrong = |error: String| Error::new(ErrorKind::Config, error);
    let range: Range = format!("={}", contract.version())
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    let requirement = Requirement::new(contract.name().clone(), [range])
        .map_err(|error| wrong(error.to_string()))?;
    let methods = contract
        .interactions()
        .iter()
        .map(|interaction| (interaction.name.clone(), interaction.kind.into()))
        .collect();
    let stamp = service.stamp(contract.version()).cloned();
    Ok(Route {
        stamp: stamp.ok_or_else(|| wrong("a version without a stamp".to_owned()))?,
        requirement,
        methods,
    })
}
