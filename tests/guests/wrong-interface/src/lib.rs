//! A component that exports `transform` under the right name, with the wrong type: it is to be refused when it is loaded, with
//! words that name the difference.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated")]
mod guest {
    #[allow(missing_docs, unreachable_pub, clippy::all, clippy::mem_forget, reason = "generated")]
    mod bindings {
        wit_bindgen::generate!({ path: "wit", world: "transform-plugin" });
    }

    use bindings::exports::sluicebox::plugin::transform::{Event, Guest, Outcome, PluginError};

    struct Plugin;

    impl Guest for Plugin {
        fn transform(_: Event) -> Result<Outcome, PluginError> {
            Ok(Outcome::Keep)
        }
    }

    bindings::export!(Plugin with_types_in bindings);
}
