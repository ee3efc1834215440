//! The macro that makes a library a plugin.

/// Makes a library a plugin.
///
/// The first argument makes the provider from its [`Setup`](crate::Setup); the others are the generated clients of the
/// contract versions that it serves, which tell the contracts before anything is configured.
///
/// With `; short` at the end it says that its calls end soon and never wait, so that they may run on any thread.
///
/// It carries the name and the version of its package, unless `; plugin = "orders", release = "1.5.0"` says others; `, short`
/// may follow.
///
/// When the library is closed, the values that it has left on threads which live on are destroyed on another thread.
///
/// The crate must be a `cdylib`, may be an `rlib` as well, and must be built with `panic = "unwind"`.
///
/// ```
/// use std::convert::Infallible;
/// use polywire_core::{Context, Result, Service, Versions};
/// use polywire_plugin_export::{Export, Setup, export_plugin};
///
/// #[polywire_macros::contract(crate = polywire_core, name = "orders", version = "1.4.0")]
/// trait Orders {
///     async fn cancel(&self, cx: &Context) -> Result<(), Infallible>;
/// }
///
/// struct Shop;
///
/// impl Orders for Shop {
///     async fn cancel(&self, _: &Context) -> Result<(), Infallible> {
///         Ok(())
///     }
/// }
///
/// fn server(_: &Setup) -> Result<Export> {
///     Ok(Service::new(Versions::new().serve(OrdersServer::new(Shop)))?.into())
/// }
///
/// export_plugin!(server, OrdersClient);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_plugin {
    ($make:path, $($client:ty),+ $(,)?) => {
        $crate::export_plugin!(
            @flags 0, ::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"), $make, $($client),+
        );
    };
    ($make:path, $($client:ty),+; short) => {
        $crate::export_plugin!(
            @flags $crate::__private::raw::SHORT,
            ::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"), $make, $($client),+
        );
    };
    ($make:path, $($client:ty),+; plugin = $name:literal, release = $release:literal) => {
        $crate::export_plugin!(@flags 0, $name, $release, $make, $($client),+);
    };
    ($make:path, $($client:ty),+; plugin = $name:literal, release = $release:literal, short) => {
        $crate::export_plugin!(
            @flags $crate::__private::raw::SHORT, $name, $release, $make, $($client),+
        );
    };
    (@flags $flags:expr, $name:expr, $release:expr, $make:path, $($client:ty),+) => {
        const _: () = {
            #[cfg(panic = "abort")]
            ::core::compile_error!(
                "a plugin must be built with panic = \"unwind\": with \"abort\" a panic in it would end its host"
            );

            struct Here;

            impl $crate::__private::Exported for Here {
                fn make(setup: &$crate::Setup) -> $crate::__private::Result<$crate::Export> {
                    $make(setup)
                }

                fn contracts() -> $crate::__private::Result<
                    ::std::vec::Vec<::std::sync::Arc<$crate::__private::Contract>>,
                > {
                    ::core::result::Result::Ok(::std::vec![
                        $(<$client as $crate::__private::ContractClient>::contract()?),+
                    ])
                }
            }

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals, unsafe_code)]
            pub static polywire_plugin_v1: $crate::__private::raw::Plugin =
                $crate::__private::descriptor::<Here>(
                    $flags,
                    $name,
                    $release,
                    match ::core::option_env!("POLYWIRE_BUILD_ID") {
                        ::core::option::Option::Some(id) => id,
                        ::core::option::Option::None => "",
                    },
                );
        };

        $crate::unload_shim!();
    };
}

/// Defines, in the library that this is expanded in and for it alone, the functions of the C library that the shim stands
/// in front of.
///
/// Hidden symbols bind within the library that defines them: no other one sees them, and no linker flag is needed.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[doc(hidden)]
#[macro_export]
macro_rules! unload_shim {
    () => {
        $crate::unload_shim!(pthread_create);
        $crate::unload_shim!(pthread_key_create);
        $crate::unload_shim!(pthread_key_delete);
        $crate::unload_shim!(pthread_setspecific);
        $crate::unload_shim!(__cxa_thread_atexit_impl);
    };
    ($name:ident) => {
        #[cfg(target_arch = "x86_64")]
        $crate::unload_shim!($name, "jmp {function}");
        #[cfg(target_arch = "aarch64")]
        $crate::unload_shim!($name, "b {function}");
    };
    ($name:ident, $jump:literal) => {
        ::core::arch::global_asm!(
            ".pushsection .text.polywire_shim, \"ax\", %progbits",
            ::core::concat!(".globl ", ::core::stringify!($name)),
            ::core::concat!(".hidden ", ::core::stringify!($name)),
            ::core::concat!(".type ", ::core::stringify!($name), ", %function"),
            ::core::concat!(::core::stringify!($name), ":"),
            $jump,
            ".popsection",
            function = sym $crate::shim::$name,
        );
    };
}

/// Nothing: here a plugin is never closed.
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[doc(hidden)]
#[macro_export]
macro_rules! unload_shim {
    () => {};
}
