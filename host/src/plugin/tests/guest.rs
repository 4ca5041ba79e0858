//! Components in text: the types of track 0.1, a memory, and functions whose bodies a test gives.
//!
//! A body is core WebAssembly with a local `$e`, the address of the lowered event, that leaves the address of the lowered result:
//! `result<_, plugin-error>` has its case at 0 and its payload at 8. `$emit` and `$get` are the imports `log.emit` and `state.get`, lowered. Texts lie at 2048,
//! results that are not all zeros are built from 1024.

use bytes::Bytes;

/// Bodies of the exported functions; what has none is not exported.
#[derive(Default)]
pub(super) struct Guest {
    pub(super) filter: Option<&'static str>,
    pub(super) transform: Option<&'static str>,
    /// `key` and `fold`.
    pub(super) batch: Option<(&'static str, &'static str)>,
    /// What lies at 2048.
    pub(super) text: &'static str,
}

/// Everything zero: `ok(keep)`.
pub(super) const KEEP: &str = "(i32.const 512)";
/// `ok(drop(..))` with the four bytes at 2048 as reason.
pub(super) const DROP: &str = "(i32.store8 (i32.const 1032) (i32.const 1)) (i32.store (i32.const 1036) (i32.const 2048))
    (i32.store (i32.const 1040) (i32.const 4)) (i32.const 1024)";
pub(super) const SPIN: &str = "(loop $again (br $again)) (unreachable)";

const TYPES: &str = r#"
    (type $header0 (record (field "name" string) (field "value" string)))
    (export $header "header" (type $header0))
    (type $attribute0 (record (field "key" string) (field "value" string)))
    (export $attribute "attribute" (type $attribute0))
    (type $event0 (record (field "id" string) (field "event-type" string) (field "source" string) (field "received-at" u64)
        (field "attempt" u32) (field "content-type" (option string)) (field "headers" (list $header)) (field "body" (list u8))
        (field "attributes" (list $attribute))))
    (export $event "event" (type $event0))
    (type $message0 (record (field "event-type" (option string)) (field "content-type" (option string))
        (field "headers" (list $header)) (field "body" (list u8)) (field "attributes" (option (list $attribute)))
        (field "route" (option string))))
    (export $message "message" (type $message0))
    (type $failure0 (record (field "code" string) (field "message" string)))
    (export $failure "failure" (type $failure0))
    (type $hint0 (record (field "failure" $failure) (field "after-ms" (option u64))))
    (export $hint "retry-hint" (type $hint0))
    (type $error0 (variant (case "reject" $failure) (case "retry" $hint)))
    (export $error "plugin-error" (type $error0))
    (type $verdict0 (variant (case "keep") (case "drop" string)))
    (export $verdict "verdict" (type $verdict0))
    (type $outcome0 (variant (case "keep") (case "drop" string) (case "emit" (list $message))))
    (export $outcome "outcome" (type $outcome0))
    (type $reason0 (enum "size" "bytes" "age" "rule-changed" "manual"))
    (export $reason "flush-reason" (type $reason0))
    (type $batch0 (record (field "id" string) (field "key" string) (field "reason" $reason) (field "opened-at" u64)
        (field "events" (list $event))))
    (export $batch "batch" (type $batch0))
"#;

const LOG: &str = r#"
    (import "sluicebox:plugin/log@0.1.0" (instance $log
        (type $attribute0 (record (field "key" string) (field "value" string)))
        (export "attribute" (type $attribute (eq $attribute0)))
        (type $level0 (enum "trace" "debug" "info" "warn" "error"))
        (export "level" (type $level (eq $level0)))
        (export "emit" (func (param "level" $level) (param "message" string) (param "fields" (list $attribute))))))
    (import "sluicebox:plugin/state@0.1.0" (instance $state
        (type $entry0 (record (field "value" (list u8)) (field "version" u64)))
        (export "entry" (type $entry (eq $entry0)))
        (type $state-error0 (variant (case "conflict") (case "too-large") (case "quota") (case "denied" string)
            (case "unavailable" string)))
        (export "state-error" (type $state-error (eq $state-error0)))
        (export "get" (func (param "key" string) (result (result (option $entry) (error $state-error)))))))
    (core module $libc
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (core func $emit (canon lower (func $log "emit") (memory $libc "memory") string-encoding=utf8))
    (core func $get (canon lower (func $state "get") (memory $libc "memory") (realloc (func $libc "realloc"))
        string-encoding=utf8))
"#;

impl Guest {
    /// Only a filter, of this body.
    pub(super) fn filter(body: &'static str) -> Self {
        Self { filter: Some(body), text: "text", ..Self::default() }
    }

    /// Only a transform, of this body.
    pub(super) fn transform(body: &'static str) -> Self {
        Self { transform: Some(body), text: "text", ..Self::default() }
    }

    pub(super) fn component(&self) -> Bytes {
        let (key, fold) = self.batch.unzip();
        // An event has too many fields to be flattened into parameters; a batch has not.
        let batch = "(param i32 i32 i32 i32 i32 i64 i32 i32)";
        let event = "(param $e i32)";
        let functions =
            [("filter", event, self.filter), ("transform", event, self.transform), ("key", event, key), ("fold", batch, fold)];
        let cores: String = functions
            .iter()
            .filter_map(|(name, params, body)| Some(format!("(func (export \"{name}\") {params} (result i32) {})", (*body)?)))
            .collect();
        let mut lifted = String::new();
        let mut lift = |interface: &str, list: &[(&str, &str, &str)]| {
            let mut exports = String::new();
            for (name, param, result) in list {
                lifted += &format!(
                    "(func ${name} {param} (result (result {result} (error $error))) (canon lift (core func $main \"{name}\")
                        (memory $libc \"memory\") (realloc (func $libc \"realloc\")) string-encoding=utf8))"
                );
                exports += &format!("(export \"{name}\" (func ${name}))");
            }
            lifted += &format!("(instance ${interface} {exports})");
            lifted += &format!("(export \"sluicebox:plugin/{interface}@0.1.0\" (instance ${interface}))");
        };
        let event = "(param \"e\" $event)";
        if self.filter.is_some() {
            lift("filter", &[("filter", event, "$verdict")]);
        }
        if self.transform.is_some() {
            lift("transform", &[("transform", event, "$outcome")]);
        }
        if self.batch.is_some() {
            lift("batch", &[("key", event, "(option string)"), ("fold", "(param \"b\" $batch)", "(list $message)")]);
        }
        let text = format!(
            "(component {LOG} {TYPES}
                (core module $main
                    (import \"libc\" \"memory\" (memory 1))
                    (import \"log\" \"emit\" (func $emit (param i32 i32 i32 i32 i32)))
                    (import \"state\" \"get\" (func $get (param i32 i32 i32)))
                    (data (i32.const 2048) \"{}\") {cores})
                (core instance $main (instantiate $main
                    (with \"libc\" (instance $libc))
                    (with \"log\" (instance (export \"emit\" (func $emit))))
                    (with \"state\" (instance (export \"get\" (func $get))))))
                {lifted})",
            self.text
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).into()
    }
}
